"""Steps that fade, or are too few, and a decay that one group alone has."""

from torch import nn, optim

from tests.gauntlet.recipe import spoilt
from tests.gauntlet.sick.twins import DIGITS


def _second_group_decays(net: nn.Sequential) -> optim.Optimizer:
    groups = [{"params": net[0].parameters()}, {"params": net[2].parameters(), "weight_decay": 300.0}]
    return optim.AdamW(groups, lr=3e-3)


CASES = [
    spoilt(
        "digits_by_adagrad_that_fades",
        "L02",
        DIGITS,
        "Adagrad at 0.0003, whose steps become ever smaller",
        optimizer=lambda net: optim.Adagrad(net.parameters(), lr=3e-4),
    ),
    spoilt(
        "digits_gathered_twice_an_epoch",
        "L02 L05",
        DIGITS,
        "the gradients of 22 batches are gathered for a step, two an epoch",
        accumulate=22,
        optimizer=lambda net: optim.Adam(net.parameters(), lr=1e-3),
    ),
    spoilt(
        "digits_whose_last_layer_decays",
        "L05",
        DIGITS,
        "AdamW with a weight decay of 300 in the second of its groups",
        optimizer=_second_group_decays,
    ),
]
