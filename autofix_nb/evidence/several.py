"""Whether a softmax's cross-entropy is taken of rows in which several answers are yes at once.

Its shares of a row sum to 1 (PyTorch's documentation of `CrossEntropyLoss` wants a distribution for each row), so that
two labels of one row take from each other, a row without any teaches nothing, and no score says "no" by itself. Rows
that are weighed to sum to 1, and one yes a row, are other losses and left alone.
"""

from math import isclose
from typing import Any

import torch

from autofix_nb.evidence.chance import quietly
from autofix_nb.objective import total_loss

SEVERAL = 0.05
"""Share of the rows that hold more than one yes, from which they are no slips."""

MOST_LABELS = 100
"""Answers of a row beyond which a softmax over several yeses is a usual choice: likelihoods of baskets and of words
(Liang et al. 2018, Variational Autoencoders for Collaborative Filtering)."""

FEWEST_ROWS = 4
"""Rows below which nothing is said."""


def several_as_one(loss: Any, outputs: Any, targets: Any) -> bool:
    """Tell whether `loss` is the cross-entropy of scores (N, K) over targets (N, K) of 0 and 1, some rows with several.

    A square of rows by rows, as contrastive losses compare, is none: its yeses say who belongs together.
    """
    if not (isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor)) or outputs.dim() != 2:
        return False
    if targets.shape != outputs.shape or not targets.is_floating_point() or not outputs.is_floating_point():
        return False
    rows, labels = outputs.shape
    if rows < FEWEST_ROWS or not 2 <= labels <= MOST_LABELS or rows == labels:
        return False
    if not bool(((targets == 0) | (targets == 1)).all()) or float((targets.sum(1) > 1).float().mean()) < SEVERAL:
        return False
    wave = torch.cos(torch.arange(outputs.numel(), device=outputs.device) * 1.7).reshape(outputs.shape)
    with quietly():
        try:
            asked = [float(total_loss(loss(made.to(outputs.dtype), targets))[0]) for made in (wave, 2 * wave.flip(0))]
        except Exception:  # noqa: BLE001 - a loss that refuses made-up answers says nothing
            return False
    known = [float(-(targets * made.log_softmax(1)).sum(1).mean()) for made in (wave, 2 * wave.flip(0))]
    return all(asked) and isclose(known[0] * asked[1], known[1] * asked[0], rel_tol=1e-4)
