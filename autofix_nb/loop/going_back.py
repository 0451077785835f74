"""Bad numbers that no sample is to blame for: the weights go back at a lower rate, or a race finds what helps."""

from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from autofix_nb.errors import TrainingFailed
from autofix_nb.loop.blame import bad_numbers
from autofix_nb.loop.stepper import Attempt
from autofix_nb.policy.broken_off import whole_or_not
from autofix_nb.policy.treating import treat, wants_race

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

ROLLBACKS_IN_A_ROW = 8
"""Times the weights may go back without a healthy stretch between; each time the rate is halved."""

AGAINST_BAD_NUMBERS = (
    *("standardise", "scale_lr", "clip_gradients", "scale_targets", "swap_activations", "insert_norm"),
    *("rebalance_losses", "reinitialise", "mend_output", "mend_loss", "swap_optimizer"),
)
"""What is raced when numbers go bad again and again: scale of the data, rate, and where forward passes overflow."""


class GoingBack:
    """Counts how often the weights went back in a row, and asks for a race where that has not lasted."""

    def __init__(self, guard: "Guard") -> None:
        self._guard = guard
        self.in_a_row = 0
        self.last_at = -1
        """Step of the newest time."""

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return {"rollbacks_in_a_row": self.in_a_row, "last_rollback": self.last_at}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        self.in_a_row, self.last_at = state["rollbacks_in_a_row"], state["last_rollback"]

    def race(self, attempt: Attempt, where: str, *, ever_passed: bool) -> bool:
        """Where going back has not lasted, or there is nothing good to go back to: find out what helps, by a race.

        Whether it was taken over; then the batch at hand is left out, and the run goes on in a new chapter.
        """
        guard = self._guard
        again = self.in_a_row and guard.step_count - self.last_at <= guard.HEALTHY_STRETCH
        if ever_passed and not again:
            return False
        no_slope = attempt.error is None and isfinite(attempt.loss) and not isfinite(attempt.norm)
        fixes = ("bound_slopes", *AGAINST_BAD_NUMBERS) if no_slope else AGAINST_BAD_NUMBERS
        finding = replace(bad_numbers(guard, attempt, where, ()), fixes=fixes)
        if not wants_race(guard.policy, finding, guard):
            return False
        guard.window.forget_step()
        guard.read_back()
        with whole_or_not(guard.policy, guard.step_count):
            guard.policy.note(finding)
            for trial in [trial for trial in guard.policy.trials if trial.finding.code == finding.code]:
                guard.policy.trials.remove(trial)
            return treat(guard.policy, finding, guard)

    def go_back(self, attempt: Attempt, where: str) -> bool:
        """Roll back and lower the rate, unless that is not allowed or has not helped often enough.

        Raises:
            TrainingFailed: when it was done too often in a row.
        """
        guard = self._guard
        step = guard.step_count
        if step - self.last_at > guard.HEALTHY_STRETCH:
            self.in_a_row = 0
        elif self.in_a_row:
            guard.policy.give_up("G03", guard, step, "the numbers went bad again before the trial was over")
        self.in_a_row += 1
        self.last_at = step
        finding = bad_numbers(guard, attempt, where, ())
        if self.in_a_row > ROLLBACKS_IN_A_ROW:
            guard.policy.note(finding)
            raise TrainingFailed(
                f"the numbers went bad {self.in_a_row} times within {guard.HEALTHY_STRETCH} steps each, last in "
                f"{where} at step {step}, although the rate was lowered to {guard.stepper.rate():.3g}. The best guess: "
                "an operation in the model or loss that has no finite value or gradient (log or division by 0, sqrt "
                "at 0)"
            )
        if not (guard.policy.may("rollback") and guard.snapshot is not None):
            guard.policy.note(finding)
            return False
        return guard.policy.act(finding, guard, ["rollback", "scale_lr"], all_of=True)
