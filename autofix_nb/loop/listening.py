"""Listens to the activations of a model during a forward pass: which share is dead, saturated, alike, and how large.

Units are alike when they give what the first one gives, for all rows: they get the same gradient, and stay so. A unit
is dead when its output is the same for all rows (zero with ReLU): nothing flows back through it (Lu et al., "Dying ReLU
and Initialization", 2019). A sigmoid or tanh within 1 % of its bounds is saturated: its slope is next to
nothing there (Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010).
Of recurrent layers the gates are counted, which `recurrent.py` recomputes, and how far back they hear (`reach.py`).
Modules are listened to by hooks, functions (`torch.relu`, `F.gelu`, ...) by a mode of torch that sees every call; both
are there for that one pass only.
"""

import sys
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from autofix_nb.loop.reach import reach_of
from autofix_nb.loop.recurrent import RECURRENT, saturated_share
from autofix_nb.objective import hookable

MOST_MODULES = 24
MOST_ELEMENTS = 2**20
"""Outputs of more elements are judged by evenly taken rows."""

LEAST_ROWS = 4
"""Values of a unit from which it can be told whether they are all the same."""

SAME = 1e-6
"""Range of a unit's values, over the root mean square of the module's outputs, up to which they are the same."""

NEAR = 0.01
"""Distance from a bound, in parts of it, below which an output is saturated."""

MOST_CALLS = 16
"""Calls of one recurrent layer or cell in a pass that are listened to."""

DEEPEST = 40
"""Frames searched for the module that calls a function."""

_BOUNDS: dict[str, tuple[float, float]] = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
_UNBOUNDED = (
    "relu relu6 rrelu leakyrelu prelu elu selu celu gelu silu mish softplus hardswish",
    "threshold logsigmoid",
)
_KINDS = frozenset((*_BOUNDS, *" ".join(_UNBOUNDED).split()))
_FUNCTIONS: dict[Any, str] = {
    getattr(home, name + ending): name.replace("_", "")
    for home in (torch, functional, torch.Tensor)
    for name in (*_KINDS, "leaky_relu")
    for ending in ("", "_")
    if hasattr(home, name + ending)
}
Stats = dict[str, torch.Tensor]


def is_activation(module: nn.Module) -> bool:
    """Tell whether a module is an activation of torch's."""
    return type(module).__module__ == "torch.nn.modules.activation" and type(module).__name__.lower() in _KINDS


def can_listen(model: nn.Module) -> bool:
    """Tell whether listening changes nothing: a compiled model would be compiled anew for it."""
    return not any(
        type(module).__name__ == "OptimizedModule" or getattr(module, "_compiled_call_impl", None) is not None
        for module in model.modules()
    )


class Listening:
    """Context for one forward pass. Afterwards `heard` has, by name, what each call of an activation gave."""

    def __init__(self, model: nn.Module) -> None:
        self.heard: dict[str, list[Stats]] = {}
        named = list(hookable(model)) if can_listen(model) else []
        self._name_of = {id(module): name for name, module in named}
        self._modules = _evenly([(name, module) for name, module in named if is_activation(module)])
        self._recurrent = _evenly([(name, module) for name, module in named if isinstance(module, RECURRENT)])
        self._in_rows = not any(isinstance(module, nn.Conv1d | nn.BatchNorm1d) for _, module in named)
        whole = len(named) == sum(1 for _ in model.modules())
        self._mode = _Functions(self) if named and whole else None
        self._handles: list[Any] = []
        self._calls: dict[str, int] = {}

    def __enter__(self) -> "Listening":
        self._calls = {}
        self._handles = [module.register_forward_hook(self._hook(name)) for name, module in self._modules]
        self._handles += [
            module.register_forward_hook(self._gates_hook(name), with_kwargs=True) for name, module in self._recurrent
        ]
        if self._mode is not None:
            self._mode.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._mode is not None:
            self._mode.__exit__(*error)
        for handle in self._handles:
            handle.remove()

    def stats(self) -> Stats:
        """Return what was heard, by the names of the signals; the mean where an activation was called several times."""
        found: Stats = {}
        for name, calls in _evenly(list(self.heard.items())):
            for what in calls[0]:
                values = [one[what] for one in calls if what in one]
                found[f"{what}/{name}"] = values[0] if len(values) == 1 else torch.stack(values).mean()
        return found

    def _hook(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            bounds = _BOUNDS.get(type(module).__name__.lower())
            if isinstance(module, nn.Hardtanh):
                bounds = (module.min_val, module.max_val)
            self._hear(name or type(module).__name__, output, bounds)

        return hook

    def _gates_hook(self, name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, named: Any, output: Any) -> None:
            states = output[0] if isinstance(output, tuple) and not isinstance(output, PackedSequence) else output
            states = states.data if isinstance(states, PackedSequence) else states
            own = name or type(module).__name__
            calls = len(self.heard.get(own, ()))
            if calls < MOST_CALLS:
                self._hear(own, states.reshape(-1, states.shape[-1]), None)
            if len(self.heard.get(own, ())) > calls:
                share, reach = saturated_share(module, inputs, named), reach_of(module, inputs, named)
                self.heard[own][-1] |= {} if share is None else {"saturated": share}
                self.heard[own][-1] |= {} if reach is None else {"reach": reach}

        return hook

    def function_called(self, kind: str, output: Any) -> None:
        """Take the output of an activation that is no module; calls outside of the model's modules are passed over."""
        caller = _calling_module()
        name = None if caller is None or is_activation(caller) else self._name_of.get(id(caller))
        if name is None:
            return
        name = f"{name}.{kind}" if name else kind
        self._calls[name] = count = self._calls.get(name, 0) + 1
        self._hear(name if count == 1 else f"{name} {count}", output, _BOUNDS.get(kind))

    def _hear(self, name: str, output: Any, bounds: tuple[float, float] | None) -> None:
        in_backward = torch._C._current_graph_task_id() != -1  # recomputed there, by checkpointing
        if not isinstance(output, torch.Tensor) or not output.is_floating_point() or in_backward:
            return
        if not output.numel() or output.dim() < 2 or torch._C._functorch.is_functorch_wrapped_tensor(output):
            return
        with torch.no_grad():
            self.heard.setdefault(name, []).append(_stats(output.detach(), bounds, in_rows=self._in_rows))


class _Functions(TorchFunctionMode):
    """Tells of every call of an activation function."""

    def __init__(self, listening: Listening) -> None:
        super().__init__()
        self._listening = listening

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        kind = _FUNCTIONS.get(func)
        if kind is not None:
            self._listening.function_called(kind, result)
        return result


def _stats(output: torch.Tensor, bounds: tuple[float, float] | None, *, in_rows: bool) -> Stats:
    """Return what is recorded of one output: (N, F), (N, C, ...), or (N, T, F) where `in_rows`."""
    if output.numel() > MOST_ELEMENTS and len(output) > LEAST_ROWS:
        stride = min(-(-output.numel() // MOST_ELEMENTS), len(output) // LEAST_ROWS)
        output = output[::stride]
    output = output.float()
    size = torch.linalg.vector_norm(output) * output.numel() ** -0.5
    stats = {"activation": size}
    unit = output.dim() - 1 if output.dim() == 2 or (output.dim() == 3 and in_rows) else 1
    if output.numel() >= LEAST_ROWS * output.shape[unit]:
        others = [place for place in range(output.dim()) if place != unit]
        apart = output.amax(others) - output.amin(others)
        stats["dead"] = (apart <= SAME * size).mean(dtype=torch.float32)
        if output.shape[unit] > 1:
            other = (output - output.narrow(unit, 0, 1)).abs().amax(others)
            stats["alike"] = (other <= SAME * size).mean(dtype=torch.float32)
    if bounds is not None:
        low, high = bounds
        near = NEAR * max(abs(low), abs(high))
        stats["saturated"] = ((output < low + near) | (output > high - near)).mean(dtype=torch.float32)
    return stats


def _calling_module() -> nn.Module | None:
    """Return the innermost module that is at work, found by the `self` of the functions that called."""
    frame = sys._getframe(2)
    for _ in range(DEEPEST):
        frame = frame.f_back
        if frame is None:
            return None
        module = frame.f_locals.get("self") if frame.f_code.co_varnames[:1] == ("self",) else None
        if isinstance(module, nn.Module):
            return module
    return None


def _evenly(many: list[Any]) -> list[Any]:
    """Return at most `MOST_MODULES` of a list, from its first to its last."""
    if len(many) <= MOST_MODULES:
        return many
    return [many[place * (len(many) - 1) // (MOST_MODULES - 1)] for place in range(MOST_MODULES)]
