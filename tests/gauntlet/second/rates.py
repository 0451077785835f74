"""Rates too high, too low, or spoilt by their schedule, with every kind of optimizer and net."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.optim import lr_scheduler

from tests.gauntlet.recipe import adam, sgd, spoilt
from tests.gauntlet.second.tasks import (
    BARS,
    BARS_ADDED,
    CANCER,
    CIRCUIT,
    CONV,
    COPIES,
    COUNTS,
    DIABETES,
    DIGITS,
    HASTIE,
    HEADS,
    MOONS,
    NORMED,
    PHASE,
    RATINGS,
    RECALL,
    RINGS,
    ROWS,
    SIGNS,
    SPOTS,
    SUMS,
    SUMS_SEEN,
    TAGS,
    TEXT,
    TILES,
    TONES_READ,
    WAVE,
    WINE,
    adagrad,
    adamw,
    optimizer,
    rmsprop,
)


def times(factor: Callable[[int], float]) -> Callable[[torch.optim.Optimizer], lr_scheduler.LambdaLR]:
    """Return a schedule that multiplies the rate by a factor of the number of steps (or epochs)."""
    return lambda of: lr_scheduler.LambdaLR(of, factor)


def head_alone(low: float, high: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """Return what makes an Adam whose last layer has a rate of its own."""

    def make(net: nn.Module) -> torch.optim.Optimizer:
        *body, weight, bias = net.parameters()
        return torch.optim.Adam([{"params": body}, {"params": [weight, bias], "lr": high}], lr=low)

    return make


TOO_HIGH = [
    spoilt("b_nesterov_at_5", "L01", MOONS, "two moons with tanh and Nesterov at 5",
           optimizer=sgd(5.0, momentum=0.9, nesterov=True)),
    spoilt("b_adagrad_at_20", "L01", DIABETES, "a small regression with Adagrad at 20", optimizer=adagrad(20.0)),
    spoilt("b_gru_adamw_at_1", "L01", ROWS, "a GRU with AdamW at 1", optimizer=adamw(1.0)),
    spoilt("b_strided_conv_sgd_at_2", "L01 G07", TILES, "photo tiles with momentum at 2",
           optimizer=sgd(2.0, momentum=0.9)),
    spoilt("b_residual_rmsprop_at_0.05", "L01", BARS_ADDED, "residual blocks with RMSprop at 0.05",
           optimizer=rmsprop(0.05)),
    spoilt("b_text_sgd_at_200", "L01 G01", TEXT, "embeddings of characters with SGD at 200",
           optimizer=sgd(200.0)),
    spoilt("b_ratings_sgd_at_300", "L01 G03", RATINGS, "user and item tables with SGD at 300",
           optimizer=sgd(300.0)),
    spoilt("b_autoencoder_adam_at_0.1", "L01 G07", COPIES, "an autoencoder with Adam at 0.1",
           optimizer=adam(0.1)),
    spoilt("b_counts_sgd_at_3", "L01 G03", COUNTS, "a Poisson loss, whose exponential runs away, with SGD at 3",
           optimizer=sgd(3.0)),
    spoilt("b_attention_adamw_at_0.3", "L01", SUMS_SEEN, "a transformer that adds, with AdamW at 0.3",
           optimizer=adamw(0.3)),
    spoilt("b_lstm_sum_nadam_at_1", "L01", SUMS, "an LSTM that adds, with NAdam at 1",
           optimizer=optimizer(torch.optim.NAdam, 1.0)),
    spoilt("b_momentum_0.99_at_2", "L01 G07", DIGITS, "momentum of 0.99 at 2",
           optimizer=sgd(2.0, momentum=0.99)),
    spoilt("b_batch_norm_adam_at_2", "L01", BARS, "a conv net with batch norm and Adam at 2",
           optimizer=adam(2.0)),
    spoilt("b_curve_adam_at_0.5", "L01 L03", WAVE, "a curve of one number with tanh and Adam at 0.5",
           optimizer=adam(0.5)),
    spoilt("b_absolute_error_sgd_at_0.5", "L01 L03", PHASE, "an absolute error with SGD at 0.5, momentum 0.9",
           optimizer=sgd(0.5, momentum=0.9)),
    spoilt("b_head_alone_at_30", "L01", TEXT, "the last layer has a rate of 30, ten thousand times the other's",
           optimizer=head_alone(3e-3, 30.0)),
    spoilt("b_two_heads_sgd_at_5", "L01 G07", HEADS, "two heads with SGD at 5",
           optimizer=sgd(5.0, momentum=0.9)),
]  # fmt: skip

AT_THE_WRONG_TIME = [
    spoilt("b_warm_restart_of_ten_times", "L01 L10", TONES_READ, "each half of the run begins with Adam at 0.5",
           optimizer=adam(0.5),
           scheduler=partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=100, eta_min=1e-3), when="step"),
    spoilt("b_rate_grows_each_epoch", "L01 L10", CONV, "a schedule whose gamma is above 1: 5 instead of 0.5",
           scheduler=partial(lr_scheduler.ExponentialLR, gamma=5.0)),
    spoilt("b_rate_jumps_in_a_regression", "L01 L10", CIRCUIT, "the rate is 200 times higher from epoch 9 on",
           scheduler=times(lambda epoch: 200.0 if epoch >= 9 else 1.0)),
    spoilt("b_rate_jumps_on_rings", "L01 L10", RINGS, "the rate is 1000 times higher in the last third",
           scheduler=times(lambda step: 1000.0 if step >= 400 else 1.0), when="step"),
    spoilt("b_warm_up_never_ends", "L01 G07", COPIES, "the rate grows by its first value each step",
           optimizer=adam(3e-3), scheduler=times(lambda step: 1.0 + step), when="step"),
    spoilt("b_cyclic_to_500", "L01 G07", CANCER, "a cyclic rate between 0.1 and 500",
           scheduler=partial(lr_scheduler.CyclicLR, base_lr=0.1, max_lr=500.0, step_size_up=15), when="step"),
]  # fmt: skip

TOO_LOW = [
    spoilt("b_slow_sgd_on_spheres", "L02", HASTIE, "Hastie's spheres with SGD at 0.0001", optimizer=sgd(1e-4)),
    spoilt("b_slow_adamw_on_tiles", "L02", TILES, "photo tiles with AdamW at 0.000001", optimizer=adamw(1e-6)),
    spoilt("b_slow_lstm", "L02", SUMS, "an LSTM that adds, with SGD at 0.0003", optimizer=sgd(3e-4)),
    spoilt("b_slow_adagrad", "L02", DIGITS, "Adagrad at 0.00003", optimizer=adagrad(3e-5)),
    spoilt("b_adadelta_with_a_rate_of_others", "L02", NORMED,
           "Adadelta at 0.0005, whose usual rate is 1", optimizer=optimizer(torch.optim.Adadelta, 5e-4)),
    spoilt("b_slow_rmsprop_on_text", "L02", TEXT, "embeddings of characters with RMSprop at 0.000003",
           optimizer=rmsprop(3e-6)),
    spoilt("b_slow_ratings", "L02", RATINGS, "user and item tables with SGD at 0.05", optimizer=sgd(0.05)),
    spoilt("b_slow_attention", "L02", SUMS_SEEN, "a transformer with SGD at 0.0001", optimizer=sgd(1e-4)),
    spoilt("b_slow_curve", "L02", WAVE, "a curve of one number with Adam at 0.00002", optimizer=adam(2e-5)),
    spoilt("b_slow_with_heavy_decay", "L02 L05", WINE, "AdamW at 0.00003 beside a weight decay of 30",
           optimizer=adamw(3e-5, weight_decay=30.0)),
    spoilt("b_warm_up_of_a_million_steps", "L02", BARS, "a warm-up as long as that of a language model",
           scheduler=partial(lr_scheduler.LinearLR, start_factor=1e-6, total_iters=1_000_000), when="step"),
    spoilt("b_loss_in_millionths", "L02 G02", CIRCUIT, "the loss is multiplied by 0.00001 before SGD",
           loss=lambda: lambda outputs, targets: 1e-5 * nn.functional.mse_loss(outputs, targets)),
    spoilt("b_gradients_of_all_batches", "L02", TAGS, "64 batches are gathered for a step of Adam at 0.001",
           accumulate=64, optimizer=adam(1e-3)),
    spoilt("b_slow_memory", "L02", RECALL, "SGD at 0.001 for a GRU that must remember",
           optimizer=sgd(1e-3)),
    spoilt("b_only_the_head_is_quick", "L02", BARS_ADDED, "all but the last layer have a rate of 0.0000001",
           optimizer=head_alone(1e-7, 1e-5)),
]  # fmt: skip

STANDING = [
    spoilt("b_halved_each_step", "L02 L03", MOONS, "a schedule halves the rate each step, made for epochs",
           scheduler=partial(lr_scheduler.ExponentialLR, gamma=0.5), when="step"),
    spoilt("b_milestones_too_soon", "L02 L03", PHASE, "the rate falls to a hundredth in epoch 1 and 2",
           scheduler=partial(lr_scheduler.MultiStepLR, milestones=[1, 2], gamma=0.01)),
    spoilt("b_cosine_ends_in_the_first_epoch", "L02 L03", SIGNS, "a rate that is nothing after 4 steps",
           scheduler=times(lambda step: max(0.0, 1 - step / 4)), when="step"),
    spoilt("b_polynomial_ends_at_step_30", "L02 L03", SUMS, "a polynomial decay that ends at step 30 of 580",
           scheduler=partial(lr_scheduler.PolynomialLR, total_iters=30), when="step"),
    spoilt("b_spots_plateau", "L03 L02", SPOTS, "the loss stands where all pixels are one grey: SGD at 0.02",
           optimizer=sgd(0.02)),
]  # fmt: skip

CASES = [*TOO_HIGH, *AT_THE_WRONG_TIME, *TOO_LOW, *STANDING]
"""Each beside its twin, which differs in the rate or its schedule alone."""
