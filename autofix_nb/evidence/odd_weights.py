"""Weights that no usual rule draws: far too small, far too large, or nearly all on one side of 0.

PyTorch's own layers begin with a root mean square of sqrt(1 / (3 fan_in)), He's (2015) with sqrt(2 / fan_in), Glorot's
(2010) in between; recurrent weights with sqrt(1 / (3 hidden)), orthogonal ones (Saxe 2014) with sqrt(1 / hidden). All
are drawn around 0. Trained weights keep near these sizes. What lies many times outside of them was set by hand, or
scaled by mistake. By itself that is no illness: a last layer of zeros, a normalisation behind, tables drawn small are
all common; it tells what to suspect first where a run does not learn.
"""

from collections.abc import Iterator

import torch
from torch import nn

TIMES = 8.0
"""How many times outside of the usual sizes weights must be."""

ONE_SIDED = 0.6
"""Mean over root mean square from which nearly all weights are on one side of 0: drawn from 0 to 1 it is 0.87."""

FEWEST = 24
"""Numbers below which a mean says nothing."""

MOST = 65_536
"""Numbers of a weight that are looked at, evenly taken."""

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


@torch.no_grad()
def odd_weights(model: nn.Module) -> dict[str, float]:
    """Return by name of the weight how many times the usual size it has: below 1 too small, above too large.

    One-sided ones have 0 < times < `TIMES` and are in it as what their sums come to, at least `TIMES`. Not in it are
    weights that learn nothing, layers with a normalisation right behind, and zeros in the last layer.
    """
    found = {}
    listed = list(_drawn(model))
    for place, (name, weight, fan_in, normed) in enumerate(listed):
        if not weight.requires_grad or normed or weight.is_meta or not weight.is_floating_point() or weight.numel() < 2:
            continue
        flat = weight.detach().reshape(-1)
        flat = flat[:: -(-len(flat) // MOST)].float()
        size, mean = (float(value) for value in torch.stack([flat.square().mean().sqrt(), flat.mean()]).tolist())
        low, high = (1 / (3 * fan_in)) ** 0.5, (2 / fan_in) ** 0.5
        if size < low / TIMES and not (size == 0 and place == len(listed) - 1):
            found[name] = size / low
        elif size > TIMES * high:
            found[name] = size / high
        elif len(flat) >= FEWEST and abs(mean) > ONE_SIDED * size and size > low:
            found[name] = max(TIMES, abs(mean) * fan_in**0.5)
    return found


def _drawn(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, int, bool]]:
    """Yield the matrices of layers and recurrences by name, with the inputs of a sum, and whether a norm follows."""
    modules = [
        (name, module)
        for name, module in model.named_modules()
        if next(module.children(), None) is None or isinstance(module, nn.MultiheadAttention)
    ]
    for place, (name, module) in enumerate(modules):
        dot = f"{name}." if name else ""
        if isinstance(module, LAYERS) and isinstance(getattr(module, "weight", None), nn.Parameter):
            if isinstance(module.weight, nn.parameter.UninitializedParameter):
                continue
            fan_in = module.weight[0].numel()
            normed = place + 1 < len(modules) and isinstance(modules[place + 1][1], NORMS)
            yield f"{dot}weight", module.weight, fan_in, normed
        elif isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
            yield f"{dot}in_proj_weight", module.in_proj_weight, module.embed_dim, False
        elif isinstance(module, nn.RNNBase | nn.RNNCellBase):
            for own, part in module.named_parameters(recurse=False):
                if own.startswith("weight_hh"):
                    yield f"{dot}{own}", part, part.shape[1], False
                elif own.startswith("weight_ih"):
                    # Torch draws these by the width of the state, whatever the inputs are.
                    yield f"{dot}{own}", part, max(part.shape[1], module.hidden_size), False
