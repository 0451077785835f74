"""Pictures unlike the others: blank ones, and those with a property beyond Tukey's far fence of the set they are in.

Reference: Tukey (1977), Exploratory Data Analysis.
"""

import numpy as np

from autofix_nb.evidence.scan import Scan
from autofix_nb.evidence.tails import centres

BY_FACTORS = ("width", "height", "aspect")
"""Sizes and shapes differ by factors: half as wide is as far away as twice as wide."""

KIND = 0.05
"""Share of the pictures beyond the fence from which on they are a kind of picture, not odd ones."""


def blank_pictures(scan: Scan, limit: float) -> np.ndarray:
    """Return rows of pictures whose values (0 to 255) have a standard deviation below `limit`."""
    if scan.thumbnails is None:
        return np.zeros(0, dtype=np.int64)
    flat = scan.thumbnails.reshape(len(scan.thumbnails), -1, scan.thumbnails.shape[-1])
    blank = np.flatnonzero(flat.std(1, dtype=np.float32).max(1) < limit)
    # NaN has no shade: what is drawn of it is blank, and what is missing is told of elsewhere.
    missing = [int(scan.indices[scan.rows[row]]) in scan.non_finite for row in blank] if scan.non_finite else ()
    return blank[~np.array(missing, dtype=bool)] if len(missing) else blank


def odd_pictures(scan: Scan, values: np.ndarray, fence: float, but: set[int]) -> dict[int, tuple[str, float]]:
    """Return rows of pictures with a property beyond the fence, each with that in words and how far out it is.

    `values` (M, d) are the scan's features, `fence` is in interquartile ranges beyond the middle half; rows in `but`
    are told of elsewhere.
    """
    odd: dict[int, tuple[str, float]] = {}
    for column, name in enumerate(scan.names):
        told = values[:, column]
        seen = np.log(np.maximum(told, 1e-6)) if name in BY_FACTORS else told
        quarter, upper = np.nanquantile(seen, (0.25, 0.75))
        spread = max(upper - quarter, centres(seen[:, None])[1][0])
        if not spread > 0:
            continue
        far = np.maximum(quarter - seen, seen - upper) / spread
        beyond = [int(row) for row in np.flatnonzero(far > fence) if int(row) not in but]
        if len(beyond) > max(1, KIND * len(values)):
            continue
        for row in beyond:
            if far[row] > odd.get(row, ("", 0.0))[1]:
                odd[row] = (f"{name} {told[row]:.4g}", float(far[row]))
    return odd
