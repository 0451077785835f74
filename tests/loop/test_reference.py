"""What simple models come to by the loss of a training: of its rows as they come, and with nothing of it changed."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import autofix_nb as af
from autofix_nb.data.seeding import streams
from autofix_nb.loop.reference import FEWEST, reference_of
from autofix_nb.objective import task_of

RANDOM = torch.Generator().manual_seed(0)
INPUTS = torch.randn(300, 6, generator=RANDOM)
LINE = INPUTS @ torch.tensor([1.0, -1, 2, 0, 0, 0])
CLASSES = (LINE > 1).long() + (LINE > -1).long()
WORDS = torch.randint(0, 50, (300, 12), generator=RANDOM)
TOPICS = (WORDS < 12).sum(1)
TOPICS = (TOPICS > TOPICS.float().median()).long()


def nll(outputs, targets):
    """Negative log-likelihood of log-probabilities, by a function of the user's own."""
    return functional.nll_loss(outputs, targets)


def asked(loss, targets, *, inputs=INPUTS, outputs=None, batch=30, like=None):
    """Return what is known of a training with this loss."""
    outputs = torch.zeros_like(targets) if outputs is None else torch.zeros(len(targets), outputs)
    task = task_of(loss, outputs, targets if like is None else like)
    return reference_of(SimpleNamespace(task=task), DataLoader(TensorDataset(inputs, targets), batch, shuffle=True))


@pytest.mark.parametrize(
    ("known", "constant", "most"),
    [
        pytest.param(asked(nn.CrossEntropyLoss(), CLASSES, outputs=3), 1.1, 0.6, id="classes"),
        pytest.param(asked(nll, CLASSES, outputs=3), 1.1, 0.6, id="log-probabilities"),
        pytest.param(asked(nn.CrossEntropyLoss(), TOPICS, inputs=WORDS, outputs=2), 0.7, 0.4, id="words"),
        pytest.param(
            asked(nn.CrossEntropyLoss(), CLASSES, inputs=INPUTS.view(-1, 1, 2, 3), outputs=3), 1.1, 0.6, id="pictures"
        ),
        pytest.param(asked(nn.MSELoss(), LINE[:, None]), float(LINE.var()), 0.01, id="numbers"),
        pytest.param(asked(nn.MSELoss(reduction="sum"), LINE[:, None]), 30 * float(LINE.var()), 0.3, id="a-sum"),
        pytest.param(asked(nn.L1Loss(), LINE), float(LINE.abs().mean()), 0.1, id="distances"),
        pytest.param(asked(nn.BCEWithLogitsLoss(), (LINE > 0).float()), 0.69, 0.3, id="yes-or-no-scores"),
        pytest.param(asked(nn.BCELoss(), (LINE > 0).float()[:, None]), 0.69, 0.3, id="yes-or-no-probabilities"),
    ],
)
def test_simple_models_are_judged_by_the_loss_of_the_training(known, constant, most):
    """Whatever it takes; beside a constant answer by the same loss."""
    assert known["constant"] == pytest.approx(constant, rel=0.1)
    assert 0 <= known["loss"] < most


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(
            asked(nn.CrossEntropyLoss(), CLASSES[: FEWEST - 1], inputs=INPUTS[: FEWEST - 1], outputs=3), id="few"
        ),
        pytest.param(asked(nn.MSELoss(), LINE[:, None] * torch.nan), id="no-numbers"),
        pytest.param(asked(nn.CrossEntropyLoss(), CLASSES - 1, outputs=3, like=CLASSES), id="classes-out-of-range"),
        pytest.param(asked(lambda outputs, targets: 1 / 0, LINE), id="a-loss-that-raises"),
        pytest.param(asked(nn.MSELoss(), torch.randn(300, 1, 9, 9)), id="maps"),
    ],
)
def test_nothing_is_said_where_nothing_can_be_compared(known):
    """Empty, and no error."""
    assert known == {}


class Endless(IterableDataset):
    """Rows from a stream that is used up by whoever reads it."""

    def __iter__(self):
        raise AssertionError("read")


def test_streams_and_trainings_without_rows_are_left_alone():
    """A step of the user's has no targets that are known, and a list of batches may be read once only."""
    rows = [(INPUTS, LINE)]

    assert reference_of(SimpleNamespace(task=None), DataLoader(Endless())) == {}
    assert reference_of(SimpleNamespace(task=task_of(nn.MSELoss(), LINE, LINE)), rows) == {}


def test_the_random_streams_are_as_before():
    """Rows are shuffled and drawn with random numbers that are not the training's."""
    torch.manual_seed(3)
    before = streams()
    asked(nn.MSELoss(), LINE)
    after = streams()

    assert torch.equal(before[0], after[0])
    assert before[1]["state"]["pos"] == after[1]["state"]["pos"]
    np.testing.assert_array_equal(before[1]["state"]["key"], after[1]["state"]["key"])


@pytest.mark.parametrize("preflight", [True, False])
def test_a_run_knows_it_as_a_fact(tmp_path, preflight):
    """It is asked with the look before training, and not where that is not wanted."""
    model = nn.Linear(6, 3)
    train = DataLoader(TensorDataset(INPUTS, CLASSES), 30)
    run = af.fit(
        model, train, epochs=1, loss=nn.CrossEntropyLoss(), preflight=preflight, store=tmp_path, name="run", show="none"
    )

    assert ("reference" in run.history.facts) == preflight
