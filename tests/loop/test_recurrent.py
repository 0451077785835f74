"""What the gates of recurrent layers are at: recomputed as torch computes them."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from autofix_nb.loop import recurrent
from autofix_nb.loop.listening import Listening
from autofix_nb.loop.recurrent import saturated_share

KINDS = {nn.LSTM: "lstm", nn.GRU: "gru", nn.RNN: "rnn"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("packed", [False, True], ids=["rows", "packed"])
def test_the_recurrence_is_that_of_torch(kind, packed):
    """Of both directions, of rows of one length and of several."""
    torch.manual_seed(0)
    layer = kind(3, 4, bidirectional=True, batch_first=True)
    rows = pack_sequence([torch.randn(n, 3) for n in (5, 3, 2)]) if packed else torch.randn(6, 5, 3)
    times, _ = recurrent.times_of(layer, rows)
    ways = []
    for ending in ("_l0", "_l0_reverse"):
        steps = times[::-1] if "reverse" in ending else times
        gave, _ = recurrent._recur(recurrent._weights(layer, ending), KINDS[kind], steps, [])
        ways.append(gave[::-1] if "reverse" in ending else gave)
    mine = [torch.cat(parts, 1) for parts in zip(*ways, strict=True)]
    states = layer(rows)[0]

    if packed:
        torch.testing.assert_close(torch.cat(mine), states.data.detach(), check_stride=False)
    else:
        torch.testing.assert_close(torch.stack(mine, 1), states.detach(), check_stride=False)


MADE = {
    "lstm": lambda: nn.LSTM(3, 8, num_layers=2, batch_first=True),
    "both-ways": lambda: nn.LSTM(3, 8, num_layers=2, bidirectional=True),
    "projected": lambda: nn.LSTM(3, 8, num_layers=2, proj_size=2),
    "gru": lambda: nn.GRU(3, 8, bias=False),
    "rnn": lambda: nn.RNN(3, 8, batch_first=True),
}


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("name", MADE)
def test_loud_weights_shut_the_gates(name):
    """As they are drawn next to none stand at their bounds; a thousand times larger, nearly all do."""
    torch.manual_seed(0)
    layer, rows = MADE[name](), torch.randn(6, 5, 3)
    usual = float(saturated_share(layer, (rows,), {}))
    with torch.no_grad():
        for part in layer.parameters():
            part.mul_(1000.0)
    loud = float(saturated_share(layer, (rows,), {}))

    assert usual < 0.02
    assert loud > 0.9


def test_a_state_that_is_given_counts():
    """By place or by name; the gates of a cell too."""
    layer, rows = nn.RNN(3, 4), torch.zeros(1, 6, 3)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.eye(4))
        layer.bias_ih_l0.zero_()
        layer.bias_hh_l0.zero_()
    cell = nn.GRUCell(3, 4)
    far = torch.full((6, 4), 1e6)

    assert 0.0 == float(saturated_share(layer, (rows,), {}))
    assert 1.0 == float(saturated_share(layer, (rows, far[None]), {}))
    assert 1.0 == float(saturated_share(layer, (rows,), {"hx": far[None]}))
    assert float(saturated_share(cell, (rows[0], far), {})) > float(saturated_share(cell, (rows[0],), {}))


@pytest.mark.parametrize("rows", [torch.randn(5, 3), torch.zeros(0, 2, 3)], ids=["one-sequence", "no-rows"])
def test_unbatched_and_empty_sequences_are_no_trouble(rows):
    """One is read, of none there is nothing to say."""
    share = saturated_share(nn.LSTM(3, 4), (rows,), {})

    assert (len(rows) > 0) == (share is not None)


def test_a_recurrent_layer_without_bounds_has_none():
    """Of relu."""
    assert None is saturated_share(nn.RNN(3, 4, nonlinearity="relu"), (torch.randn(5, 2, 3),), {})


class Reader(nn.Module):
    """An LSTM over a sequence, then cells, one call a step."""

    def __init__(self):
        super().__init__()
        self.body, self.cell = nn.LSTM(3, 4, batch_first=True, dropout=0.0), nn.GRUCell(4, 5)

    def forward(self, rows):
        states, _ = self.body(rows)
        state = None
        for step in states.unbind(1):
            state = self.cell(step, state)
        return state


def test_they_are_heard_under_their_names_and_nothing_is_changed():
    """As other activations are; the outputs, gradients and random numbers are those of a step nobody listened to."""
    torch.manual_seed(0)
    model, rows = Reader(), torch.randn(8, 6, 3)
    plain = model(rows)
    plain.sum().backward()
    expected = [part.grad.clone() for part in model.parameters()]
    model.zero_grad()
    random = torch.get_rng_state()
    listening = Listening(model)
    with listening:
        heard = model(rows)
    heard.sum().backward()

    names = ("activation", "alike", "dead", "saturated")
    assert {f"{what}/{name}" for what in names for name in ("body", "cell")} == set(listening.stats())
    assert torch.equal(plain, heard)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(old, part.grad) for old, part in zip(expected, model.parameters(), strict=True))
