"""A part of the loss works against the goal: its gradient opposes that of the other parts, and these do not get better.

Opposing alone is no illness. The parts of a GAN and of a VAE oppose each other by design, and where any sum of parts
has come to rest their gradients cancel, so their cosine is near -1. So three things must come together: the part
opposes and is not negligible, the others together have hardly fallen since the beginning, and the goal on validation
data has not become better.

Where it is known what the training is for (see `aims.py`), the other parts are asked about one by one. One that falls
without end is surely wrong, whatever its gradient. One that pulls against the aim and nearly as hard is wrong where
nothing is learnt; and one that knows nothing of the targets costs more than such a wish is worth, if the rest comes
down by much on other data without it: that is for a race to tell.

Reference: Yu et al. (2020), Gradient Surgery for Multi-Task Learning, https://arxiv.org/abs/2001.06782
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.aims import GOAL, NOTHING, aimed_gains, aims_of, parts_of, runaways, wishes_in_the_way
from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.goals import goals_of
from autofix_nb.detectors.learning import LEARNT
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class OpposingLoss(Detector):
    """The gradient of one part of the loss opposes the others, and neither they nor the goal become better."""

    code: ClassVar = "L11"
    title: ClassVar = "A loss term works against the goal"
    when: ClassVar = "both"
    reads: ClassVar = ("goal", "loss")
    shows: ClassVar = (("part_cosine/{where}",), ("loss/{where}",), ("goal",))
    fixes: ClassVar = ("rebalance_losses",)
    why: ClassVar = (
        "The weights go where the sum of the parts falls. A part that pulls the other way, with a weight too large or "
        "a wrong sign, can keep the model from learning what the goal measures."
    )
    how: ClassVar = (
        "Cosine between the gradient of each part and that of all others together, at several steps; how long the "
        "part's gradient is beside theirs; whether the other parts and the goal became better since the beginning. "
        "Where it is known what the training is for: whether another part falls without end, or pulls against it at "
        "least half as hard while nothing is learnt, or while that part knows nothing of the targets. Whether "
        "beside a part that hears of the answers alone nothing of the targets was learnt in the beginning, nor is now."
    )

    looks: int = 3
    """Looks at the gradients that are needed; their median decides."""

    cosine: float = -0.3
    """Cosine below which a part opposes the others."""

    strong: float = 0.5
    """Part of the gradient of what the training is for from which a mere means outweighs it."""

    explained: float = 0.8
    """Share of the targets from which what the training is for counts as learnt, whatever a wish about it costs."""

    negligible: float = 0.1
    """Part of the longest gradient below which a part's own is too short to matter."""

    epochs: int = 5
    """Epochs in which the goal had time to become better."""

    fall: float = 0.2
    """Share of their first value by which the other parts may have fallen and still count as not learnt."""

    first: int = 10
    """Steps that make the beginning, and the end, of the other parts."""

    def check(self, history: History) -> Finding | None:
        aims, goal = aims_of(history), history.facts.get("goal")
        found = self._means(history, aims) if aims else None
        if found is not None or (aims and goal == GOAL):
            return found
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

    def _means(self, history: History, aims: tuple[str, ...]) -> Finding | None:
        """Return what speaks against the parts that are no aim, where the whole loss is the goal."""
        said = " + ".join(aims)
        for part in runaways(history, now=True):
            lowest = float(np.nanmin(history.now(f"loss/{part}")))
            return self.found(
                history,
                f"the loss part {part!r} falls without end, to {lowest:.3g} by now, and what is left to train for is "
                f"{said}",
                severity=Severity.CRITICAL,
                measured=lowest,
                judged=f"loss/{part}",
                where=(part,),
                step=history.step("loss"),
            )
        own = np.max([self.finite(history, f"part_norm/{part}", self.looks) for part in aims], axis=0)
        gains = aimed_gains(history, aims)[-self.looks :]
        explained = float(np.median(gains)) if len(gains) == self.looks else float("nan")
        for part in wishes_in_the_way(history):
            if explained < NOTHING and float(history.now(f"part_norm/{part}", 1)[-1:].sum()) > 0:
                return self.found(
                    history,
                    f"beside the loss part {part!r}, which hears of the answers alone, {said} explains "
                    f"{max(0.0, explained):.1%} of targets after {history.step('loss')} steps (limit {NOTHING:.0%})",
                    severity=Severity.WARNING,
                    measured=explained,
                    limit=NOTHING,
                    judged=f"part_gain/{aims[0]}",
                    where=(part,),
                    step=history.step("loss"),
                )
        blind = history.facts.get("blind_parts") or () if history.facts.get("goal") == GOAL else ()
        for part in (one for one in parts_of(history) if one not in aims):
            # A wish may cost a little, and in a fit that is nearly perfect a little is the whole loss.
            if not explained < (self.explained if part in blind else LEARNT):
                continue
            knows = "knows nothing of the targets" if part in blind else f"leaves {said} nothing learnt"
            cosine = float(np.median(self.finite(history, f"part_cosine/{part}", self.looks)))
            norms = self.finite(history, f"part_norm/{part}", self.looks)
            if cosine < self.cosine and (norms > self.strong * own).all():
                return self.found(
                    history,
                    f"the gradient of the loss part {part!r}, which {knows}, points against that of {said} "
                    f"(cosine {cosine:.2f}, limit {self.cosine:g}) and is {np.median(norms / own):.2g} times as long",
                    severity=Severity.WARNING,
                    measured=cosine,
                    limit=self.cosine,
                    judged=f"part_cosine/{part}",
                    where=(part,),
                    step=history.step("loss"),
                )
        return None

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
