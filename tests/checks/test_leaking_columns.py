"""Columns that should not be there: the target in disguise, numbers of the rows, copies of others."""

import numpy as np
import pytest
from sklearn import datasets

from autofix_nb.checks.leaking_columns import LeakingColumns
from autofix_nb.evidence.frames import Table
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, scan, subject_of, why_not

CHECK = LeakingColumns()
CLEAN = {
    name: getattr(datasets, f"load_{name}")(return_X_y=True)
    for name in ("iris", "wine", "breast_cancer", "digits", "diabetes")
}
RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(400, 5))
CLASSES = RANDOM.integers(0, 3, 400)
NUMBERS = ROWS @ np.array([1.0, 2, 3, 4, 5]) + RANDOM.normal(size=400)


def found(extra, targets=CLASSES, rows=ROWS):
    """Return the findings about rows with another column."""
    return answer_of(CHECK, subject_of(scan(np.column_stack([rows, extra]), targets))).findings


@pytest.mark.parametrize("name", CLEAN)
def test_clean_sets_have_no_finding(name):
    """Radius and perimeter of breast cancer are correlated by 0.998, petal widths separate irises: honest columns."""
    assert () == answer_of(CHECK, subject_of(scan(*CLEAN[name]))).findings


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param(("iris", 2), id="irises-that-one-column-parts"),
        pytest.param(("digits", 2), id="noughts-and-ones"),
    ],
)
def test_easy_sets_do_not_leak(choice):
    """A column tells all, and the others do too."""
    values, labels = CLEAN[choice[0]]
    easy = labels < choice[1]

    assert () == answer_of(CHECK, subject_of(scan(values[easy], labels[easy]))).findings


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(CLASSES, id="copy"),
        pytest.param(10 - 3 * CLASSES, id="scaled"),
        pytest.param(np.array([5, 1, 9])[CLASSES], id="other-codes"),
    ],
)
def test_the_classes_in_other_numbers_are_critical(extra):
    """Whatever the codes."""
    (finding,) = found(extra)

    assert (Severity.CRITICAL, ("column feature 5",)) == (finding.severity, finding.where)
    assert "left_out = [5]" in finding.to_type


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(CLASSES + 0.05 * RANDOM.normal(size=400), id="noisy"),
        pytest.param(CLASSES + 3 * RANDOM.permutation(20)[RANDOM.integers(0, 9, 400)], id="groups-of-one-class"),
        pytest.param(np.exp(4 * CLASSES + RANDOM.random(400)), id="bent"),
    ],
)
def test_columns_that_give_classes_away(extra):
    """With what the others tell beside it."""
    (finding,) = found(extra)

    assert (Severity.WARNING, ("column feature 5",)) == (finding.severity, finding.where)
    assert "all other columns together 0." in finding.says


def test_missing_where_the_class_is():
    """That a value is missing tells the class."""
    (finding,) = found(np.where(CLASSES == 1, np.nan, RANDOM.normal(size=400)), (CLASSES == 1).astype(int))

    assert ("column feature 5",) == finding.where


@pytest.mark.parametrize(
    ("extra", "severity"),
    [
        pytest.param(NUMBERS, Severity.CRITICAL, id="copy"),
        pytest.param(NUMBERS / 1000 - 7, Severity.CRITICAL, id="other-units"),
        pytest.param(NUMBERS + 0.05 * RANDOM.normal(size=400), Severity.WARNING, id="noisy"),
    ],
)
def test_numbers_to_be_predicted(extra, severity):
    """The target on another scale, or nearly so."""
    (finding,) = found(extra, NUMBERS)

    assert (severity, ("column feature 5",)) == (finding.severity, finding.where)


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        pytest.param(np.arange(400), "grows with every row", id="row-number"),
        pytest.param(RANDOM.permutation(400), "numbers the rows", id="shuffled"),
        pytest.param(RANDOM.integers(0, 2**31, 400), "looks like a key", id="hash"),
        pytest.param(1.6e9 + 86_400 * np.arange(400), "grows with every row", id="day"),
    ],
)
def test_columns_that_number_the_rows(extra, word):
    """A model can learn rows by them."""
    (finding,) = found(extra)

    assert (Severity.WARNING, ("column feature 5",)) == (finding.severity, finding.where)
    assert word in finding.says


@pytest.mark.parametrize(
    ("extra", "severities"),
    [
        pytest.param(ROWS[:, 2], [Severity.WARNING], id="copy"),
        pytest.param(1.8 * ROWS[:, 2] + 32, [Severity.NOTE], id="other-units"),
        pytest.param(-ROWS[:, 2], [Severity.NOTE], id="upside-down"),
        pytest.param(ROWS[:, 2] + 0.02 * RANDOM.normal(size=400), [], id="nearly"),
        pytest.param(np.sort(ROWS[:, 2]), [], id="measured-and-sorted"),
        pytest.param(np.ones(400), [], id="constant"),
    ],
)
def test_columns_that_repeat_another(extra, severities):
    """Exactly, or in other units."""
    assert severities == [finding.severity for finding in found(extra)]


def test_a_frame_is_mended_by_names():
    """The code drops the column by its name."""
    names = ("a", "b", "c", "d", "e", "it's")
    looked_at = subject_of(
        scan(np.column_stack([ROWS, CLASSES]), CLASSES, names=names), tables={"train": Table(columns=names)}
    )

    (finding,) = answer_of(CHECK, looked_at).findings

    assert """frame = frame.drop(columns=["it's"])""" == finding.to_type


def test_without_targets_the_columns_are_compared_all_the_same():
    """It says what was not compared."""
    repeated = answer_of(CHECK, subject_of(scan(np.column_stack([ROWS, ROWS[:, 0]]))))
    fine = answer_of(CHECK, subject_of(scan(ROWS)))

    assert Severity.WARNING == repeated.findings[0].severity
    assert "not compared with the targets" in fine.says


@pytest.mark.parametrize(
    ("looked_at", "why"),
    [
        pytest.param(scan(ROWS, CLASSES, kind="image"), "no rows of a table", id="pictures"),
        pytest.param(scan(ROWS[:49], CLASSES[:49]), "49 rows, at least 50", id="few-rows"),
        pytest.param(scan(ROWS[:, :1], CLASSES), "one column only", id="one-column"),
    ],
)
def test_not_applicable(looked_at, why):
    """With the reason."""
    assert why in why_not(CHECK, subject_of(looked_at))


@pytest.mark.parametrize("first", [0, 1], ids=["all", "first-dropped"])
def test_the_classes_one_by_one_are_critical(first):
    """No column alone tells the target, all together do."""
    (finding,) = found(np.eye(3)[CLASSES][:, first:])

    assert (Severity.CRITICAL, "column feature 5") == (finding.severity, finding.where[0])
    assert f"{3 - first} columns of yes and no mark one class each" in finding.says
    assert f"left_out = {list(range(5, 8 - first))}" in finding.to_type


def test_a_mark_of_one_class_is_honest():
    """What gives milk is a mammal."""
    assert () == found(CLASSES == 1)
