"""Statistics of each feature that merge: profile(a) + profile(b) = profile(a + b).

Counts, smallest and largest value are exact. Mean and spread are float64 and merged by the parallel rule of
Chan, Golub and LeVeque (1983), Algorithms for Computing the Sample Variance.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

BLOCK = 1 << 20
"""Numbers that are converted to float64 at once."""


@dataclass(frozen=True, eq=False)
class Profile:
    """What is known of d features after some rows, without the rows. Every array has shape (d,)."""

    count: np.ndarray
    """Finite values seen."""

    missing: np.ndarray
    """NaN seen."""

    infinite: np.ndarray
    """Infinities seen, of either sign."""

    mean: np.ndarray
    """Mean of the finite values, NaN where there are none."""

    m2: np.ndarray
    """Sum of the squared distances of the finite values from their mean."""

    min: np.ndarray
    """Smallest finite value, +inf where there is none."""

    max: np.ndarray
    """Largest finite value, -inf where there is none."""

    @classmethod
    def empty(cls, features: int) -> Self:
        """Return the profile of no rows, which changes nothing when it is added."""
        nothing = np.zeros(features, dtype=np.int64)
        zero, infinity = np.zeros(features), np.full(features, np.inf)
        return cls(nothing, nothing, nothing, np.full(features, np.nan), zero, infinity, -infinity)

    @classmethod
    def of(cls, rows: np.ndarray) -> Self:
        """Return the profile of `rows`, shape (N, d); each column is a feature."""
        rows = np.asarray(rows)
        whole = cls.empty(rows.shape[1])
        step = max(1, BLOCK // max(1, rows.shape[1]))
        for start in range(0, len(rows), step):
            whole = whole + cls._of_block(np.asarray(rows[start : start + step], dtype=np.float64))
        return whole

    @classmethod
    def _of_block(cls, block: np.ndarray) -> Self:
        finite = np.isfinite(block)
        missing = np.isnan(block).sum(axis=0)
        count = finite.sum(axis=0)
        whole = bool(finite.all())
        with np.errstate(all="ignore"):
            mean = (block if whole else np.where(finite, block, 0.0)).sum(axis=0) / count
            distances = block - mean if whole else np.where(finite, block - mean, 0.0)
            m2 = np.square(distances).sum(axis=0)
        lowest = (block if whole else np.where(finite, block, np.inf)).min(axis=0, initial=np.inf)
        highest = (block if whole else np.where(finite, block, -np.inf)).max(axis=0, initial=-np.inf)
        return cls(count, missing, len(block) - count - missing, mean, m2, lowest, highest)

    def __add__(self, other: Self) -> Self:
        if len(self.count) != len(other.count):
            raise ValueError(f"profiles of {len(self.count)} and {len(other.count)} features cannot be added")
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        with np.errstate(all="ignore"):
            apart = other.mean - self.mean
            mean = self.mean + apart * share
            m2 = self.m2 + other.m2 + np.square(apart) * self.count * share
        one, two = self.count == 0, other.count == 0
        return type(self)(
            count,
            self.missing + other.missing,
            self.infinite + other.infinite,
            np.where(one, other.mean, np.where(two, self.mean, mean)),
            np.where(one, other.m2, np.where(two, self.m2, m2)),
            np.minimum(self.min, other.min),
            np.maximum(self.max, other.max),
        )

    merge = __add__

    @property
    def rows(self) -> int:
        """Rows seen."""
        return int((self.count + self.missing + self.infinite).max(initial=0))

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of the finite values (divided by their number), NaN where there are none."""
        with np.errstate(all="ignore"):
            return np.where(self.constant, 0.0, np.sqrt(self.m2 / self.count))

    @property
    def constant(self) -> np.ndarray:
        """Whether all finite values are one and the same; not so where infinities are, or nothing finite is."""
        return (self.count > 0) & (self.min == self.max) & (self.infinite == 0)
