"""Where a run began: its first weights, and the settings of optimizer and scheduler, to begin again from."""

import copy
from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.checkpoints import as_before, copied, portable_or_dropped
from autofix_nb.checkpoints.snapshot import parts_beside

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


class FirstState:
    """The state before the first step. The optimizer's moments are none, its settings what the user gave."""

    def __init__(
        self,
        weights: dict[str, Any],
        beside: list[torch.Tensor],
        groups: list[dict[str, Any]],
        scheduler: Any,
        kept: dict[str, Any] | None = None,
    ) -> None:
        self.weights = weights
        self.beside = beside
        """What the state dict leaves out, such as weights of the loss's own that the optimizer holds."""

        self.groups = groups
        self.scheduler = scheduler
        self.kept = kept or {}
        """States of what `keep` names, such as a moving average of the weights."""

    @classmethod
    def of(cls, guard: "Guard") -> "FirstState":
        """Return the state of a guard as it is now."""
        groups = [
            {name: value for name, value in group.items() if name not in ("params", "param_names")}
            for group in guard.stepper.users_optimizer.param_groups
        ]
        scheduler = None if guard.scheduler is None else copy.deepcopy(guard.scheduler.state_dict())
        beside = copied(parts_beside(guard.model, guard.stepper.users_optimizer))
        kept = guard.keeper.kept.copied()
        return cls(copied(guard.model.state_dict()), beside, copy.deepcopy(groups), scheduler, kept)

    @torch.no_grad()
    def restore(self, guard: "Guard") -> None:
        """Put a guard back to it. What was added to the model since keeps its weights."""
        now = guard.model.state_dict()
        # A part that has another size by now was put there since: it is new itself.
        fits = {name: part for name, part in self.weights.items() if _size(now.get(name)) == _size(part)}
        guard.model.load_state_dict(fits, strict=False)
        for live, kept in zip(parts_beside(guard.model, guard.stepper.users_optimizer), self.beside, strict=False):
            if live.shape == kept.shape:
                live.copy_(kept)
        for optimizer in {id(one): one for one in (guard.stepper.users_optimizer, guard.optimizer)}.values():
            optimizer.zero_grad(set_to_none=True)
            optimizer.state.clear()
        for group, settings in zip(guard.stepper.users_optimizer.param_groups, self.groups, strict=False):
            group.update(copy.deepcopy(settings))
        if guard.scheduler is not None and self.scheduler is not None:
            live = guard.scheduler.state_dict()
            guard.scheduler.load_state_dict(live | as_before(copy.deepcopy(self.scheduler), live))
        guard.keeper.kept.put_back(self.kept)
        guard.stepper.before.take()

    def take_in(self, guard: "Guard", *, fresh: bool) -> None:
        """The model was changed: from now on it begins as it does now (`fresh`), or with what was added to it."""
        now = copied(guard.model.state_dict())
        if fresh:
            self.weights = now
            return
        kept = {name: part for name, part in self.weights.items() if name in now and _size(part) == _size(now[name])}
        self.weights = now | kept

    def touch(self) -> None:
        """Take note that something beside the weights was changed: it is written anew with the next save."""
        self.weights = copy.copy(self.weights)

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values for a file."""
        groups = [portable_or_dropped(group, "group")[0] for group in self.groups]
        scheduler = None if self.scheduler is None else portable_or_dropped(self.scheduler, "scheduler")[0]
        kept = {name: portable_or_dropped(state, name)[0] for name, state in self.kept.items()}
        return {"weights": self.weights, "beside": self.beside, "groups": groups, "scheduler": scheduler, "kept": kept}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FirstState":
        """Rebuild it from `state`."""
        return cls(state["weights"], state["beside"], state["groups"], state["scheduler"], state.get("kept"))


def _size(part: Any) -> Any:
    """Return the shape of a part of a state dict; None for what is no tensor."""
    return getattr(part, "shape", None)
