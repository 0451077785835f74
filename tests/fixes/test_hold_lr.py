"""The rate is held against a schedule that brings it to nothing."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from autofix_nb.fixes import Controls
from autofix_nb.fixes.hold_lr import HoldLr
from autofix_nb.loop.stepper import Stepper
from tests.runs import finding, history, trainee


def scheduled(steps=6):
    """Return two groups whose rates were brought to next to nothing, with their scheduler."""
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    groups = [{"params": first.parameters(), "lr": 0.5}, {"params": second.parameters(), "lr": 0.25}]
    optimizer = torch.optim.SGD(groups)
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=0.01)
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
    return nn.Sequential(first, second), optimizer


def test_each_group_is_held_at_a_share_of_its_own_height():
    """The height first: that rate is known to learn."""
    _, optimizer = scheduled()
    run = trainee(history(lr=[0.5, 1e-9]), optimizer=optimizer)
    changes = HoldLr().plans(finding(code="L02"), run)

    assert [[0.5, 0.25], pytest.approx([0.15, 0.075]), pytest.approx([0.05, 0.025])] == [
        change.after["lr_floor"] for change in changes
    ]
    assert "the learning rate falls no lower than to 0.5, the height of its schedule" == changes[0].says
    assert "the learning rate falls no lower than to 0.15, 0.3 of the height of its schedule" == changes[1].says


@pytest.mark.parametrize(
    ("group", "controls", "floor"),
    [
        pytest.param({"lr": 1e-9, "max_lr": 0.4, "initial_lr": 0.01}, {}, [0.4], id="one-cycle"),
        pytest.param({"lr": 1e-9}, {}, [0.2], id="a-schedule-of-the-users-own"),
        pytest.param({"lr": 1e-9}, {"lr_scale": 0.5}, [0.4], id="before-what-it-is-multiplied-by"),
        pytest.param({"lr": 1e-9}, {"optimizer": {"kind": "SGD", "lr": 1.0}}, None, id="another-optimizers-rates"),
        pytest.param({"lr": 1e-9}, {"lr_floor": [0.1]}, None, id="held-already"),
    ],
)
def test_the_height_is_what_the_schedule_says_or_what_was_recorded(group, controls, floor):
    """In units of the user's rate."""
    optimizer = SimpleNamespace(param_groups=[group])
    run = trainee(history(lr=[0.2, 1e-9]), optimizer=optimizer, controls=Controls(**controls))
    change = HoldLr().plan(finding(code="L02"), run)

    assert floor == (change and change.after["lr_floor"])


def stepper(model, optimizer, controls):
    return Stepper(model, optimizer, torch.device("cpu"), controls, autocast=lambda: torch.enable_grad())


def test_a_step_is_taken_with_the_held_rates_and_the_schedule_finds_its_own_again():
    """Both groups move by their floors times `lr_scale`; afterwards the groups have what the scheduler gave them."""
    model, optimizer = scheduled()
    rates = [group["lr"] for group in optimizer.param_groups]
    controls = Controls(lr_floor=[0.5, 0.25], lr_scale=0.5)
    one = stepper(model, optimizer, controls)
    before = [part.detach().clone() for part in model.parameters()]
    attempt = one.attempt(torch.ones(4, 2), lambda rows: model(rows).sum(), first=True)
    grads = [part.grad.clone() for part in model.parameters()]
    one.take(attempt)

    assert 0.25 == one.rate()
    assert rates == [group["lr"] for group in optimizer.param_groups]
    for place, (part, old, grad) in enumerate(zip(model.parameters(), before, grads, strict=True)):
        rate = 0.25 if place < 2 else 0.125
        assert torch.equal(old.add(grad, alpha=-rate), part.detach())


def test_a_rate_above_the_floor_is_the_schedules():
    """Held from below only."""
    model, optimizer = scheduled(steps=0)

    assert 0.5 == stepper(model, optimizer, Controls(lr_floor=[0.1, 0.1])).rate()


@pytest.mark.parametrize(("floor", "share"), [(None, 1e-4), (0.05, 0.5), (0.5, 1.0)], ids=["not", "half", "capped"])
def test_an_optimizer_of_ours_is_held_too_and_never_raised_above_its_own_rate(floor, share):
    """It moves in proportion to the user's rate since it took over."""
    model, optimizer = scheduled(steps=0)
    optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"] = 0.1, 0.05
    controls = Controls(optimizer={"kind": "Adam", "lr": 0.002})
    one = stepper(model, optimizer, controls)
    one.follow_controls()
    optimizer.param_groups[0]["lr"] = 1e-5
    controls.lr_floor = None if floor is None else [floor, floor]

    assert 0.002 * share == pytest.approx(one.rate())


def test_an_optimizer_that_comes_while_the_rate_is_held_starts_from_the_held_rate():
    """Else it would be thought to have come at a rate of nothing."""
    model, optimizer = scheduled()
    controls = Controls(optimizer={"kind": "Adam", "lr": 0.002}, lr_floor=[0.5, 0.25])
    one = stepper(model, optimizer, controls)
    one.follow_controls()

    assert (0.5, 0.002) == (one.users_rate, pytest.approx(one.rate()))


@pytest.mark.parametrize(("rate", "expected"), [(8.0, 0.25), (0.1, 0.05)], ids=["above", "below"])
def test_a_ceiling_holds_the_rate_from_above(rate, expected):
    """Before what it is multiplied by; the schedule finds its own rate again."""
    model, optimizer = scheduled(steps=0)
    optimizer.param_groups[0]["lr"] = rate
    one = stepper(model, optimizer, Controls(lr_ceiling=[0.5, 0.5], lr_scale=0.5))
    one.take(one.attempt(torch.ones(4, 2), lambda rows: model(rows).sum(), first=True))

    assert (expected, rate) == (one.rate(), optimizer.param_groups[0]["lr"])


def test_a_schedule_lowers_an_optimizer_of_ours_and_never_raises_it():
    """In proportion to the highest rate of the user's since it took over, as a usual rate is usual at the height."""
    model, optimizer = scheduled(steps=0)
    one = stepper(model, optimizer, Controls(optimizer={"kind": "Adam", "lr": 0.002}))
    one.follow_controls()
    rates = []
    for rate in (0.5, 2.0, 8.0, 4.0, 0.8):
        optimizer.param_groups[0]["lr"] = rate
        one.take(one.attempt(torch.ones(4, 2), lambda rows: model(rows).sum(), first=True))
        rates.append(one.rate())

    assert pytest.approx([0.002, 0.002, 0.002, 0.001, 0.0002]) == rates
    assert {"users_rate": 8.0} == one.state()
