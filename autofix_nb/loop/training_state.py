"""All that a training on the side changes, to be put back bit for bit."""

import copy
from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.checkpoints import copied, random_state, set_random_state
from autofix_nb.checkpoints.snapshot import parts_beside

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


class TrainingState:
    """Weights, buffers, optimizers, scheduler, scaler, controls, what `keep` names and random streams, as they are now.

    The structure of the model is not part of it: a change to that is undone by the fix that made it.
    """

    def __init__(self, guard: "Guard") -> None:
        self._model = copied(guard.model.state_dict())
        self._beside = copied(parts_beside(guard.model, guard.optimizer))
        self._at_work = guard.optimizer
        self._optimizer = copied(guard.optimizer.state_dict())
        self._users = None
        if guard.stepper.users_optimizer is not guard.optimizer:
            self._users = copied(guard.stepper.users_optimizer.state_dict())
        self._scheduler = copy.deepcopy(_state_of(guard.scheduler))
        self._scaler = copy.deepcopy(_state_of(guard.stepper.scaler))
        self._controls = copy.deepcopy(guard.controls.state())
        self._stepper = guard.stepper.state()
        self._kept = guard.keeper.kept.copied()
        self._random = random_state()

    @torch.no_grad()
    def restore(self, guard: "Guard", *, taken_over: bool = False) -> None:
        """Put everything back; `taken_over` leaves the random streams and the optimizer at work in their place."""
        guard.controls.restore(copy.deepcopy(self._controls))
        if not taken_over:
            guard.stepper.put_to_work(self._at_work)
        guard.follow_controls()
        guard.stepper.restore(self._stepper)
        guard.optimizer.zero_grad(set_to_none=True)
        guard.model.load_state_dict(self._model)
        for live, kept in zip(parts_beside(guard.model, guard.optimizer), self._beside, strict=False):
            if live.shape == kept.shape:
                live.copy_(kept)
        guard.optimizer.load_state_dict(copied(self._optimizer))
        if self._users is not None:
            guard.stepper.users_optimizer.load_state_dict(copied(self._users))
        if guard.scheduler is not None:
            guard.scheduler.load_state_dict(copy.deepcopy(self._scheduler))
        if guard.stepper.scaler is not None:
            guard.stepper.scaler.load_state_dict(copy.deepcopy(self._scaler))
        guard.keeper.kept.put_back(self._kept)
        if not taken_over:
            set_random_state(self._random)
        guard.stepper.before.take()


def _state_of(thing: Any) -> Any:
    return None if thing is None else thing.state_dict()
