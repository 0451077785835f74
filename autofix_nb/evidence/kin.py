"""Whether rows that lie near each other have the same label: within a side, and across sides.

Where the validation rows agree with their neighbours and the training rows do not, nor tell the validation rows
anything, the labels of the training rows are not theirs: the inputs were shuffled, sorted or shifted, and the labels
were not. Nothing else does that: noise in the labels, however strong, leaves some agreement, and a hard problem has
none on either side.

Reference: Cover and Hart (1967), Nearest Neighbor Pattern Classification.
"""

from dataclasses import dataclass

import numpy as np

from autofix_nb.evidence.folds import scaled

NEIGHBOURS = 7
"""Rows that are asked."""

PARTS = 4
"""Parts of equal size that targets which are numbers are cut into."""


@dataclass(frozen=True, kw_only=True)
class Kin:
    """How far neighbours agree, between as by chance (0) and always (1), and the standard errors from chance."""

    train: float
    val: float
    errors: float
    """Standard errors of the validation rows' agreement above chance."""

    across: float
    """How far the training rows tell the labels of the validation rows."""


def kin_of(
    train: tuple[np.ndarray, np.ndarray], val: tuple[np.ndarray, np.ndarray], *, neighbours: int = NEIGHBOURS
) -> Kin:
    """Return how far neighbours agree; each side has features (n, d) without NaN and labels (n,)."""
    (rows, labels), (val_rows, val_labels) = train, val
    both = scaled(np.concatenate([rows, val_rows]), np.arange(len(rows)), seed=0)
    near, val_near = both[: len(rows)], both[len(rows) :]
    own, _ = _agreement(near, labels, near, labels, neighbours, own=True)
    of_val, errors = _agreement(val_near, val_labels, val_near, val_labels, neighbours, own=True)
    across, _ = _agreement(near, labels, val_near, val_labels, neighbours, own=False)
    return Kin(train=own, val=of_val, errors=errors, across=across)


def in_parts(train: np.ndarray, val: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return in which part each target lies, a number of either side; the parts are those of the training targets."""
    edges = np.quantile(train, np.linspace(0, 1, PARTS + 1)[1:-1])
    return np.searchsorted(edges, train), np.searchsorted(edges, val)


def _agreement(
    rows: np.ndarray, labels: np.ndarray, asked: np.ndarray, wanted: np.ndarray, neighbours: int, *, own: bool
) -> tuple[float, float]:
    # scikit-learn takes a second to import: only those who look pay.
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=neighbours + own).fit(rows).kneighbors(asked)[1][:, int(own) :]
    kinds, counts = np.unique(labels, return_counts=True)
    shares = dict(zip(kinds.tolist(), (counts / counts.sum()).tolist(), strict=True))
    chance = np.array([shares.get(kind, 0.0) for kind in wanted.tolist()])
    above = (labels[found] == wanted[:, None]).mean(1) - chance
    error = float(above.std()) / np.sqrt(len(above))
    return float(above.mean() / max(1e-9, 1 - chance.mean())), float(above.mean()) / max(error, 1e-9)
