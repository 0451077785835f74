"""How model and optimizer were when a change on trial was made: what undoing it puts back, also after a resume.

A fix keeps the way back in memory. A resumed process makes the change again on a model of other values, as they were
drawn in that process; undone there, it would go back to those. So they are first given the values from before.
"""

from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.checkpoints import copied
from autofix_nb.checkpoints.snapshot import parts_beside

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


class BeforeChange:
    """Weights, buffers and moments at that time, on the CPU; they never change."""

    def __init__(self, number: int, weights: dict[str, Any], beside: list[torch.Tensor], optimizer: Any) -> None:
        self.number = number
        """Place among the run's changes of the first that was made then."""

        self._weights, self._beside, self._optimizer = weights, beside, optimizer

    @classmethod
    def of(cls, guard: "Guard") -> "BeforeChange":
        """Return how a guard is now, when the next change is about to be made."""
        users = guard.stepper.users_optimizer
        moments = copied(users.state_dict()) if guard.optimizer is users else None
        beside = copied(parts_beside(guard.model, users))
        return cls(len(guard.policy.changes), copied(guard.model.state_dict()), beside, moments)

    def is_needed(self, guard: "Guard") -> bool:
        """Tell whether what was changed then may still be undone by a verdict."""
        return any(trial.number >= self.number for trial in guard.policy.trials)

    @torch.no_grad()
    def put_back(self, guard: "Guard") -> None:
        """Give the guard these values; the changes from before them have been made again, the others not yet."""
        guard.model.load_state_dict(self._weights)
        users = guard.stepper.users_optimizer
        for live, kept in zip(parts_beside(guard.model, users), self._beside, strict=False):
            if live.shape == kept.shape:
                live.copy_(kept)
        if self._optimizer is not None:
            users.load_state_dict(copied(self._optimizer))

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values for a file."""
        return {
            "number": self.number,
            "weights": self._weights,
            "beside": self._beside,
            "optimizer": self._optimizer,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "BeforeChange":
        """Rebuild it from `state`."""
        return cls(int(state["number"]), state["weights"], state["beside"], state["optimizer"])


def make_again(guard: "Guard") -> None:
    """Make the changes in force again, on a model that does not have them."""
    before = guard.before_change
    for number, fix in guard.policy.standing:
        change = guard.policy.changes[number]
        if not fix.is_built_in(change):
            continue  # settings are saved with the controls, samples set aside with the quarantine
        if before is not None and number >= before.number:
            before.put_back(guard)
            before = None
        fix.replay(change, guard)
