"""Slopes that do not exist are taken for 0 where they arise, so that they do not spoil all gradients behind them.

A root, a norm or a cosine at 0 has an infinite slope, and the branch that `torch.where` leaves out may have one, too:
times 0 it is NaN, and NaN is passed on to every weight. Of such points the number 0 is one of the slopes that are as
right as any other. PyTorch documentation, "Autograd mechanics: gradients for non-differentiable functions".
"""

from typing import Any

import torch

MOST_NODES = 100_000
"""Operations of one backward pass that are watched."""


def bound_slopes(loss: torch.Tensor) -> None:
    """Watch every operation that `loss` was made by: what is not finite of its gradients is 0 for those before it."""
    waiting, seen = [loss.grad_fn], set()
    while waiting and len(seen) < MOST_NODES:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        waiting += [before for before, _ in node.next_functions]
        if node.next_functions:  # those of the weights themselves have nothing before them
            node.register_hook(_bounded)


def _bounded(passed_on: tuple[Any, ...], received: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        torch.nan_to_num(one, nan=0.0, posinf=0.0, neginf=0.0)
        if isinstance(one, torch.Tensor) and one.is_floating_point()
        else one
        for one in passed_on
    )
