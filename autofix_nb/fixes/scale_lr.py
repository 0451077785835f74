"""Lower or raise the learning rate: the user's or the scheduler's is multiplied, never replaced.

A schedule that was on its way up when its rate had to be lowered does not bring it up again: a warm-up without an end,
or a cycle to a height that is too high, would be back in no time.
"""

from math import log10
from typing import Any, ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee
from autofix_nb.fixes.cap_lr import ceiling_of

FACTOR = 0.5
"""What the rate is multiplied by where nothing else is known."""

LOWEST = 2.0**-20
"""Below this share of the user's rate it is not lowered any further."""

DOWN = (0.1, 0.01, 0.001)
"""What is tried against a rate that is too high, by powers of ten, as in a search for one."""

UP = (10.0, 100.0)
"""What is tried against a rate that is too low."""

DOWN_CODES = frozenset({"G01", "G03", "G07", "L01", "L03", "L06", "L10"})
"""Illnesses of a rate that is too high: it explodes, kills units, jumps, ends in one class, or cannot settle."""

UP_CODES = frozenset({"L02", "L05", "G06"})
"""Illnesses of a rate that is too low: it crawls, does not fit, or is held back by clipping."""

BOTH_CODES = frozenset({"G02"})

STEEPER = 4.0
"""A range test keeps this far below the rate that learns fastest, for long trainings; that one is tried as well."""

SLOW = 5.0
"""A rate so many times below the one that a range test finds is not worth a try."""

SAME_WITHIN = 2.0
"""Two rates within this factor of each other are the same remedy."""


class ScaleLr(SettingFix):
    """Multiply the learning rate of every step from here on, by the rate that a range test finds or powers of ten."""

    name: ClassVar = "scale_lr"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        now = run.controls.lr_scale
        # How far to raise a rate is found out in a race; without one, lowering it would make things worse.
        lowest = finding.code in UP_CODES or now * FACTOR < LOWEST
        return None if lowest else self._change(run, now * FACTOR)

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        down = finding.code in DOWN_CODES | BOTH_CODES
        up = finding.code in UP_CODES | BOTH_CODES
        if not down and not up:
            return super().plans(finding, run)
        steps = (DOWN if down else ()) + (UP if up else ())
        found = _found(run)
        # What was measured comes first; then what changes least.
        # A rate that is too high shows only after a while: of those that win a few steps, the gentler one is offered.
        near = [] if found is None else [found] if down else [found, STEEPER * found]
        factors = [one for one in near if (one < 1 if not up else one > 1 if not down else True)]
        # Of rates that are all higher than the present one, those far below what was found are known to be slow.
        slow = found / SLOW if found is not None and not down else 0.0
        factors += sorted((one for one in steps if one > slow), key=lambda factor: abs(log10(factor)))
        now = run.controls.lr_scale
        chosen: list[float] = []
        for factor in factors:
            fresh = all(not _same(factor, other) for other in (1.0, *chosen))
            if fresh and now * factor >= LOWEST:
                chosen.append(factor)
        return [
            self._change(run, now * factor, "found by a range test" if factor == found else "") for factor in chosen
        ]

    def by(self, factor: float, run: Trainee) -> Change:
        """Return the change that multiplies the present rate by a factor."""
        return self._change(run, run.controls.lr_scale * factor)

    def _change(self, run: Trainee, scale: float, why: str = "") -> Change:
        now = run.controls.lr_scale
        ceiling = ceiling_of(run) if scale < now else None
        before: dict[str, Any] = {"lr_scale": now}
        after: dict[str, Any] = {"lr_scale": scale}
        if ceiling is not None:
            before["lr_ceiling"], after["lr_ceiling"] = None, ceiling
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"the learning rate is multiplied by {scale:.3g} from here on (before: {now:.3g}"
            f"{', ' + why if why else ''})" + (", and the schedule raises it no further" if ceiling else ""),
            before=before,
            after=after,
            permanent=f'for group in optimizer.param_groups:\n    group["lr"] *= {scale:.3g}'
            + ("\n# and a scheduler that goes no higher than that" if ceiling else ""),
        )

    def undo(self, change: Change, run: Trainee) -> None:
        """Divide the rate by what it was multiplied by."""
        before, after = change.before["lr_scale"], change.after["lr_scale"]
        # The rate may have been changed again since, for another illness: that stays.
        run.controls.lr_scale = before if run.controls.lr_scale == after else run.controls.lr_scale * (before / after)
        if "lr_ceiling" in change.after:
            run.controls.lr_ceiling = change.before["lr_ceiling"]


def _found(run: Trainee) -> float | None:
    """Return the rate that learns fastest, as a multiple of the present one; None where that is not known."""
    find = getattr(run, "find_rate", None)
    rate = find() if find is not None else None
    group = run.optimizer.param_groups[0] if getattr(run, "optimizer", None) is not None else {}
    # A warm-up begins at 0, and what is about to begin again begins at the height of its schedule.
    now = None if getattr(run, "starts_fresh", False) else group.get("lr")
    usual = now or group.get("max_lr") or group.get("initial_lr") or group.get("lr")
    if not rate or not usual:
        return None
    return float(rate) / (float(usual) * run.controls.lr_scale)


def _same(left: float, right: float) -> bool:
    return max(left, right) <= SAME_WITHIN * min(left, right)
