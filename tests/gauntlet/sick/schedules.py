"""Schedules whose height or factor is wrong, and rates that are far too hot and learn a little."""

from dataclasses import replace
from functools import partial

from torch import nn
from torch.optim import lr_scheduler

from tests.gauntlet.nets import Reader
from tests.gauntlet.recipe import adam, sgd, spoilt
from tests.gauntlet.sick.twins import CONV, READER, TABLE

RNN = replace(READER, net=lambda: Reader(nn.RNN), optimizer=adam(3e-3), epochs=8)

CASES = [
    spoilt(
        "conv_net_with_a_cycle_to_1",
        "L01",
        CONV,
        "one cycle of Adam up to 1",
        scheduler=partial(lr_scheduler.OneCycleLR, max_lr=1.0, total_steps=220, cycle_momentum=False),
        when="step",
    ),
    spoilt(
        "table_warms_up_for_good",
        "L01 G01",
        TABLE,
        "a warm-up by epochs that adds its height each time",
        optimizer=sgd(0.1),
        scheduler=partial(lr_scheduler.LambdaLR, lr_lambda=lambda epoch: 1.0 + 40.0 * epoch),
    ),
    spoilt("rows_with_adam_at_0.05", "L01 L03", RNN, "a plain recurrent net with Adam at 0.05", optimizer=adam(0.05)),
]
