"""A schedule raises the rate no higher than where the loss was lowest."""

from types import SimpleNamespace

import pytest

from autofix_nb.fixes import Controls
from autofix_nb.fixes.cap_lr import CapLr, ceiling_of, has_risen
from autofix_nb.fixes.scale_lr import ScaleLr
from tests.runs import finding, history, trainee


def scheduled(rates, losses=(), *, scheduler="LambdaLR", groups=None, **controls):
    """Return a run whose schedule brought the rate along these values."""
    optimizer = SimpleNamespace(param_groups=groups or [{"lr": rates[-1]}])
    made = history(lr=rates, loss=losses)
    made.facts["scheduler"] = scheduler
    return trainee(made, optimizer=optimizer, controls=Controls(**controls))


LEAPT = [2.0] * 20 + [1.0] * 20 + [50.0] * 20
STAIRS = [0.01] * 20 + [0.1] * 20 + [10.0] * 20


def test_the_cap_is_the_rate_at_which_the_loss_was_lowest():
    """Each group in its proportion, before what all are multiplied by."""
    run = scheduled(STAIRS, LEAPT, groups=[{"lr": 10.0}, {"lr": 5.0}])
    change = CapLr().plan(finding(code="L01"), run)

    assert {"lr_ceiling": [pytest.approx(0.1), pytest.approx(0.05)]} == change.after
    assert "the schedule raises the learning rate no higher than to 0.1, where the loss was lowest" == change.says


def test_what_a_stretch_began_with_counts_where_the_rate_rose_within_it():
    """A loss that has not leapt yet speaks for the rate before."""
    run = scheduled([0.1] * 38 + [1.3] * 12, [1.0 - 0.01 * step for step in range(43)] + [90.0] * 7)

    assert [pytest.approx(0.1)] == CapLr().plan(finding(code="L01"), run).after["lr_ceiling"]


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(scheduled([0.1] * 60, LEAPT), id="never-raised"),
        pytest.param(scheduled(STAIRS[::-1], LEAPT), id="on-its-way-down"),
        pytest.param(scheduled(STAIRS, LEAPT, scheduler=""), id="no-schedule"),
        pytest.param(scheduled(STAIRS, LEAPT, lr_ceiling=[1.0]), id="capped-already"),
        pytest.param(scheduled(STAIRS, LEAPT, optimizer={"kind": "AdamW", "lr": 0.003}), id="no-rate-of-the-users"),
        pytest.param(scheduled(STAIRS, [3.0] * 40 + [1.0] * 20), id="lowest-now"),
        pytest.param(scheduled(STAIRS), id="no-losses"),
    ],
)
def test_nothing_is_capped_that_was_not_raised_too_high(run):
    """Nor what is capped already, nor an optimizer that no schedule raises."""
    assert CapLr().plan(finding(code="L01"), run) is None


@pytest.mark.parametrize(
    ("run", "ceiling"),
    [
        pytest.param(scheduled(STAIRS), [10.0], id="raised"),
        pytest.param(scheduled([0.1] * 5, groups=[{"lr": 0.1, "max_lr": 4.0}]), [0.1], id="is-to-be-raised"),
        pytest.param(scheduled([*STAIRS, 0.2]), None, id="came-down-since"),
        pytest.param(scheduled([0.05] * 20 + [0.5] * 20, groups=[{"lr": 1.0}], lr_scale=0.5), [1.0], id="multiplied"),
    ],
)
def test_a_rate_that_is_lowered_is_raised_by_its_schedule_no_more(run, ceiling):
    """Undone, the schedule has its way again; a rate that came down by itself is left its next cycle."""
    before = run.controls.state()
    change = ScaleLr().by(0.1, run)
    ScaleLr().apply(change, run)
    made = run.controls.lr_ceiling
    ScaleLr().undo(change, run)

    assert ceiling == made == change.after.get("lr_ceiling")
    assert before == run.controls.state()
    assert (ceiling is not None) == change.says.endswith("and the schedule raises it no further")


def test_a_rate_that_is_raised_is_not_capped():
    """It is to rise."""
    assert {"lr_scale": 10.0} == ScaleLr().by(10.0, scheduled(STAIRS)).after


@pytest.mark.parametrize(
    ("rates", "scheduler", "risen"),
    [
        ([0.1, 1.0, 0.1], "CyclicLR", True),
        ([1.0, 0.1], "StepLR", False),
        ([0.1, 1.0], "", False),
        ([0.1], "StepLR", False),
    ],
)
def test_a_schedule_has_risen_wherever_it_is_now(rates, scheduler, risen):
    """Above where it began."""
    assert risen == has_risen(scheduled(rates, scheduler=scheduler))


def test_without_an_optimizer_there_is_no_ceiling():
    """As where fixes are read from a run's folder."""
    assert ceiling_of(trainee(history(lr=[0.1, 1.0]))) is None
