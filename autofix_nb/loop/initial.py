"""Whether a weight looks as freshly drawn as when its layer was made, or as trained.

Fresh weights have the very distribution that their layer's size asks for: uniform up to 1/√fan_in (`nn.Linear`,
`nn.Conv2d`; the default is He et al. 2015 with a = √5), uniform or normal after Glorot and Bengio (2010), normal after
He et al., normal with a deviation of 1 (`nn.Embedding`) or of 0.02 (transformers). Training moves spread and shape: the
fourth moment of trained weights is that of a peaked distribution with long tails. Tables (`nn.Embedding`) are drawn
with any deviation; what is learnt shows there in columns that differ in spread or go together, as drawn ones do not.
"""

from math import sqrt

import numpy as np
import torch
from torch import nn

LEAST = 256
"""Elements below which the shape of a distribution cannot be told."""

MOST = 65_536
"""Elements that are looked at."""

FEWEST_ROWS = 30
"""Rows of a table below which columns say nothing of each other."""

LEAST_BOUNDED = 40
"""Numbers of a weight from which it can be told by the bounds of its initialisation."""

NEAR_BOUND = 6.0
"""The largest of n even numbers lies within so many n-ths of the bound, but for 1 in 400."""

ERRORS = 4.0
"""Standard errors that mean, spread and kurtosis may be off."""

SLACK = 0.01
"""What the spread may be off besides, for seeds and truncation."""


@torch.no_grad()
def looks_initial(module: nn.Module, weight: torch.Tensor) -> bool:
    """Tell whether a weight of two or more dimensions is distributed as its module's initialisation draws it."""
    if weight.dim() < 2 or not weight.is_floating_point() or weight.is_meta:
        return False
    if weight.numel() < LEAST:
        return weight.numel() >= LEAST_BOUNDED and _fills_its_bounds(weight)
    flat = weight.detach().reshape(-1)
    values = flat[:: -(-len(flat) // MOST)].float().cpu().double().numpy()
    count, spread = len(values), float(values.std())
    if not np.isfinite(spread) or spread == 0.0:
        return False
    if abs(values.mean()) > ERRORS * spread / sqrt(count):
        return False
    kurtosis = float((((values - values.mean()) / spread) ** 4).mean())
    uniform, normal = _spreads(module, weight)
    # The standard errors of spread and kurtosis follow from the fourth and eighth moments of either distribution.
    if abs(kurtosis - 1.8) < ERRORS * 1.1 / sqrt(count):
        wanted, error = uniform, sqrt(0.8) / 2 / sqrt(count)
    elif abs(kurtosis - 3.0) < ERRORS * sqrt(24 / count):
        wanted, error = normal, sqrt(2.0) / 2 / sqrt(count)
    else:
        return False
    if isinstance(module, nn.Embedding) and _is_drawn_number_by_number(weight):
        return True
    return any(abs(spread / one - 1) < ERRORS * error + SLACK for one in wanted if one > 0)


def _is_drawn_number_by_number(table: torch.Tensor) -> bool:
    """Tell whether the columns of a table have one spread, and none goes with another: nothing was learnt in it."""
    rows, width = table.shape
    if rows < FEWEST_ROWS or not 2 <= width <= rows:
        return False
    values = table.detach()[: MOST // width].double().cpu().numpy()
    rows = len(values)
    spreads = values.std(axis=0)
    if not (spreads > 0).all():
        return False
    # Over all columns, and all pairs of them, with the number of tests taken into account.
    highest = sqrt(2 * np.log(width * width)) + 1
    even = np.abs(np.log(spreads / np.sqrt((spreads**2).mean()))).max() < highest / sqrt(2 * rows)
    together = np.abs(np.corrcoef(values.T) - np.eye(width)).max()
    return bool(even) and float(together) < highest / sqrt(rows)


def _fills_its_bounds(weight: torch.Tensor) -> bool:
    """Tell whether a small weight fills the interval of PyTorch's own initialisation, and never leaves it.

    Too few numbers for their spread to tell; but training moves some over the bounds, or all away from them.
    """
    field = weight[0][0].numel() if weight.dim() > 2 else 1
    bound = 1 / sqrt(weight.shape[1] * field)
    sizes = weight.detach().abs().reshape(-1).double().cpu()
    highest = float(sizes.max())
    even = abs(float(sizes.mean()) / bound - 0.5) < ERRORS * sqrt(1 / 12 / len(sizes))
    return bound * (1 - NEAR_BOUND / len(sizes)) <= highest <= bound * (1 + 1e-6) and even


def _spreads(module: nn.Module, weight: torch.Tensor) -> tuple[list[float], list[float]]:
    """Return the standard deviations of the usual uniform and normal initialisations of a weight."""
    field = weight[0][0].numel() if weight.dim() > 2 else 1
    fan_in, fan_out = weight.shape[1] * field, weight.shape[0] * field
    glorot = sqrt(2 / (fan_in + fan_out))
    he = [sqrt(2 / fan_in), sqrt(2 / fan_out)]
    uniform = [sqrt(1 / (3 * fan_in)), glorot, *he]
    if isinstance(module, nn.RNNBase):
        uniform.append(sqrt(1 / (3 * module.hidden_size)))
    return uniform, [glorot, *he, sqrt(1 / fan_in), 1.0, 0.02]
