"""Easy rows count less, then nothing."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.fixes.mask_easy import MaskEasy
from autofix_nb.objective import Task, split_batch, treated
from tests.runs import finding, history, trainee

IDS = torch.arange(16) % 3


def run_of(loss, targets=IDS, model=None):
    torch.manual_seed(0)
    return trainee(
        history(),
        model=model or nn.Linear(4, 3),
        task=None if loss is None else Task(kind="classification", loss=loss, says=""),
        sample_batches=lambda count: [(torch.randn(16, 4, generator=torch.Generator().manual_seed(1)), targets)],
        split=split_batch,
    )


@pytest.mark.parametrize(
    ("loss", "named"),
    [
        pytest.param(nn.CrossEntropyLoss(), None, id="known"),
        pytest.param(lambda outputs, ids: functional.cross_entropy(outputs, ids), "cross_entropy", id="wrapped"),
    ],
)
def test_first_less_and_then_nothing(loss, named):
    """A function of the user's that is a known loss is replaced by it."""
    changes = MaskEasy().plans(finding(), run_of(loss))
    more = {} if named is None else {"loss": named}

    assert [{"focal": 2.0} | more, {"mask_easy": 0.95} | more] == [change.after for change in changes]
    assert {"focal": None} | dict.fromkeys(more, "") == changes[0].before


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(None, id="a-step-of-the-users"),
        pytest.param(nn.MSELoss(), id="numbers"),
        pytest.param(lambda outputs, ids: 2 * functional.cross_entropy(outputs, ids), id="nearly-known"),
        pytest.param(lambda outputs, ids: outputs.exp().mean(), id="unknown"),
    ],
)
def test_a_loss_without_rows_that_are_known_is_left_alone(loss):
    """Nothing is replaced by something else."""
    assert [] == MaskEasy().plans(finding(), run_of(loss))


def test_what_is_done_already_is_not_done_again():
    """Each of both once."""
    run = run_of(nn.CrossEntropyLoss())
    run.controls.focal = 2.0

    assert [{"mask_easy": 0.95}] == [change.after for change in MaskEasy().plans(finding(), run)]


@pytest.mark.parametrize("place", [0, 1], ids=["focal", "masked"])
def test_the_lines_to_type_compute_the_same(place):
    """As the treated loss does."""
    run = run_of(nn.CrossEntropyLoss())
    change = MaskEasy().plans(finding(), run)[place]
    outputs = 3 * torch.randn(16, 3, generator=torch.Generator().manual_seed(2))
    names = {"torch": torch, "functional": functional, "outputs": outputs, "targets": IDS}
    exec(change.permanent, names)  # noqa: S102
    MaskEasy().apply(change, run)

    assert names["loss"].item() == pytest.approx(treated(run.task, run.controls)(outputs, IDS).item(), rel=1e-5)
