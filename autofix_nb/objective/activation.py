"""The activation that a model ends in, read from the graph of its outputs rather than guessed from their values."""

from collections.abc import Iterator
from math import inf
from typing import Any, Literal

import torch

Activation = Literal["softmax", "log_softmax", "sigmoid", "tanh", "relu", ""]

_ACTIVATIONS: dict[str, Activation] = {
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
}
_BOUNDS = {
    "Softmax": (0.0, 1.0),
    "Sigmoid": (0.0, 1.0),
    "Hardsigmoid": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Relu": (0.0, inf),
    "Softplus": (0.0, inf),
    "Exp": (0.0, inf),
    "Abs": (0.0, inf),
    "Sqrt": (0.0, inf),
    "LogSigmoid": (-inf, 0.0),
    "LogSigmoidForward": (-inf, 0.0),
    "LogSoftmax": (-inf, 0.0),
}
"""Between what the values of an operation lie."""

_CLAMPS = {
    "Clamp": ("min", "max"),
    "ClampMin": ("min", "none"),
    "ClampMax": ("none", "max"),
    "Hardtanh": ("min_val", "max_val"),
}
"""Operations whose bounds their nodes keep, and under which names."""

_PASSED_OVER = frozenset(
    {
        "View",
        "UnsafeView",
        "ReshapeAlias",
        "Squeeze",
        "Unsqueeze",
        "Permute",
        "Transpose",
        "T",
        "Expand",
        "Clone",
        "Slice",
        "Select",
        "Alias",
        "ToCopy",
    }
)


_LINEAR = frozenset({"Addmm", "Mm", "Linear", "Bmm", "Baddbmm", "Convolution", "Add", "Sub"})


def last_activation(outputs: Any) -> Activation:
    """Return the activation that a model ends in, as its graph tells; shapes may have been changed after it."""
    return _ACTIVATIONS.get(_last_operation(outputs), "")


def last_bounds(outputs: Any) -> tuple[str, float, float]:
    """Return the name of the last operation, as people write it, and between what its values lie.

    Of more operations than `last_activation` names; ("", -inf, inf) where it has no bounds that are known.
    """
    name, node = next(_last_nodes(outputs), ("", None))
    if name in _BOUNDS:
        return (_ACTIVATIONS.get(name) or name.lower(), *_BOUNDS[name])
    if name in _CLAMPS:
        saved = [getattr(node, f"_saved_{one}", None) for one in _CLAMPS[name]]
        low, high = (None if isinstance(one, torch.Tensor) else one for one in saved)
        if low is not None or high is not None:
            return "clamp", -inf if low is None else float(low), inf if high is None else float(high)
    return "", -inf, inf


def ends_linearly(outputs: Any) -> bool:
    """Tell whether the graph ends in a linear layer or a sum, whose values have no bounds."""
    return _last_operation(outputs) in _LINEAR


def is_softmax_of_softmax(outputs: Any) -> bool:
    """Tell whether the last activation is a softmax, and what goes into it comes out of another one."""
    operations = _last_operations(outputs)
    return [_ACTIVATIONS.get(next(operations, "")) for _ in range(2)] == ["softmax", "softmax"]


def _last_operation(outputs: Any) -> str:
    return next(_last_operations(outputs), "")


def _last_operations(outputs: Any) -> Iterator[str]:
    """Yield the names of the last operations, from the end, without those that only change shapes."""
    return (name for name, _ in _last_nodes(outputs))


def _last_nodes(outputs: Any) -> Iterator[tuple[str, Any]]:
    node = getattr(outputs, "grad_fn", None)
    for _ in range(16):
        if node is None:
            return
        name = node.name().split("Backward")[0].lstrip("_")
        if name not in _PASSED_OVER:
            yield name, node
        node = node.next_functions[0][0] if node.next_functions else None
