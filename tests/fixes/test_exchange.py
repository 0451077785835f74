"""Activations that a `forward` calls by itself are exchanged while the model runs."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.fixes.exchange import CODE, MADE, exchange

ROWS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Calls relu itself, has a module that calls it, and a child that calls it for its own purposes."""

    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()
        self.child = nn.Sequential(nn.ReLU())

    def forward(self, x):
        return self.act(torch.relu(x)) + functional.relu(x - 1, inplace=True) + self.child(x)


def swapped(places, to="tanh"):
    net = Net()
    exchange(net, places, ["act", "child.0"], to)
    return net


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([["", 0, None]], lambda x: x.tanh().relu() + (x - 1).relu() + x.relu()),
        ([["", 1, None]], lambda x: x.relu() + (x - 1).tanh() + x.relu()),
        ([["", 0, 0], ["child.0", 0, None]], lambda x: x.tanh().relu() + (x - 1).relu() + x.tanh()),
        ([["act", 0, 1]], lambda x: x.relu() + (x - 1).relu() + x.relu()),  # it is called but once
    ],
)
def test_only_what_is_listed_is_exchanged(places, expected):
    """Counted for each module by itself, so that what a child calls does not shift the numbers."""
    net = swapped(places)

    assert torch.equal(expected(ROWS), net(ROWS))
    assert torch.equal(expected(ROWS), copy.deepcopy(net)(ROWS))


def test_a_module_called_twice_has_two_turns():
    """So the last of them, the answer's, can be exchanged alone; and turns begin anew with each pass."""
    act = nn.ReLU()
    net = nn.Sequential(act, nn.Linear(4, 4), act)
    exchange(net, [["0", 0, 1]], ["0"], "identity")

    for _ in range(2):
        assert torch.equal(net[1](ROWS.relu()), net(ROWS))


def test_in_place_stays_in_place():
    """A call whose result is thrown away changes its argument; and the gradient is that of the exchanged one."""

    class InPlace(nn.Module):
        def forward(self, x):
            x = x * 1
            x.relu_()
            return x

    net = InPlace()
    exchange(net, [["", 0, None]], [], "tanh")
    rows = ROWS.clone().requires_grad_()
    net(rows).sum().backward()

    assert torch.allclose(1 - ROWS.tanh() ** 2, rows.grad)


def test_an_exception_on_the_way_leaves_nothing_behind():
    """Also one that is no `Exception`: outside of the model relu is relu, and the next pass counts from 0."""
    net = swapped([["", 0, None]])
    whole = net(ROWS)
    hook = net.act.register_forward_hook(lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        net(ROWS)
    hook.remove()

    assert torch.equal(ROWS.clamp(min=0), torch.relu(ROWS))
    assert torch.equal(whole, net(ROWS))


def test_the_way_back_one_by_one():
    """A second exchange on the same model is taken back, and the first stays."""
    net = swapped([["", 0, None]])
    first = net(ROWS)
    ways_back = exchange(net, [["", 0, None], ["", 1, None]], ["act", "child.0"], "selu")
    second = net(ROWS)
    for go_back in reversed(ways_back):
        go_back()

    assert torch.equal(first, net(ROWS))
    assert not torch.equal(first, second)


def test_a_slice_has_nothing_to_exchange():
    """It has the class of what it was cut from."""
    net = nn.Sequential(nn.ReLU(), nn.ReLU())
    exchange(net, [["0", 0, None]], [], "tanh")

    assert torch.equal(ROWS.tanh(), net[:1](ROWS))
    assert torch.equal(ROWS.tanh().relu(), net(ROWS))


@pytest.mark.parametrize("kind", MADE)
def test_the_code_makes_the_same(kind):
    """As it is typed."""
    assert repr(MADE[kind]()) == repr(eval(CODE[kind], {"nn": nn}))  # noqa: S307
