"""Validation measures the whole set, changes nothing, and survives bad samples."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.data import guard_loader
from autofix_nb.loop.evaluate import evaluate
from autofix_nb.objective.objective import Objective
from autofix_nb.objective.tasks import task_of
from tests.cases import ConvNet, Damaged, digits

CPU = torch.device("cpu")


def measure(model, dataset, metrics=None, batch_size=50, loss=None, **options):
    outputs, targets = torch.zeros(2, 10), torch.zeros(2).long()
    objective = Objective(model, task_of(loss or nn.CrossEntropyLoss(), outputs, targets))
    loader = DataLoader(dataset, batch_size=batch_size, **options)
    return evaluate(objective, guard_loader(loader, 0), metrics or {}, CPU, nullcontext)


def rows(count=170):
    inputs, targets = digits()
    return inputs[:count], targets[:count]


def test_loss_and_metrics_are_those_of_the_whole_set():
    """Unequal last batch: a mean of batch means would be wrong. Computed at once is the second implementation."""
    torch.manual_seed(0)
    model = ConvNet()
    inputs, targets = rows()
    model.eval()
    with torch.no_grad():
        outputs = model(inputs)
    model.train()

    row, problems = measure(
        model, TensorDataset(inputs, targets), {"largest": lambda outputs, targets: outputs.max() + targets.max()}
    )

    assert float(nn.functional.cross_entropy(outputs, targets)) == pytest.approx(row["val/loss"], rel=1e-5)
    assert float(outputs.max() + targets.max()) == pytest.approx(row["val/largest"], rel=1e-5)
    assert [] == problems


def test_nothing_of_the_training_is_changed():
    """Modes (of each module), buffers, gradients and random streams are as before."""
    model = ConvNet()
    model.body[1].eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    stream = torch.get_rng_state()

    measure(model, TensorDataset(*rows()), shuffle=True)

    assert model.training
    assert not model.body[1].training
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(stream, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_samples_that_cannot_be_had_or_run_are_left_out_and_said():
    """One raises while loading, one in the forward pass; the loss is that of the others."""
    inputs, targets = rows()
    inputs = inputs.clone()
    inputs[33, 0] = 9

    class Picky(ConvNet):
        def forward(self, rows):
            if bool((rows[:, 0] == 9).any()):
                raise AssertionError("not to my taste")
            return super().forward(rows)

    torch.manual_seed(0)
    model = Picky()
    row, problems = measure(model, Damaged(inputs, targets, raising={5}))
    kept = [index for index in range(170) if index not in (5, 33)]
    clean, _ = measure(model, TensorDataset(inputs[kept], targets[kept]))

    assert clean["val/loss"] == pytest.approx(row["val/loss"], rel=1e-5)
    assert ["validation sample 5 raises", "a validation sample raises Ass"] == [
        problem[:26] if "sample 5" in problem else problem[:30] for problem in problems
    ]


def test_a_model_that_always_raises_is_not_hidden():
    """When nothing passes it is no matter of samples."""

    class Broken(ConvNet):
        def forward(self, rows):
            raise KeyError("always")

    with pytest.raises(KeyError, match="always"):
        measure(Broken(), TensorDataset(*rows(20)))


def test_a_loss_that_is_not_finite_is_said():
    """NaN is shown as it is, and named among the problems."""
    inputs, targets = rows(60)
    inputs = inputs.clone()
    inputs[7] = float("nan")

    row, problems = measure(ConvNet(), TensorDataset(inputs, targets))

    assert row["val/loss"] != row["val/loss"]
    assert any("validation loss is nan" in problem for problem in problems)


def test_answers_are_counted_beside_the_metrics():
    """Rows, and the largest shares among predictions and labels; a metric of the user's keeps its name."""
    inputs, targets = rows()

    row, _ = measure(ConvNet(), TensorDataset(inputs, targets), {"majority": lambda outputs, targets: 7.0})

    assert {"val/loss", "val/rows", "val/majority", "val/top_share", "val/mean_recall"} == row.keys()
    assert (170.0, 7.0) == (row["val/rows"], row["val/majority"])
    assert 0.1 <= row["val/top_share"] <= 1.0
