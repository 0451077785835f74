"""Learning rates and schedules as people get them wrong: a unit, a sign, a power of ten, a counter."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import nn, optim
from torch.optim import lr_scheduler

from tests.gauntlet import data, score
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd
from tests.gauntlet.third.nets import Signal
from tests.gauntlet.third.twins import (
    ATTENTIVE,
    DIABETES,
    FORECAST,
    HASTIE,
    HOUSES,
    IRIS,
    LETTERS,
    MOONS,
    RATINGS,
    RESIDUAL,
    REVIEWS,
    ROWS,
    SIGNAL,
    SPIRALS,
    TILES,
    WAVES,
    WINE,
    sick,
)  # fmt: skip

CURVE = Recipe(
    data=data.curve, net=lambda: dense(10, 64, 1), optimizer=adam(1e-2), loss=nn.MSELoss, score=score.fit, epochs=12
)
ENCODER = Recipe(
    data=lambda: _itself(),
    net=lambda: dense(64, 48, 12, 48, 64),
    optimizer=adam(3e-3),
    loss=nn.MSELoss,
    score=score.fit,
    epochs=12,
)


def _itself() -> data.Data:
    digits = data.digits()
    return digits._replace(targets=digits.inputs, val_targets=digits.val_inputs)


def _of(kind: type[optim.Optimizer], lr: float, **more: float) -> Callable[[nn.Module], optim.Optimizer]:
    return lambda net: kind(net.parameters(), lr=lr, **more)


def _growing(optimizer: optim.Optimizer) -> lr_scheduler.LambdaLR:
    """Return a warm-up whose end was forgotten."""
    return lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / 10)


def _endless(optimizer: optim.Optimizer) -> lr_scheduler.LambdaLR:
    """Return a warm-up meant for a far longer training."""
    return lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / 100_000)


HIGH = [
    sick("moons_nesterov_2", "L01 G07", MOONS, "SGD with Nesterov at 2",
         optimizer=sgd(2.0, momentum=0.9, nesterov=True)),
    sick("waves_gru_adam_0.3", "L01", WAVES, "a GRU with Adam at 0.3", optimizer=adam(0.3)),
    sick("signal_bare_rmsprop", "L01", SIGNAL, "a conv net without norms, RMSprop at 0.3",
         net=lambda: Signal(normed=False), optimizer=_of(optim.RMSprop, 0.3)),
    sick("attentive_adam_0.2", "L01", ATTENTIVE, "a transformer with Adam at 0.2", optimizer=adam(0.2)),
    sick("tiles_adagrad_3", "L01 G07", TILES, "a conv net with Adagrad at 3", optimizer=_of(optim.Adagrad, 3.0)),
    sick("houses_adamw_1", "L01", HOUSES, "prices with AdamW at 1", optimizer=_of(optim.AdamW, 1.0)),
    sick("spirals_momentum_0.99", "L01 L03", SPIRALS, "SGD at 0.3, momentum 0.99", optimizer=sgd(0.3, momentum=0.99)),
    sick("encoder_adam_0.1", "L01 G07", ENCODER, "an autoencoder with Adam at 0.1", optimizer=adam(0.1)),
    sick("ratings_adam_1", "L01", RATINGS, "embeddings with Adam at 1", optimizer=adam(1.0)),
    sick("ratings_sgd_100", "L01 G01", RATINGS, "embeddings with SGD at 100", optimizer=sgd(100.0)),
    sick("forecast_rmsprop_0.3", "L01", FORECAST, "an LSTM with RMSprop at 0.3", optimizer=_of(optim.RMSprop, 0.3)),
    sick("iris_one_row_a_batch", "L01 G07", IRIS, "SGD at 0.5 with one row a batch", optimizer=sgd(0.5, momentum=0.9),
         batch=1, epochs=8),
    sick("rows_sgd_2", "L01 G01", ROWS, "a plain recurrent net with SGD at 2", optimizer=sgd(2.0)),
    sick("residual_warm_restarts", "L01 L10", RESIDUAL, "warm restarts up to a rate of 0.25 each second epoch",
         optimizer=sgd(0.25, momentum=0.9), scheduler=partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=2)),
    sick("hastie_one_cycle", "L01 G07", HASTIE, "a one-cycle schedule whose top is 4", optimizer=sgd(0.1, momentum=0.9),
         scheduler=partial(lr_scheduler.OneCycleLR, max_lr=4.0, total_steps=480), when="step"),
    sick("reviews_warm_up_without_end", "L01 L10", ATTENTIVE, "a warm-up that goes on growing", scheduler=_growing,
         when="step"),
    sick("wine_gamma_of_10", "L01 L10", WINE, "a step schedule with gamma 10 in place of 0.1",
         scheduler=partial(lr_scheduler.StepLR, step_size=5, gamma=10.0)),
    sick("letters_gamma_of_5", "L01 L10", LETTERS, "an exponential schedule that grows fivefold each third epoch",
         scheduler=partial(lr_scheduler.StepLR, step_size=3, gamma=5.0)),
    sick("curve_four_rows_a_batch", "L03 L01", replace(CURVE, batch=4, epochs=6, optimizer=adam(2e-3)),
         "Adam at 0.1 on batches of four circles its best", optimizer=adam(0.1)),
    sick("ratings_adam_0.3", "L03 L01", RATINGS, "embeddings with Adam at 0.3 circle their best", optimizer=adam(0.3)),
    sick("spirals_circle_their_best", "L03 L01", replace(SPIRALS, batch=8, epochs=10, optimizer=adam(5e-3)),
         "Adam at 0.1 on batches of eight circles its best", optimizer=adam(0.1)),
    sick("diabetes_adam_1", "L01", DIABETES, "few patients with Adam at 1", optimizer=adam(1.0)),
]  # fmt: skip

LOW = [
    sick("reviews_sgd_1e-3", "L02", REVIEWS, "an LSTM with plain SGD at 0.001", optimizer=sgd(1e-3)),
    sick("tiles_schedule_a_step", "L02 L03", TILES, "a decay of 0.7 an epoch is stepped every batch",
         scheduler=partial(lr_scheduler.ExponentialLR, gamma=0.7), when="step"),
    sick("signal_polynomial_ends_soon", "L02 L03", SIGNAL, "a polynomial decay to zero is over after ten batches",
         scheduler=partial(lr_scheduler.PolynomialLR, total_iters=10), when="step"),
    sick("ratings_adadelta", "L02", RATINGS, "Adadelta at 0.001, as if it were Adam",
         optimizer=_of(optim.Adadelta, 1e-3)),
    sick("attentive_endless_warm_up", "L02", ATTENTIVE, "a warm-up of 100000 steps in a training of 250",
         scheduler=_endless, when="step"),
    sick("attentive_2e-5", "L02", ATTENTIVE, "the rate of fine-tuning, 0.00002, from scratch",
         optimizer=_of(optim.AdamW, 2e-5)),
    sick("spirals_large_eps", "L02", SPIRALS, "Adam with an eps of 1", optimizer=adam(1e-2, eps=1.0)),
    sick("houses_adam_1e-5", "L02", HOUSES, "prices with Adam at 0.00001", optimizer=adam(1e-5)),
    sick("residual_adagrad_1e-4", "L02", RESIDUAL, "Adagrad at 0.0001", optimizer=_of(optim.Adagrad, 1e-4)),
    sick("iris_one_step_an_epoch", "L02", IRIS, "accumulates a whole epoch, at a rate tenfold too low", accumulate=13,
         optimizer=adam(1e-3), epochs=62),
    sick("letters_milestones", "L02 L03", LETTERS, "milestones in epochs are taken for steps",
         scheduler=partial(lr_scheduler.MultiStepLR, milestones=[4, 8], gamma=0.02), when="step"),
    sick("forecast_sgd_3e-4", "L02", FORECAST, "an LSTM with SGD at 0.0003 and momentum",
         optimizer=sgd(3e-4, momentum=0.9)),
    sick("spirals_halved_each_epoch", "L02 L03", replace(SPIRALS, epochs=12),
         "a rate ten times too low is halved each epoch", optimizer=adam(1e-3),
         scheduler=partial(lr_scheduler.ExponentialLR, gamma=0.5)),
]  # fmt: skip

CASES = [*HIGH, *LOW]
