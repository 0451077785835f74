"""Predictions for each row by its nearest neighbours, without the row itself: quick, where a set is small.

Each of the nearest rows, on features brought to one scale, has a vote for its own label; the surest rows are those with
the most votes for one class, of equals those that lie among nearer neighbours.

Reference: Wilson (1972), Asymptotic Properties of Nearest Neighbor Rules Using Edited Data.
"""

import numpy as np

from autofix_nb.evidence.folds import Doubts, doubts_of, scaled

NEIGHBOURS = 20
"""Rows that have a vote."""

TIE = 1e-3
"""Part of a vote by which the nearness of the neighbours tells rows with as many votes apart."""


def neighbours_doubts(features: np.ndarray, labels: np.ndarray, *, neighbours: int = NEIGHBOURS) -> Doubts:
    """Return what the nearest rows say of each label; `features` (n, d) without NaN, n above `neighbours`."""
    # scikit-learn takes a second to import: only those who look pay.
    from sklearn.neighbors import NearestNeighbors

    classes, given = np.unique(labels, return_inverse=True)
    near = scaled(features, np.arange(len(features)), seed=0)
    distances, found = NearestNeighbors(n_neighbors=neighbours + 1).fit(near).kneighbors(near)
    rows = np.arange(len(given))[:, None]
    # Of rows that lie in one place, any may come first: the own one is struck out wherever it stands.
    own = found == rows
    own[~own.any(1), -1] = True
    others = found[~own].reshape(len(given), neighbours)
    votes = (given[others][:, :, None] == np.arange(len(classes))).mean(1)
    farness = distances[~own].reshape(others.shape).mean(1)
    order = np.argsort(np.argsort(farness, kind="stable"), kind="stable") / len(given)
    return doubts_of(votes, classes, given, sureness=votes.max(1) - TIE * order)


def contradicted_classes(found: Doubts, *, fewest: float = 3.0, least: float = 1 / 3) -> tuple[int, int]:
    """Return how many classes have their part of the contradicted labels among the surest rows, of how many judged.

    A class is judged where `fewest` contradicted rows are to be expected by the share of all; its part is `least` of
    that. Rows of a class that no feature tells from another are contradicted in that other one only.
    """
    wrong, asked = found.sure_errors
    if not wrong:
        return 0, 0
    share, there, judged = wrong / asked, 0, 0
    for place in range(len(found.classes)):
        rows = found.surest & (found.predicted == place)
        if rows.sum() * share >= fewest:
            judged += 1
            there += float((found.given[rows] != place).mean()) >= least * share
    return there, judged
