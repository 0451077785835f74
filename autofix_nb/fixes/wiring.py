"""Let an optimizer follow a model whose parameters changed: new ones join its first group, others leave."""

from collections.abc import Sequence

import torch

LISTS = ("params", "param_names")
"""What a group lists of its parameters; their names only where it was made from `named_parameters()`."""


def rewire_optimizer(
    optimizer: torch.optim.Optimizer, joined: Sequence[torch.Tensor], left: Sequence[torch.Tensor]
) -> None:
    """Append `joined` to the first group, and take `left` out of theirs, with their state.

    A parameter that joins is not in the optimizer yet, one that left is gone: joining and leaving again restores the
    groups as they were.
    """
    gone = {id(parameter) for parameter in left}
    for group in optimizer.param_groups:
        stay = [place for place, one in enumerate(group["params"]) if id(one) not in gone]
        for name in LISTS:
            if name in group and len(stay) < len(group[name]):
                group[name][:] = [group[name][place] for place in stay]
    for parameter in left:
        optimizer.state.pop(parameter, None)
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    for parameter in joined:
        if id(parameter) in held or not parameter.requires_grad:
            continue
        first = optimizer.param_groups[0]
        first["params"].append(parameter)
        if "param_names" in first:
            first["param_names"].append(f"joined.{len(first['params']) - 1}")
