"""The last good state in memory: weights, buffers and optimizer, to go back to when numbers went bad."""

import copy
from typing import Any

import torch
from torch import nn

from autofix_nb.checkpoints.copying import copied


class Snapshot:
    """A copy of a model's and an optimizer's state in host memory, taken at one step."""

    def __init__(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.step = step
        self._model = model
        self._optimizer = optimizer
        self.weights = copied(model.state_dict())
        self.beside = copied(parts_beside(model, optimizer))
        self._state = copied(optimizer.state_dict()["state"])

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values for a file. They are this snapshot's own and never change."""
        return {"step": self.step, "weights": self.weights, "beside": self.beside, "optimizer": self._state}

    @classmethod
    def from_state(
        cls, state: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer, *, moments: bool = True
    ) -> "Snapshot":
        """Rebuild a snapshot of this model and optimizer from `state`; without `moments`, which are another's then."""
        snapshot = cls.__new__(cls)
        snapshot.step, snapshot._model, snapshot._optimizer = int(state["step"]), model, optimizer
        snapshot.weights, snapshot.beside, snapshot._state = state["weights"], state["beside"], state["optimizer"]
        if not moments:
            snapshot._state = None
        return snapshot

    @property
    def has_moments(self) -> bool:
        """Whether it holds an optimizer's state; one whose optimizer is gone has weights only."""
        return self._state is not None

    def is_of(self, optimizer: torch.optim.Optimizer) -> bool:
        """Tell whether it was taken of this optimizer."""
        return self._optimizer is optimizer

    @torch.no_grad()
    def restore(self) -> None:
        """Put back every weight, buffer and moment bit for bit; the tensors stay where they are.

        Hyperparameters such as the learning rate stay as they are now: they are the user's and the scheduler's.
        """
        self.put(self.weights, self.beside)
        if self._state is None:
            return
        now = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": copy.deepcopy(self._state), "param_groups": now})

    @torch.no_grad()
    def put(self, weights: dict[str, Any], beside: list[torch.Tensor]) -> None:
        """Load weights and buffers, and what lies beside them, into the model that the snapshot was taken of."""
        self._model.load_state_dict(weights)
        for live, kept in zip(parts_beside(self._model, self._optimizer), beside, strict=False):
            if live.shape == kept.shape:  # a table that the forward pass made anew in another size needs no way back
                live.copy_(kept)

    def now(self) -> tuple[dict[str, Any], list[torch.Tensor]]:
        """Return copies of the present weights and buffers, and of what lies beside them, as `put` takes them."""
        return copied(self._model.state_dict()), copied(parts_beside(self._model, self._optimizer))

    def again(self) -> "Snapshot":
        """Return a snapshot of how the same model and optimizer are now."""
        return Snapshot(self.step, self._model, self._optimizer)


class WeightsOnLoan:
    """Context in which the model has the weights and buffers of a snapshot; afterwards its own, bit for bit."""

    def __init__(self, model: nn.Module, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __enter__(self) -> None:
        self._own = self._snapshot.now()
        self._snapshot.put(self._snapshot.weights, self._snapshot.beside)

    def __exit__(self, *_: object) -> None:
        self._snapshot.put(*self._own)


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
        self._model = model
        self._watch()
        self._random = torch.default_generator.get_state()

    def _watch(self) -> None:
        """Look up which buffers there are."""
        statistics = [
            buffer
            for module in self._model.modules()
            if isinstance(module, nn.modules.batchnorm._NormBase)
            for buffer in module.buffers(recurse=False)
        ]
        known = {id(buffer) for buffer in statistics}
        others = [buffer for buffer in self._model.buffers() if id(buffer) not in known]
        if sum(buffer.numel() for buffer in others) > self.MOST_OTHER_ELEMENTS:
            others = []
        self._live = _by_kind(statistics + others)
        self._kept = [[buffer.clone() for buffer in group] for group in self._live]
        # A forward pass of the user's may put another tensor in a buffer's place: `self.mean = 0.9 * self.mean + ...`.
        places = {id(buffer): (group, at) for group in self._live for at, buffer in enumerate(group)}
        changing = {id(buffer) for buffer in others}
        self._replaceable = [
            (module._buffers, name, *places[id(buffer)])
            for module in self._model.modules()
            if isinstance(module._buffers, dict)  # a scripted module's are never exchanged
            for name, buffer in module._buffers.items()
            if id(buffer) in changing
        ]

    def take(self) -> None:
        """Remember how things are now."""
        self._random = torch.default_generator.get_state()
        if self._cuda is not None:
            self._cuda_random = torch.cuda.get_rng_state(self._cuda)
        for buffers, name, group, at in self._replaceable:
            if buffers.get(name) is not group[at]:
                self._watch()
                return
        if self._live:
            with torch.no_grad():
                for kept, live in zip(self._kept, self._live, strict=True):
                    torch._foreach_copy_(kept, live)

    @torch.no_grad()
    def again(self) -> "BeforeStep":
        """Return a note of how things are now, beside the one that is kept here."""
        other = BeforeStep(self._model, self._cuda or torch.device("cpu"))
        other.take()
        return other

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
        for buffers, name, group, at in self._replaceable:
            now = buffers.get(name)
            if now is group[at]:
                continue
            if where is not None:
                if now is None or now.shape != group[at].shape:
                    continue  # whether to put it back cannot be told without waiting
                group[at].copy_(now)
            buffers[name] = group[at]
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


def parts_beside(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """Return what `model.state_dict()` leaves out: buffers that are not persistent, parameters outside the model."""
    known = {id(part) for part in model.state_dict(keep_vars=True).values()} | {id(part) for part in model.parameters()}
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return [part for part in (*model.buffers(), *held) if id(part) not in known]
