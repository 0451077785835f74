"""Predictions for rows that the predicting model has not seen, and the labels that these contradict.

Two models are asked in folds, a logistic regression on standardised features and a forest of random trees; the one that
is right more often speaks. Labels are judged by confident learning: a row is
suspected when the model is as sure of another class as it is, on average, of the rows that carry that class, and surer
of it than of the class given.

How many labels are wrong is told by the third of the rows of which the model is surest. Where classes merely
overlap, nearly all contradictions lie among the unsure rows; wrong labels lie evenly among all.

Reference: Northcutt, Jiang & Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels.
"""

import warnings
from dataclasses import dataclass

import numpy as np

SUREST = 1 / 3
"""Share of the rows, the surest of each predicted class, that tells how many labels are wrong."""

MOST_COMPONENTS = 64
"""With more features than twice these, their principal components are used."""


@dataclass(frozen=True, kw_only=True)
class Doubts:
    """What predictions on unseen rows say about the labels."""

    classes: np.ndarray
    """Class numbers, ascending; shape (K,)."""

    given: np.ndarray
    """Place in `classes` of each row's label; shape (n,)."""

    predicted: np.ndarray
    confidence: np.ndarray
    """Probability of the label given; shape (n,)."""

    suspected: np.ndarray
    """Rows whose label is contradicted with confidence, most doubtful first."""

    surest: np.ndarray
    """Whether each row is among the surest of its predicted class; shape (n,)."""

    @property
    def accuracy(self) -> float:
        """Share of the rows whose label is predicted."""
        return float((self.given == self.predicted).mean())

    @property
    def majority(self) -> float:
        """Share of the rows right when always answering the commonest class."""
        return float(np.bincount(self.given).max() / len(self.given))

    @property
    def skill(self) -> float:
        """How much of the way from always the commonest class to always right: 0 to 1, or below."""
        return (self.accuracy - self.majority) / max(1e-9, 1 - self.majority)

    @property
    def sure_errors(self) -> tuple[int, int]:
        """Contradicted labels among the surest rows, and how many rows those are."""
        return int((self.given != self.predicted)[self.surest].sum()), int(self.surest.sum())


def doubts(features: np.ndarray, labels: np.ndarray, *, folds: int = 5, seed: int = 0) -> Doubts:
    """Return what a model asked in folds says of the labels; features (n, d), each class `folds` rows or more."""
    classes, given = np.unique(labels, return_inverse=True)
    probabilities = out_of_fold(features, given, folds=folds, seed=seed)
    return doubts_of(probabilities, classes, given, sureness=probabilities.max(1))


def doubts_of(probabilities: np.ndarray, classes: np.ndarray, given: np.ndarray, *, sureness: np.ndarray) -> Doubts:
    """Return what probabilities (n, K), each made without the row's own label, say of the labels.

    `sureness` (n,) tells which rows are the surest.
    """
    rows = np.arange(len(given))
    predicted = probabilities.argmax(1)
    confidence = probabilities[rows, given]
    limits = np.array([probabilities[given == k, k].mean() for k in range(len(classes))])
    sure = np.where(probabilities >= limits, probabilities, -1.0)
    rival = sure.argmax(1)
    suspected = (sure.max(1) >= 0) & (rival != given) & (sure.max(1) > confidence)
    order = np.argsort(confidence, kind="stable")
    return Doubts(
        classes=classes,
        given=given,
        predicted=np.where(suspected, rival, predicted),
        confidence=confidence,
        suspected=order[suspected[order]],
        surest=_surest(sureness, predicted),
    )


def out_of_fold(features: np.ndarray, given: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Return probabilities (n, K) of classes 0 to K-1 for each row, by models that have not seen it."""
    # scikit-learn takes a second to import: only those who look pay.
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    models = (
        LogisticRegression(C=1.0, max_iter=100, tol=1e-3),
        ExtraTreesClassifier(60, min_samples_leaf=3, random_state=seed),
    )
    results = np.zeros((len(models), len(given), int(given.max()) + 1))
    for teach, ask in StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, given):
        values = scaled(features, teach, seed)
        for result, model in zip(results, models, strict=True):
            with warnings.catch_warnings():
                # Weights that are nearly found do as well here.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(values[teach], given[teach])
            result[np.ix_(ask, model.classes_)] = model.predict_proba(values[ask])
    right = (results.argmax(2) == given).mean(1)
    return results[int(right.argmax())]


def scaled(features: np.ndarray, teach: np.ndarray, seed: int) -> np.ndarray:
    """Return all rows brought to the scale of those that teach; of many features, their principal components."""
    mean, deviation = features[teach].mean(0), features[teach].std(0)
    usable = deviation > 1e-9 * np.maximum(1.0, np.abs(mean))
    # A single value far out must not decide.
    values = np.clip((features[:, usable] - mean[usable]) / deviation[usable], -10, 10)
    if not values.shape[1]:
        return np.zeros((len(features), 1))
    if values.shape[1] > 2 * MOST_COMPONENTS and len(teach) > MOST_COMPONENTS:
        from sklearn.decomposition import PCA

        values = PCA(MOST_COMPONENTS, random_state=seed).fit(values[teach]).transform(values)
        values /= max(1e-9, float(values[teach].std()))
    return values


def _surest(confidence: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Tell which rows are the surest third of each prediction: an easy class would tell of itself only."""
    surest = np.zeros(len(predicted), dtype=bool)
    for kind in np.unique(predicted):
        rows = np.flatnonzero(predicted == kind)
        surest[rows[np.argsort(-confidence[rows], kind="stable")[: int(len(rows) * SUREST)]]] = True
    return surest
