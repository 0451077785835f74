"""How much each part of a loss pulls, against gradients computed one by one."""

import pytest
import torch
from torch import nn

from autofix_nb.loop.part_gradients import is_due, part_gradients


def parts(model, rows):
    outputs = model(rows)
    return {"size": outputs.square().mean(), "mean": outputs.mean(), "other": (outputs[:, 0] - 1).abs().mean()}


def plain(model, rows, name):
    grads = torch.autograd.grad(parts(model, rows)[name], list(model.parameters()))
    return torch.cat([grad.flatten() for grad in grads])


def test_norms_and_cosines_equal_a_plain_loop():
    """Of each part, and with the sum of the others; weights count as they do in the loss."""
    torch.manual_seed(0)
    model, rows = nn.Linear(4, 2), torch.randn(16, 4)
    found = part_gradients(list(model.parameters()), lambda data: parts(model, data), rows, {"mean": 10.0})
    pulls = {name: plain(model, rows, name) * (10.0 if name == "mean" else 1.0) for name in ("size", "mean", "other")}

    for name, pull in pulls.items():
        others = sum(other for key, other in pulls.items() if key != name)

        assert float(pull.norm()) == pytest.approx(found[f"part_norm/{name}"], rel=1e-4)
        assert float(torch.cosine_similarity(pull, others, dim=0)) == pytest.approx(
            found[f"part_cosine/{name}"], abs=1e-4
        )


def test_opposite_parts_have_a_cosine_of_minus_one():
    """And no gradient is written to the parameters."""
    model, rows = nn.Linear(4, 2), torch.randn(16, 4)
    found = part_gradients(
        list(model.parameters()), lambda data: {"up": model(data).mean(), "down": -2 * model(data).mean()}, rows
    )

    assert (-1.0, -1.0) == pytest.approx((found["part_cosine/up"], found["part_cosine/down"]))
    assert all(part.grad is None for part in model.parameters())


@pytest.mark.parametrize(
    "objective",
    [
        pytest.param(lambda loss: loss, id="one-number"),
        pytest.param(lambda loss: {"only": loss}, id="one-part"),
        pytest.param(lambda loss: {"loss": loss, "seen": loss.detach(), "count": 3}, id="parts-that-are-only-recorded"),
    ],
)
def test_without_several_parts_nothing_is_told(objective):
    """There is nothing to compare."""
    model, rows = nn.Linear(4, 2), torch.randn(16, 4)

    assert {} == part_gradients(list(model.parameters()), lambda data: objective(model(data).mean()), rows)


def test_due_are_three_early_steps_and_then_every_hundredth():
    """10, 25, 50, 100, 200, ..."""
    assert [10, 25, 50, 100, 200] == [step for step in range(1, 300) if is_due(step)]
