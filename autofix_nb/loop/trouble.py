"""A step failed: whose fault is it, and what is done about it.

The order of the questions is the point. Did memory run out? Are the weights still numbers? Which rows fail alone?
Do the same rows fail under the last good weights too? Only then is anything changed: rows that fail under good
weights are set aside and the rate is left alone; rows that fail under the present weights only are innocent, the
weights go back and the rate is lowered; a fault that nobody can be blamed for costs its batch.
"""

from collections.abc import Callable
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.checkpoints import WeightsOnLoan, portable
from autofix_nb.data import Batch, Fault, structure
from autofix_nb.data.fetch import describe_error
from autofix_nb.data.pictures import row_png
from autofix_nb.detectors.non_finite import NonFinite
from autofix_nb.errors import DataError, StoreError, TrainingFailed
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes.split_batch import split_into
from autofix_nb.loop.culprits import fill_up, find_culprits
from autofix_nb.loop.locate import first_bad_weight, locate
from autofix_nb.loop.stepper import Attempt
from autofix_nb.objective import free_memory, is_device_lost, is_out_of_memory, total_loss
from autofix_nb.policy.broken_off import whole_or_not
from autofix_nb.policy.treating import treat, wants_race

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

IN_A_ROW = 5
"""Batches that may fail as a whole, one after the other, before it is a bug and not bad luck."""

FEW_ROWS = 4
"""A first batch of fewer rows that fails as a whole may be bad luck; of more, it is a bug."""

ROUNDS = 6
"""Times one batch is looked into before it is left out."""

ROLLBACKS_IN_A_ROW = 8
"""Times the weights may go back without a healthy stretch between; each time the rate is halved."""

AGAINST_BAD_NUMBERS = (
    *("standardise", "scale_lr", "clip_gradients", "scale_targets", "swap_activations", "insert_norm"),
    *("rebalance_losses", "reinitialise", "mend_output", "mend_loss", "swap_optimizer"),
)
"""What is raced when numbers go bad again and again: scale of the data, rate, and where forward passes overflow."""

Objective = Callable[[Any], Any]


class Trouble:
    """Mends failed steps of one guard. Counts what failed in a row; remembers nothing else."""

    def __init__(self, guard: "Guard") -> None:
        self._guard = guard
        self.ever_passed = False
        self.failed_in_a_row = 0
        self.rollbacks_in_a_row = 0
        self._held: list[tuple[Batch, list[Fault]]] = []
        self._good: list[Any] = []
        """Samples of a batch that passed, of the usual size."""

        self._objective: Objective | None = None
        self.last_rollback = -1
        self._said_non_finite = False

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return {
            "ever_passed": self.ever_passed,
            "failed_in_a_row": self.failed_in_a_row,
            "rollbacks_in_a_row": self.rollbacks_in_a_row,
            "last_rollback": self.last_rollback,
            "said_non_finite": self._said_non_finite,
            "good": _kept(self._good),
            "held": [held for held in (_kept_batch(batch, faults) for batch, faults in self._held) if held is not None],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        state = dict(state)
        self._said_non_finite, self._good = bool(state.pop("said_non_finite")), list(state.pop("good") or ())
        self._held = [
            (Batch(None, one["indices"], one["epoch"], one["position"]), [Fault(*fault) for fault in one["faults"]])
            for one in state.pop("held")
        ]
        vars(self).update(state)

    def calm_down(self) -> None:
        """A new chapter begins: what failed in the one before is no sign any more."""
        self.failed_in_a_row = self.rollbacks_in_a_row = 0

    def passed(self, batch: Batch, objective: Objective) -> None:
        """Take note that a batch passed. Samples of batches that failed as a whole can be judged beside it now."""
        self.ever_passed = True
        self.failed_in_a_row = 0
        self._said_non_finite = False
        if batch.indices and len(batch.indices) >= len(self._good):
            self._good = batch.indices
        self._objective = objective

    def judge_held(self) -> None:
        """Between two steps: judge the samples of batches that failed as a whole beside good ones, if there are any."""
        objective = self._objective or self._guard.objective  # a resumed run has batches from before its first step
        if self._held and self._good and objective is not None:
            held, self._held = self._held, []
            for failed, faults in held:
                failed.source = failed.source or self._guard.train_source
                self._judge_beside_good_ones(failed, faults, objective)

    def _judge_beside_good_ones(self, failed: Batch, faults: list[Fault], objective: Objective) -> None:
        """Set aside those rows of a failed batch that fail beside good ones too; the others failed for its size."""
        guard = self._guard
        guilty = []
        random = guard.stepper.before.again()
        for fault in faults:
            beside = failed.reload([fault.index, *self._good[: max(1, len(self._good) - 1)]]) if self._good else None
            if beside is None or fault.index not in beside.indices:
                continue
            attempt = guard.window.pieces(guard.stepper.to_device(beside.data), objective, 1.0, first=True).read()
            if not attempt.fine:
                guilty.append(fault)
            random.restore()
        guard.optimizer.zero_grad(set_to_none=True)
        if guilty:
            self._set_aside(failed, guilty)
        if len(guilty) < len(faults):
            text = (
                f"batch {failed.position} of epoch {failed.epoch} failed, and its samples pass beside others: it is "
                f"its size, {len(faults)}. If the model wants another one, give the loader `drop_last=True`"
            )
            guard.problems += [text] if text not in guard.problems else []

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
        self._refresh(batch)
        if attempt.error is None or not is_out_of_memory(attempt.error):
            attempt = self._again(batch, objective)
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
                attempt = self._in_parts(batch, objective, attempt)
                continue
            guard.stepper.before.restore()
            weight = first_bad_weight(guard.model)
            if weight is not None:
                if self._treat(attempt, weight):
                    return None
                if not self._go_back(batch, attempt, weight):
                    return self.leave_out(batch, attempt, [])
                attempt = self._again(batch, objective)
                continue
            culprits = self._culprits(batch, objective)
            if not culprits and error is not None:
                attempt = self._again(batch, objective)
                if attempt.fine:
                    continue  # it comes and goes: nobody's fault
            where = self._where(batch, objective, culprits)
            # An exception is an optimisation fault only where numbers went bad before it.
            by_numbers = error is None or "is not finite" in where
            if by_numbers and self._passes_with_good_weights(batch, objective, culprits):
                if self._treat(attempt, where):
                    return None
                if not self._go_back(batch, attempt, where):
                    return self.leave_out(batch, attempt, [])
                attempt = self._again(batch, objective)
                continue
            found = [self._fault(batch, objective, row) for row in culprits]
            faults = [fault for fault in found if fault is not None]
            if len(faults) < len(found):
                attempt = self._again(batch, objective)
                continue  # what comes and goes is nobody's fault
            guilty_by_themselves = bool(faults) and all(fault.reason.startswith("input") for fault in faults)
            if not faults or (len(faults) == len(self._rows(batch)) and not guilty_by_themselves):
                return self.leave_out(batch, attempt, faults)
            if not guard.policy.may("quarantine"):
                return self.leave_out(batch, attempt, [], blamed=faults)
            self._set_aside(batch, faults)
            rest = self._without(batch, culprits) if len(culprits) < len(self._rows(batch)) else None
            if rest is None:
                guard.window.forget_batch()
                return None
            batch.data, batch.indices = rest.data, rest.indices
            attempt = self._again(batch, objective)
        return attempt if attempt.fine else self.leave_out(batch, attempt, [])

    def look_back(self, batch: Batch, objective: Objective, step: int) -> None:
        """Look into a step that the device left out by itself some steps ago (nothing was waited for then)."""
        guard = self._guard
        again = batch.reload(batch.indices) if batch.indices else None
        if again is None:
            guard.policy.act(self._finding(Attempt(), f"the batch of step {step}", ()), guard, ["skip_batch"])
            return
        batch = again
        guard.stepper.before.take()
        attempt = self._again(batch, objective)
        if attempt.fine and first_bad_weight(guard.model) is None:
            finding = self._finding(Attempt(), f"step {step} could not be repeated", ())
            guard.policy.act(finding, guard, ["skip_batch"])
        else:
            self.mend(batch, objective, attempt)
        guard.window.forget_batch()

    def _again(self, batch: Batch, objective: Objective) -> Attempt:
        """Run the batch again as if for the first time. On a copy: it may have to be run once more."""
        self._guard.stepper.before.restore()
        data = self._guard.stepper.to_device(structure.map_tensors(torch.clone, batch.data))
        return self._guard.window.attempt(data, objective, again=True).read()

    def _try_rows(self, batch: Batch, objective: Objective, rows: list[int]) -> Attempt:
        """Run some rows of a batch, filled up to a full batch."""
        stepper = self._guard.stepper
        stepper.before.restore()
        data = self._take(batch, fill_up(rows, len(self._rows(batch))))
        attempt = self._guard.window.pieces(data, objective, 1.0, first=True)
        error = attempt.error
        if error is not None and (is_device_lost(error) or is_out_of_memory(error)):
            raise error
        return attempt.read()

    def _culprits(self, batch: Batch, objective: Objective) -> list[int]:
        """Return the rows that fail alone. Leaves gradients cleared and everything else as before the step."""
        guard = self._guard
        try:
            size = len(self._rows(batch))
            return find_culprits(lambda part: not self._try_rows(batch, objective, part).fine, size)
        except (structure.NotSliceable, DataError):
            return []
        finally:
            guard.stepper.before.restore()
            guard.optimizer.zero_grad(set_to_none=True)

    def _passes_with_good_weights(self, batch: Batch, objective: Objective, culprits: list[int]) -> bool:
        """Tell whether what fails now does not fail under the last good weights: then it is not the data's fault."""
        guard = self._guard
        snapshot = guard.snapshot
        if snapshot is None or snapshot.step == guard.step_count:
            return False
        try:
            rows = culprits or list(range(len(self._rows(batch))))
            with WeightsOnLoan(guard.model, snapshot):
                return self._try_rows(batch, objective, rows).fine
        except (structure.NotSliceable, DataError):
            with WeightsOnLoan(guard.model, snapshot):
                return self._again(batch, objective).fine
        finally:
            guard.stepper.before.restore()
            guard.optimizer.zero_grad(set_to_none=True)

    def _treat(self, attempt: Attempt, where: str) -> bool:
        """Where going back has not lasted, or there is nothing good to go back to: find out what helps, by a race.

        Whether it was taken over; then the batch at hand is left out, and the run goes on in a new chapter.
        """
        guard = self._guard
        again = self.rollbacks_in_a_row and guard.step_count - self.last_rollback <= guard.HEALTHY_STRETCH
        if self.ever_passed and not again:
            return False
        finding = replace(self._finding(attempt, where, ()), fixes=AGAINST_BAD_NUMBERS)
        if not wants_race(guard.policy, finding, guard):
            return False
        guard.window.forget_step()
        guard.read_back()
        with whole_or_not(guard.policy, guard.step_count):
            guard.policy.note(finding)
            for trial in [trial for trial in guard.policy.trials if trial.finding.code == finding.code]:
                guard.policy.trials.remove(trial)
            return treat(guard.policy, finding, guard)

    def _go_back(self, batch: Batch, attempt: Attempt, where: str) -> bool:
        """Roll back and lower the rate, unless that is not allowed or has not helped often enough."""
        guard = self._guard
        step = guard.step_count
        if step - self.last_rollback > guard.HEALTHY_STRETCH:
            self.rollbacks_in_a_row = 0
        elif self.rollbacks_in_a_row:
            guard.policy.give_up("G03", guard, step, "the numbers went bad again before the trial was over")
        self.rollbacks_in_a_row += 1
        self.last_rollback = step
        finding = self._finding(attempt, where, ())
        if self.rollbacks_in_a_row > ROLLBACKS_IN_A_ROW:
            guard.policy.note(finding)
            raise TrainingFailed(
                f"the numbers went bad {self.rollbacks_in_a_row} times within {guard.HEALTHY_STRETCH} steps each, last "
                f"in {where} at step {step}, although the rate was lowered to {guard.stepper.rate():.3g}. The best "
                "guess: "
                "an operation in the model or loss that has no finite value or gradient (log or division by 0, sqrt "
                "at 0)"
            )
        if not (guard.policy.may("rollback") and guard.snapshot is not None):
            guard.policy.note(finding)
            return False
        return guard.policy.act(finding, guard, ["rollback", "scale_lr"], all_of=True)

    def _set_aside(self, batch: Batch, faults: list[Fault]) -> None:
        guard = self._guard
        guard.suspects = faults
        kind = faults[0].kind
        if batch.indices is None:
            # Rows of a stream have no index that comes again: this batch goes on without them, and that is all.
            names = tuple(str(fault.index) for fault in faults)
            guard.policy.note(self._finding(Attempt(), faults[0].reason, names))
            guard.suspects = []
            return
        if kind == "non-finite":
            finding = self._finding(Attempt(), faults[0].reason, tuple(f"sample {fault.index}" for fault in faults))
        else:
            finding = guard.sample_finding(faults)
        guard.policy.act(finding, guard, ["quarantine"])
        guard.suspects = []

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
        if error is None and not self.ever_passed and self._treat(attempt, _place(faults)):
            self.failed_in_a_row = 0
            return
        self.failed_in_a_row += 1
        hopeless = not self.ever_passed and rows >= FEW_ROWS
        if self.failed_in_a_row >= IN_A_ROW or hopeless or not guard.policy.may("skip_batch"):
            said = f"{self.failed_in_a_row} batches in a row failed" if self.ever_passed else "no batch has passed yet"
            if error is not None:
                error.add_note(f"autofix_nb: {said} as a whole, so this is no matter of single samples.")
                raise error
            guard.policy.note(self._finding(attempt, _place(faults), ()))
            raise TrainingFailed(
                f"{said}: the loss is {attempt.loss}, the gradient norm {attempt.norm}, for whole batches. First: "
                f"{_place(faults)}"
            )
        if faults and batch.indices is not None:
            self._held.append((replace(batch, data=None), faults))
        name = f"batch {batch.position} of epoch {batch.epoch}"
        if blamed:
            finding = self._finding(attempt, f"{blamed[0].reason} (`allow` keeps it from being set aside)", (name,))
        elif error is None:
            finding = self._finding(attempt, "it is not finite, and no single sample is to blame", (name,))
        else:
            finding = guard.sample_finding([Fault(name, "raises", describe_error(error)[0])])
        guard.policy.act(finding, guard, ["skip_batch"])

    def _in_parts(self, batch: Batch, objective: Objective, attempt: Attempt) -> Attempt:
        """Run a batch that did not fit into memory in halves, weighted so that the gradient is that of the whole."""
        guard = self._guard
        error = attempt.error
        before, rows = guard.controls.micro_batch, len(self._rows(batch))
        size = before or rows
        while True:
            free_memory(error)
            if size == 1:
                raise error if error is not None else TrainingFailed("one sample does not fit into memory")
            size = (size + 1) // 2
            guard.controls.micro_batch = size
            attempt = self._again(batch, objective)
            error = attempt.error
            if error is None or not is_out_of_memory(error):
                finding = Finding(
                    code="R01",
                    title="Out of memory",
                    severity=Severity.WARNING,
                    step=guard.step_count,
                    measured=rows,
                    limit=size,
                    says=f"a batch of {rows} does not fit, parts of {size} do; the gradient is that of the whole batch"
                    + (", batch norm sees the parts" if guard.has_batch_norm else ""),
                )
                guard.history.record(guard.step_count, out_of_memory=size)
                guard.policy.take_down(finding, split_into(size, before=before, whole=rows))
                return attempt

    def _only_watch(self, batch: Batch, objective: Objective, attempt: Attempt) -> Attempt:
        """`autofix="suggest"` and `"off"`: say what is wrong, once, and do what a plain loop does."""
        guard = self._guard
        if attempt.error is not None:
            attempt.error.add_note(f'autofix_nb: `autofix="{guard.policy.mode}"` leaves errors to you.')
            raise attempt.error
        if not self._said_non_finite:
            self._said_non_finite = True
            random, buffers = torch.default_generator.get_state(), [b.clone() for b in guard.model.buffers()]
            weight = first_bad_weight(guard.model)
            if weight is not None:
                finding = self._finding(attempt, weight, ())
                guard.policy.act(finding, guard, ["rollback", "scale_lr"])
            else:
                culprits = self._culprits(batch, objective)
                found = [self._fault(batch, objective, row) for row in culprits]
                guard.suspects = [fault for fault in found if fault is not None]
                where = guard.suspects[0].reason if guard.suspects else "the whole batch"
                samples = tuple(f"sample {fault.index}" for fault in guard.suspects)
                guard.policy.act(self._finding(attempt, where, samples), guard, ["quarantine", "skip_batch"])
                guard.suspects = []
            again = self._again(batch, objective)
            torch.default_generator.set_state(random)
            with torch.no_grad():
                for buffer, value in zip(guard.model.buffers(), buffers, strict=True):
                    buffer.copy_(value)
            return again
        return attempt

    def _fault(self, batch: Batch, objective: Objective, row: int) -> Fault | None:
        """Return the record of one row that fails alone: its index, and where it fails; None if it passes this time."""
        attempt = self._try_rows(batch, objective, [row])
        self._guard.stepper.before.restore()
        self._guard.optimizer.zero_grad(set_to_none=True)
        if attempt.fine:
            return None
        index = (
            batch.indices[row]
            if batch.indices is not None
            else f"epoch {batch.epoch}, batch {batch.position}, row {row}"
        )
        error = attempt.error
        if error is None:
            where = self._where(batch, objective, [row])
            return Fault(index, "non-finite", where, picture=row_png(batch.data, row))
        reason, trace = describe_error(error)
        return Fault(index, "raises", f"in the forward pass, {reason}", trace, picture=row_png(batch.data, row))

    def _where(self, batch: Batch, objective: Objective, rows: list[int]) -> str:
        """Return where the first bad number arises for these rows (all of them when none is named)."""
        guard = self._guard
        try:
            rows = rows or list(range(len(self._rows(batch))))
            data = self._take(batch, fill_up(rows, len(self._rows(batch))))
        except (structure.NotSliceable, DataError):
            data = guard.stepper.to_device(batch.data)
        guard.stepper.before.restore()
        guard.optimizer.zero_grad(set_to_none=True)

        def run(part: Any) -> torch.Tensor:
            with guard.stepper.autocast():
                return total_loss(objective(part))[0]

        where = locate(guard.model, data, run, guard.stepper.norms)
        guard.stepper.before.restore()
        guard.optimizer.zero_grad(set_to_none=True)
        return where

    def _finding(self, attempt: Attempt, where: str, samples: tuple[str, ...]) -> Finding:
        """Return G03 with where it arose first."""
        said = where
        if samples:
            more = f"; {len(samples) - 1} more in this batch like it" if len(samples) > 1 else ""
            said = f"{samples[0]}: {where}{more}"
        elif attempt.error is None and not (isfinite(attempt.loss) and isfinite(attempt.norm)):
            said = f"{where} (loss {attempt.loss:.3g}, gradient norm {attempt.norm:.3g})"
        return Finding(
            code=NonFinite.code,
            title=NonFinite.title,
            severity=Severity.WARNING if samples else Severity.CRITICAL,
            step=self._guard.step_count,
            measured=attempt.norm,
            limit=float("inf"),
            says=said,
            where=samples or (where,),
            fixes=NonFinite.fixes,
        )

    def _rows(self, batch: Batch) -> range:
        return range(len(batch.indices) if batch.indices is not None else structure.rows(batch.data))

    def _refresh(self, batch: Batch) -> None:
        """Load the batch again: the model or the step may have changed it in place."""
        again = batch.reload(batch.indices) if batch.indices else None
        if again is not None and again.indices == batch.indices:
            batch.data = again.data

    def _take(self, batch: Batch, rows: list[int]) -> Any:
        """Return these rows of a batch on the device: cut out of it, or, where it cannot be cut, loaded again."""
        size = len(self._rows(batch))
        try:
            data = structure.take(batch.data, rows, size)
        except structure.NotSliceable:
            if batch.indices is None:
                raise
            part = batch.reload([batch.indices[row] for row in rows])
            if part is None:
                raise
            data = part.data
        return self._guard.stepper.to_device(data)

    def _without(self, batch: Batch, culprits: list[int]) -> Batch | None:
        """Return the batch without these rows."""
        rest = [row for row in self._rows(batch) if row not in set(culprits)]
        if batch.indices is not None:
            return batch.reload([batch.indices[row] for row in rest])
        return replace(batch, data=structure.take(batch.data, rest, len(self._rows(batch))))


def _kept(indices: list[Any]) -> list[Any] | None:
    """Return indices as a checkpoint can hold them; None where it cannot."""
    try:
        return portable(list(indices), "indices")
    except StoreError:
        return None


def _kept_batch(batch: Batch, faults: list[Fault]) -> dict[str, Any] | None:
    """Return a batch whose samples wait to be judged as plain values; None where a checkpoint cannot hold them."""
    indices, names = _kept(batch.indices or []), _kept([fault.index for fault in faults])
    if indices is None or names is None:
        return None
    said = [[name, fault.kind, fault.reason, fault.trace] for name, fault in zip(names, faults, strict=True)]
    return {"indices": indices, "epoch": batch.epoch, "position": batch.position, "faults": said}


def _place(faults: list[Fault]) -> str:
    return faults[0].reason if faults else "a place that no single sample leads to"
