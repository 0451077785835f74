"""What one batch on its way through a model shows."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.errors import DataError
from autofix_nb.fixes.anatomy import DYING, SATURATING
from autofix_nb.fixes.tracing import anatomy_of, look
from tests.runs import _deep_bits, structure

ROWS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


class Made(nn.Module):
    """Layers `a`, `b`, `c` of four units, called by a function."""

    def __init__(self, function):
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(4, 4) for _ in range(3))
        self.act, self.norm, self.function = nn.ReLU(), nn.LayerNorm(4), function

    def forward(self, x):
        return self.function(self, x)


def recurrence(net, x):
    state = x
    for _ in range(3):
        state = torch.tanh(net.b(state) + net.a(x))
    return net.c(state)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda net, x: net.c(net.act(net.a(x))), ["relu"]),
        (lambda net, x: net.c(functional.relu(net.a(x), inplace=True)), ["relu"]),
        (lambda net, x: net.c(net.a(x).sigmoid()), ["sigmoid"]),
        (lambda net, x: net.c(torch.exp(net.a(x))), ["exp"]),
        (lambda net, x: net.c(net.b(torch.tanh(net.a(x))).tanh_()), ["tanh", "tanh"]),
        (lambda net, x: net.c(torch.tanh(net.norm(net.a(x)).view(-1, 2, 2)).flatten(1)), ["tanh"]),
        (lambda net, x: net.c(x + net.act(net.a(x))), ["relu"]),
        (lambda net, x: net.c(net.a(x) * torch.sigmoid(net.b(x))), []),  # a gate
        (lambda net, x: net.c(net.a(x) + torch.exp(0.5 * net.b(x)) * torch.ones_like(x)), []),  # a spread
        (lambda net, x: net.c(torch.exp(-x.abs())), []),  # no layer's sums
        (lambda net, x: torch.sigmoid(net.c(x)), []),  # the answer
        (lambda net, x: net.act(net.c(net.act(net.a(x)))), ["relu"]),  # the answer's is kept, of the same module
        (recurrence, []),
        (lambda net, x: net.c(functional.gelu(net.a(x))), []),  # nothing ails it
    ],
)
def test_hidden_activations_are_found_whoever_calls_them(function, expected):
    """And gates, answers, recurrences and variances are not taken for them."""
    seen = look(Made(function), ROWS)

    assert expected == [site.kind for site in seen.hidden(SATURATING | DYING)]


def test_what_comes_where():
    """Sources and followers, normalised or not, and the last layer."""

    def function(net, x):
        return functional.softmax(net.c(net.act(net.b(net.norm(torch.tanh(net.a(x)))))), 1)

    seen = look(Made(function), ROWS)

    assert [("tanh", {"a"}), ("relu", {"b"}), ("softmax", {"c"})] == [(one.kind, one.sources) for one in seen.sites]
    assert {"a": True, "b": True, "c": False} == {name: one.normed for name, one in seen.layers.items()}
    assert ("c", 6, ["softmax"]) == (seen.last.name, seen.rows, [one.kind for one in seen.ending])


def test_activations_one_after_the_other_at_the_end():
    """The last one first; pooling in between makes the first a hidden one."""
    seen = look(Made(lambda net, x: functional.softmax(torch.sigmoid(net.a(x)).view(-1, 4), 1)), ROWS)
    pooled = look(Made(lambda net, x: functional.softmax(net.act(net.a(x)).view(-1, 2, 2).mean(2), 1)), ROWS)

    assert ["softmax", "sigmoid"] == [one.kind for one in seen.ending]
    assert ["softmax"] == [one.kind for one in pooled.ending]


class Counting(nn.Module):
    """A pass that draws random numbers and keeps a count, whatever the mode."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x):
        self.count += 1
        self.mean = 0.9 * self.mean + 0.1 * x.mean()
        return functional.dropout(self.norm(self.layer(x)), 0.5, training=True)


@pytest.mark.parametrize("broken", [False, True])
def test_looking_changes_nothing(broken):
    """Not the buffers, modes, hooks or the random stream, also where the model raises on the way."""
    model = Counting()
    model.norm.eval()
    before = _deep_bits([model.state_dict(), torch.get_rng_state()]), copy.deepcopy(structure(model))
    if broken:
        with pytest.raises(RuntimeError):
            look(model, ROWS[:, :3])
    else:
        look(model, ROWS)

    assert before == (_deep_bits([model.state_dict(), torch.get_rng_state()]), structure(model))
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in model.modules())


def refuse(data):
    raise DataError("only the user's `step` can take it apart")


@pytest.mark.parametrize(
    ("batches", "split"), [([], None), ([ROWS], refuse)], ids=["no-batches", "a-step-of-the-users-own"]
)
def test_without_a_batch_the_list_of_modules_has_to_do(batches, split):
    """Each is taken to feed the next; the last activation is the answer's."""
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    model.append(nn.Sigmoid())
    seen = anatomy_of(SimpleNamespace(model=model, sample_batches=lambda count: batches, split=split))

    assert ["2", "4"] == [one.owner for one in seen.hidden(SATURATING | DYING)]
    assert ("5", [True, False, False]) == (seen.last.name, [one.normed for one in seen.layers.values()])
