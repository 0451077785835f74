"""Targets that a loss raises for, and takes when they are read otherwise."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.objective import Task, Treatment, treated
from autofix_nb.objective.readings import FLOATS, WHOLE, line, mark_of, read_as, reading_of, says

CLASSES = torch.tensor([0, 2, 1, 0, 1, 2])
SCORES = torch.linspace(-2, 3, 18).reshape(6, 3)
YES = torch.tensor([0, 1, 1, 0, 1, 0])
MAPS = torch.stack([CLASSES.view(2, 3)] * 4)
EDGE = torch.tensor([[True, False, True], [True, True, True]])
OF_MAPS = torch.linspace(-1, 1, 72).reshape(4, 3, 2, 3)


def with_mark(mark):
    return torch.where(torch.arange(6) == 3, mark, CLASSES)


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "right", "name"),
    [
        pytest.param(nn.CrossEntropyLoss(), SCORES, CLASSES.float(), CLASSES, WHOLE, id="float-classes"),
        pytest.param(nn.CrossEntropyLoss(), SCORES, CLASSES.int(), CLASSES, WHOLE, id="short-classes"),
        pytest.param(nn.CrossEntropyLoss(), SCORES, CLASSES[:, None], CLASSES, WHOLE, id="column-of-classes"),
        pytest.param(functional.cross_entropy, SCORES, CLASSES.int(), CLASSES, WHOLE, id="a-function"),
        pytest.param(nn.BCEWithLogitsLoss(), SCORES[:, :1], YES, YES[:, None].float(), FLOATS, id="yes-and-no"),
        pytest.param(nn.BCEWithLogitsLoss(), SCORES[:, :1], YES > 0, YES[:, None].float(), FLOATS, id="flags"),
        pytest.param(nn.BCELoss(), SCORES[:, :1].sigmoid(), YES.double(), YES[:, None].float(), FLOATS, id="double"),
        pytest.param(
            nn.CrossEntropyLoss(), SCORES, with_mark(-1), with_mark(-100), "labels without -1", id="unlabelled-rows"
        ),
        pytest.param(
            functional.cross_entropy, SCORES, with_mark(255), with_mark(-100), "labels without 255", id="of-a-function"
        ),
        pytest.param(
            nn.CrossEntropyLoss(),
            OF_MAPS,
            MAPS.where(EDGE, 255),
            MAPS.where(EDGE, -100),
            "labels without 255",
            id="void-pixels",
        ),
    ],
)
def test_the_same_loss_of_the_same_targets(loss, outputs, targets, right, name):
    """As if they had been given in the kind that it takes; by its name it is made again."""
    assert name == reading_of(loss, outputs, targets)
    again = treated(Task(kind="custom", loss=loss, says=""), Treatment(loss=name))

    torch.testing.assert_close(loss(outputs, right), again(outputs, targets))
    assert says(name)
    assert line(name)


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [
        pytest.param(nn.CrossEntropyLoss(), SCORES, CLASSES + 1, id="counted-from-one"),
        pytest.param(nn.CrossEntropyLoss(), SCORES, CLASSES + 0.5, id="no-whole-numbers"),
        pytest.param(nn.BCEWithLogitsLoss(), SCORES, torch.ones(3, 6), id="turned-round"),
        pytest.param(nn.BCEWithLogitsLoss(), SCORES, YES, id="too-few"),
        pytest.param(lambda outputs, targets: outputs[99], SCORES, CLASSES, id="a-bug"),
        pytest.param(nn.CrossEntropyLoss(), (SCORES,), CLASSES, id="no-tensor"),
    ],
)
def test_nothing_is_guessed(loss, outputs, targets):
    """What no reading makes right is left to the error that says what is wanted."""
    assert reading_of(loss, outputs, targets) == ""


@pytest.mark.parametrize(
    ("labels", "classes", "mark"),
    [
        ([0, 1, 2, -1], 3, -1),
        ([0, 1, 2, 255], 3, 255),
        ([0, 1, 2, -999], 3, -999),
        ([-1, 0, 1], 3, None),
        ([-1, 1], 2, None),
        ([0, 1, 2, 3], 3, None),
        ([0, 1, 2, -1, 255], 3, None),
        ([0, 1, 2], 3, None),
    ],
    ids=str,
)
def test_a_mark_is_the_one_label_too_many(labels, classes, mark):
    """Of -1, 0 and 1 for three outputs each is a class, and so may be a label that is the next in order."""
    assert mark == mark_of(torch.tensor(labels), classes)


def test_a_loss_of_torchs_stays_one():
    """So that its rows can be weighed; the user's own object is left as it is."""
    given = nn.CrossEntropyLoss(label_smoothing=0.1)
    read = read_as("labels without 255", given)

    assert (type(read), read.ignore_index, read.label_smoothing) == (nn.CrossEntropyLoss, 255, 0.1)
    assert given.ignore_index == -100
