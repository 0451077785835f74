"""Promise 2: a healthy run is left alone, and equals a plain loop over the same batches bit for bit."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from tests.cases import ConvNet, Lstm, digits_loaders, mlp, plain_loop, same_weights


def build(kind, optimizer=torch.optim.Adam):
    torch.manual_seed(5)
    model = {"mlp": mlp, "conv": ConvNet, "lstm": Lstm}[kind]()
    return model, optimizer(model.parameters(), lr=1e-3)


@pytest.mark.parametrize("kind", ["mlp", "conv", "lstm"])
@pytest.mark.parametrize("val", [True, False], ids=["with-validation", "without"])
def test_last_weights_equal_those_of_a_plain_loop(fit, kind, val):
    """Five epochs, everything on; dropout draws the same masks, batch norm the same statistics."""
    train, val_loader = digits_loaders()
    plain_model, plain_optimizer = build(kind)
    plain_loop(plain_model, plain_optimizer, train, epochs=5, seed=3)
    model, optimizer = build(kind)

    run = fit(model, train, val_loader if val else None, epochs=5, optimizer=optimizer, loss=nn.CrossEntropyLoss())

    assert same_weights(plain_model.state_dict(), run.last_weights)
    assert [] == run.fixes
    assert {} == {entry["kind"]: entry for entry in run.journal if entry["kind"] in ("change", "suggestion", "finding")}


def test_validation_that_draws_random_numbers_leaves_the_training_alone(fit):
    """Neither augmentation while validating nor a metric that draws shows in the weights."""
    train, val = digits_loaders()
    val.collate_fn = _noisy_collate
    plain_model, plain_optimizer = build("conv")
    plain_loop(plain_model, plain_optimizer, train, epochs=2, seed=3)
    model, optimizer = build("conv")

    run = fit(
        model, train, val, epochs=2, optimizer=optimizer, metrics={"draw": lambda outputs, targets: torch.rand(())}
    )

    assert same_weights(plain_model.state_dict(), run.last_weights)


def _noisy_collate(samples):
    inputs, targets = torch.utils.data.default_collate(samples)
    return inputs + torch.randn_like(inputs) * np.random.rand() * random.random(), targets


def test_random_streams_go_on_as_after_a_plain_loop(fit):
    """What is drawn after `fit` is what would have been drawn after the loop."""
    train, val = digits_loaders()
    expected = None
    for number, run_it in enumerate(
        [lambda m, o: plain_loop(m, o, train, 1, 3), lambda m, o: fit(m, train, val, epochs=1, optimizer=o)]
    ):
        np.random.seed(1), random.seed(1)
        np.random.randn()  # half of a pair: the other half is kept by the stream, too
        model, optimizer = build("conv")
        run_it(model, optimizer)
        drawn = torch.rand(3).tolist(), np.random.randn(3).tolist(), random.random()
        expected = drawn if number == 0 else expected

    assert expected == drawn


def test_accumulation_equals_a_plain_accumulating_loop(fit):
    """Four batches a step, each weighted by a quarter; what is left at the end of the epoch is a step too."""
    train, _ = digits_loaders(batch_size=64)
    plain_model, plain_optimizer = build("mlp")
    import autofix_nb as af

    for epoch in range(2):
        for number, (inputs, targets) in enumerate(af.batches(train, seed=3, epoch=epoch)):
            (nn.functional.cross_entropy(plain_model(inputs), targets) * 0.25).backward()
            if number % 4 == 3 or number == len(train) - 1:
                plain_optimizer.step()
                plain_optimizer.zero_grad()
    model, optimizer = build("mlp")

    run = fit(model, train, epochs=2, optimizer=optimizer, accumulate=4)

    assert same_weights(plain_model.state_dict(), run.last_weights)


@pytest.mark.parametrize(
    "scheduler",
    [
        pytest.param(lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.01, total_steps=88), id="one-cycle-each-step"),
        pytest.param(lambda o: torch.optim.lr_scheduler.StepLR(o, 1, 0.5), id="step-lr-each-epoch"),
        pytest.param(lambda o: (torch.optim.lr_scheduler.ExponentialLR(o, 0.99), "step"), id="unit-given"),
    ],
)
def test_schedulers_are_stepped_where_they_count(fit, scheduler):
    """Steps or epochs, as their kind or the user says; the recorded rates are those of a plain loop."""
    train, _ = digits_loaders()
    _, plain_optimizer = build("mlp")
    made = scheduler(plain_optimizer)
    plain, each_step = (made[0], True) if isinstance(made, tuple) else (made, hasattr(made, "total_steps"))
    rates = []
    for step in range(88):
        rates.append(plain_optimizer.param_groups[0]["lr"])
        plain_optimizer.step()
        if each_step or step % 44 == 43:
            plain.step()
    model, optimizer = build("mlp")

    run = fit(model, train, epochs=2, optimizer=optimizer, scheduler=scheduler)

    assert rates == pytest.approx(run.history.values("lr").tolist())


def test_frozen_parts_stay_in_the_mode_they_came_in(fit):
    """Somebody who put batch norm to eval on purpose finds it there in training, and after validation too."""
    train, val = digits_loaders()
    model, optimizer = build("conv")
    model.body[1].eval()
    before = model.body[1].running_mean.clone()

    fit(model, train, val, epochs=2, optimizer=optimizer)

    assert torch.equal(before, model.body[1].running_mean)
    assert model.training
    assert not model.body[1].training
