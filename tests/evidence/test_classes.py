"""What targets are: classes, several labels each, or numbers."""

import numpy as np
import pytest
from torch import nn

from autofix_nb.evidence.classes import (
    are_turned_round,
    class_of_rows,
    classes_of,
    ranges,
    with_targets,
)
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import Task
from tests.checks.subjects import scan


def of(labels, kind=None):
    task = None if kind is None else Task(kind=kind, loss=lambda outputs, targets: outputs, says="")
    return classes_of(scan(np.zeros((len(labels), 1)), labels), task)


@pytest.mark.parametrize(
    ("labels", "counts"),
    [
        pytest.param([0, 1, 1, 2], [1, 2, 1], id="numbers"),
        pytest.param([[0], [1], [1]], [1, 2], id="a-column"),
        pytest.param([0.0, 1.0, 1.0], [1, 2], id="yes-or-no-as-floats"),
        pytest.param([True, False, True], [1, 2], id="booleans"),
        pytest.param([[0, 1], [1, 0], [0, 1]], [1, 2], id="one-hot"),
        pytest.param([0, -100, 1, 1], [1, 2], id="ignored-ones-are-left-out"),
        pytest.param([0, 3], [1, 0, 0, 1], id="a-gap"),
        pytest.param([-1, 1, 1, -1, 1], [2, 3], id="signs"),
        pytest.param([-1, 0, 1, 1], [1, 1, 2], id="below-and-above"),
        pytest.param([-1, *[0, 1] * 20], [20, 20], id="a-few-below-0-are-marks"),
        pytest.param(list(range(10)) * 3, [3] * 10, id="few-of-each"),
    ],
)
def test_classes_are_counted(labels, counts):
    """Whatever form the class numbers have."""
    assert counts == of(labels).counts.tolist()


def test_what_the_loss_leaves_out_is_no_class():
    """However much of it there is."""
    task = Task(kind="classification", loss=nn.CrossEntropyLoss(ignore_index=-1), says="")
    labels = [-1] * 8 + [0, 1, 1]

    assert [1, 2] == classes_of(scan(np.zeros((11, 1)), labels), task).counts.tolist()


def test_several_labels_are_counted_one_by_one():
    """Rows with more or fewer than one yes are no one-hot rows."""
    found = of([[1, 1, 0], [0, 1, 0], [0, 0, 0]])

    assert ("multi-label", [1, 2, 0]) == (found.kind, found.counts.tolist())


def test_places_say_which_samples_are_counted():
    """Those with a class."""
    assert [0, 2, 3] == of([0, -100, 1, 1]).places.tolist()


@pytest.mark.parametrize(
    ("labels", "kind", "why"),
    [
        pytest.param([0.5, 1.5, 2.0], None, "numbers to be predicted", id="floats"),
        pytest.param([1, 2, 3], "regression", "numbers to be predicted", id="as-the-task-says"),
        pytest.param(list(range(100)), None, "100 different numbers", id="all-different"),
        pytest.param([-100, -100], None, "no sample has a class", id="none"),
        pytest.param([0, 10**9], None, "no class numbers", id="huge"),
        pytest.param([[1.5, 2.0]], None, "2 numbers a sample", id="several-numbers"),
        pytest.param(["a", "b"], None, "no.* class numbers", id="text"),
    ],
)
def test_other_targets_are_no_classes(labels, kind, why):
    """With the reason."""
    with pytest.raises(NotApplicable, match=why):
        of(labels, kind)


def test_without_targets_there_are_none():
    """Nothing to count."""
    with pytest.raises(NotApplicable, match="no targets"):
        classes_of(scan(np.zeros((3, 1))))


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        pytest.param([], "", id="none"),
        pytest.param([7], "7", id="one"),
        pytest.param([3, 1, 2], "1–3", id="neighbours"),
        pytest.param([4, 5], "4, 5", id="two-neighbours"),
        pytest.param([0, 1000, *range(1001, 1010)], "0, 1000–1009", id="one-and-many"),
        pytest.param(range(0, 40, 2), "0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22 and 8 more", id="too-many"),
    ],
)
def test_ranges_join_neighbours(numbers, told):
    """So that ten samples in a row are one word."""
    assert told == ranges(numbers)


def test_rows_of_features_get_the_class_of_their_sample():
    """Those that are kept may be fewer than the samples seen; ignored labels are no class."""
    told = scan(np.zeros((3, 1)), [0, 1, 1, -100], rows=np.array([3, 0, 2]), indices=np.arange(4))

    assert [-1, 0, 1] == class_of_rows(told).tolist()


def test_rows_of_several_labels_have_no_class():
    """And that is said."""
    with pytest.raises(NotApplicable, match="several labels each"):
        class_of_rows(scan(np.zeros((2, 1)), [[1, 1], [0, 1]]))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param([0] * 10 + [1] * 10 + [2] * 2, (20, True), id="rare-classes-are-left-out"),
        pytest.param([*np.linspace(0, 1, 20), np.nan], (20, False), id="numbers"),
    ],
)
def test_rows_come_with_their_targets(labels, expected):
    """Without those that have none."""
    told = scan(np.arange(len(labels))[:, None], labels)
    values, targets, classes = with_targets(told, None, np.arange(len(labels)), fewest=10)

    assert expected == (len(values), classes)
    assert np.array_equal(np.asarray(labels)[values[:, 0].astype(int)], targets.astype(float))


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        pytest.param([0, 1] * 4, "0 rows in classes of at least 5", id="classes-too-small"),
        pytest.param([np.nan] * 50, "0 rows have a target", id="no-numbers"),
        pytest.param([[1, 1], [0, 1]] * 20, "several labels each", id="several"),
    ],
)
def test_rows_without_targets_are_not_applicable(labels, why):
    """With how many there are."""
    told = scan(np.zeros((len(labels), 1)), labels)

    with pytest.raises(NotApplicable, match=why):
        with_targets(told, None, np.arange(len(labels)), fewest=10)


@pytest.mark.parametrize(
    ("counts", "weights", "expected"),
    [
        pytest.param([970, 30], [20.0, 1.0], True, id="the-wrong-way-round"),
        pytest.param([97, 3], [0.97, 0.03], True, id="shares-and-not-their-inverse"),
        pytest.param([50, 50], [1.0, 0.1], True, id="one-of-even-classes-hardly-counts"),
        pytest.param([970, 30], [1.0, 20.0], False, id="the-right-way-round"),
        pytest.param([970, 30], [1.0, 3.0], False, id="too-little-and-the-right-way"),
        pytest.param([60, 40], [1.0, 0.8], False, id="a-little"),
        pytest.param([88, 12], [1.0, 100.0], False, id="the-right-way-and-far-too-much"),
        pytest.param([97, 0, 3], [1.0, 0.0, 30.0], False, id="a-class-without-samples"),
        pytest.param([97], [0.1], False, id="one-class"),
        pytest.param([97, 3], [float("nan"), 1.0], False, id="no-numbers"),
    ],
)
def test_weights_are_turned_round_where_they_make_a_class_rarer(counts, weights, expected):
    """And leave it less than a third of an equal share."""
    assert expected == are_turned_round(np.array(counts), np.array(weights))
