"""When a run is looked at: after some steps, when a batch was left out, at an epoch's end; whole or not at all.

A look may hold a race, and the training may be asked to end meanwhile. Then the look stays open: it is saved so, and
the run that goes on asks it again before anything else, from the very state in which it was asked first.
"""

from math import isfinite
from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.checkpoints import Snapshot
from autofix_nb.loop.whole_state import is_ended
from autofix_nb.signals import Measured

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

SNAPSHOT_STEPS = 100
"""Steps between two copies of the last good state in memory: 3 µs a step on a 64-128-10 network with Adam."""


class Looks:
    """Asks the policy of one guard."""

    def __init__(self, guard: "Guard") -> None:
        self._guard = guard
        self.open: dict[str, Any] | None = None
        """The look that was broken off and is to be asked again, as plain values; None where none was."""

    def after_steps(self, waiting: list[Measured]) -> None:
        """Look at the steps up to here, of which `waiting` were just read back; now and then remember a good state."""
        due = self._guard.step_count % SNAPSHOT_STEPS == 0
        self._ask({"at": "steps", "sound": due and all(isfinite(float(one.loss)) for one in waiting)})

    def after_a_batch_left_out(self) -> None:
        """Look at the steps up to here, whenever they were last handed over."""
        self._ask({"at": "steps", "sound": False})

    def after_an_epoch(self) -> None:
        """Look at the epoch that was just closed, and, were it the last, whether to go on for a while."""
        self._ask({"at": "epoch"})

    def go_on(self) -> None:
        """Ask the look again that was broken off, if one was."""
        asked, self.open = self.open, None
        if asked is not None:
            self._ask(asked)

    def _ask(self, asked: dict[str, Any]) -> None:
        policy = self._guard.policy
        with self._guard.hearing():
            try:
                self._after_steps(asked) if asked["at"] == "steps" else self._after_an_epoch()
            except BaseException:
                if policy.broken_off is not None:
                    self.open = asked
                raise

    def _after_steps(self, asked: dict[str, Any]) -> None:
        guard = self._guard
        guard.policy.look(guard, "step", guard.step_count)
        if asked["sound"] and self._is_healthy():
            guard.snapshot = Snapshot(guard.step_count, guard.model, guard.optimizer)

    def _after_an_epoch(self) -> None:
        guard, policy = self._guard, self._guard.policy
        if (policy.broken_off or {}).get("when") != "epoch":  # else the first of the two is over
            policy.look(guard, "step", guard.step_count)
        policy.look(guard, "epoch", guard.step_count)
        if guard.epoch >= guard.epochs_planned and not is_ended(guard):  # a stop button does not take it away
            policy.at_the_end(guard, guard.step_count)

    def _is_healthy(self) -> bool:
        """Tell whether now is a state worth going back to: no alarm, no change still on trial, finite weights."""
        guard = self._guard
        if guard.policy.alarmed or guard.policy.trials:
            return False
        norms = torch.stack(torch._foreach_norm([part.detach() for part in guard.model.parameters()]))
        return bool(torch.isfinite(norms).all())
