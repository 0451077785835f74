"""What a person changes while it trains: a lower learning rate, a fix undone. Written down like any other change."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from autofix_nb.fixes import FIXES, Change, Trainee
from autofix_nb.fixes.scale_lr import LOWEST
from autofix_nb.fixes.under_way import is_setting

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

USER = "user"
"""Stands in the place of a finding's code where nobody but the user asked for a change."""

HALF = 0.5
"""What the rate is multiplied by at each press."""

BY_HAND = "undone by hand"
"""Verdict of a change that the user took back."""

STAYS = frozenset({
    "drop_outliers", "early_stop", "quarantine", "reinitialise", "restart", "rollback", "skip_batch", "split_batch",
    "train_longer",
})  # fmt: skip
"""Fixes that are not undone by hand: what they did has happened, or what made them necessary would be there again at
the next step."""


def lower_rate(policy: "Policy", run: Trainee, step: int) -> str:
    """Halve the learning rate from here on, by the multiplier that fixes use; returns what to say."""
    now = run.controls.lr_scale
    if now * HALF < LOWEST:
        return f"The learning rate is not lowered any further: it stands at {now:.3g} of yours."
    change = Change(
        fix="scale_lr",
        touches="loop",
        says=f"halved by hand: the learning rate is multiplied by {now * HALF:.3g} from here on (before: {now:.3g})",
        before={"lr_scale": now},
        after={"lr_scale": now * HALF},
        permanent=f'for group in optimizer.param_groups:\n    group["lr"] *= {now * HALF:.3g}',
    )
    fix = FIXES["scale_lr"]()
    fix.apply(change, run)
    number = len(policy.changes)
    policy.changes.append(change)
    policy.standing.append((number, fix))
    policy.journal.append("change", code=USER, step=step, number=number, **asdict(change))
    policy.journal.append("outcome", code=USER, fix=change.fix, number=number, verdict="kept", step=step)
    return f"Step {step}: the learning rate is halved, to {now * HALF:.3g} of yours."


def undo_last(policy: "Policy", run: Trainee, step: int) -> str:
    """Undo the newest change in force that can be undone; returns what to say.

    A fix that was undone so is not made again by itself in this run.
    """
    found = next((one for one in reversed(policy.standing) if _can_be_undone(policy.changes[one[0]])), None)
    if found is None:
        return "There is no change in force that could be undone."
    number, fix = found
    change = policy.changes[number]
    trial = next((one for one in policy.trials if one.number == number), None)
    if change.touches == "model":
        if not policy.revert(run, [other for other in policy.in_force if other != number]):
            return f"{change.fix} cannot be undone any more: the model was changed since."
    else:
        fix.undo(change, run)
        policy.standing = [one for one in policy.standing if one[0] != number]
    if trial is not None:
        policy.trials.remove(trial)
    if fix.is_built_in(change):
        run.snapshot = None  # it does not fit what the model or the optimizer is now
    run.follow_controls()
    entry = policy.journal.last("change", number=number) or {}
    code = entry.get("code", USER)
    policy.journal.append("outcome", code=code, fix=change.fix, number=number, verdict=BY_HAND, step=step)
    if code == USER:
        return f"Step {step}: undone by hand: {change.says}."
    policy.refused.add(change.fix)
    return f"Step {step}: {change.fix} is undone by hand ({change.says}); it is not made again by itself."


def _can_be_undone(change: Change) -> bool:
    return change.fix not in STAYS and (is_setting(change) or change.touches == "model")
