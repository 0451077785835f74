"""What one step leaves behind, and how often it is looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autofix_nb.signals.answers import Answers

EVERY = 50
"""Steps between two hand-overs. A number of steps and not of seconds, so that a run's verdicts can be repeated."""

SAMPLED = 5
"""Outputs and targets are looked at in every 5th step."""


@dataclass(slots=True)
class Measured:
    """What one step leaves behind. Tensors stay on their device until they are handed over."""

    step: int
    loss: Any
    grad_norm: Any
    lr: float
    parts: dict[str, Any] = field(default_factory=dict)
    norms: Any = None
    """Gradient norm of each parameter that has one: a tensor of shape (parameters,), or a list of floats."""

    owners: "tuple[int, ...] | None" = None
    """Component of each of these parameters."""

    clipped: bool = False
    step_seconds: float = 0.0
    load_seconds: float = 0.0
    answers: Answers | None = None
    """Outputs and targets, in sampled steps only."""

    look: Callable[[], dict[str, float]] | None = None
    """Reads what a close look at the model told, by the name of the signal."""

    accuracy: float | None = None
    """Share of right predictions; there only after the hand-over of a sampled step."""
