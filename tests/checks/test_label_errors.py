"""Labels that look wrong: planted ones are found, and clean or hard sets are left alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


def test_a_closer_look_is_asked_for_and_has_its_time():
    """Models are asked with `deep=True` only."""
    values, labels = CLEAN["digits"]

    assert "nearest rows" in answer_of(CHECK, subject_of(scan(values, labels))).says
    assert "models" in answer_of(CHECK, deep(scan(values[:300], labels[:300]))).says
    assert "no time left" in why_not(CHECK, deep(scan(values, labels), seconds=1.0))


# --- the quick look ---------------------------------------------------------------------------------------------------


def quick(values, labels, **fields):
    """Return what the quick look found, worst first; where it cannot judge, nothing."""
    asked = ask(CHECK, subject_of(scan(values, labels, **fields)))
    assert asked.broke is None, asked.why_not
    return asked.findings


def drawn_anew(labels, share, seed=0):
    """Return labels of which a share was drawn anew."""
    random = np.random.default_rng(seed)
    chosen = random.random(len(labels)) < share
    return np.where(chosen, random.integers(0, labels.max() + 1, len(labels)), labels)


@pytest.mark.parametrize("name", CLEAN)
def test_clean_labels_are_left_alone_at_a_glance(name):
    """Whichever two thirds of the rows are there."""
    values, labels = CLEAN[name]
    for seed in range(5):
        rows = np.random.default_rng(seed).permutation(len(labels))[: 2 * len(labels) // 3]

        assert () == quick(values[rows], labels[rows])


@pytest.mark.parametrize(("name", "share"), [("digits", 0.4), ("breast_cancer", 0.3)])
def test_many_wrong_labels_are_seen_at_a_glance(name, share):
    """With samples to look at, and nothing is to be done by itself."""
    values, labels = CLEAN[name]
    drawn = drawn_anew(labels, share)

    (finding,) = quick(values, drawn)
    named = [int(place.removeprefix("sample ")) for place in finding.where]

    assert finding.severity == Severity.WARNING
    assert () == finding.fixes
    assert (drawn != labels)[named].mean() > 0.75
    assert finding.measured >= finding.limit


@pytest.mark.parametrize("count", [150, 600])
@pytest.mark.parametrize("apart", [1.2, 1.6, 2.0, 3.0])
def test_classes_that_overlap_are_not_accused_at_a_glance(apart, count):
    """Their contradictions lie among the unsure rows."""
    warned = 0
    for seed in range(10):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 2, count)
        values = random.normal(size=(count, 4)) + apart * np.outer(labels, [1, 0, 0, 0])
        warned += any(finding.severity > Severity.NOTE for finding in quick(values, labels))

    assert 0 == warned


@pytest.mark.parametrize("told_apart", [0.5, 0.8])
def test_a_class_that_nothing_tells_from_another_is_not_accused_at_a_glance(told_apart):
    """Then one class alone is contradicted: wrong labels lie in all of them."""
    random = np.random.default_rng(0)
    labels = (random.random(1200) < 0.2).astype(int)
    shown = labels * (random.random(1200) < told_apart)
    values = random.normal(size=(1200, 6)) + 4 * shown[:, None]

    assert () == quick(values, labels)


@given(st.integers(0, 50), st.sampled_from([2.0**-10, 3.0, 1e4]), st.floats(-100, 100))
@settings(max_examples=10, deadline=None)
def test_units_and_the_order_of_the_rows_do_not_show_at_a_glance(seed, unit, shift):
    """Features are brought to one scale."""
    values, labels = CLEAN["wine"]
    wrong = drawn_anew(labels, 0.3)
    order = np.random.default_rng(seed).permutation(len(labels))

    plain, other = quick(values, wrong), quick(values[order] * unit + shift * unit, wrong[order])

    assert [finding.severity for finding in plain] == [finding.severity for finding in other]


def test_rows_that_lie_in_one_place():
    """Each is judged by the others, not by itself, whichever of them comes first."""
    values = np.repeat(np.eye(4), 60, axis=0)
    labels = np.repeat(np.arange(4), 60)

    assert () == quick(values, labels)
    (finding,) = quick(values, drawn_anew(labels, 0.3))
    assert finding.severity == Severity.WARNING


@pytest.mark.parametrize(
    ("shape", "why"), [((60, 3), "wanted 100 rows"), ((300, 400), "of up to 256 features"), ((300, 3), "cannot judge")]
)
def test_what_a_glance_does_not_tell(shape, why):
    """Few rows, many features, and labels that have nothing to do with the features."""
    random = np.random.default_rng(0)
    looked_at = scan(random.normal(size=shape), random.integers(0, 2, shape[0]))

    assert why in why_not(CHECK, subject_of(looked_at))


@pytest.mark.parametrize(
    ("order", "numbers", "expected"),
    [
        pytest.param(lambda labels: labels, False, False, id="in-step"),
        pytest.param(lambda labels: np.random.default_rng(1).permutation(labels), False, True, id="shuffled"),
        pytest.param(np.sort, False, True, id="sorted"),
        pytest.param(lambda labels: np.roll(labels, 1), True, True, id="numbers-shifted"),
        pytest.param(lambda labels: labels, True, False, id="numbers-in-step"),
    ],
)
def test_training_labels_of_other_rows_are_told_by_the_validation_rows(order, numbers, expected):
    """Their neighbours agree, and those of the training rows do not, nor do the two sides with each other."""
    random = np.random.default_rng(4)
    rows = random.normal(size=(600, 3))
    labels = rows[:, 0] + 0.1 * random.normal(size=600) if numbers else (rows[:, 0] > 0).astype(int)
    train, val = scan(rows[:400], order(labels[:400])), scan(rows[400:], labels[400:], side="val")
    asked = ask(CHECK, subject_of(train, val))
    says = [one.says for one in asked.answer.findings] if asked.answer else []

    assert expected == any("out of step" in one for one in says)
