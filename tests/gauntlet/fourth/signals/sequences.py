"""Sick recurrent nets on sensor signals: telling waves apart, looking ahead, and remembering the first step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from tests.gauntlet import score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.signals.bodies import Listener
from tests.gauntlet.fourth.signals.material import forecast, recall, waves
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

WAVES = Recipe(data=waves, net=lambda: Listener(2, 4), optimizer=adam(0.01), batch=24, epochs=8)
AHEAD = Recipe(
    data=forecast,
    net=lambda: Listener(1, 1, nn.LSTM, 20),
    optimizer=adam(0.01),
    loss=nn.MSELoss,
    score=score.fit,
    batch=32,
    epochs=10,
)
FIRST = Recipe(data=recall, net=lambda: Listener(6, 3, nn.RNN), optimizer=adam(3e-3), batch=20, epochs=8)
Schedule = Callable[[torch.optim.Optimizer], Any]


def _remembers(scale: float) -> nn.Module:
    net = Listener(6, 3, nn.RNN)
    nn.init.orthogonal_(net.memory.weight_hh_l0)
    with torch.no_grad():
        net.memory.weight_hh_l0.mul_(scale)
    return net


def _linear_memory(scale: float) -> nn.Module:
    net = Listener(2, 4, lambda *sizes, **more: nn.RNN(*sizes, nonlinearity="relu", **more))
    nn.init.eye_(net.memory.weight_hh_l0)
    with torch.no_grad():
        net.memory.weight_hh_l0.mul_(scale)
    return net


def _with_clock() -> Data:
    """A third sensor writes the time of day in milliseconds."""
    data, times = waves(), torch.manual_seed(5)
    late = [8.64e7 * torch.rand(len(rows), 1, 1, generator=times) for rows in (data.inputs, data.val_inputs)]
    inputs, val_inputs = (
        torch.cat([rows, (start + 10 * torch.arange(32.0)[:, None]).expand(-1, 32, 1)], 2)
        for rows, start in zip((data.inputs, data.val_inputs), late, strict=True)
    )
    return data._replace(inputs=inputs, val_inputs=val_inputs)


def _with_seconds() -> Data:
    """A third sensor writes the time of the hour as a number from -1 to 1."""
    data = _with_clock()
    scale = torch.tensor([1.0, 1.0, 2 / 8.64e7]), torch.tensor([0.0, 0.0, 1.0])
    return data._replace(inputs=data.inputs * scale[0] - scale[1], val_inputs=data.val_inputs * scale[0] - scale[1])


def _in_pascal() -> Data:
    """The same swings as a pressure in pascal."""
    data = forecast()
    return data._replace(targets=101_300 + 900 * data.targets, val_targets=101_300 + 900 * data.val_targets)


def _glitches() -> Data:
    """In one row of forty the sensor to be foretold said 65535."""
    data = forecast()
    targets = data.targets.clone()
    targets[3::40] = 65535.0
    return data._replace(targets=targets)


def _by_machine(data: Data) -> Dataset:
    order = data.targets.argsort(stable=True, descending=True)
    return TensorDataset(data.inputs[order], data.targets[order])


def _falls(gamma: float) -> Schedule:
    return lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma)


CASES = [
    spoilt(
        "d_first_forgotten",
        "G02",
        replace(FIRST, net=lambda: _remembers(1.0)),
        "Recurrent weights a fiftieth of what they should be: nothing of the first step is left at the last.",
        net=lambda: _remembers(0.02),
    ),
    spoilt(
        "d_waves_growing_states",
        "G01 G03",
        replace(WAVES, net=lambda: _linear_memory(0.8), optimizer=adam(2e-3), epochs=12),
        "A relu memory that trebles its state with each of 32 steps.",
        net=lambda: _linear_memory(3.0),
    ),
    spoilt(
        "d_waves_clock",
        "D02 B03",
        replace(WAVES, data=_with_seconds, net=lambda: Listener(3, 4)),
        "A third sensor, the time in milliseconds, drowns the two that matter.",
        data=_with_clock,
    ),
    spoilt(
        "d_waves_reckless_rnn",
        "L01 G01",
        replace(WAVES, optimizer=sgd(0.3, momentum=0.9), epochs=8),
        "SGD at 5 with momentum for a recurrent net.",
        optimizer=sgd(5.0, momentum=0.9),
    ),
    spoilt(
        "d_waves_by_machine",
        "D09",
        replace(WAVES, optimizer=sgd(0.3, momentum=0.9)),
        "The signals come machine by machine, each with its own kind.",
        rows=_by_machine,
        shuffle=False,
    ),
    spoilt(
        "d_waves_fast_fall",
        "L02 L03",
        replace(WAVES, scheduler=_falls(0.9)),
        "The schedule that is meant for epochs falls by a fifth with each step.",
        scheduler=_falls(0.8),
        when="step",
    ),
    spoilt(
        "d_ahead_pascal",
        "L02 L05",
        AHEAD,
        "The targets are pressures around 101300, far from where the net begins.",
        data=_in_pascal,
    ),
    spoilt(
        "d_ahead_glitches",
        "D03",
        AHEAD,
        "One target in forty is 65535, the sensor's way to say nothing.",
        data=_glitches,
    ),
    spoilt(
        "d_ahead_idle_decay",
        "L05",
        AHEAD,
        "Adam with a weight decay of 0.5 in its gradient.",
        optimizer=adam(0.01, weight_decay=0.5),
    ),
]
