"""A run goes on with something other than it had, on request: the new value is put in force, and written down."""

import copy
from typing import TYPE_CHECKING, Any

from autofix_nb.loop.agreement import OF_DATA, STRUCTURAL, Difference, differences, let_through
from autofix_nb.loop.identity import CHOSEN

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

COUNTERS = ("last_epoch", "_step_count", "best", "num_bad_epochs", "cooldown_counter", "T_cur")
"""What of a scheduler says how far it is; the rest is its settings."""

MADE_BY_SCHEDULERS = ("lr", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum")
"""Entries of the optimizer's groups that a scheduler writes when it is made."""


def agree(guard: "Guard", state: dict[str, Any]) -> None:
    """Compare what is asked for with what a checkpoint says of itself; `guard.accepted` is what was let through.

    Raises:
        ResumeError: when there are differences that `accept` does not name; the message lists them.
    """
    before = state.get("identity") or guard.keeper.settings().get("identity", {})
    found = differences(before, guard.identity)
    changes = guard.journal.entries("change")
    moved = any(one.get("touches") == "model" or one.get("fix") == "join_optimizer" for one in changes)
    if moved and _is_as_saved(guard, state):
        # The very model of the earlier turn, in the same kernel, has the changes made to it already.
        found = [one for one in found if one.part not in STRUCTURAL]
    if not any("goal" in entry for entry in guard.journal.entries("epoch")):
        found = [one for one in found if one.part != "goal"]  # nothing was compared by it yet
    rate = state["history"].get("facts", {}).get("lr")
    found = [one for one in found if not (one.before == CHOSEN and one.now == rate)]  # too short a run for a test
    guard.accepted = Accepted(guard, let_through(guard, found), before)
    guard.accepted.prepare(state)
    guard.identity = before | {name: value for name, value in guard.identity.items() if value not in (None, "")}


def _is_as_saved(guard: "Guard", state: dict[str, Any]) -> bool:
    """Tell whether the model has the very parts that a checkpoint holds."""
    now, saved = guard.model.state_dict(), state["model"]
    return {name: getattr(part, "shape", None) for name, part in now.items()} == {
        name: getattr(part, "shape", None) for name, part in saved.items()
    }


class Accepted:
    """What was let through, with optimizer and scheduler as the user made them: taken before the run is put back."""

    def __init__(self, guard: "Guard", found: list[Difference], before: dict[str, Any]) -> None:
        """`before` is the identity that the run had."""
        self.found = found
        self.parts = {one.part for one in found}
        self._before = before
        self._given = copy.deepcopy(guard.given)
        self._made = [
            {name: copy.deepcopy(group[name]) for name in MADE_BY_SCHEDULERS if name in group}
            for group in guard.stepper.users_optimizer.param_groups
        ]
        self._schedule = None if guard.scheduler is None else copy.deepcopy(guard.scheduler.state_dict())

    @property
    def _is_same_kind_of_schedule(self) -> bool:
        return not any(one.name == "scheduler: kind" for one in self.found)

    def prepare(self, state: dict[str, Any]) -> None:
        """Take out of a checkpoint what must not be put back."""
        if "scheduler" in self.parts and state.get("scheduler") is not None:
            kept = {name: value for name, value in state["scheduler"].items() if name in COUNTERS}
            state["scheduler"] = kept if self._is_same_kind_of_schedule else None

    def apply(self, guard: "Guard") -> None:
        """Put the new values in force; the run was put back as it was before."""
        if not self.found:
            return
        if "scheduler" in self.parts:
            self._follow_schedule(guard)
        for name in dict.fromkeys(one.name for one in self.found if one.part == "hyperparameters"):
            if name == "lr":
                self._follow_rate(guard)
            else:
                self._follow_setting(guard, name)
        self._follow_data(guard)
        if guard.first is not None:
            guard.first.touch()
        if "goal" in self.parts or ("loss" in self.parts and guard.goal.startswith("val/loss")):
            guard.keeper.best.forget()  # measured by something else than from here on
            guard.history.facts["goal"] = guard.goal
        guard.journal.append(
            "accepted",
            step=guard.step_count,
            epoch=guard.epoch,
            position=guard.position,
            changes=[{"name": one.name, "before": one.before, "after": one.now} for one in self.found],
        )
        said = "; ".join(one.says for one in self.found)
        guard.progress.say(f"Accepted, from step {guard.step_count} on: {said}.")

    def _follow_schedule(self, guard: "Guard") -> None:
        """Another schedule goes on at the same count if it is of the same kind, and else begins its own."""
        groups = guard.stepper.users_optimizer.param_groups
        same = self._is_same_kind_of_schedule
        for group, made in zip(groups, self._made, strict=False):
            group.update({name: value for name, value in made.items() if name != "lr" or not same})
        # Where the rate follows from the count alone, it is the new schedule's at once.
        at_count = getattr(guard.scheduler, "_get_closed_form_lr", None)
        if same and at_count is not None:
            for group, rate in zip(groups, at_count(), strict=False):
                group["lr"] = rate
        if guard.first is not None:
            guard.first.scheduler = copy.deepcopy(self._schedule)
            for group, made in zip(guard.first.groups, self._made, strict=False):
                group.update(copy.deepcopy(made))
        guard.history.facts["scheduler"] = "" if guard.scheduler is None else type(guard.scheduler).__name__

    def _follow_rate(self, guard: "Guard") -> None:
        """Fixes and schedulers multiply the user's rate, so what they made of the old one they make of the new one."""
        before, new = self._rates(guard)
        if new is None:  # nobody gives a rate any more: the one that the run has stays
            return
        rated = [guard.stepper.users_optimizer.param_groups]
        if guard.first is not None:
            rated.append(guard.first.groups)
        for groups in rated:
            for group, old, rate in zip(groups, before, new, strict=False):
                for name in ("lr", "initial_lr"):
                    if name in group:
                        group[name] = rate if group[name] == old or not old else group[name] * rate / old
        bases = getattr(guard.scheduler, "base_lrs", None)
        if bases is not None and "scheduler" not in self.parts:
            guard.scheduler.base_lrs = new
            if guard.first is not None and guard.first.scheduler is not None:
                guard.first.scheduler["base_lrs"] = list(new)
        guard.history.facts["lr"] = float(new[0])

    def _rates(self, guard: "Guard") -> tuple[list[float], list[float] | None]:
        """Return the rates asked for before and now, a group each."""
        found = float(guard.history.facts.get("lr", 0.0))
        before = [group.get("lr") for group in self._before["hyperparameters"]]
        now = None if guard.rate_is_searched else [group["lr"] for group in self._given]
        return [found if rate == CHOSEN else rate for rate in before], now

    def _follow_setting(self, guard: "Guard", name: str) -> None:
        groups = [guard.stepper.users_optimizer.param_groups]
        if guard.first is not None:
            groups.append(guard.first.groups)
        for one in groups:
            for group, given in zip(one, self._given, strict=False):
                group[name] = given[name]
        if name in guard.history.facts:
            guard.history.facts[name] = float(self._given[0][name])

    def _follow_data(self, guard: "Guard") -> None:
        """The place in an epoch counts batches. Other samples, or another order, begin the epoch again."""
        if self.parts & {*OF_DATA, "sampler", "drop_last"}:
            guard.position = 0
            guard.sums.clear()
        if self.parts & set(OF_DATA):
            guard.quarantine.restore([])  # their indices were those of other samples
        for one in self.found:
            if one.part == "batch_size" and isinstance(one.before, int) and isinstance(one.now, int):
                guard.position = guard.position * one.before // one.now  # some samples twice rather than never
