"""Whether a change helped: what one training came to beside another, with the noise of both.

Two trainings that began alike saw the same batches and are judged on the same rows, so that batch by batch they can
be compared in pairs. A difference counts when it is large enough to matter and too large for chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np

POINTS = 0.04
"""Gain in a metric between 0 and 1 that matters."""

SHARE_OF_LOSS = 0.05
"""Share of the loss by which a run that never learnt must come lower."""

SHARE_OF_LOSS_LEARNT = 0.25
"""Share of the loss by which a run that learns already must come lower, where the goal does not say more."""

ERRORS = 3.0
"""Standard errors that a difference must be away from none: with up to ten tries, chance brings it in under 2 %."""

ERRORS_KNOWN = 4.0
"""Standard errors above 0 from which outputs surely know of the targets: with few pieces and ten tries, 3 happen."""

KNOWN = 0.005
"""Share of the loss that outputs must explain to count as beginning to learn."""

LITTLE = 0.05
"""Share of the loss below which little is known of the targets."""

FAR_MORE = 3.0
"""How many times as much another must know, and that little on top, to be ahead whatever the goal says."""

ALL_OF = 8
"""Pieces from which it is no accident when all of them are lower: 1 in 256."""

NEARLY_ALL = 0.87
"""Share of the pieces that must be lower where little is asked: 7 of 8."""

FEW_BATCHES = 4
"""With fewer batches to compare in pairs, the difference must be twice as large instead."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a training came to on the rows that judge it, by the loss and metrics as the user gave them."""

    loss: float = nan
    losses: tuple[float, ...] = ()
    """Loss of each judging batch, the same batches for all that are compared."""

    goal: float = nan
    """The goal, or NaN where it is the loss or cannot be measured."""

    higher_is_better: bool = True
    gains: tuple[float, ...] = ()
    """How far the loss of pieces of the rows lies below that with targets of other rows; empty where unknown."""

    mispaired: float = nan
    """The loss with targets of other rows."""

    rows: int = 0
    """Rows that judge."""

    first_norm: float = nan
    """Largest gradient norm of the first steps, infinite where it was too large for its type; NaN where unknown."""

    failed: str = ""
    """Why there is nothing to compare: the numbers went bad, or the model raised."""

    @property
    def is_sound(self) -> bool:
        """Whether there is a finite loss."""
        return not self.failed and isfinite(self.loss)

    @property
    def known(self) -> float:
        """Share of the loss of wrongly paired targets that the outputs surely explain; 0 where they surely do not."""
        if len(self.gains) < FEW_BATCHES or not self.mispaired > 0:
            return 0.0
        mean, error = float(np.mean(self.gains)), float(np.std(self.gains, ddof=1)) / sqrt(len(self.gains))
        return mean / self.mispaired if mean > ERRORS_KNOWN * error else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the journal."""
        return {"loss": self.loss, "goal": self.goal, "known": self.known, "failed": self.failed}


def is_decisively_better(one: Score, other: Score, *, learnt: bool) -> bool:
    """Tell whether `one` came out better than `other` by what matters, and beyond chance.

    `learnt` says that `other` is a training that learns already: then its goal must gain, or its loss by much.
    """
    if not one.is_sound:
        return False
    if not other.is_sound:
        return True
    gain = _gain(one, other)
    if _is_bounded(one, other):
        enough = max(POINTS, ERRORS * _error(one, other))
        if gain >= enough:
            return True
        if gain <= -enough / 2:
            return False
    elif isfinite(gain) and gain < 0:
        return False
    return _loss_is_lower(one, other, SHARE_OF_LOSS_LEARNT if learnt else SHARE_OF_LOSS)


def knows_more(one: Score, control: Score, start: Score) -> bool:
    """Tell whether `one` has begun to tell the rows apart where the control has not, at a loss that is hardly higher.

    For trainings that have not learnt anything: the loss first moves to the level of chance, whatever is learnt.
    """
    sound = one.is_sound and control.is_sound and start.is_sound
    if not sound or one.known < KNOWN or control.known > one.known / 3:
        return False
    # What is known may be hidden by an offset of all outputs alike, as long as that costs less than it gains.
    level = min(start.loss, control.loss)
    return one.loss <= level + one.known * abs(level) and np.mean(control.gains) < np.mean(one.gains) / 3


def has_gained(now: Score, before: Score | None) -> bool:
    """Tell whether a training that was dead has begun to learn."""
    return now.is_sound and (now.known >= KNOWN or before is None or is_decisively_better(now, before, learnt=False))


def in_units_of(control: Score, one: Score, beside: Score) -> Score:
    """Return a score by another loss as if by that of `control`: in shares of `beside`, the control by that loss."""
    if not (one.is_sound and control.is_sound and beside.is_sound) or control.loss <= 0 or beside.loss <= 0:
        return one
    pairs = zip(control.losses, one.losses, beside.losses, strict=True)
    losses = tuple(mine * its / theirs if theirs > 0 else mine for mine, its, theirs in pairs)
    return replace(one, loss=control.loss * one.loss / beside.loss, losses=losses)


def is_worse(one: Score, other: Score) -> bool:
    """Tell whether `one` came out worse than `other` beyond chance: then it is undone."""
    if not one.is_sound:
        return other.is_sound
    if not other.is_sound:
        return False
    gain = _gain(one, other)
    if _is_bounded(one, other):
        behind = gain < -max(POINTS / 2, ERRORS * _error(one, other))
        # Right by one class alone is easily lost on the way to a loss that is lower by much.
        return behind and not _loss_is_lower(one, other, SHARE_OF_LOSS)
    return _loss_is_lower(other, one, SHARE_OF_LOSS)


def is_surely_lower(one: Score, other: Score, share: float) -> bool:
    """Tell whether the loss of `one` is lower by this share of that of `other`, beyond chance, its goal being no worse.

    Of a loss that jumps it is when nearly all of many pieces are lower: 1 in 28 by accident, which does for what costs
    little.
    """
    if not (one.is_sound and other.is_sound) or is_worse(one, other):
        return False
    pairs = np.array(other.losses) - np.array(one.losses) if len(one.losses) == len(other.losses) else np.zeros(0)
    nearly_all = len(pairs) >= ALL_OF and np.mean(pairs > 0) >= NEARLY_ALL
    return _loss_is_lower(one, other, share) or (nearly_all and other.loss - one.loss >= share * abs(other.loss))


def best_of(scores: Sequence[Score]) -> int:
    """Return the place of the best score; of those that are as good within their noise the first one.

    Raises:
        ValueError: when none is sound.
    """
    sound = [place for place, score in enumerate(scores) if score.is_sound]
    if not sound:
        raise ValueError("none of the scores is sound")
    best = sound[0]
    for place in sound[1:]:
        one, other = scores[place], scores[best]
        gain = _gain(one, other)
        error = _error(one, other) if _is_bounded(one, other) else 0.0
        if _tells_apart(one, other) or _tells_apart(other, one):
            better = _tells_apart(one, other)
        elif isfinite(gain) and abs(gain) > max(error, 1e-9) and _is_bounded(one, other):
            better = gain > 0
        else:
            better = other.loss - one.loss > 0.03 * abs(other.loss)
        if better:
            best = place
    return best


def _tells_apart(one: Score, other: Score) -> bool:
    """Tell whether `one` knows far more of the targets than `other`, which hardly does, at a loss that is no higher.

    Where little is learnt yet the goal jumps: most answers may be right by luck while all outputs are nearly alike.
    """
    far_more = other.known < LITTLE and one.known > FAR_MORE * other.known + LITTLE
    return far_more and one.loss <= other.loss


def _gain(one: Score, other: Score) -> float:
    gain = one.goal - other.goal
    return gain if one.higher_is_better else -gain


def _is_bounded(one: Score, other: Score) -> bool:
    return one.higher_is_better and all(isfinite(score.goal) and 0 <= score.goal <= 1 for score in (one, other))


def _error(one: Score, other: Score) -> float:
    """Return the standard error of the difference of two shares of the same rows (paired, so no more than this)."""
    rows = max(1, min(one.rows, other.rows))
    return sqrt((one.goal * (1 - one.goal) + other.goal * (1 - other.goal)) / 2 / rows)


def _loss_is_lower(one: Score, other: Score, share: float) -> bool:
    """Tell whether the loss of `one` is lower by a share of that of `other`, and in pairs beyond chance."""
    difference = other.loss - one.loss
    needed = share * max(abs(other.loss), 1e-12)
    pairs = np.array(other.losses) - np.array(one.losses) if len(one.losses) == len(other.losses) else np.zeros(0)
    if len(pairs) < FEW_BATCHES or not np.isfinite(pairs).all():
        return difference >= 2 * needed
    error = float(pairs.std(ddof=1)) / sqrt(len(pairs))
    if difference >= needed and difference >= ERRORS * error:
        return True
    # A loss that jumps has a large error; that each of many pieces is lower by that share is no accident either.
    each = pairs >= share * np.maximum(np.abs(np.array(other.losses)), 1e-12)
    return len(pairs) >= ALL_OF and bool(each.all())
