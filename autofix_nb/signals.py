"""Measures each step on the device and hands it over to the history in batches.

A step leaves a few small tensors behind; every `EVERY` steps they are read back in one go. Recorded are
`loss`, `loss/<part>`, `grad_norm`, `grad_norm/<component>`, `clipped` (1 where the gradient was clipped), `lr`,
`step_seconds`, `load_seconds`, `memory_bytes`, and of every `SAMPLED`th step `top_share` (share of the class
predicted most often), `share/<class>` for up to `MOST_CLASSES` classes, and `train/accuracy`.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from autofix_nb.history import History

EVERY = 50
"""Steps between two hand-overs. A number of steps and not of seconds, so that a run's verdicts can be repeated."""

SAMPLED = 5
"""Predictions are looked at in every 5th step."""

MOST_CLASSES = 20
MOST_COMPONENTS = 24


@dataclass(slots=True)
class Measured:
    """What one step leaves behind. Tensors stay on their device until they are handed over."""

    step: int
    loss: Any
    grad_norm: Any
    lr: float
    parts: dict[str, Any] = field(default_factory=dict)
    norms: Any = None
    """Gradient norm of each parameter that has one: a tensor of shape (parameters,), or a list of floats."""

    owners: "tuple[int, ...] | None" = None
    """Component of each of these parameters."""

    clipped: bool = False
    step_seconds: float = 0.0
    load_seconds: float = 0.0
    predicted: torch.Tensor | None = None
    """Predicted classes, any shape."""

    right: torch.Tensor | None = None
    """Where the prediction equals the target, as `predicted`."""

    classes: int = 0


class GradientNorms:
    """Norms of the gradients of some parameters: of each one, and of all together."""

    def __init__(self, model: nn.Module, parameters: Sequence[torch.Tensor]) -> None:
        self.parameters = list(parameters)
        self.names = parameter_names(model, self.parameters)
        self.components, self._component_of = _components(model, self.parameters)
        self._with_grad: list[int] = []
        self._owners: tuple[int, ...] = ()

    def measure(self) -> tuple[torch.Tensor, tuple[int, ...], list[torch.Tensor]]:
        """Return the norms of the gradients one by one (shape (parameters,)), their components, and the gradients.

        All on the parameters' device, nothing is waited for.
        """
        grads = []
        with_grad = []
        for place, parameter in enumerate(self.parameters):
            grad = parameter.grad
            if grad is not None:
                grads.append(grad)
                with_grad.append(place)
        if with_grad != self._with_grad:
            self._with_grad = with_grad
            self._owners = tuple(self._component_of[place] for place in with_grad)
        if not grads:
            return torch.zeros(0), (), grads
        return torch.stack(_norms(grads)), self._owners, grads

    def first_bad(self) -> str | None:
        """Return the name of the first parameter whose gradient holds NaN or Inf, or None."""
        for place, parameter in enumerate(self.parameters):
            grad = parameter.grad
            if grad is not None and not bool(torch.isfinite(_dense_part(grad)).all()):
                return self.names[place]
        return None


class Recorder:
    """Collects what steps leave behind and writes it to the history, many steps at a time."""

    def __init__(self, history: History, components: Sequence[str], device: torch.device) -> None:
        self.history = history
        self._components = components
        self._device = device
        self._waiting: list[Measured] = []

    def add(self, measured: Measured) -> None:
        """Take what one step left behind."""
        self._waiting.append(measured)

    def newest(self) -> Measured | None:
        """Return the newest step that was not handed over yet."""
        return self._waiting[-1] if self._waiting else None

    def flush(self) -> list[Measured]:
        """Write all that was collected to the history, and return it. This waits for the device once."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return waiting
        steps = np.array([one.step for one in waiting])
        write = self.history.extend
        write("loss", steps, _read([one.loss for one in waiting]))
        write("grad_norm", steps, _read([one.grad_norm for one in waiting]))
        write("lr", steps, np.array([one.lr for one in waiting]))
        write("clipped", steps, np.array([float(one.clipped) for one in waiting]))
        write("step_seconds", steps, np.array([one.step_seconds for one in waiting]))
        write("load_seconds", steps, np.array([one.load_seconds for one in waiting]))
        for name in dict.fromkeys(name for one in waiting for name in one.parts):
            having = [one for one in waiting if name in one.parts]
            write(f"loss/{name}", np.array([one.step for one in having]), _read([one.parts[name] for one in having]))
        if len(self._components) > 1:
            self._write_components(waiting)
        self._write_predictions([one for one in waiting if one.predicted is not None])
        write("memory_bytes", steps[-1:], np.array([memory_bytes(self._device)]))
        return waiting

    def _write_components(self, waiting: list[Measured]) -> None:
        having = [one for one in waiting if one.owners]
        at = {name: ([], []) for name in self._components}
        for owners in dict.fromkeys(one.owners for one in having):
            same = [one for one in having if one.owners == owners]
            norms_SP = np.array(
                torch.stack([one.norms for one in same]).cpu().double()
                if isinstance(same[0].norms, torch.Tensor)
                else [one.norms for one in same]
            )
            for place in np.unique(owners):
                # Part by part and not as a product of matrices, in which one part's Inf makes NaN of all others.
                norms_S = np.linalg.norm(norms_SP[:, np.equal(owners, place)], axis=1)
                steps, values = at[self._components[place]]
                steps += [one.step for one in same]
                values += norms_S.tolist()
        for name, (steps, values) in at.items():
            order = np.argsort(steps, kind="stable")
            if len(order):
                self.history.extend(f"grad_norm/{name}", np.array(steps)[order], np.array(values)[order])

    def _write_predictions(self, having: list[Measured]) -> None:
        if not having:
            return
        steps = np.array([one.step for one in having])
        classes = having[0].classes
        # One transfer for all sampled steps; the rows of a step are found again by their number.
        predicted = torch.cat([one.predicted.flatten() for one in having]).cpu().numpy()
        of_step = np.repeat(np.arange(len(having)), [one.predicted.numel() for one in having])
        counts_SK = np.bincount(of_step * classes + predicted, minlength=len(having) * classes).reshape(-1, classes)
        shares_SK = counts_SK / np.maximum(1, counts_SK.sum(1, keepdims=True))
        self.history.extend("top_share", steps, shares_SK.max(1))
        if classes <= MOST_CLASSES:
            for place in range(classes):
                self.history.extend(f"share/{place}", steps, shares_SK[:, place])
        judged = [one for one in having if one.right is not None]
        if judged:
            right = torch.stack([one.right.float().mean() for one in judged]).cpu().numpy()
            self.history.extend("train/accuracy", np.array([one.step for one in judged]), right)


def memory_bytes(device: torch.device) -> float:
    """Return the bytes in use: the most allocated on the accelerator so far, or this process's resident memory."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    try:
        with open("/proc/self/statm", "rb") as file:
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    except OSError:  # no /proc: macOS, Windows
        return _peak_memory_bytes()


def _peak_memory_bytes() -> float:
    try:
        import resource  # not on Windows
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)


def _read(values: list[Any]) -> np.ndarray:
    """Return numbers, some of which may still be on the device, as one array with one transfer."""
    if not any(isinstance(value, torch.Tensor) for value in values):
        return np.array(values, dtype=np.float64)
    if all(isinstance(value, torch.Tensor) and value.device == values[0].device for value in values):
        # Doubles only on the CPU: not every accelerator has them.
        return torch.stack([value.detach().reshape(()) for value in values]).cpu().double().numpy()
    return np.array([float(value) for value in values])


def _norms(grads: list[torch.Tensor]) -> list[torch.Tensor]:
    first = grads[0]
    usual = all(grad.device == first.device and grad.layout == torch.strided for grad in grads)
    if usual:
        return list(torch._foreach_norm(grads))
    return [torch.linalg.vector_norm(_dense_part(grad)).to(first.device) for grad in grads]


def _dense_part(grad: torch.Tensor) -> torch.Tensor:
    """Return the numbers that a gradient holds, also where it is sparse."""
    return grad.coalesce().values() if grad.is_sparse else grad


def _components(model: nn.Module, parameters: Sequence[torch.Tensor]) -> tuple[list[str], list[int]]:
    """Return the names of the model's parts, and for each parameter the part that it belongs to.

    Parts are the top-level children; a lone child (`model.net`) is looked into.
    """
    prefix = ""
    part: nn.Module = model
    while True:
        children = [(name, child) for name, child in part.named_children() if any(True for _ in child.parameters())]
        own = any(True for _ in part.parameters(recurse=False))
        if len(children) != 1 or own or not list(children[0][1].named_children()):
            break
        prefix, part = f"{prefix}{children[0][0]}.", children[0][1]
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    components: list[str] = []
    belongs = []
    for parameter in parameters:
        name = name_of.get(id(parameter))
        component = "outside the model" if name is None else prefix + name.removeprefix(prefix).split(".")[0]
        if component not in components:
            if len(components) >= MOST_COMPONENTS - 1:
                component = "the rest"
            if component not in components:
                components.append(component)
        belongs.append(components.index(component))
    return components, belongs


def parameter_names(model: nn.Module, parameters: Iterable[torch.Tensor]) -> list[str]:
    """Return the names of parameters as the model knows them; those outside of it are numbered."""
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    return [name_of.get(id(parameter), f"parameter {place}") for place, parameter in enumerate(parameters)]
