"""How many linear layers follow one another in a model in which nothing bends: a product of matrices is one matrix.

A model of one's own class is read by `torch.fx`, which follows its `forward` without numbers, on a copy. What it cannot
follow, or does not know, counts as bending.
"""

import copy

from torch import fx, nn

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)
PLAIN = (
    *LAYERS,
    *(nn.Flatten, nn.Unflatten, nn.Identity, nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm),
    *(nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d),
)
"""Modules whose answers are straight lines in what they are given, once trained."""

CALLED = frozenset(
    {
        *("view", "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "contiguous", "size", "dim"),
        *("getattr", "getitem", "len", "float", "to", "add", "iadd", "sub", "cat", "stack", "mean", "sum", "dropout"),
    }
)
"""The same of functions and methods."""

MOST = 2_000_000
"""Numbers of a model that is copied for this."""


def straight_layers(model: nn.Module) -> int:
    """Return how many linear layers follow one another with nothing bent between them, and make the whole model; or 0.

    Such a model draws straight lines, however wide it is.
    """
    leaves = [part for part in model.modules() if next(part.children(), None) is None]
    if not all(isinstance(part, PLAIN) for part in leaves):
        return 0
    if all(isinstance(part, (nn.Sequential, *PLAIN)) for part in model.modules()):
        return sum(isinstance(part, LAYERS) for part in leaves)
    if any(part.is_meta for part in model.parameters()) or sum(part.numel() for part in model.parameters()) > MOST:
        return 0
    try:
        nodes = list(fx.Tracer().trace(copy.deepcopy(model)).nodes)
    except Exception:  # noqa: BLE001 - a `forward` that hangs on numbers, or takes more than rows
        return 0
    called = [node for node in nodes if node.op in ("call_function", "call_method")]
    if any(getattr(node.target, "__name__", node.target) not in CALLED for node in called):
        return 0
    modules = [model.get_submodule(str(node.target)) for node in nodes if node.op == "call_module"]
    return sum(isinstance(module, LAYERS) for module in modules)
