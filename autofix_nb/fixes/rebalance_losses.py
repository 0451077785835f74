"""Let the parts of a loss pull equally hard, or keep one from pulling the other way.

Parts are weighed by the norms of their gradients, as GradNorm does (Chen et al. 2018), but once and not at every step;
where the norms were not measured, by their sizes. What keeps the geometric mean keeps the step as it was. A part whose
gradient opposes that of all others is turned down, and then off (compare PCGrad, Yu et al. 2020).
"""

from dataclasses import replace
from math import exp, log
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.aims import aims_of, runaways
from autofix_nb.detectors.uneven import TIMES, drowned_parts, uneven_parts
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee
from autofix_nb.fixes.surgery import WayBack, forget_moments

RECENT_NORMS = 10
"""Close looks at the norms that are averaged."""

RECENT_LOSSES = 100
"""Steps whose losses are averaged where no norms were measured."""

MOST = 1e4
"""Largest weight, and its inverse the smallest: what is further apart is no matter of weights."""

FARTHEST = 1e12
"""The same for parts that are in units of their own, which may be anything."""

HUGE = 1e5
"""What a part begins with from which its unit is huge: its answers are hundreds of times as large as usual."""

FAR_BELOW = 1e-4
"""What such a part counts of an equal share, where that is tried, too."""

TURNED_DOWN = (0.1, 0.0)
"""What an opposing part counts, gentlest first."""

WISHES_TURNED_DOWN = (0.01, 0.0)
"""The same of a wish about the answers, such as a divergence: part of what is wanted, where it leaves room. Beside the
wish nothing was learnt: a tenth of it hardly leaves more."""

SAID = {0.1: "a tenth of what it did", 0.01: "a hundredth of what it did", 0.0: "nothing"}

OPPOSING = "L11"

BAD_NUMBERS = "G03"
"""Against these only what falls without end is turned off."""


class RebalanceLosses(SettingFix):
    """Weigh the named parts of the loss: halfway to balance, then all the way; an opposing part down, then off.

    The optimizer forgets what it remembers: Adam divides by the sizes of the last thousand gradients, beside which what
    is heard only now would stay as small as it was.
    """

    name: ClassVar = "rebalance_losses"
    touches: ClassVar = "loop"

    def __init__(self) -> None:
        self._ways_back: list[WayBack] = []

    def apply(self, change: Change, run: Trainee) -> None:
        run.controls.part_weights = change.after["part_weights"]
        optimizer = getattr(run, "optimizer", None)
        groups = optimizer.param_groups if optimizer is not None else []
        if not self._ways_back:
            self._ways_back = forget_moments(run, [one for group in groups for one in group["params"]])

    def undo(self, change: Change, run: Trainee) -> None:
        """Put back what the parts counted and what the optimizer remembered."""
        super().undo(change, run)
        for go_back in self._ways_back:
            go_back()
        self.forget()

    def forget(self) -> None:
        """Let go of what the optimizer remembered."""
        self._ways_back = []

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        parts = sorted(name.removeprefix("loss/") for name in run.history.names() if name.startswith("loss/"))
        if len(parts) < 2 or not _is_their_sum(parts, run):
            return []
        aims, now = aims_of(run.history), run.controls.part_weights
        away = [part for part in runaways(run.history) if now.get(part, 1.0)]
        if away and aims:
            weights = now | dict.fromkeys(away, 0.0)
            return [self._change(run, weights, f"what falls without end counts nothing: {', '.join(away)}")]
        if finding.code == OPPOSING:
            part = _opposing(parts, finding, run)
            is_wish = part in (run.history.facts.get("wishes") or ())
            factors = WISHES_TURNED_DOWN if is_wish else TURNED_DOWN
            wanted = [] if part is None else [now | {part: factor * now.get(part, 1.0)} for factor in factors]
            says = [f"the part {part} counts {SAID[factor]}" for factor in factors]
            changes = [self._change(run, weights, said) for weights, said in zip(wanted, says, strict=False)]
            return changes[::-1] if part in (run.history.facts.get("blind_parts") or ()) else changes
        if finding.code == BAD_NUMBERS:
            return []
        evened = _evened(run)
        if evened:
            return [
                replace(change, after=change.after | {"sure": True})
                for change in (self._change(run, now | weights, says) for says, weights in evened)
            ]
        if aims:
            return self._for(aims, parts, run)
        balanced = _balanced(parts, run)
        if balanced is None:
            return []
        halfway = {part: weight**0.5 for part, weight in balanced.items()}
        return [
            self._change(run, halfway, "the parts of the loss are weighed, halfway to pulling equally hard"),
            self._change(run, balanced, "the parts of the loss are weighed so that they pull equally hard"),
        ]

    def _for(self, aims: tuple[str, ...], parts: list[str], run: Trainee) -> list[Change]:
        """Return the aims raised until they pull as hard as all else, and then alone; both where they count now."""
        pulls = {part: _median(run.history.now(f"part_norm/{part}", RECENT_NORMS)) for part in parts}
        now, said = run.controls.part_weights, ", ".join(aims)
        others = {part: now.get(part, 1.0) for part in parts if part not in aims}
        own, loudest = max(pulls[part] for part in aims), max(pulls[part] for part in others)
        raised = min(MOST, loudest / own) if own > 0 and np.isfinite(loudest) else 1.0
        changes = []
        if raised > 1:
            louder = others | {part: raised * now.get(part, 1.0) for part in aims}
            changes.append(self._change(run, louder, f"what the training is for pulls as hard as all else: {said}"))
        if any(others.values()):
            alone = now | dict.fromkeys(others, 0.0)
            changes.append(self._change(run, alone, f"only what the training is for counts: {said}"))
        return changes

    def _change(self, run: Trainee, weights: dict[str, float], says: str) -> Change:
        said = ", ".join(f"{part} {weight:.3g}" for part, weight in weights.items())
        terms = " + ".join(f'{weight:.3g} * parts["{part}"]' for part, weight in weights.items())
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"{says} ({said})",
            before={"part_weights": dict(run.controls.part_weights)},
            after={"part_weights": weights},
            permanent=f"loss = {terms}",
        )


def _is_their_sum(parts: list[str], run: Trainee) -> bool:
    """Tell whether the loss is the sum of its parts; where the user adds them up otherwise, weights change nothing."""
    weights = run.controls.part_weights
    # Where numbers went bad, by the newest that were not: of inf minus inf nothing is known.
    series = [run.history.now(name, RECENT_LOSSES) for name in ("loss", *(f"loss/{part}" for part in parts))]
    count = min(map(len, series))
    rows = np.array([one[len(one) - count :] for one in series])
    rows = rows[:, np.isfinite(rows).all(0)]
    if not rows.size:
        return False
    loss, *newest = rows[:, -1].tolist()
    total = sum(value * weights.get(part, 1.0) for part, value in zip(parts, newest, strict=True))
    return abs(total - loss) <= 0.01 * max(abs(total), abs(loss)) + 1e-6


def _opposing(parts: list[str], finding: Finding, run: Trainee) -> str | None:
    """Return the part that the finding names, else the one whose gradient opposes the others most."""
    named = [part for part in finding.where if part in parts]
    if named:
        return named[0]
    cosines = {part: _median(run.history.now(f"part_cosine/{part}", RECENT_NORMS)) for part in parts}
    below = {part: cosine for part, cosine in cosines.items() if cosine < 0}
    return min(below, key=below.__getitem__, default=None)


def _balanced(parts: list[str], run: Trainee) -> dict[str, float] | None:
    """Return the weights with which all parts pull equally hard; None where fewer than two pull at all."""
    pulls = {part: _median(run.history.now(f"part_norm/{part}", RECENT_NORMS)) for part in parts}
    if not all(np.isfinite(list(pulls.values()))):
        pulls = {part: _median(np.abs(run.history.now(f"loss/{part}", RECENT_LOSSES))) for part in parts}
    pulls = {part: pull for part, pull in pulls.items() if pull > 0}
    if len(pulls) < 2:
        return None
    middle = exp(sum(map(log, pulls.values())) / len(pulls))
    weights = {part: min(MOST, max(1 / MOST, middle / pull)) for part, pull in pulls.items()}
    return weights if max(weights.values()) > 1.01 * min(weights.values()) else None


def _evened(run: Trainee) -> list[tuple[str, dict[str, float]]]:
    """Return weights, with what to say of them, for parts that drown one another; none where none does now.

    All come to the pull that is nearest to 1: it is for losses of usual size that rates are chosen. What is in a huge
    unit must grow its weights until they are huge, and its gradients grow with them: last it is tried far below others.
    """
    now = run.controls.part_weights
    quiet, loudest = drowned_parts(run.history)
    parts = uneven_parts(run.history) if quiet else {}
    pulls = {part: _median(run.history.now(f"part_norm/{part}", RECENT_NORMS)) for part in parts}
    if not pulls or not all(pull > 0 for pull in pulls.values()):
        return []
    if not any(pulls[loudest] > TIMES * pulls[part] for part in quiet):
        return []
    usual = min(pulls.values(), key=lambda pull: abs(log(pull)))
    even = {part: now.get(part, 1.0) * min(FARTHEST, max(1 / FARTHEST, usual / pull)) for part, pull in pulls.items()}
    says = "parts of the loss that are learnt from the targets are weighed so that they pull equally hard"
    huge = {part: FAR_BELOW * weight for part, weight in even.items() if parts[part] > HUGE}
    below = [(f"{says}, and what is in a huge unit a ten-thousandth of that", even | huge)] if huge else []
    return [(says, even), *below]


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")
