"""Whether a loss of scores squashes them first: a softmax, or a sigmoid, inside a loss that applies it again.

Cross-entropy of softmax probabilities cannot fall below `log(1 + (K - 1) / e)` for K classes, and its gradient is next
to nothing where an answer is surely wrong. Where the model itself ends so, its graph tells; in a `step` or a loss of
the user's own only the numbers do.
"""

from collections.abc import Callable
from math import isclose
from typing import Any, Literal

import torch
from torch.nn import functional

from autofix_nb.evidence.chance import quietly
from autofix_nb.objective import total_loss

SAME = 1e-5
"""Share by which the loss may differ from that of squashed scores, by rounding."""

Squashed = Literal["squashed_classes", "squashed_yes_or_no", ""]


def squashed(loss: Any, outputs: Any, targets: Any) -> Squashed:
    """Return how `loss` squashes made-up scores (N, K) or (N,); empty where it does not, or cannot be asked."""
    if not (isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor)) or outputs.dim() not in (1, 2):
        return ""
    if outputs.dim() == 2 and outputs.shape[1] > 1 and not targets.is_floating_point():
        return "squashed_classes" if _is(loss, outputs, targets, _of_softmax) else ""
    if targets.shape == outputs.shape and targets.is_floating_point():
        return "squashed_yes_or_no" if _is(loss, outputs, targets, _of_sigmoid) else ""
    return ""


def _of_softmax(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(scores.softmax(1), targets)


def _of_sigmoid(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(scores.sigmoid(), targets)


def _is(loss: Any, outputs: torch.Tensor, targets: torch.Tensor, known: Callable[..., torch.Tensor]) -> bool:
    wave = 3 * torch.cos(torch.arange(outputs.numel(), device=outputs.device) * 1.7).reshape(outputs.shape)
    with quietly():
        try:
            pairs = [
                (float(total_loss(loss(made, targets))[0]), float(known(made, targets)))
                for made in (wave.to(outputs.dtype), wave.flip(0).to(outputs.dtype))
            ]
        except Exception:  # noqa: BLE001 - a loss that refuses made-up answers says nothing
            return False
    return all(isclose(own, its, rel_tol=SAME) for own, its in pairs)
