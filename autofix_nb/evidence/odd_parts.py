"""Tables, recurrences, gains and biases that nobody begins with: beside the matrices of odd_weights.py.

`nn.Embedding` is drawn with a deviation of 1, and published ones with less; a norm's gain begins at 1, or at 0 where a
branch is to begin silent (Goyal et al. 2017); biases of hidden layers begin around 0, of gates at 1 to 3 (Srivastava
2015, Highway Networks). Last layers may begin anywhere: at the mean of the targets, or at the odds of a rare class.
"""

from collections.abc import Iterator

import torch
from torch import nn

from autofix_nb.evidence.odd_weights import LAYERS, NORMS, TIMES

LOUD_STATE = 3.0
"""Root mean square of recurrent weights, times the square root of the state's width, from which gates are shut and the
state is thrown about at each step: orthogonal ones have 1, and torch's 0.58."""

WIDE_TABLE = 4.0
"""Root mean square of a table from which it is wider than any that is drawn."""

FAR_BIAS = 5.0
"""Root mean square of the biases of a hidden layer from which they settle what comes out, whatever goes in."""


@torch.no_grad()
def odd_parts(model: nn.Module) -> dict[str, float]:
    """Return by name of the parameter how many times the usual size it has: below 1 too small, above too large."""
    found = {}
    for name, part, usual, small in _begun(model):
        if part.is_meta or not part.requires_grad or not part.is_floating_point() or not part.numel():
            continue
        size = float(part.detach().float().square().mean().sqrt())
        if size > usual or (small and 0 < size < 1 / usual):
            found[name] = size if small else TIMES * size / usual
    return found


def _begun(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, float, bool]]:
    """Yield parameters by name, with the size that is too much, and whether its inverse is too little."""
    layers = [name for name, module in model.named_modules() if isinstance(module, LAYERS)]
    for name, module in model.named_modules():
        dot = f"{name}." if name else ""
        weight, bias = (getattr(module, part, None) for part in ("weight", "bias"))
        lazy = isinstance(weight, nn.parameter.UninitializedParameter)
        if isinstance(module, nn.Embedding) and not lazy:
            yield f"{dot}weight", weight, WIDE_TABLE, False
        elif isinstance(module, nn.RNNBase | nn.RNNCellBase):
            for own, part in module.named_parameters(recurse=False):
                if own.startswith("weight_hh"):
                    yield f"{dot}{own}", part, LOUD_STATE / module.hidden_size**0.5, False
        elif isinstance(module, NORMS) and isinstance(weight, nn.Parameter) and not lazy:
            yield f"{dot}weight", weight, TIMES, True
        elif isinstance(module, LAYERS) and isinstance(bias, nn.Parameter) and not lazy and name != layers[-1]:
            yield f"{dot}bias", bias, FAR_BIAS, False
