"""A step failed: whose fault is it, and what is done about it.

The order of the questions is the point. Did memory run out? Are the weights still numbers? Which rows fail alone?
Do the same rows fail under the last good weights too? Only then is anything changed: rows that fail under good
weights are set aside and the rate is left alone; rows that fail under the present weights only are innocent, the
weights go back and the rate is lowered; a fault that nobody can be blamed for costs its batch.
"""

from typing import TYPE_CHECKING, Any

from autofix_nb.data import Batch, Fault
from autofix_nb.data.fetch import describe_error
from autofix_nb.errors import TrainingFailed
from autofix_nb.loop.batch_rows import load_again, rows_of, without_rows
from autofix_nb.loop.blame import bad_numbers, fault_of, place_of, set_aside, where_it_fails
from autofix_nb.loop.going_back import GoingBack
from autofix_nb.loop.held_batches import HeldBatches
from autofix_nb.loop.in_parts import run_in_parts
from autofix_nb.loop.locate import first_bad_weight
from autofix_nb.loop.only_watching import leave_errors_alone, say_where
from autofix_nb.loop.rerun import clear, passes_with_good_weights, rows_that_fail_alone, run_again
from autofix_nb.loop.stepper import Attempt
from autofix_nb.loop.users_code import is_of_the_code, place_in_code
from autofix_nb.loop.window import Objective
from autofix_nb.objective import is_device_lost, is_out_of_memory

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

IN_A_ROW = 5
"""Batches that may fail as a whole, one after the other, before it is a bug and not bad luck."""

FEW_ROWS = 4
"""A first batch of fewer rows that fails as a whole may be bad luck; of more, it is a bug."""

ROUNDS = 6
"""Times one batch is looked into before it is left out."""


class Trouble:
    """Mends failed steps of one guard. Counts what failed in a row."""

    def __init__(self, guard: "Guard") -> None:
        self._guard = guard
        self.ever_passed = False
        self.failed_in_a_row = 0
        self._going_back = GoingBack(guard)
        self._held = HeldBatches(guard)
        self._said_non_finite = False

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return {
            "ever_passed": self.ever_passed,
            "failed_in_a_row": self.failed_in_a_row,
            "said_non_finite": self._said_non_finite,
            **self._going_back.state(),
            **self._held.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        self.ever_passed, self.failed_in_a_row = state["ever_passed"], state["failed_in_a_row"]
        self._said_non_finite = bool(state["said_non_finite"])
        self._going_back.restore(state)
        self._held.restore(state)

    def calm_down(self) -> None:
        """A new chapter begins: what failed in the one before is no sign any more."""
        self.failed_in_a_row = self._going_back.in_a_row = 0

    def passed(self, batch: Batch, objective: Objective) -> None:
        """Take note that a batch passed. Samples of batches that failed as a whole can be judged beside it now."""
        self.ever_passed = True
        self.failed_in_a_row = 0
        self._said_non_finite = False
        self._held.passed(batch, objective)

    def judge_held(self) -> None:
        """Between two steps: judge the samples of batches that failed as a whole beside good ones, if there are any."""
        self._held.judge()

    def mend(self, batch: Batch, objective: Objective, attempt: Attempt) -> Attempt | None:
        """Return an attempt on which a step can be taken, or None when this batch is left out.

        Raises:
            Exception: the user's own, when it is a bug and no matter of single samples.
            TrainingFailed: when nothing helps.
        """
        guard = self._guard
        if guard.policy.mode != "auto":
            return self._only_watch(batch, objective, attempt)
        if attempt.error is not None and is_device_lost(attempt.error):
            raise attempt.error
        if not guard.stepper.deferred:  # what is decided must not depend on when the steps before were handed over
            guard.read_back()
        load_again(batch)
        if attempt.error is None or not is_out_of_memory(attempt.error):
            attempt = run_again(guard, batch, objective)
            if attempt.fine:
                text = f"batch {batch.position} of epoch {batch.epoch} failed once and passed when it was run again"
                guard.journal.append("note", step=guard.step_count, text=text)
        for _ in range(ROUNDS):
            if attempt.fine:
                return attempt
            error = attempt.error
            if error is not None and is_device_lost(error):
                raise error
            if error is not None and is_out_of_memory(error):
                attempt = run_in_parts(guard, batch, objective, attempt)
                continue
            guard.stepper.before.restore()
            weight = first_bad_weight(guard.model)
            if weight is not None:
                if self._race(attempt, weight):
                    return None
                if not self._going_back.go_back(attempt, weight):
                    return self.leave_out(batch, attempt, [])
                attempt = run_again(guard, batch, objective)
                continue
            culprits = rows_that_fail_alone(guard, batch, objective)
            if not culprits and error is not None:
                attempt = run_again(guard, batch, objective)
                if attempt.fine:
                    continue  # it comes and goes: nobody's fault
            where = where_it_fails(guard, batch, objective, culprits)
            # An exception is an optimisation fault only where numbers went bad before it.
            by_numbers = error is None or "is not finite" in where
            if by_numbers and passes_with_good_weights(guard, batch, objective, culprits):
                if self._race(attempt, where):
                    return None
                if not self._going_back.go_back(attempt, where):
                    return self.leave_out(batch, attempt, [])
                attempt = run_again(guard, batch, objective)
                continue
            found = [fault_of(guard, batch, objective, row) for row in culprits]
            faults = [fault for fault in found if fault is not None]
            if len(faults) < len(found):
                attempt = run_again(guard, batch, objective)
                continue  # what comes and goes is nobody's fault
            if error is not None and is_of_the_code(error, faults, len(rows_of(batch))):
                self._stop_for_the_code(batch, objective, error)
            guilty_by_themselves = bool(faults) and all(fault.reason.startswith("input") for fault in faults)
            if not faults or (len(faults) == len(rows_of(batch)) and not guilty_by_themselves):
                return self.leave_out(batch, attempt, faults)
            if not guard.policy.may("quarantine"):
                return self.leave_out(batch, attempt, [], blamed=faults)
            set_aside(guard, batch, faults)
            rest = without_rows(batch, culprits) if len(culprits) < len(rows_of(batch)) else None
            if rest is None:
                guard.window.forget_batch()
                return None
            batch.data, batch.indices = rest.data, rest.indices
            attempt = run_again(guard, batch, objective)
        return attempt if attempt.fine else self.leave_out(batch, attempt, [])

    def look_back(self, batch: Batch, objective: Objective, step: int) -> None:
        """Look into a step that the device left out by itself some steps ago (nothing was waited for then)."""
        guard = self._guard
        again = batch.reload(batch.indices) if batch.indices else None
        if again is None:
            finding = bad_numbers(guard, Attempt(), f"the batch of step {step}", ())
            guard.policy.act(finding, guard, ["skip_batch"])
            return
        batch = again
        guard.stepper.before.take()
        attempt = run_again(guard, batch, objective)
        if attempt.fine and first_bad_weight(guard.model) is None:
            finding = bad_numbers(guard, Attempt(), f"step {step} could not be repeated", ())
            guard.policy.act(finding, guard, ["skip_batch"])
        else:
            self.mend(batch, objective, attempt)
        guard.window.forget_batch()

    def leave_out(
        self, batch: Batch, attempt: Attempt, faults: list[Fault], *, blamed: list[Fault] | None = None
    ) -> None:
        """Leave a batch out, or, when that cannot be bad luck any more, let the error out.

        `faults` are all its samples, to be judged later; `blamed` are known, but may not be set aside.
        """
        guard = self._guard
        guard.window.forget_batch()
        error = attempt.error
        rows = len(faults)
        if error is None and not self.ever_passed and self._race(attempt, place_of(faults)):
            self.failed_in_a_row = 0
            return
        self.failed_in_a_row += 1
        hopeless = not self.ever_passed and rows >= FEW_ROWS
        if self.failed_in_a_row >= IN_A_ROW or hopeless or not guard.policy.may("skip_batch"):
            said = f"{self.failed_in_a_row} batches in a row failed" if self.ever_passed else "no batch has passed yet"
            if error is not None:
                error.add_note(f"autofix_nb: {said} as a whole, so this is no matter of single samples.")
                raise error
            guard.policy.note(bad_numbers(guard, attempt, place_of(faults), ()))
            raise TrainingFailed(
                f"{said}: the loss is {attempt.loss}, the gradient norm {attempt.norm}, for whole batches. First: "
                f"{place_of(faults)}"
            )
        if faults and batch.indices is not None:
            self._held.hold(batch, faults)
        name = f"batch {batch.position} of epoch {batch.epoch}"
        if blamed:
            where = f"{blamed[0].reason} (`allow` keeps it from being set aside)"
            finding = bad_numbers(guard, attempt, where, (name,))
        elif error is None:
            finding = bad_numbers(guard, attempt, "it is not finite, and no single sample is to blame", (name,))
        else:
            finding = guard.sample_finding([Fault(name, "raises", describe_error(error)[0])])
        guard.policy.act(finding, guard, ["skip_batch"])

    def _stop_for_the_code(self, batch: Batch, objective: Objective, error: Exception) -> None:
        """Let an error out that every sample gives, unless samples that passed before pass still.

        Raises:
            Exception: the user's own, with its place.
        """
        guard = self._guard
        if self.ever_passed:
            guard.stepper.before.restore()
            good = self._held.try_good_ones(batch, objective)
            clear(guard)
            if good is None or good.error is None or describe_error(good.error)[0] != describe_error(error)[0]:
                return
        guard.window.forget_batch()
        also = ", and those that passed before give it now, too" if self.ever_passed else ""
        error.add_note(
            f"autofix_nb: each of the {len(rows_of(batch))} samples of this batch gives this error{also}: it is the "
            f"code{place_in_code(error)} and no matter of single samples. None was set aside."
        )
        raise error

    def _race(self, attempt: Attempt, where: str) -> bool:
        return self._going_back.race(attempt, where, ever_passed=self.ever_passed)

    def _only_watch(self, batch: Batch, objective: Objective, attempt: Attempt) -> Attempt:
        """Say what is wrong, once, and do what a plain loop does."""
        leave_errors_alone(self._guard, attempt)
        if self._said_non_finite:
            return attempt
        self._said_non_finite = True
        return say_where(self._guard, batch, objective, attempt)
