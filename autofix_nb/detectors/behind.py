"""A run that will end far above what a simple model reaches on the same rows, at the pace it has.

What it will end at is judged as for a rate that is too low; what is there to be learnt, by ridge regressions that
answer rows they have not seen. That a net is slower at first is healthy, and that it ends a little behind is, too.
So this is a suspicion: what could help is tried on the side, and done only where it is decisive.
"""

from dataclasses import dataclass

import numpy as np

from autofix_nb.detectors.life import median_of
from autofix_nb.detectors.pace import pace_of
from autofix_nb.history import History

SOONEST = 40
"""Steps in the present chapter before anything is suspected."""

SHARE = 0.2
"""The same as a share of the planned steps, where that is more."""

SHORTEST = 150
"""Steps that a run must be planned with, unless it was mended: one of fewer is a trial, and gets nowhere anyway."""

MARGIN = 0.25
"""Share of the way from a constant answer to the simple model that a run may end short of that one."""

MARGIN_MENDED = 0.1
"""The same of a run whose fault was mended: it was ill, and needs no more to be suspected of not being well yet."""

KNOWS = 0.3
"""Share of a constant answer's loss that the simple model must explain to tell anything."""


TRIED = (
    "swap_optimizer",
    "scale_lr",
    "standardise",
    "mend_loss",
    "mend_output",
    "swap_activations",
    "insert_norm",
    "reinitialise",
)
"""What is tried, in this order, where a simple model gets much farther."""


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What says that a simple model gets much farther."""

    says: str
    measured: float
    limit: float


def behind(history: History, *, margin: float = MARGIN) -> Behind | None:
    """Return what says that the run will end far above a simple model; None where nothing does."""
    planned = float(history.facts.get("planned_steps") or 0)
    losses = history.now("loss")
    losses = losses[np.isfinite(losses)]
    shortest = 1 if history.facts.get("mended") else SHORTEST
    limit = limit_of(history, margin=margin)
    if limit is None or planned < shortest or len(losses) < max(SOONEST, SHARE * planned):
        return None
    newest = median_of(losses[-max(10, int(0.05 * planned)) :])
    pace = pace_of(history)
    if not newest > limit or pace is None or not pace.share > limit or _validates(history, limit):
        return None
    return Behind(
        says=f"the loss is {newest:.4g} and will be about {pace.share:.4g} after all {planned:.0f} steps, "
        f"{limit_of(history, margin=0.0):.4g} is what a ridge regression comes to on the same rows, unseen",
        measured=pace.share,
        limit=limit,
    )


def limit_of(history: History, *, margin: float) -> float | None:
    """Return the loss that is short of the simple model's by a share of its way; None where that one tells nothing."""
    reference, chance = history.facts.get("reference"), history.last("chance")
    if not reference or not reference["constant"] > 0:
        return None
    explained = 1 - reference["loss"] / reference["constant"]
    if not explained > KNOWS:
        return None
    # A treated loss has other units: the share that is explained is the same.
    level = chance if chance > 0 else reference["constant"]
    simple = (1 - explained) * level
    return simple + margin * (level - simple)


def _validates(history: History, limit: float) -> bool:
    """Tell whether the validation loss is below the limit, as where dropout or augmentation make training harder."""
    rows = [float(row.get("val/loss", np.nan)) for row in history.rows()]
    return bool(rows) and rows[-1] < limit
