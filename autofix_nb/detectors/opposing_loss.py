"""A part of the loss works against the goal: its gradient opposes that of the other parts, and these do not get better.

Opposing alone is no illness. The parts of a GAN and of a VAE oppose each other by design, and where any sum of parts
has come to rest their gradients cancel, so their cosine is near -1. So three things must come together: the part
opposes and is not negligible, the others together have hardly fallen since the beginning, and the goal on validation
data has not become better.

Reference: Yu et al. (2020), Gradient Surgery for Multi-Task Learning, https://arxiv.org/abs/2001.06782
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.goals import goals_of
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class OpposingLoss(Detector):
    """The gradient of one part of the loss opposes the others, and neither they nor the goal become better."""

    code: ClassVar = "L11"
    title: ClassVar = "A loss term works against the goal"
    when: ClassVar = "epoch"
    reads: ClassVar = ("goal", "loss")
    shows: ClassVar = (("part_cosine/{where}",), ("loss/{where}",), ("goal",))
    fixes: ClassVar = ("rebalance_losses",)
    why: ClassVar = (
        "The weights go where the sum of the parts falls. A part that pulls the other way, with a weight too large or "
        "a wrong sign, can keep the model from learning what the goal measures."
    )
    how: ClassVar = (
        "Cosine between the gradient of each part and that of all others together, at several steps; how long the "
        "part's gradient is beside theirs; whether the other parts and the goal became better since the beginning."
    )

    looks: int = 3
    """Looks at the gradients that are needed; their median decides."""

    cosine: float = -0.3
    """Cosine below which a part opposes the others."""

    negligible: float = 0.1
    """Part of the longest gradient below which a part's own is too short to matter."""

    epochs: int = 5
    """Epochs in which the goal had time to become better."""

    fall: float = 0.2
    """Share of their first value by which the other parts may have fallen and still count as not learnt."""

    first: int = 10
    """Steps that make the beginning, and the end, of the other parts."""

    def check(self, history: History) -> Finding | None:
        parts = [name.removeprefix("part_cosine/") for name in history.names() if name.startswith("part_cosine/")]
        if not parts:
            raise NotApplicable("`part_cosine`: nothing recorded")
        cosines = {part: float(np.median(self.finite(history, f"part_cosine/{part}", self.looks))) for part in parts}
        norms = {part: float(np.median(self.finite(history, f"part_norm/{part}", self.looks))) for part in parts}
        longest = max(norms.values())
        opposing = [part for part in parts if cosines[part] < self.cosine and norms[part] > self.negligible * longest]
        goals = goals_of(history, self.epochs)
        if goals.name == "val/loss":
            # It holds the very part that is in question, and falls with it.
            raise NotApplicable("`goal`: the whole loss cannot tell whether a part of it works against the goal")
        if not opposing:
            return None
        third = max(1, len(goals.values) // 3)
        with np.errstate(all="ignore"):
            now = float(np.median(goals.values[-third:]))
            gained = now - float(goals.values[0])
        # A part of the loss that is the goal itself is judged as the other parts are: a few percent are not learnt.
        enough = max(goals.margin, self.fall * abs(float(goals.values[0]))) if goals.is_loss else goals.margin
        if gained > enough and now > goals.constant:
            return None
        judged = [part for part in opposing if goals.name != f"val/loss/{part}" and self._others_stay(history, part)]
        if not judged:
            return None
        worst = min(judged, key=cosines.__getitem__)
        return self.found(
            history,
            f"the gradient of the loss part {worst!r} points against that of the others (cosine {cosines[worst]:.2f}, "
            f"limit {self.cosine:g}), and neither they nor {goals.name} became better in {len(goals.values)} epochs",
            severity=Severity.WARNING,
            measured=cosines[worst],
            limit=self.cosine,
            judged=f"part_cosine/{worst}",
            where=(worst,),
            step=goals.rows[-1]["step"],
        )

    def _others_stay(self, history: History, part: str) -> bool:
        """Tell whether the other parts together have hardly fallen since the beginning of the chapter."""
        others = [name for name in history.names() if name.startswith("part_cosine/")]
        others = [name.removeprefix("part_cosine/") for name in others if name != f"part_cosine/{part}"]
        before = now = 0.0
        for other in others:
            values = history.now(f"loss/{other}")
            values = values[np.isfinite(values)]
            if len(values) < 2 * self.first:
                return False
            with np.errstate(all="ignore"):
                before += float(np.median(values[: self.first]))
                now += float(np.median(values[-self.first :]))
        return bool(others) and not before - now > self.fall * abs(before)
