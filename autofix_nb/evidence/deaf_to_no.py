"""Losses of pairs and embeddings that want -1 for no, and are given 0: such rows get a gradient of exactly 0.

`CosineEmbeddingLoss`, `HingeEmbeddingLoss` and `MarginRankingLoss` document targets of 1 and -1 and take 0 without a
complaint. Asked of losses whose answers are no single numbers, by the gradients of made-up answers, row by row.
"""

from typing import Any

import torch

from autofix_nb.objective import total_loss

FEWEST_ROWS = 4
"""Rows of each kind below which nothing is said."""

SIZES = (0.03, 0.3, 1.0, 3.0)
"""Sizes of the answers that are made up: a margin may be met by some of them."""

HEAR = 0.5
"""Share of the rows of yes, and of no with -1, that must get a gradient: a margin may be met by some."""

SAME = 1e-4
"""Share by which gradients may differ in their last digits."""


def wants_signs(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether rows with the target 0 get no gradient whatever is answered, and do with -1."""
    if outputs.dim() < 2 or not len(outputs) == len(targets) == targets.numel() or targets.numel() == outputs.numel():
        return False
    no = targets.reshape(-1) == 0
    yes = targets.reshape(-1) == 1
    if not bool((no | yes).all()) or min(int(no.sum()), int(yes.sum())) < FEWEST_ROWS:
        return False
    with torch.random.fork_rng(devices=[]):
        try:
            torch.manual_seed(0)
            as_it_is = _norms(loss, outputs, targets)
            torch.manual_seed(0)
            signed = _norms(loss, outputs, 2 * targets - 1)
        except Exception:  # noqa: BLE001 - a loss that refuses made-up answers says nothing
            return False
    deaf = bool((as_it_is[no] == 0).all()) and torch.allclose(as_it_is[yes], signed[yes], rtol=SAME)
    return deaf and all(float((norms > 0).float().mean()) >= HEAR for norms in (as_it_is[yes], signed[no]))


def _norms(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return how large the gradients of each row are, summed over answers of several sizes, shape (N,)."""
    norms = torch.zeros(len(outputs), device=outputs.device)
    for size in SIZES:
        made_up = torch.randn_like(outputs.detach().float())
        made_up = (size * (made_up + torch.randn_like(made_up[:1, :1]))).requires_grad_()  # alike, as answers often are
        with torch.enable_grad():
            total_loss(loss(made_up, targets))[0].backward()
        norms += made_up.grad.abs().reshape(len(outputs), -1).sum(1)
    return norms
