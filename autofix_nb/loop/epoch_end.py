"""The end of an epoch: its validation, its row in the table, the best so far, the scheduler, the looks at it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from autofix_nb.data import GuardedLoader, IterableGuard
from autofix_nb.detectors.aims import aims_of
from autofix_nb.loop.pulse import Phase
from autofix_nb.loop.thresholds import even_goal

PROBLEMS_SAID = 3
"""Sentences about validation samples said while it trains; the report has them all."""


class EpochEnd:
    """Mixed into the guard, whose sums of the epoch and validated values it closes."""

    def validate(self, values: Mapping[str, float] | float, problems: Sequence[str] = ()) -> None:
        """Take note of this epoch's validation: named values, or the loss alone. Names get `val/` before them.

        `problems` are sentences about validation samples that could not be used; each is said once.
        """
        if not isinstance(values, Mapping):
            values = {"loss": float(values)}
        for problem in dict.fromkeys(problems):
            if problem not in self.problems:
                self.problems.append(problem)
                if len(self.problems) <= PROBLEMS_SAID:
                    self.progress.say(f"Validation: {problem}.")
        self._row |= {
            name if name.startswith("val/") else f"val/{name}": float(value) for name, value in values.items()
        }

    @contextmanager
    def validating(self, source: GuardedLoader | IterableGuard) -> Iterator[None]:
        """Context of a validation. Broken off, its epoch stays open, and the run that goes on validates anew."""
        before, whole = self.stepper.before.again(), False
        try:
            batches = len(source)
        except TypeError:
            batches = None
        with self.hearing():
            try:
                with self.aside(Phase.VALIDATION, "validating", batches), self.at_once():
                    yield
                whole = True
            finally:
                if not whole:
                    self.epoch_done = False
                    before.restore()

    def _has_an_old_order(self) -> bool:
        """Tell whether samples are shuffled from the next epoch on: the rest of this one would undo what was won."""
        since = self.history.facts.get("reshuffled_from")
        return bool(self.controls.reshuffle and since == self.epoch + 1 and self.position > 0 and not self.window)

    def _has_all_its_steps(self) -> bool:
        """Tell whether a run whose end was moved has come to it, in the middle of its last epoch."""
        ends_at = self.history.facts.get("ends_at")
        last = ends_at is not None and self.epoch + 1 >= self.epochs_planned
        in_mid_epoch = self.position > 0 and not self.window
        return bool(last) and in_mid_epoch and self.step_count >= ends_at

    def _close_epoch(self) -> None:
        self.read_back()
        self.trouble.judge_held()
        self._hold_the_button()
        row = {"epoch": self.epoch + 1, "step": self.step_count} | self.sums.row() | self._row
        row |= {"lr": self.stepper.rate(), "quarantined": len(self.quarantine)}
        if self.goal in row:
            row |= self._goal_of(row) | {"higher_is_better": self.higher_is_better}
            before = next((one["goal_name"] for one in reversed(self.history.epochs) if "goal_name" in one), self.goal)
            if row["goal_name"] != before:
                self.keeper.best.forget()  # measured by something else than from here on
                self._say_goal(row, before)
        if self.scheduler is not None and not self.each_step:
            self._step_scheduler(row)  # the user's code: if it raises, this epoch is not closed yet
        if "goal" in row:
            row["is_best"] = self.keeper.best.offer(
                row["goal"],
                self.epoch + 1,
                self.higher_is_better,
                self.model,
                self.policy.in_force,
                loss=row.get("val/loss", float("nan")),
            )
        self.history.add_epoch(row)
        self.journal.append("epoch", **row)
        self.sums.clear()
        self._row = {}
        self.epoch, self.position = self.epoch + 1, 0
        self._let_the_button_go()
        self.looks.after_an_epoch()
        self.progress.epoch(row, self.epochs_planned)
        self.keeper.save_if_due(self)

    def _say_goal(self, row: Mapping[str, Any], before: str) -> None:
        name, epoch = row["goal_name"], row["epoch"]
        text = f"The best epoch is that with the best {name} from epoch {epoch} on (before: {before})"
        self.journal.append("note", step=self.step_count, text=text)
        self.progress.say(f"{text}.")

    def _goal_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return value and name of the goal: of a loss whose parts were weighed anew, what the training is for.

        In place of an accuracy that was chosen for the user, and does not hear of rare classes, what does.
        """
        even = even_goal(row) if self.history.facts.get("even_goal") else None
        if even is not None:
            return {"goal": row[even], "goal_name": even}
        aims = aims_of(self.history) if self.goal == "val/loss" and self.controls.part_weights else ()
        parts = [f"val/loss/{part}" for part in aims]
        if not parts or not all(part in row for part in parts):
            return {"goal": row[self.goal], "goal_name": self.goal}
        return {"goal": sum(row[part] for part in parts), "goal_name": f"val/loss/{'+'.join(aims)}"}

    def _step_scheduler(self, row: dict[str, Any]) -> None:
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(row.get("val/loss", row["loss"]))
        else:
            self.scheduler.step()
