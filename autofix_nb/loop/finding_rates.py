"""A range test of a guard's training: on the side, from the weights it would go on with, and everything put back."""

import itertools
from typing import TYPE_CHECKING, Any

from autofix_nb.data import structure
from autofix_nb.loop.judging import Judge
from autofix_nb.loop.pulse import Phase
from autofix_nb.loop.range_test import RangeTest, bounds_for, range_test
from autofix_nb.loop.side_batches import judging_batches, training_batches
from autofix_nb.loop.side_deaths import is_left_out
from autofix_nb.loop.training_state import TrainingState

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


def rates_tested(guard: "Guard", steps: int, *, fresh: bool) -> RangeTest | None:
    """Return what a range test of so many steps says, from the first weights or the present ones.

    None where there is nothing to test with: no batches that can be had again, or no objective.
    """
    if guard.objective is None or is_left_out(guard, Phase.RANGE_TEST):
        return None
    with guard.aside(Phase.RANGE_TEST, "finding a learning rate", steps):
        return _tested(guard, steps, fresh=fresh)


def _tested(guard: "Guard", steps: int, *, fresh: bool) -> RangeTest | None:
    rows = judging_batches(guard)
    if not rows:
        return None
    before = TrainingState(guard)
    judge = Judge(guard, rows, as_it_trains=True)
    stepper = guard.stepper
    try:
        if fresh:
            guard.to_first_weights()
        guard.controls.lr_scale, guard.controls.warm_up = 1.0, None
        guard.controls.lr_floor = guard.controls.lr_ceiling = None
        rates = [float(group["lr"]) for group in stepper.optimizer.param_groups]
        shares = [rate / rates[0] if rates[0] else 1.0 for rate in rates]

        done = itertools.count()

        def step(rate: float, data: Any) -> float:
            guard.heed(next(done))
            for group, share in zip(stepper.optimizer.param_groups, shares, strict=True):
                group["lr"] = rate * share
            stepper.before.take()
            data = structure.to_device(data, stepper.device)
            attempt = guard.window.pieces(data, guard.objective, 1.0, first=True).read()
            if not attempt.fine:
                return float("nan")
            stepper.take(attempt, guard.step_count)
            return attempt.loss

        lowest, highest = bounds_for(stepper.optimizer)
        batches = training_batches(guard, steps)
        with guard.at_once():
            return range_test(step, lambda: judge().loss, batches, steps=steps, lowest=lowest, highest=highest)
    finally:
        before.restore(guard)
