"""Exploding gradients: the gradient norm leaves its own range upwards and the loss goes with it.

The median of the newest norms is compared with the median of the steps before. Medians, because one spike in a
healthy run is nothing; the run's own past, because raw-unit regression lives well with norms in the thousands; and
the loss, because a large gradient that lowers it is no illness. A run that explodes in its first steps has no past
of its own: it is compared with its first step, and every one of the newest losses must lie far above the first.

Reference: Pascanu, Mikolov, Bengio (2013), https://arxiv.org/abs/1211.5063
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.learning import is_above_chance, is_learning, median
from autofix_nb.finding import Finding, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class ExplodingGradients(Detector):
    """The global L2 gradient norm is large, many times its own past, and the loss rises."""

    code: ClassVar = "G01"
    title: ClassVar = "Exploding gradients"
    when: ClassVar = "step"
    reads: ClassVar = ("grad_norm", "loss")
    shows: ClassVar = (("grad_norm",), ("loss",))
    fixes: ClassVar = (
        "clip_gradients",
        "scale_lr",
        "standardise",
        "scale_targets",
        "swap_activations",
        "insert_norm",
    )
    why: ClassVar = (
        "A gradient many times its usual size throws the weights far away in one step. What was learnt is lost, and "
        "NaN often comes next."
    )
    how: ClassVar = (
        "The median gradient norm of the newest steps is large in itself and many times the median of the steps "
        "before, and the loss rises with it. In the first steps: the norm is severe and every newest loss is far above "
        "the first."
    )

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

    beginning: int = 200
    """Steps of a chapter in which the first step is what is usual."""

    far: float = 10.0
    """How many times its size the first loss must have risen by in the beginning."""

    def __post_init__(self) -> None:
        if self.ratio <= 1:
            raise ValueError(f"`ratio` must be greater than 1, got {self.ratio}")

    def check(self, history: History) -> Finding | None:
        newest_norms = self.finite(history, "grad_norm", self.newest + 1)[1:]
        self.finite(history, "loss", self.newest + 1)
        norm = median(newest_norms)
        if norm <= self.moderate:
            return None  # asked every 50 steps of every run: most are done here
        return self._since_the_beginning(history, norm) or self._beside_its_past(history)

    def _since_the_beginning(self, history: History, norm: float) -> Finding | None:
        losses = history.now("loss", self.beginning + 1)
        losses = losses[np.isfinite(losses)]
        if norm <= self.severe or len(losses) > self.beginning:
            return None
        first = float(losses[0])
        lowest = float(losses[-self.newest :].min())
        limit = first + self.far * abs(first)
        if lowest <= limit or is_learning(history):
            return None
        if history.count("chance") and not is_above_chance(history):
            return None  # few rows a batch: the first ones were merely easy
        return self.found(
            history,
            f"gradient norm {norm:.3g} in the last {self.newest} steps, limit {self.severe:.3g}, and the loss went "
            f"from {first:.3g} to {lowest:.3g} or more within {len(losses)} steps",
            severity=Severity.CRITICAL,
            measured=norm,
            limit=self.severe,
            judged="grad_norm",
            where=history.worst("grad_norm/"),
        )

    def _beside_its_past(self, history: History) -> Finding | None:
        norms = self.finite(history, "grad_norm", self.before + self.newest)
        losses = self.finite(history, "loss", self.before + self.newest)
        norm, usual = median(norms[self.before :]), median(norms[: self.before])
        loss_rises = median(losses[self.before :]) > median(losses[: self.before])
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
            judged="grad_norm",
            where=history.worst("grad_norm/"),
        )
