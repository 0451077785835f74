"""How much each part of a loss pulls, and which way: the norm of its gradient, and the cosine with all others' sum.

Parts that pull against each other, or one that is a thousand times as strong, are the illnesses of trainings with
several losses (Yu et al., "Gradient Surgery for Multi-Task Learning", 2020; Chen et al., "GradNorm", 2018). Norms and
cosines are those of evenly taken elements of the gradients, so that memory is not needed once more for each part.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

FIRST = frozenset({10, 25, 50})
EVERY = 100
MOST_ELEMENTS = 65_536
"""Elements of a gradient that are compared."""

MOST_PARTS = 8


def is_due(step: int) -> bool:
    """Tell whether the parts are looked at after the step of this number, counted from 1."""
    return step % EVERY == 0 or step in FIRST


def part_gradients(
    parameters: Sequence[torch.Tensor],
    objective: Callable[[Any], Any],
    data: Any,
    weights: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return `part_norm/<part>` and `part_cosine/<part>` of a loss that has several parts; else nothing.

    `data` is on the device. `weights` are what the parts count in the loss. No `.grad` is written to; the random stream
    and buffers move as in any forward pass, and the caller puts them back.
    """
    trained = [part for part in parameters if part.requires_grad]
    result = objective(data)
    if not trained or not isinstance(result, Mapping):
        return {}
    parts = {
        str(name): part * (weights or {}).get(str(name), 1.0)
        for name, part in result.items()
        if name != "loss" and isinstance(part, torch.Tensor) and part.requires_grad and part.numel() == 1
    }
    if not 2 <= len(parts) <= MOST_PARTS:
        return {}
    pulls = []
    for place, part in enumerate(parts.values()):
        last = place == len(parts) - 1
        grads = torch.autograd.grad(part.sum(), trained, retain_graph=not last, allow_unused=True)
        pulls.append(_thinned(grads))
    products = np.array([[_product(left, right) for right in pulls] for left in pulls])
    return _norms_and_cosines(list(parts), products)


def _norms_and_cosines(names: list[str], products_PP: np.ndarray) -> dict[str, float]:
    """Return the signals from the products of all gradients with each other."""
    found = {}
    together = products_PP.sum()
    for place, name in enumerate(names):
        own, with_all = products_PP[place, place], products_PP[place].sum()
        found[f"part_norm/{name}"] = float(np.sqrt(max(own, 0.0)))
        others = together - 2 * with_all + own  # |all - own|²
        if own > 0 and others > 0:
            found[f"part_cosine/{name}"] = float(np.clip((with_all - own) / np.sqrt(own * others), -1.0, 1.0))
    return found


def _thinned(grads: Sequence[torch.Tensor | None]) -> list[torch.Tensor | None]:
    """Return evenly taken elements, each times what makes the square of the norm that of the whole."""
    thin: list[torch.Tensor | None] = []
    for grad in grads:
        if grad is None:
            thin.append(None)
            continue
        grad = grad.to_dense() if grad.is_sparse else grad
        flat = grad.detach().float().reshape(-1)
        taken = flat[:: max(1, -(-len(flat) // MOST_ELEMENTS))]
        thin.append(taken.clone() * (len(flat) / max(1, len(taken))) ** 0.5)
    return thin


def _product(left: list[torch.Tensor | None], right: list[torch.Tensor | None]) -> float:
    return sum(
        float(torch.dot(one, other))
        for one, other in zip(left, right, strict=True)
        if one is not None and other is not None
    )
