"""Answers that an activation holds at one value for every row, though their targets are something else.

A relu after the last layer gives 0 wherever its sum lies below, and sends no gradient back from there: an answer that
begins below 0 for all rows stays 0 for good (dying ReLU, Lu et al. 2019), and no row can pull it up.
"""

import torch

from autofix_nb.objective import last_bounds

FEWEST_ROWS = 8
"""Rows below which an answer that is the same for all of them says nothing."""


def silent_columns(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return which answers (columns) are at the bound of the last activation in all rows, though targets vary there.

    Of outputs (N, K) or (N, K, ...), whose places share their weights and are rows as well, and targets of as many
    numbers; all False, shape (K,), for other shapes, and where nothing cuts the outputs.
    """
    ends_in, low, high = last_bounds(outputs)
    made = outputs.detach()
    if not made.dim():
        return torch.zeros(1, dtype=torch.bool, device=made.device)
    made = made[:, None] if made.dim() == 1 else made
    none = torch.zeros(made.shape[1], dtype=torch.bool, device=made.device)
    if ends_in not in ("relu", "clamp", "hardtanh") or len(made) < FEWEST_ROWS or targets.numel() != made.numel():
        return none
    wanted = targets.detach().reshape(made.shape)
    made, wanted = (one.movedim(1, -1).reshape(-1, made.shape[1]) for one in (made, wanted))
    cut = (made == low).all(0) | (made == high).all(0)
    return cut & (wanted != made).any(0)
