"""The activation that a model ends in, read from the graph of its outputs rather than guessed from their values."""

from collections.abc import Iterator
from typing import Any, Literal

Activation = Literal["softmax", "log_softmax", "sigmoid", "tanh", "relu", ""]

_ACTIVATIONS: dict[str, Activation] = {
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
}
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
    node = getattr(outputs, "grad_fn", None)
    for _ in range(16):
        if node is None:
            return
        name = node.name().split("Backward")[0].lstrip("_")
        if name not in _PASSED_OVER:
            yield name
        node = node.next_functions[0][0] if node.next_functions else None
