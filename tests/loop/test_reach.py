"""How far back a recurrent layer hears, by exchanging the beginnings of sequences."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from autofix_nb.loop.listening import Listening
from autofix_nb.loop.reach import FEWEST, reach_of


def orthogonal(scale):
    torch.manual_seed(0)
    layer = nn.RNN(4, 16, batch_first=True)
    nn.init.orthogonal_(layer.weight_hh_l0)
    with torch.no_grad():
        layer.weight_hh_l0.mul_(scale)
    return layer


def rows(steps=24, count=12):
    return 0.3 * torch.randn(count, steps, 4, generator=torch.Generator().manual_seed(1))


def test_weights_that_keep_the_state_hear_the_beginning_and_small_ones_do_not():
    """What is left of the first quarter falls with the size of the recurrent weights."""
    heard = [float(reach_of(orthogonal(scale), (rows(),), {})) for scale in (1.0, 0.5, 0.05)]

    assert heard[0] > 0.05
    assert heard[0] > heard[1] > heard[2]
    assert heard[2] < 1e-6


def test_it_is_what_the_layer_itself_does():
    """The same exchange with torch's own recurrence gives the same number."""
    layer, given = orthogonal(0.9), rows()
    others = given.roll(1, 0)
    begun, ended = torch.cat([others[:, :6], given[:, 6:]], 1), torch.cat([given[:, :-6], others[:, -6:]], 1)
    plain, begun, ended = (layer(one)[0][:, -1].detach() for one in (given, begun, ended))

    expected = float((begun - plain).norm() / (ended - plain).norm())

    assert expected == pytest.approx(float(reach_of(layer, (given,), {})), rel=1e-4)


@pytest.mark.parametrize(
    ("layer", "given"),
    [
        pytest.param(nn.Linear(4, 4), rows(), id="no-recurrence"),
        pytest.param(nn.RNNCell(4, 8), rows()[:, 0], id="cell"),
        pytest.param(nn.LSTM(4, 8, bidirectional=True, batch_first=True), rows(), id="both-ways"),
        pytest.param(nn.GRU(4, 8, batch_first=True), rows(FEWEST - 1), id="short"),
        pytest.param(nn.GRU(4, 8, batch_first=True), rows(count=1), id="one-row"),
        pytest.param(nn.GRU(4, 8), pack_sequence([torch.randn(9, 4), torch.randn(8, 4)]), id="packed"),
    ],
)
def test_not_asked_where_it_cannot_be_told(layer, given):
    """Nothing is said of what is no such layer, or of sequences that it cannot exchange parts of."""
    assert None is reach_of(layer, (given,), {})


def test_beginnings_that_are_all_the_same_say_nothing():
    """Padding in front is no mistake of the layer's."""
    given = rows()
    given[:, :6] = 0.0

    assert torch.isnan(reach_of(orthogonal(1.0), (given,), {}))


def test_it_is_recorded_with_the_gates():
    """A close look hears it, beside what it hears of the gates, and draws from no stream."""
    model = nn.Sequential(orthogonal(1.0))
    before = torch.get_rng_state()
    with Listening(model) as listening:
        model(rows())

    assert {"reach/0", "saturated/0"} <= listening.stats().keys()
    assert torch.equal(before, torch.get_rng_state())


def test_units_that_are_copies_of_one_another_are_heard():
    """Alike are all units of a layer whose weights are one number, and one of those that were drawn."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh())
    nn.init.constant_(model[0].weight, 0.1)
    nn.init.constant_(model[0].bias, 0.0)
    with Listening(model) as listening:
        model(torch.rand(16, 4))
    alike = {name: float(value) for name, value in listening.stats().items() if name.startswith("alike/")}

    assert {"alike/1": 1.0, "alike/3": 0.125} == alike
