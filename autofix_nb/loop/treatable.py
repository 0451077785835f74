"""What the policy and its fixes ask of a run: races on the side, their winners, rates found, rows that judge.

The guard is one; the loop's own words stand in guard.py.
"""

from collections.abc import Callable, Sequence
from math import nan
from typing import Any

import torch
from torch import nn

from autofix_nb.checkpoints import Snapshot
from autofix_nb.data import GuardedLoader, structure
from autofix_nb.errors import DataError
from autofix_nb.fixes import Change
from autofix_nb.fixes.wiring import rewire_optimizer
from autofix_nb.loop import racing
from autofix_nb.loop.facts import decay_in_force, of_model, plan_anew
from autofix_nb.loop.finding_rates import rates_tested
from autofix_nb.loop.judging import Judge
from autofix_nb.loop.pulse import Phase
from autofix_nb.loop.range_test import FEWEST_STEPS, RangeTest
from autofix_nb.loop.side_batches import judging_batches, training_batches
from autofix_nb.loop.side_deaths import is_left_out
from autofix_nb.objective import split_batch
from autofix_nb.policy import Candidate, Score
from autofix_nb.policy.policy import REWEIGHS
from autofix_nb.policy.races import Race
from autofix_nb.policy.treating import would_be_cut_off

LEAST_TIMES = 5
"""How many times its own steps must be left for a range test: with fewer, they are better spent on candidates."""


LOST_POINTS = 0.1
"""How far a metric between 0 and 1 must have fallen behind its best for the best weights to be worth going back to."""

LOST_SHARE = 0.3
"""The same for any other goal, as a share of its best."""


class Treatable:
    """Mixed into the guard, whose parts it uses: model, optimizers, history, policy, batches and the first state."""

    def race(
        self,
        candidates: Sequence[Candidate],
        steps: int,
        most: int,
        *,
        fresh: bool,
        winner: Callable[[Race], int | None],
    ) -> Race | None:
        """Try candidates on the side; everything is as before afterwards. None where nothing can be tried."""
        if self.window or (fresh and self.first is None) or not self._may_train_aside():
            return None
        if is_left_out(self, Phase.RACE):
            self._say_race_left_out(candidates)
            return None
        self.close_look.forget()
        return racing.race(self, candidates, steps, most, fresh=fresh, winner=winner)

    def _say_race_left_out(self, candidates: Sequence[Candidate]) -> None:
        guess = f"; the best guess without it: {candidates[0].says}" if candidates else ""
        text = f"The race at step {self.step_count} is left out, as it killed the process twice{guess}"
        self.journal.append("note", step=self.step_count, text=text)
        self.progress.say(f"{text}.")

    def take_over(self, candidate: Candidate, race: Race) -> int:
        """Make the winner's changes, and go on from where its training came to: a new chapter of the run.

        Returns how many of the planned steps are not to be taken any more: its training stands for most of them.
        """
        gathered = racing.gathered(self)
        # A schedule that itself had spoilt the run is cut off: nothing else begins again without steps for all of it.
        ends_earlier = bool(self.history.facts.get("steps_per_epoch")) and not would_be_cut_off(self)
        racing.take_over(self, candidate, race)
        steps = race.steps * max(1, gathered // racing.gathered(self))
        self._forget_threshold(candidate)
        self.history.since = self.step_count
        self.history.facts["mended"] = True
        if candidate.loss is not None and self.goal == "val/loss":
            self.keeper.best.forget()  # by another loss than from here on
        if candidate.fresh:
            self.history.facts["lineage_from"] = self.step_count - steps
            # What the budget does not cover of the steps that were for nothing is missing at the end.
            short = max(0, -(self.extra_steps_left + steps)) if ends_earlier else 0
            self._end_at(self.step_count - steps + int(self.history.facts.get("planned_steps") or 0) - short)
            steps += short
        elif racing.counts_for_the_run(self):
            facts = self.history.facts
            facts["lineage_from"] = int(facts.get("lineage_from", 0)) - steps
            self._end_at(int(facts.get("ends_at") or facts.get("planned_steps") or 0) - steps)
        else:
            steps = 0
            self._make_up_for_an_old_order()
        self.trouble.calm_down()
        self.snapshot = Snapshot(self.step_count, self.model, self.optimizer)
        return steps

    def go_on(self, race: Race) -> int:
        """Go on from where the control of a race came to, that nobody won: its steps are the run's own.

        Returns how many of the planned steps are not to be taken any more.
        """
        if race.ahead is None:
            return 0
        race.ahead.restore(self, taken_over=True)
        facts = self.history.facts
        facts["lineage_from"] = int(facts.get("lineage_from", 0)) - race.steps
        self._end_at(int(facts.get("ends_at") or facts.get("planned_steps") or 0) - race.steps)
        self.snapshot = Snapshot(self.step_count, self.model, self.optimizer)
        return race.steps

    def adopt(self, candidate: Candidate) -> None:
        """Make the changes of a candidate that was not raced, and go on from here: a new chapter of the run."""
        racing.adopt(self, candidate)
        self._forget_threshold(candidate)
        self._make_up_for_an_old_order()
        self.history.since = self.step_count
        self.trouble.calm_down()
        self.snapshot = Snapshot(self.step_count, self.model, self.optimizer)

    def _forget_threshold(self, candidate: Candidate) -> None:
        """Say "yes" from 0.5 on again where rows are weighed otherwise: a threshold was that of other probabilities."""
        if any(change.fix in REWEIGHS for _, change in candidate.fixes):
            self.controls.threshold = None

    def gather(self, batches: int | None) -> None:
        """Let so many batches make a step (None: as many as was asked for); before the first one, plan anew."""
        self.controls.gather = batches
        if not self.step_count:
            plan_anew(self)

    @property
    def standing_changes(self) -> list[Change]:
        """Return the changes in force, oldest first: what stands already is not offered once more."""
        return [self.policy.changes[number] for number in self.policy.in_force]

    @property
    def may_go_on(self) -> bool:
        """Return whether the steps of a race's control may be the run's own."""
        return racing.may_go_on(self)

    @property
    def extra_steps_left(self) -> int:
        """Return the extra steps that changes may still take."""
        return self.policy.races.left(self.history)

    def judge(self) -> Score | None:
        """Return what the run has come to on the rows that judge; None where there are none."""
        if self.objective is None or is_left_out(self, Phase.VERDICT):
            return None
        before = self.stepper.before.again()
        with self.aside(Phase.VERDICT, "judging what was changed"):
            try:
                with self.at_once():
                    rows = judging_batches(self)
                    return Judge(self, rows)() if rows else None
            finally:
                before.restore()

    def find_rate(self, steps: int = FEWEST_STEPS) -> float | None:
        """Return the rate at which this optimizer learns fastest without diverging, by a test on the side.

        From the first weights where the run is about to begin again, else from the present ones; once a chapter.
        """
        races = self.policy.races
        known = [self.history.since, self.starts_fresh, self.controls.optimizer]
        if not races.rate_found or races.rate_found[0] != known:
            if self.window or races.left(self.history) < LEAST_TIMES * steps or not self._may_train_aside():
                return None
            found = rates_tested(self, steps, fresh=self.starts_fresh)
            races.spent += 0 if found is None else len(found.rates)
            races.rate_found = [known, None if found is None else found.suggestion]
            if found is not None:
                self._write_down(found)
        return races.rate_found[1]

    def _may_train_aside(self) -> bool:
        """Tell whether the objective may be called beside the training; one that was never called is asked first."""
        if not self.purity.is_known and self.objective is not None:
            before = self.stepper.before.again()
            for data in self.sample_batches(1):
                self.purity.ask(lambda data=data: self.objective(data))
            self.optimizer.zero_grad(set_to_none=True)
            before.restore()
        return not self.purity.trains_by_itself

    def _write_down(self, found: RangeTest) -> None:
        self.journal.append(
            "range test",
            step=self.step_count,
            steps=len(found.rates),
            suggestion=found.suggestion,
            says=found.says,
        )

    def to_first_weights(self) -> None:
        """Put weights, optimizer and scheduler back to where the run began."""
        if self.first is not None:
            self.first.restore(self)

    @property
    def has_lost_its_best(self) -> bool:
        """Whether the goal of the newest epoch lies far behind that of the best one, whose weights still fit."""
        best, rows = self.keeper.best, self.history.rows()
        if best.weights is None or not rows or rows[-1]["epoch"] == best.epoch:
            return False
        now, higher = float(rows[-1].get("goal", nan)), bool(rows[-1].get("higher_is_better"))
        behind = best.value - now if higher else now - best.value
        bounded = higher and all(0 <= one <= 1 for one in (now, best.value))
        changes = self.policy.changes
        built = [[one for one in of if changes[one].touches == "model"] for of in (best.standing, self.policy.in_force)]
        return built[0] == built[1] and behind > (LOST_POINTS if bounded else LOST_SHARE * abs(best.value))

    @torch.no_grad()
    def to_best_weights(self) -> None:
        """Put the weights back to those of the best epoch; moments that were spoilt since begin anew."""
        self.model.load_state_dict(self.keeper.best.weights)
        for optimizer in {id(one): one for one in (self.stepper.users_optimizer, self.optimizer)}.values():
            optimizer.zero_grad(set_to_none=True)
            optimizer.state.clear()
        self.stepper.before.take()

    def follow_controls(self) -> None:
        """The controls were changed: let the loop follow where they name parts of it."""
        self.stepper.follow_controls()
        if "weight_decay" in self.history.facts:
            self.history.facts["weight_decay"] = decay_in_force(self)
        if isinstance(self.train_source, GuardedLoader):
            since = self.history.facts.get("reshuffled_from", 0)
            self.train_source.reshuffled_from = since if self.controls.reshuffle else None

    def rewire(self, joined: Sequence[torch.Tensor] = (), left: Sequence[torch.Tensor] = ()) -> None:
        """Take note that the model's structure changed: parameters joined it, or left it."""
        for optimizer in {id(one): one for one in (self.stepper.users_optimizer, self.optimizer)}.values():
            rewire_optimizer(optimizer, joined, left)
        self.stepper.rewatch()
        self.close_look.forget()
        self.recorder.follow(self.stepper.norms.components)
        self.history.facts |= of_model(self.model, self.optimizer)
        self.has_batch_norm = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in self.model.modules())

    def sample_batches(self, count: int, *, with_gaps: bool = False) -> list[Any]:
        """Return up to `count` training batches on the device; the training's own order is left alone.

        Rows that hold NaN are left out, unless `with_gaps`.
        """
        device = self.stepper.device
        return [structure.to_device(data, device) for data in training_batches(self, count, with_gaps=with_gaps)]

    def split(self, data: Any) -> tuple[Any, Any]:
        """Return inputs and targets of a batch.

        Raises:
            DataError: when only the user's own `step` can take it apart.
        """
        if self.task is None or self.known.get("has_step", True):
            raise DataError("`step` is the user's own: only it knows which part of a batch is what")
        return split_batch(data)

    def _make_up_for_an_old_order(self) -> None:
        """Let the run take its planned steps also where the epoch at hand ends early; a schedule by epochs is over."""
        facts = self.history.facts
        counts = facts.get("steps_per_epoch") and (self.scheduler is None or self.each_step)
        if counts and self._has_an_old_order():
            self._end_at(int(facts.get("ends_at") or facts.get("planned_steps") or 0))

    def _end_at(self, step: int) -> None:
        """Let the run end with this step, with as many epochs as that takes; not before the epoch at hand is over."""
        facts, each = self.history.facts, int(self.history.facts.get("steps_per_epoch") or 0)
        facts["ends_at"] = step
        if not each or not facts.get("planned_steps"):
            self.controls.extra_epochs += self.epoch
            return
        left = step - self.step_count
        begun = 0 if self.position == 0 and left <= 0 else 1  # the epoch at hand
        # An epoch whose order is the old one ends here.
        to_come_here = 0 if self._has_an_old_order() else each - self.position // self.stepper.accumulate
        epochs = self.epoch + begun + -(-max(0, left - to_come_here) // each)
        self.controls.extra_epochs = epochs - self.epochs_asked
