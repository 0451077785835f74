"""Collects the targets of all samples, where they are labels: a number each, or a short row of numbers."""

import numpy as np

MOST_LABELS = 50_000_000
"""Numbers of targets that are kept in memory."""

LABEL_WIDTH = 512
"""Numbers of one sample's target beyond which it is no label but a picture or a sequence of its own."""


class Labels:
    """Takes targets (B, ...), and gives them up as soon as one is none."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] | None = []
        self._numbers = 0

    def add(self, targets: np.ndarray | None, count: int) -> None:
        """Add the targets of `count` samples; None where they have none."""
        if self._parts is None:
            return
        fits = targets is not None and targets.ndim in (1, 2) and len(targets) == count
        width = targets.shape[1] if fits and targets.ndim == 2 else 1
        self._numbers += count * width
        if not fits or width > LABEL_WIDTH or self._numbers > MOST_LABELS:
            self._parts = None
        else:
            self._parts.append(targets[:, 0] if targets.ndim == 2 and width == 1 else targets)

    def joined(self, count: int) -> np.ndarray | None:
        """Return all labels as one array; None where some sample has none, or theirs differ in shape."""
        if not self._parts or len({part.shape[1:] for part in self._parts}) > 1:
            return None
        joined = np.concatenate(self._parts)
        if len(joined) != count:
            return None
        if joined.dtype.kind in "bu":
            return joined.astype(np.int64)
        return joined.astype(np.float32) if joined.dtype == np.float16 else joined
