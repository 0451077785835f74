"""Inputs of another type than a model computes with: float64 from NumPy, whole numbers, half precision.

The types that a model takes are found by asking it, with inputs changed by rules that keep every value.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.objective.modes import evaluating
from autofix_nb.objective.objective import forward

Rule = Callable[[torch.Tensor], torch.dtype]
"""The type that a part of the inputs is to have."""


def rules_for(model: nn.Module) -> list[Rule]:
    """Return the rules to be tried, in this order."""
    wanted = next((one.dtype for one in model.parameters() if one.is_floating_point()), torch.float32)

    def numbers(part: torch.Tensor) -> torch.dtype:
        """Whole numbers may be looked up, all others are computed with."""
        return wanted if part.is_floating_point() else part.dtype

    def everything(part: torch.Tensor) -> torch.dtype:
        return wanted

    def looked_up(part: torch.Tensor) -> torch.dtype:
        """Numbers of words that came as floats, or as short ones."""
        whole = not part.is_floating_point() or bool((part == part.round()).all())
        return torch.int64 if whole and part.dtype != torch.bool else numbers(part)

    return [numbers, everything, looked_up]


def rule_that_fits(model: nn.Module, inputs: Any) -> Rule | None:
    """Return the first rule with which a model takes inputs that it raises for as they are; None where none helps."""
    for rule in rules_for(model):
        if all(rule(part) == part.dtype for _, part in structure.tensors(inputs)):
            continue
        try:
            with evaluating(model), torch.no_grad():
                forward(model, by_rule(inputs, rule))
        except Exception:  # noqa: BLE001, S112 - the next rule may
            continue
        return rule
    return None


def by_rule(inputs: Any, rule: Rule) -> Any:
    """Return inputs whose tensors have the types that a rule wants."""
    return structure.map_tensors(lambda part: part.to(rule(part)), inputs)
