"""Learning rates too high, too low, or at the wrong time."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch.optim import lr_scheduler

from tests.gauntlet.recipe import adam, sgd, spoilt
from tests.gauntlet.sick.twins import CIRCLE, CONV, CURVE, DIGITS, READER, TABLE, WORDS


def _steps(*changes: tuple[int, float]) -> Callable[[torch.optim.Optimizer], lr_scheduler.LambdaLR]:
    """Return a schedule that multiplies the rate by a factor from each of these steps (or epochs) on."""

    def factor(now: int) -> float:
        return next((value for start, value in reversed(changes) if now >= start), 1.0)

    return lambda optimizer: lr_scheduler.LambdaLR(optimizer, factor)


CASES = [
    spoilt("adam_rate_of_0.3", "L01 G07", DIGITS, "Adam at 0.3", optimizer=adam(0.3)),
    spoilt("adam_rate_of_1", "L01 G07", DIGITS, "Adam at 1", optimizer=adam(1.0)),
    spoilt("sgd_rate_of_3", "L01 G07", DIGITS, "SGD with momentum at 3", optimizer=sgd(3.0, momentum=0.9)),
    spoilt("sgd_rate_of_10", "L01 G07", DIGITS, "SGD at 10", optimizer=sgd(10.0)),
    spoilt("sgd_rate_of_1000", "L01 G03", DIGITS, "SGD at 1000", optimizer=sgd(1000.0)),
    spoilt("sgd_rate_of_1e-5", "L02", DIGITS, "SGD at 0.00001", optimizer=sgd(1e-5)),
    spoilt("sgd_rate_of_1e-3_on_a_table", "L02", TABLE, "SGD at 0.001 without momentum", optimizer=sgd(1e-3)),
    spoilt("adam_rate_of_1e-6", "L02", DIGITS, "Adam at 0.000001", optimizer=adam(1e-6)),
    spoilt("adam_rate_of_1e-5_on_a_curve", "L02", CURVE, "Adam at 0.00001 in a regression", optimizer=adam(1e-5)),
    spoilt("sgd_rate_of_1e-4_on_pictures", "L02", CONV, "SGD at 0.0001 for a conv net", optimizer=sgd(1e-4)),
    spoilt("momentum_of_0.999", "L01 L02", DIGITS, "SGD at 0.1, momentum 0.999", optimizer=sgd(0.1, momentum=0.999)),
    spoilt("conv_net_with_adam_at_0.1", "L01 G07", CONV, "a conv net with Adam at 0.1", optimizer=adam(0.1)),
    spoilt("reader_with_adam_at_0.5", "L01", READER, "an LSTM with Adam at 0.5", optimizer=adam(0.5)),
    spoilt("reader_with_sgd_at_1e-3", "L02", READER, "an LSTM with SGD at 0.001", optimizer=sgd(1e-3)),
    spoilt("words_with_adam_at_1", "L01", WORDS, "a transformer with Adam at 1", optimizer=adam(1.0)),
    spoilt(
        "words_with_rmsprop_at_1",
        "L01",
        WORDS,
        "a transformer with RMSprop at 1",
        optimizer=lambda net: torch.optim.RMSprop(net.parameters(), lr=1.0),
    ),
    spoilt("curve_with_sgd_at_1", "L01 G01", CURVE, "a regression with SGD at 1", optimizer=sgd(1.0)),
    spoilt("circle_with_adam_at_3", "L01 G07", CIRCLE, "two circles with Adam at 3", optimizer=adam(3.0)),
    spoilt(
        "rate_jumps_late",
        "L01 L10",
        DIGITS,
        "the schedule multiplies the rate by 1000 after two thirds",
        scheduler=_steps((5, 1000.0)),
    ),
    spoilt(
        "rate_jumps_late_on_pictures",
        "L01 L10",
        CONV,
        "the schedule multiplies the rate by 300 after half",
        scheduler=_steps((110, 300.0)),
        when="step",
    ),
    spoilt(
        "rate_decays_at_once",
        "L02 L03",
        DIGITS,
        "a step schedule made for epochs is stepped every step",
        scheduler=partial(lr_scheduler.StepLR, step_size=5, gamma=0.3),
        when="step",
    ),
    spoilt(
        "rate_decays_at_once_on_a_curve",
        "L02 L03",
        CURVE,
        "an exponential schedule that is far too steep",
        scheduler=partial(lr_scheduler.ExponentialLR, gamma=0.05),
    ),
    spoilt(
        "curve_circles_its_best",
        "L03 L01",
        CURVE,
        "a regression with Adam at 1 that soon gets no better",
        optimizer=adam(1.0),
    ),
    spoilt(
        "plane_circles_its_best",
        "L03 L01",
        replace(CURVE, batch=2, epochs=3, optimizer=adam(3e-3)),
        "SGD at 0.2, two rows a batch, that soon gets no better",
        optimizer=sgd(0.2),
    ),
]
