"""What breaks in the middle of a run: memory, weights, the forward pass, the disk, the loader, the kernel."""

from dataclasses import replace
from functools import partial

import torch

from tests.gauntlet.case import Case, Training
from tests.gauntlet.nets import conv, dense
from tests.gauntlet.recipe import spoilt
from tests.gauntlet.sick.breaking import Disk, Interrupting, Logarithm, Refusing, Slow, Small
from tests.gauntlet.sick.twins import CONV, CURVE, DIGITS


def _poison(training: Training, step: int) -> None:
    """Let NaN appear among the weights once, after this step."""
    steps = 0

    def after(optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            with torch.no_grad():
                optimizer.param_groups[0]["params"][0].view(-1)[5] = float("nan")

    training.optimizer.register_step_post_hook(after)


def _scramble(training: Training, step: int) -> None:
    """Let a transfer go wrong once: most weights come back multiplied by a thousand."""
    steps = 0

    def after(optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            with torch.no_grad():
                for weight in optimizer.param_groups[0]["params"]:
                    weight.mul_(-1000.0)

    training.optimizer.register_step_post_hook(after)


DISK = Disk()


CASES: list[Case] = [
    spoilt(
        "room_for_ten_rows",
        "R01",
        DIGITS,
        "there is room for ten rows of thirty-two",
        net=lambda: Small(dense(64, 64, 10), 10),
    ),
    spoilt("room_for_half_a_batch", "R01", CONV, "there is room for half a batch", net=lambda: Small(conv(), 16)),
    spoilt(
        "room_for_one_row",
        "R01",
        replace(CURVE, batch=8, epochs=6),
        "there is room for a single row of eight",
        net=lambda: Small(dense(10, 64, 1), 1),
        epochs=2,
    ),
    spoilt(
        "nan_among_the_weights",
        "G03",
        DIGITS,
        "a weight turns NaN once, in the middle",
        last=partial(_poison, step=150),
    ),
    spoilt(
        "nan_among_the_weights_early",
        "G03",
        CURVE,
        "a weight turns NaN once, at the tenth step",
        last=partial(_poison, step=10),
    ),
    spoilt(
        "weights_scrambled_in_a_transfer",
        "L10 G01",
        DIGITS,
        "all weights come back wrong once, near the end",
        source="TrainCheck pytorch-84803",
        last=partial(_scramble, step=270),
    ),
    spoilt(
        "weights_scrambled_on_a_regression",
        "L10 G01",
        CURVE,
        "all weights come back wrong once, in the middle",
        source="TrainCheck baichuan2-86",
        last=partial(_scramble, step=120),
    ),
    spoilt(
        "net_raises_for_some_rows",
        "B06 R02",
        DIGITS,
        "the net raises for the brightest rows",
        net=lambda: Refusing(dense(64, 64, 10), 0.385),
    ),
    spoilt(
        "logarithm_of_zero",
        "G03 B06",
        CONV,
        "the logarithm of zero, for the darkest pictures",
        net=lambda: Logarithm(conv(), 0.235),
    ),
    Case(
        name="disk_breaks_in_the_middle",
        codes=("R03",),
        aim="name",
        twin=DIGITS,
        store=DISK.store,
        make=replace(DIGITS, rows=lambda data: DISK.rows(data, 3000)),
        says="the disk breaks after a third of the run",
    ),
    Case(
        name="disk_breaks_at_once",
        codes=("R03",),
        aim="name",
        twin=CONV,
        store=DISK.store,
        make=replace(CONV, rows=lambda data: DISK.rows(data, 100)),
        says="the disk breaks at the start",
    ),
    spoilt(
        "slow_rows", "R04", DIGITS, "each row takes a fifth of a millisecond to load", aim="name", rows=Slow, epochs=3
    ),
    spoilt(
        "slow_pictures",
        "R04",
        CONV,
        "each picture takes a fifth of a millisecond to load",
        aim="name",
        rows=Slow,
        epochs=3,
    ),
    Case(
        name="stopped_in_the_third_epoch",
        codes=("R05",),
        aim="name",
        twin=DIGITS,
        again=DIGITS,
        make=replace(DIGITS, rows=Interrupting),
        says="the kernel is stopped in the third epoch, and the cell runs again",
    ),
    Case(
        name="stopped_while_reading_pictures",
        codes=("R05",),
        aim="name",
        twin=CONV,
        again=CONV,
        make=replace(CONV, rows=Interrupting),
        says="the kernel is stopped in the third epoch, and the cell runs again",
    ),
]
