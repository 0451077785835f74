"""Labels that look wrong: planted ones are found, and clean or hard sets are left alone."""

import numpy as np
import pytest
from sklearn import datasets

from autofix_nb.checks import ask
from autofix_nb.checks.label_errors import LabelErrors
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, scan, subject_of, why_not

CHECK = LabelErrors()
CLEAN = {
    name: getattr(datasets, f"load_{name}")(return_X_y=True) for name in ("iris", "wine", "breast_cancer", "digits")
}


def deep(*scans, **options):
    """Return the subject of a deep look."""
    return subject_of(*scans, deep=True, **options)


def flipped(labels, share):
    """Return labels of which a share was changed, and which rows these are."""
    rows = np.random.default_rng(0).choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[rows] = (wrong[rows] + 1) % (labels.max() + 1)
    return wrong, rows


@pytest.mark.parametrize("name", CLEAN)
def test_clean_labels_have_no_warning(name):
    """Nor a note."""
    values, labels = CLEAN[name]

    assert () == answer_of(CHECK, deep(scan(values, labels))).findings


@pytest.mark.parametrize(("name", "share"), [("digits", 0.05), ("breast_cancer", 0.08), ("wine", 0.15)])
def test_planted_errors_are_listed(name, share):
    """Most of those listed first are such, and the warning has the numbers."""
    values, labels = CLEAN[name]
    wrong, rows = flipped(labels, share)

    (finding,) = answer_of(CHECK, deep(scan(values, wrong))).findings
    named = [int(place.removeprefix("sample ")) for place in finding.where]
    first = named[: len(rows) // 2]

    assert finding.severity == Severity.WARNING
    assert np.isin(first, rows).mean() > 0.8
    assert finding.measured >= finding.limit
    assert f"sample {named[0]}, labelled {wrong[named[0]]}" in finding.says


def test_a_few_errors_are_noted():
    """Too few for a warning."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 1200)
    values = random.normal(size=(1200, 4)) + 8 * np.outer(labels, [1, 0, 0, 0])
    wrong = np.arange(0, 1200, 150)
    labels[wrong] = 1 - labels[wrong]

    (finding,) = answer_of(CHECK, deep(scan(values, labels))).findings

    assert finding.severity == Severity.NOTE
    assert set(finding.where) <= {f"sample {row}" for row in wrong}


@pytest.mark.parametrize("apart", [1.5, 2.0, 3.0])
def test_overlapping_classes_are_no_errors(apart):
    """Labels that nobody could tell are contradicted where the models are unsure; or these cannot judge."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 1200)
    values = random.normal(size=(1200, 4)) + apart * np.outer(labels, [1, 0, 0, 0])

    asked = ask(CHECK, deep(scan(values, labels)))

    assert asked.broke is None
    assert asked.answer is not None or "cannot judge" in asked.why_not
    assert [] == [finding for finding in asked.findings if finding.severity > Severity.NOTE]


def test_classes_that_no_line_parts():
    """Two models are asked: rings and chequered boards are no errors."""
    values = np.random.default_rng(0).normal(size=(600, 3))
    labels = ((values[:, 0] > 0) ^ (values[:, 1] > 0)).astype(int)

    assert () == answer_of(CHECK, deep(scan(values, labels))).findings


def test_pictures_are_judged_by_their_thumbnails():
    """And shown with both labels."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    pictures = random.integers(0, 120, (200, 32, 32, 3), dtype=np.uint8)
    pictures[labels == 1, :16] += 120
    wrong, rows = flipped(labels, 0.08)
    looked_at = scan(random.normal(size=(200, 3)), wrong, kind="image", thumbnails=pictures)

    answer = answer_of(CHECK, deep(looked_at))

    assert answer.findings[0].severity == Severity.WARNING
    assert set(answer.pictures[0].indices) <= set(rows.tolist())
    assert answer.pictures[0].captions[0] in ("0, or 1?", "1, or 0?")


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        pytest.param(np.random.default_rng(0).normal(size=100), "numbers to be predicted", id="regression"),
        pytest.param(np.random.default_rng(0).integers(0, 2, (100, 4)), "several labels", id="multi-label"),
        pytest.param(np.random.default_rng(0).integers(0, 2, 100), "cannot judge: plain models are right", id="noise"),
        pytest.param(np.zeros(100, dtype=int), "in 1 classes", id="one-class"),
        pytest.param(np.arange(100) // 4 % 20 + 0, "wanted 50 rows", id="rare-classes"),
        pytest.param(None, "no targets", id="no-labels"),
    ],
)
def test_not_applicable(labels, why):
    """With the reason."""
    if labels is not None and why == "wanted 50 rows":
        labels = np.arange(100) // 4
        labels[:20] = 0
    values = np.random.default_rng(1).normal(size=(100, 3))

    assert why in why_not(CHECK, deep(scan(values, labels)))


def test_deep_only_and_within_the_time():
    """It takes its time, so it is asked for."""
    values, labels = CLEAN["digits"]

    assert "`deep=True` only" in why_not(CHECK, subject_of(scan(values, labels)))
    assert "no time left" in why_not(CHECK, deep(scan(values, labels), seconds=1.0))
