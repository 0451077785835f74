"""Collects the numbers of samples as rows of one table, with the statistics of all and a bounded choice of them."""

from collections.abc import Sequence

import numpy as np

from autofix_nb.evidence.kept import Kept
from autofix_nb.evidence.parts import MOST_NUMBERS, feature_names
from autofix_nb.evidence.profile import Profile

MOST_KEPT = 20_000_000
"""Numbers of features that are kept in memory."""

_ROWS_AT_ONCE = 1024


class Rows:
    """Takes samples of one width, laid out flat; of wider ones evenly chosen numbers."""

    def __init__(self, sample: list[tuple[str, np.ndarray]], columns: Sequence[str] = ()) -> None:
        """`sample` is one of them, by its parts; `columns` are their names where they are known."""
        self.width = sum(part.size for _, part in sample)
        self._chosen: np.ndarray | None = None
        names = list(columns) if len(columns) == self.width else self._named(sample)
        if self.width > MOST_NUMBERS:
            self._chosen = np.linspace(0, self.width - 1, MOST_NUMBERS).round().astype(np.int64)
            names = [names[place] for place in self._chosen]
        self.names = tuple(names)
        self.profile = Profile.empty(len(names))
        self._kept = Kept(MOST_KEPT // max(1, len(names)))
        self._waiting: list[np.ndarray] = []
        self._places: list[int] = []

    def add(self, place: int, parts: list[np.ndarray]) -> bool:
        """Add one sample; tell whether it has the width of the others."""
        if sum(part.size for part in parts) != self.width:
            return False
        with np.errstate(all="ignore"):
            flat = [part.reshape(-1) for part in parts]
            row = flat[0] if len(flat) == 1 else np.concatenate([part.astype(np.float32) for part in flat])
            self._waiting.append((row if self._chosen is None else row[self._chosen]).astype(np.float32))
        self._places.append(place)
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self._flush()
        return True

    def add_block(self, places: np.ndarray, parts: list[np.ndarray]) -> bool:
        """Add samples at once, each part (B, ...); tell whether they have the width of the others."""
        if sum(part[0].size for part in parts) != self.width:
            return False
        with np.errstate(all="ignore"):
            flat = [part.reshape(len(places), -1) for part in parts]
            matrix = flat[0] if len(flat) == 1 else np.concatenate([part.astype(np.float32) for part in flat], axis=1)
            matrix = matrix if self._chosen is None else matrix[:, self._chosen]
            self._keep(places, matrix.astype(np.float32, copy=False))
        return True

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of the rows kept, and the rows."""
        self._flush()
        places, *rows = self._kept.rows()
        return places, rows[0] if rows else np.zeros((0, len(self.names)), dtype=np.float32)

    def _flush(self) -> None:
        if self._waiting:
            self._keep(np.asarray(self._places), np.stack(self._waiting))
            self._waiting, self._places = [], []

    def _keep(self, places: np.ndarray, matrix: np.ndarray) -> None:
        self.profile = self.profile + Profile.of(matrix)
        self._kept.add(places, matrix)

    def _named(self, sample: list[tuple[str, np.ndarray]]) -> list[str]:
        # Names of millions of pixels would take longer than the pixels.
        return feature_names(sample) if self.width < 100 * MOST_NUMBERS else [f"feature {n}" for n in range(self.width)]
