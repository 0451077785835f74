"""The last good state in memory: weights, buffers and optimizer, to go back to when numbers went bad."""

import copy
from typing import Any

import torch
from torch import nn


class Snapshot:
    """A copy of a model's and an optimizer's state in host memory, taken at one step."""

    def __init__(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.step = step
        self._model = model
        self._optimizer = optimizer
        self.weights = _copied(model.state_dict())
        self._state = _copied(optimizer.state_dict()["state"])

    @torch.no_grad()
    def restore(self) -> None:
        """Put back every weight, buffer and moment bit for bit; the tensors stay where they are.

        Hyperparameters such as the learning rate stay as they are now: they are the user's and the scheduler's.
        """
        self._model.load_state_dict(self.weights)
        now = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": copy.deepcopy(self._state), "param_groups": now})

    def again(self) -> "Snapshot":
        """Return a snapshot of how the same model and optimizer are now."""
        return Snapshot(self.step, self._model, self._optimizer)


class WeightsOnLoan:
    """Context in which the model has the weights and buffers of a snapshot; afterwards its own, bit for bit."""

    def __init__(self, model: nn.Module, snapshot: Snapshot) -> None:
        self._model = model
        self._snapshot = snapshot

    @torch.no_grad()
    def __enter__(self) -> None:
        self._own = _copied(self._model.state_dict())
        self._model.load_state_dict(self._snapshot.weights)

    @torch.no_grad()
    def __exit__(self, *_: object) -> None:
        self._model.load_state_dict(self._own)


class BeforeStep:
    """What a forward pass changes besides its result: the random stream and running statistics.

    Taken before each step, for a few microseconds, so that a step can be run again as if for the first time.
    Covered: torch's random stream on the CPU and on the model's device, and the buffers of normalisation layers
    and all other buffers together as long as they are small. Not covered: NumPy's stream inside `forward`.
    """

    MOST_OTHER_ELEMENTS = 1_000_000
    """Other buffers are copied each step only up to this size; larger ones are tables, not statistics."""

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self._cuda = device if device.type == "cuda" else None
        statistics = [
            buffer
            for module in model.modules()
            if isinstance(module, nn.modules.batchnorm._NormBase)
            for buffer in module.buffers(recurse=False)
        ]
        known = {id(buffer) for buffer in statistics}
        others = [buffer for buffer in model.buffers() if id(buffer) not in known]
        if sum(buffer.numel() for buffer in others) <= self.MOST_OTHER_ELEMENTS:
            statistics += others
        self._live = _by_kind(statistics)
        self._kept = [[buffer.clone() for buffer in group] for group in self._live]
        self._random = torch.default_generator.get_state()

    def take(self) -> None:
        """Remember how things are now."""
        self._random = torch.default_generator.get_state()
        if self._cuda is not None:
            self._cuda_random = torch.cuda.get_rng_state(self._cuda)
        if self._live:
            with torch.no_grad():
                for kept, live in zip(self._kept, self._live, strict=True):
                    torch._foreach_copy_(kept, live)

    @torch.no_grad()
    def restore(self) -> None:
        """Make things as they were at the last `take`."""
        torch.default_generator.set_state(self._random)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda_random, self._cuda)
        self.restore_buffers()

    @torch.no_grad()
    def restore_buffers(self, where: torch.Tensor | None = None) -> None:
        """Put the buffers back, all of them or, without waiting for the device, only if `where` (shape ()) is true."""
        for kept, live in zip(self._kept, self._live, strict=True):
            if where is None:
                torch._foreach_copy_(live, kept)
            else:
                for old, new in zip(kept, live, strict=True):
                    new.copy_(torch.where(where, old, new))


def _by_kind(tensors: list[torch.Tensor]) -> list[list[torch.Tensor]]:
    groups: dict[tuple, list[torch.Tensor]] = {}
    for tensor in tensors:
        groups.setdefault((tensor.device, tensor.dtype), []).append(tensor)
    return list(groups.values())


def _copied(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return type(state)((name, _copied(part)) for name, part in state.items())
    if isinstance(state, list | tuple):
        return type(state)(_copied(part) for part in state)
    return state
