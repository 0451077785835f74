"""What outputs and targets of a sampled step tell, against a plain count."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from autofix_nb.history import History
from autofix_nb.objective import Task, infer_task, task_of
from autofix_nb.objective.tasks import cross_entropy
from autofix_nb.signals import MOST_CLASSES, Answers, Measured, Recorder
from autofix_nb.signals.answers import MOST_ELEMENTS

CPU = torch.device("cpu")


def classes_task(classes):
    return Task(kind="classification", loss=cross_entropy, classes=classes, says="")


def recorded(*batches, task=None):
    """Return the history after one sampled step for each (outputs, targets)."""
    recorder = Recorder(History(), ["all"], CPU)
    for step, (outputs, targets) in enumerate(batches, start=1):
        answers = Answers(task or infer_task(outputs, targets), outputs, targets)
        recorder.add(Measured(step, 1.0, 1.0, 0.1, norms=[1.0], owners=(0,), answers=answers))
    recorder.flush()
    return recorder.history


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12), min_size=1, max_size=6)
)
@settings(max_examples=60, deadline=None)
def test_shares_and_accuracy_equal_a_plain_count(batches):
    """Of each class the share among predictions and targets, and of the right ones among all."""
    columns = [[torch.tensor(column) for column in zip(*pairs, strict=True)] for pairs in batches]
    history = recorded(*[(functional.one_hot(guess, 4).float(), y) for guess, y in columns], task=classes_task(4))

    for label in range(4):
        for name, place in (("share", 0), ("target_share", 1)):
            shares = [sum(pair[place] == label for pair in pairs) / len(pairs) for pairs in batches]

            assert shares == history.values(f"{name}/{label}").tolist()
    tops = [max(sum(guess == label for guess, _ in pairs) for label in range(4)) / len(pairs) for pairs in batches]
    right = [sum(guess == target for guess, target in pairs) / len(pairs) for pairs in batches]

    assert tops == history.values("top_share").tolist()
    assert right == pytest.approx(history.values("train/accuracy").tolist())


@pytest.mark.parametrize("classes", [MOST_CLASSES, MOST_CLASSES + 1])
def test_shares_of_many_classes_are_not_kept_one_by_one(classes):
    """The share of the most frequent one is kept for any number of classes, and without targets no accuracy."""
    history = recorded((torch.eye(classes)[:1].repeat(6, 1), None), task=classes_task(classes))

    assert 1.0 == history.last("top_share")
    assert ("share/0" in history) == (classes <= MOST_CLASSES)
    assert "train/accuracy" not in history


def test_positions_that_are_ignored_count_nowhere():
    """Padding with -100 is neither wrong nor a class."""
    outputs = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.0, 9.0]])
    history = recorded((outputs, torch.tensor([0, 0, 0, -100])), task=classes_task(2))

    assert 2 / 3 == pytest.approx(history.last("train/accuracy"))
    assert [2 / 3, 1.0] == pytest.approx([history.last("share/0"), history.last("target_share/0")])
    assert 2 / 3 == pytest.approx(history.last("easy_share"))


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        pytest.param(torch.full((8, 3), 2.0), 0.0, id="the-same-for-every-row"),
        pytest.param(torch.zeros(8, 3), 0.0, id="all-zero"),
        pytest.param(torch.tensor([1.0, -1.0]).repeat(4).reshape(8, 1), 1.0, id="nothing-in-common"),
        pytest.param(torch.tensor([4.0, 2.0]).repeat(4).reshape(8, 1), 1 / math.sqrt(10), id="a-mean-and-a-spread"),
    ],
)
def test_spread_of_outputs_is_relative_to_their_size(outputs, expected):
    """Standard deviation across rows over the root mean square."""
    history = recorded((outputs, torch.rand(len(outputs), outputs.shape[1])))

    assert expected == pytest.approx(history.last("output_spread"))


@pytest.mark.parametrize(
    ("task", "outputs", "targets"),
    [
        pytest.param(
            classes_task(2),
            torch.tensor([[0.95, 0.05], [0.5, 0.5], [0.02, 0.98], [0.6, 0.4]]).log(),
            torch.tensor([0, 0, 1, 1]),
            id="scores",
        ),
        pytest.param(
            None,
            torch.tensor([[0.95, 0.05], [0.5, 0.5], [0.02, 0.98], [0.6, 0.4]]),
            torch.tensor([0, 0, 1, 1]),
            id="probabilities",
        ),
        pytest.param(
            task_of(nn.BCEWithLogitsLoss(), torch.zeros(4), torch.zeros(4)),
            torch.tensor([0.05, 0.5, 0.98, 0.4]).logit(),
            torch.tensor([0.0, 1.0, 1.0, 1.0]),
            id="yes-or-no",
        ),
    ],
)
def test_easy_rows_and_their_pull(task, outputs, targets):
    """Two of four targets have more than 0.9; together they miss 0.07 of 1.17."""
    history = recorded((outputs, targets), task=task)

    assert 0.5 == history.last("easy_share")
    assert 0.07 / 1.17 == pytest.approx(history.last("easy_pull"), rel=1e-4)


def test_probabilities_of_yes_are_cut_in_the_middle():
    """A probability of 0.4 is a no, although it is above 0."""
    outputs = torch.linspace(0.05, 0.95, 10, requires_grad=True).sigmoid().logit().reshape(10, 1)
    history = recorded(
        (outputs.detach(), (outputs > 0.5).float()), task=infer_task(outputs.sigmoid(), outputs.gt(0.5).float())
    )

    assert 1.0 == history.last("train/accuracy")


def test_what_is_written_after_the_step_changes_nothing():
    """A loader that fills the same memory anew does not exchange the targets of steps that were."""
    outputs, targets = torch.eye(4), torch.arange(4)
    recorder = Recorder(History(), ["all"], CPU)
    recorder.add(Measured(5, 1.0, 1.0, 0.1, answers=Answers(classes_task(4), outputs, targets)))
    outputs.zero_(), targets.zero_()
    recorder.flush()

    assert 1.0 == recorder.history.last("train/accuracy")


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        pytest.param(torch.randn(64, 8192), torch.randint(0, 8192, (64,)), id="many-classes"),
        pytest.param(torch.randn(4, 5, 300, 300), torch.randint(0, 5, (4, 300, 300)), id="every-pixel"),
        pytest.param(torch.randn(4, 3, 300, 300), torch.randn(4, 3, 300, 300), id="pictures"),
    ],
)
def test_large_outputs_are_thinned_but_have_all_signals(outputs, targets):
    """Less is kept than came, and gain is near nothing for outputs that know nothing."""
    answers = Answers(infer_task(outputs, targets), outputs, targets)
    history = recorded((outputs, targets))

    assert answers.fewer_rows().kept().outputs.numel() <= 2 * MOST_ELEMENTS
    assert abs(history.last("gain")) < 0.6
    assert 0.5 < history.last("output_spread") < 1.5
    assert np.isfinite(history.last("chance"))


def test_batches_of_different_shapes_keep_their_steps():
    """The last batch of an epoch is smaller; its values stand at its own step."""
    batches = [(torch.eye(4)[: 4 - step % 2].repeat(2, 1), torch.arange(4 - step % 2).repeat(2)) for step in range(4)]
    history = recorded(*batches, task=classes_task(4))

    assert [1, 2, 3, 4] == history.series("top_share")[0].tolist()
    assert [1 / 4, 1 / 3, 1 / 4, 1 / 3] == pytest.approx(history.values("top_share").tolist())
