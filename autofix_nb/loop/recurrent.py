"""What the gates of a recurrent layer are at, recomputed from its weights and one input.

Gates are inside of one call of torch's, where nobody can listen. A few steps of the recurrence, by hand and of a few
rows, tell which share of them stands at its bounds: there no gradient comes through, and what the layer remembers jumps
instead of growing (Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks; Karpathy,
Johnson, Fei-Fei 2015, Visualizing and Understanding Recurrent Networks, count gates so that are saturated).
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

RECURRENT = (nn.RNNBase, nn.RNNCellBase)
ROWS = 64
TIMES = 64
"""Rows, and steps of a sequence, that are recomputed."""

NEAR = 0.01
"""Distance from a bound, in parts of it, below which a gate is saturated."""

_KINDS = {nn.LSTM: "lstm", nn.LSTMCell: "lstm", nn.GRU: "gru", nn.GRUCell: "gru", nn.RNN: "rnn", nn.RNNCell: "rnn"}


def saturated_share(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> torch.Tensor | None:
    """Return the share of all gates within 1 % of a bound in one call; None where the layer has no bounds."""
    kind = kind_of(module)
    if kind is None:
        return None
    values = [*inputs, *named.values()]
    times, batched = times_of(module, values[0])
    if not times or not times[0].numel():
        return None
    with torch.no_grad(), torch.autocast(times[0].device.type, enabled=False):
        given = values[1] if len(values) > 1 and batched else None
        shares = [share for _, share in _layers(module, kind, times, given)]
        return torch.stack(shares).mean()


def kind_of(module: nn.Module) -> str | None:
    """Return which recurrence a layer or cell is; None where it is none whose states have bounds."""
    kind = next((kind for owner, kind in _KINDS.items() if isinstance(module, owner)), None)
    return None if kind is None or getattr(module, "nonlinearity", "tanh") != "tanh" else kind


def last_states(module: nn.Module, kind: str, times: list[torch.Tensor]) -> torch.Tensor:
    """Return what the last layer gives at the last step (N, H) of rows that come step by step, (N, F) each."""
    states = torch.empty(0)
    for gave, _ in _layers(module, kind, times, None):
        states = gave[-1]
    return states


def times_of(module: nn.Module, given: Any) -> tuple[list[torch.Tensor], bool]:
    """Return the rows of each step, (rows, features); of packed sequences, longer ones come first and shorter ones end.

    And whether the state that came with them has the same rows in the same places.
    """
    if isinstance(given, PackedSequence):
        sizes = given.batch_sizes.tolist()[:TIMES]
        return [part[:ROWS] for part in given.data[: sum(sizes)].split(sizes)], False
    if isinstance(module, nn.RNNCellBase):
        return [given[:ROWS] if given.dim() == 2 else given[None]], given.dim() == 2
    if given.dim() == 2:
        return list(given[:TIMES, None]), False
    return list((given.transpose(0, 1) if module.batch_first else given)[:TIMES, :ROWS]), True


def _layers(
    module: nn.Module, kind: str, times: list[torch.Tensor], given: Any
) -> Iterator[tuple[list[torch.Tensor], torch.Tensor]]:
    """Yield states and share of each layer and direction; a layer reads what both directions of the one below gave."""
    both = 2 if getattr(module, "bidirectional", False) else 1
    now = [part.detach().float() for part in times]
    for layer in range(getattr(module, "num_layers", 1)):
        gave = []
        for way in range(both):
            ending = "" if isinstance(module, nn.RNNCellBase) else f"_l{layer}{'_reverse' if way else ''}"
            states = _states(given, layer * both + way, is_cell=isinstance(module, nn.RNNCellBase))
            steps = now[::-1] if way else now
            hidden, share = _recur(_weights(module, ending), kind, steps, states)
            gave.append(hidden[::-1] if way else hidden)
            yield gave[-1], share
        now = [torch.cat(parts, 1) for parts in zip(*gave, strict=True)]


def _weights(module: nn.Module, ending: str) -> dict[str, torch.Tensor | None]:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    found = {name: getattr(module, name + ending, None) for name in names}
    return {name: None if part is None else part.detach().float() for name, part in found.items()}


def _states(given: Any, place: int, *, is_cell: bool) -> list[torch.Tensor]:
    """Return the hidden state that a layer begins with, and of an LSTM its memory; empty for zeros."""
    if given is None:
        return []
    parts = given if isinstance(given, tuple | list) else (given,)
    return [(part if is_cell else part[place]).detach().float()[:ROWS] for part in parts]


def _recur(
    weights: dict[str, Any], kind: str, steps: list[torch.Tensor], states: list[torch.Tensor]
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return what one layer gives at each step, and the share of its gates at their bounds."""
    size = weights["weight_hh"].shape[1]
    width = weights["weight_hh"].shape[0] // {"lstm": 4, "gru": 3, "rnn": 1}[kind]
    most = max(len(rows) for rows in steps)
    hidden = states[0] if states else steps[0].new_zeros(most, size)
    memory = states[1] if len(states) > 1 else steps[0].new_zeros(most, width)
    gave, near, count = [], steps[0].new_zeros(()), 0
    for rows in steps:
        here = len(rows)
        read = nn.functional.linear(rows, weights["weight_ih"], weights["bias_ih"])
        kept = nn.functional.linear(hidden[:here], weights["weight_hh"], weights["bias_hh"])
        gates, state, memory_here = _STEPS[kind](read, kept, hidden[:here], memory[:here])
        if weights["weight_hr"] is not None:
            state = state @ weights["weight_hr"].T
        # Sequences that are not at work in this step keep what they have, as they do in torch.
        hidden = torch.cat([state, hidden[here:]])
        memory = torch.cat([memory_here, memory[here:]])
        gave.append(state)
        near = near + sum(((low + NEAR > gate) | (gate > 1 - NEAR)).sum() for gate, low in gates)
        count += sum(gate.numel() for gate, _ in gates)
    return gave, near / count


def _lstm(read: torch.Tensor, kept: torch.Tensor, _: torch.Tensor, memory: torch.Tensor) -> Any:
    let_in, forget, new, out = (read + kept).chunk(4, 1)
    let_in, forget, new, out = _sigmoid(let_in), _sigmoid(forget), _tanh(new), _sigmoid(out)
    memory = forget * memory + let_in * new
    return [(let_in, 0.0), (forget, 0.0), (new, -1.0), (out, 0.0)], out * _tanh(memory), memory


def _gru(read: torch.Tensor, kept: torch.Tensor, hidden: torch.Tensor, memory: torch.Tensor) -> Any:
    (read_r, read_z, read_n), (kept_r, kept_z, kept_n) = read.chunk(3, 1), kept.chunk(3, 1)
    reset, stay = _sigmoid(read_r + kept_r), _sigmoid(read_z + kept_z)
    new = _tanh(read_n + reset * kept_n)
    return [(reset, 0.0), (stay, 0.0), (new, -1.0)], (1 - stay) * new + stay * hidden, memory


def _rnn(read: torch.Tensor, kept: torch.Tensor, _: torch.Tensor, memory: torch.Tensor) -> Any:
    hidden = _tanh(read + kept)
    return [(hidden, -1.0)], hidden, memory


_STEPS = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}


def _sigmoid(values: torch.Tensor) -> torch.Tensor:
    return torch.special.expit(values)  # a name that `Listening` does not take for an activation of the model


def _tanh(values: torch.Tensor) -> torch.Tensor:
    return 2 * torch.special.expit(2 * values) - 1
