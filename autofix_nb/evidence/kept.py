"""A bounded choice of rows out of however many arrive: each has the same chance, by seeded random numbers."""

import numpy as np


class Kept:
    """Keeps at most `most` rows of the arrays that are added, all of them while they are few."""

    def __init__(self, most: int, seed: int = 0) -> None:
        self.most = max(1, most)
        self._random = np.random.default_rng(seed)
        self._blocks: list[tuple[np.ndarray, ...]] = []
        self._held = 0
        self._fence = np.inf

    def add(self, places: np.ndarray, *arrays: np.ndarray) -> None:
        """Add rows: `places` (B,) say which they are, each array has shape (B, ...)."""
        lots = self._random.random(len(places))
        drawn = lots < self._fence
        self._blocks.append(tuple(part[drawn] for part in (lots, places, *arrays)))
        self._held += int(drawn.sum())
        if self._held > self.most + self.most // 4:
            self._cut()

    def rows(self) -> tuple[np.ndarray, ...]:
        """Return the places kept, ascending, and the rows of each array that belong to them."""
        if not self._blocks:
            return (np.zeros(0, dtype=np.int64),)
        self._cut()
        _, places, *arrays = self._blocks[0]
        order = np.argsort(places, kind="stable")
        if (order[:-1] < order[1:]).all():
            return (places, *arrays)
        return (places[order], *(part[order] for part in arrays))

    def _cut(self) -> None:
        whole = self._blocks[0]
        if len(self._blocks) > 1:
            whole = tuple(np.concatenate(parts) for parts in zip(*self._blocks, strict=True))
        self._blocks = []  # frees the pieces before the choice is copied
        if len(whole[0]) > self.most:
            lots = whole[0]
            chosen = np.sort(np.argpartition(lots, self.most - 1)[: self.most])
            whole = tuple(part[chosen] for part in whole)
            self._fence = float(whole[0].max())
        self._blocks = [whole]
        self._held = len(whole[0])
