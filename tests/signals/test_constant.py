"""The least loss of an answer that never changes, against a search for it."""

import math

import pytest
import torch
from torch import nn

from autofix_nb.objective import Task, infer_task, task_of
from autofix_nb.signals.constant import ConstantAnswer

LABELS = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
YES = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])


def best_constant(loss, shape, targets):
    """Minimise the loss over one row of outputs that is given for every row."""
    row = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    for _ in range(1500):
        (gradient,) = torch.autograd.grad(loss.double()(row.expand(len(targets), *shape), targets), row)
        row.data -= gradient
    return float(loss(row.detach().expand(len(targets), *shape), targets))


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [
        pytest.param(nn.CrossEntropyLoss(), torch.zeros(8, 3), LABELS, id="classes"),
        pytest.param(nn.CrossEntropyLoss(label_smoothing=0.2), torch.zeros(8, 3), LABELS, id="smoothed"),
        pytest.param(nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 5.0])), torch.zeros(8, 3), LABELS, id="weighted"),
        pytest.param(nn.BCEWithLogitsLoss(), torch.zeros(8), YES, id="yes-or-no"),
        pytest.param(nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0)), torch.zeros(8), YES, id="yes-counts-more"),
        pytest.param(nn.BCEWithLogitsLoss(), torch.zeros(8, 2), torch.stack([YES, 1 - YES], 1), id="labels"),
        pytest.param(nn.MSELoss(), torch.zeros(8, 2), torch.arange(16.0).reshape(8, 2) ** 2, id="numbers"),
    ],
)
def test_no_constant_answer_has_a_lower_loss(loss, outputs, targets):
    """The closed form is what an optimizer finds."""
    task, constant = task_of(loss, outputs, targets), ConstantAnswer()
    constant.add(task, targets[:3])
    constant.add(task, targets[3:])
    wanted = targets if targets.dtype == torch.long else targets.double()

    assert best_constant(loss, outputs.shape[1:], wanted) == pytest.approx(constant.loss(task), rel=1e-4, abs=1e-6)


def test_one_hot_targets_are_classes():
    """Their entropy is that of the class numbers."""
    targets = nn.functional.one_hot(LABELS, 3).float()
    task, constant = infer_task(torch.randn(8, 3), targets), ConstantAnswer()
    constant.add(task, targets)
    shares = [3 / 8, 2 / 8, 3 / 8]

    assert -sum(share * math.log(share) for share in shares) == pytest.approx(constant.loss(task))


@pytest.mark.parametrize(
    "loss",
    [nn.L1Loss(), nn.MSELoss(reduction="sum"), lambda outputs, targets: outputs.mean()],
    ids=["another-loss", "a-sum", "the-users"],
)
def test_what_has_no_known_answer_is_nan(loss):
    """No number is better than a wrong one."""
    task, constant = Task(kind="regression", loss=loss, says=""), ConstantAnswer()
    constant.add(task, YES)

    assert math.isnan(constant.loss(task))
