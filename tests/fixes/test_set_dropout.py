"""More dropout against overfitting, none against underfitting."""

import pytest
import torch
from torch import nn

from autofix_nb.fixes.set_dropout import SetDropout
from tests.fixes.test_surgery import Attending, Recurrent, answer, nested, trained
from tests.runs import finding


def plans(model, code):
    run = trained(model, steps=0)
    return run, SetDropout().plans(finding(code=code), run)


def strong():
    return nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.ReLU(), nn.Dropout(0.0), nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("model", "code", "expected"),
    [
        (nested, "L04", [{"1": 0.3}, {"1": 0.5}]),
        (nested, "L05", [{"1": 0.0}]),
        (strong, "L04", []),
        (strong, "L05", [{"1": 0.0}]),
        (Recurrent, "L04", [{"lstm": 0.3}, {"lstm": 0.5}]),
        (Recurrent, "L05", [{"lstm": 0.0}]),
        (lambda: nn.Sequential(nn.Linear(4, 3)), "L05", []),
    ],
    ids=["up", "down", "at-the-top", "only-what-works", "between-layers-up", "between-layers-down", "none"],
)
def test_which_shares_are_tried(model, code, expected):
    """The next two above, or none at all."""
    assert expected == [one.after["dropouts"] for one in plans(model(), code)[1]]


def test_attention_drops_as_the_rest_does():
    """It keeps its share under another name."""
    model = Attending("relu")
    run, found = plans(model, "L05")
    fix = SetDropout()
    fix.apply(found[0], run)

    assert 0.0 == model.encoder.layers[0].self_attn.dropout
    assert 8 == len(found[0].after["dropouts"])
    fix.undo(found[0], run)
    assert 0.1 == model.encoder.layers[1].self_attn.dropout


def test_where_there_is_none_it_comes_before_the_last_layer():
    """It drops while training, and lets all through when asked."""
    model = nn.Sequential(nn.Linear(4, 400), nn.ReLU(), nn.Linear(400, 3))
    run, found = plans(model, "L04")
    before = answer(run)
    SetDropout().apply(found[1], run)
    seen = []
    model[2].dropout.register_forward_hook(lambda _, given, what: seen.append(float((what == 0).float().mean())))
    model(run.sample_batches(1)[0][0].abs() + 1)

    assert [{"2": 0.3}, {"2": 0.5}] == [one.after["before"] for one in found]
    assert torch.equal(before, answer(run))
    assert seen[0] > 0.45
    assert "50% of what goes into `2` is dropped at random while it trains" == found[1].says


@pytest.mark.parametrize("code", ["L04", "L05"])
def test_the_code_to_type_makes_the_same(code):
    """In a cell after the model."""
    for model in (nested(), Recurrent(), nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))):
        for change in plans(model, code)[1]:
            exec(change.permanent, {"model": model, "nn": nn})  # noqa: S102
        if code == "L04":
            assert "p=0.5" in repr(model) or "dropout=0.5" in repr(model)


class Calling(nn.Module):
    """Drops by calling a function."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, rows):
        return self.head(nn.functional.dropout(rows, 0.9, self.training))


def test_what_forward_calls_is_let_through_too():
    """It stands nowhere among the layers; and drops again after the undoing."""
    run, (change,) = plans(Calling(), "L05")
    fix, rows = SetDropout(), torch.ones(6, 4)
    run.model.train()
    fix.apply(change, run)
    whole = run.model(rows)
    fix.undo(change, run)

    assert torch.equal(whole, run.model.head(rows))
    assert not torch.equal(whole, run.model(rows))
    assert "dropout in `forward` drops nothing, before it was 90%" in change.says
