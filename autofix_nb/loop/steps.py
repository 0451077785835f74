"""A step of the guard: one batch through the model, what is mended of it, and what is written down of it."""

import time
from collections.abc import Callable
from dataclasses import replace
from math import hypot, isfinite
from typing import Any

from autofix_nb.data import Batch, structure
from autofix_nb.loop import part_gradients
from autofix_nb.loop.aside import BrokenOff
from autofix_nb.loop.label_guard import leave_out_bad_labels
from autofix_nb.loop.part_knowledge import part_knowledge
from autofix_nb.loop.pulse import Phase
from autofix_nb.loop.schedules import is_over
from autofix_nb.loop.stepper import Attempt, left_behind
from autofix_nb.signals import EVERY, Measured

BETWEEN, STEP = map(int, (Phase.BETWEEN, Phase.STEP))
"""What the pulse is told, as plain numbers: they are written in every step."""

EARLY_LOOKS = frozenset({10, 25})
"""Steps after which the detectors are asked besides every 50th: what is dead from the start is begun again at once."""


class Steps:
    """Mixed into the guard, whose stepper, window and trouble take each batch."""

    def step(self, batch: Batch, objective: Callable[[Any], Any]) -> Measured | None:
        """Train on one batch; `objective(data)` gives the loss, a tensor or a dict of named parts.

        Returns what was measured, or None when no step was taken for it. The function may be called several times:
        on parts of the batch after an out-of-memory error, on single rows to find those that raise.
        """
        self.turn.write(STEP, self, batch.position)
        try:
            measured = self._step(batch, objective)
        except BrokenOff:  # in a race of what could mend this batch: all of it begins again with the run that goes on
            self.undo_half_a_step()
            measured, self._comes_again = None, True
        self.turn.write(BETWEEN, self, batch.position)
        return measured

    def _step(self, batch: Batch, objective: Callable[[Any], Any]) -> Measured | None:
        began = time.perf_counter()
        if self.objective is None:
            self.objective = objective
        if self.looks.open is not None:  # of a run that went on; it may change which batch comes next
            self.looks.go_on()
            self._comes_again = True
            return None
        if not self.window:
            self.trouble.judge_held()
        if batch.retries:
            text = (
                f"batch {batch.position} of epoch {batch.epoch}: the medium failed {batch.retries} times and came back"
            )
            self.journal.append("note", step=self.step_count, text=text)
        if batch.faults:
            self._take_note(batch)
        if batch.data is None:
            self._look_at_what_is_there(batch)
            return None
        self.objective, self.at_hand = objective, batch
        if self.stepper.device.type != "cpu" and not leave_out_bad_labels(self, batch):
            self.sums.skipped += 1
            return None
        self.window.begin(batch.position)
        data = structure.to_device(batch.data, self.stepper.device)
        with self.close_look.at(self.step_count + 1), self.purity.watching():
            attempt = self.window.attempt(data, objective)
        if not attempt.fine:
            attempt = self.trouble.mend(batch, objective, attempt)
            if attempt is None:
                self.close_look.forget()
                self.sums.skipped += 1
                self._look_at_what_is_there(batch)
                return None
            data = structure.to_device(batch.data, self.stepper.device)  # some rows may be gone
        if attempt.fine:
            self.trouble.passed(batch, objective)
        self.position = batch.position + 1
        if not self.window.add(data, objective, attempt):
            return None
        attempt = self.window.mean(attempt)
        if attempt.waiting is not None:
            self._late[self.step_count + 1] = (replace(batch, data=None), objective)
        return self._take_step(attempt, objective, began, data)

    def undo_half_a_step(self) -> bool:
        """Make things as they were before the step at hand. Returns whether that state may be saved."""
        if self._updating:
            return False  # the optimizer was interrupted between two weights: what was saved before is whole
        if self.window.began_at is not None:
            self.position = self.window.began_at
            self.window.forget_step()
        return True

    def _take_step(self, attempt: Attempt, objective: Any, began: float, data: Any = None) -> Measured:
        """Let the optimizer step, record the step, and now and then hand over, look, snapshot and save."""
        rate = self.stepper.rate(self.step_count)
        self._hold_the_button()
        clipped = self._update(attempt)
        measured = left_behind(
            self.step_count,
            attempt,
            objective,
            self.task,
            lr=rate,
            clipped=clipped,
            began=began,
            load=self._loaded_seconds,
        )
        measured.look = self.close_look.end(self.step_count)
        self.recorder.add(measured)
        self._let_the_button_go()
        if len(attempt.parts) > 1 and data is not None and part_gradients.is_due(self.step_count):
            self._look_at_parts(objective, data)
        self.progress.step(self.position, measured.loss)
        if self.step_count % EVERY == 0 or self.step_count in EARLY_LOOKS:
            self._hand_over()
        elif self.keeper.is_overdue or (self.keeper.asked_every and self.step_count % self.keeper.asked_every == 0):
            self.read_back()
            self.keeper.save_if_due(self)
        return measured

    def _look_at_parts(self, objective: Callable[[Any], Any], data: Any) -> None:
        """Measure on the side how much each part of the loss pulls, and which way."""
        if self.purity.trains_by_itself or self.window.began_at is not None:
            return
        before = self.stepper.before.again()
        parameters = [part for group in self.optimizer.param_groups for part in group["params"]]
        try:
            with self.stepper.autocast():
                found = part_gradients.part_gradients(parameters, objective, data, self.controls.part_weights)
                if found:
                    gains, blind, wishes = part_knowledge(self.model, objective, data)
                    found |= gains
                    before_this = self.history.facts.get("blind_parts", blind)
                    self.history.facts["blind_parts"] = [part for part in blind if part in before_this]
                    wished = self.history.facts.get("wishes", wishes)
                    self.history.facts["wishes"] = [part for part in wishes if part in wished]
        except RuntimeError as error:  # a graph that cannot be gone through twice, or memory: the training goes on
            self.journal.append("note", step=self.step_count, text=f"the loss's parts could not be looked at: {error}")
            found = {}
        finally:
            before.restore()
        for name, value in found.items():
            self.history.record(self.step_count, **{name: value})

    def _update(self, attempt: Attempt) -> bool:
        """Let the optimizer step, and after it the scheduler. Returns whether the gradients were clipped."""
        self._updating = True
        clipped, stepped = self.stepper.take(attempt, self.step_count)
        self._updating = False
        clipped = clipped or self.stepper.was_clipped_by_others(attempt)
        self.window.close()
        self.step_count += 1
        if stepped and self.each_step and not (self.policy.changes and is_over(self.scheduler)):
            self.scheduler.step()
        return clipped

    def _take_what_is_left(self) -> None:
        """The epoch ended with gradients still waiting for more: they are a step too, as in a plain loop."""
        began = time.perf_counter()
        norms, owners, grads = self.stepper.norms.measure()
        attempt = self.window.mean(Attempt(loss=0.0, norms=norms.tolist(), owners=owners, grads=grads))
        attempt.norm = hypot(*attempt.norms)
        self._take_step(attempt, None, began)

    def read_back(self) -> list[Measured]:
        """Write what the steps left behind to the history, and look into those that the device left out by itself."""
        waiting = self.recorder.flush()
        self.sums.add(waiting)
        late, self._late = self._late, {}
        for one in waiting:
            if one.step in late and not (isfinite(float(one.loss)) and isfinite(float(one.grad_norm))):
                self.trouble.look_back(*late[one.step], one.step)
        return waiting

    def _look_at_what_is_there(self, batch: Batch) -> None:
        """A batch was left out: let the detectors look at all steps so far, whenever they were last handed over."""
        self.position = batch.position + 1
        self.read_back()
        self.looks.after_a_batch_left_out()

    def _hand_over(self) -> None:
        self.looks.after_steps(self.read_back())
        self.keeper.save_if_due(self)
