"""Exploding gradients: the gradient norm leaves its own range upwards and the loss goes with it.

The median of the newest norms is compared with the median of the steps before. Medians, because one spike in a
healthy run is nothing; the run's own past, because raw-unit regression lives well with norms in the thousands;
and the loss, because a large gradient that lowers it is no illness.

Reference: Pascanu, Mikolov, Bengio (2013), https://arxiv.org/abs/1211.5063
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.finding import Finding, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class ExplodingGradients(Detector):
    """The global L2 gradient norm is large, many times its own past, and the loss rises."""

    code: ClassVar = "G01"
    title: ClassVar = "Exploding gradients"
    when: ClassVar = "step"
    reads: ClassVar = ("grad_norm", "loss")
    fixes: ClassVar = ("clip_gradients", "scale_lr")

    newest: int = 10
    """Steps whose median is judged."""

    before: int = 50
    """Steps before them that make the run's own range."""

    ratio: float = 20.0
    """How many times the earlier median counts as exploding."""

    moderate: float = 100.0
    """Norm up to which nothing is reported, whatever the ratio."""

    severe: float = 1000.0
    """Norm above which the finding is critical."""

    def __post_init__(self) -> None:
        if self.ratio <= 1:
            raise ValueError(f"`ratio` must be greater than 1, got {self.ratio}")

    def check(self, history: History) -> Finding | None:
        norms = self.finite(history, "grad_norm", self.before + self.newest)
        losses = self.finite(history, "loss", self.before + self.newest)
        norm = float(np.median(norms[self.before :]))
        if norm <= self.moderate:
            return None  # asked every 50 steps of every run: most are done here
        usual = float(np.median(norms[: self.before]))
        loss_rises = np.median(losses[self.before :]) > np.median(losses[: self.before])
        limit = max(self.moderate, self.ratio * usual)

        if norm <= limit or not loss_rises:
            return None

        return self.found(
            history,
            f"gradient norm {norm:.3g} in the last {self.newest} steps, {usual:.3g} in the {self.before} before, "
            f"limit {limit:.3g}, and the loss rises",
            severity=Severity.CRITICAL if norm > self.severe else Severity.WARNING,
            measured=norm,
            limit=limit,
            where=history.worst("grad_norm/"),
        )
