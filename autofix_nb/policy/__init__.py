"""Which fix for which finding, gentlest first, what the user allowed, and whether it helped."""

from autofix_nb.policy.candidates import Candidate, Offers
from autofix_nb.policy.far_start import treat_far_start
from autofix_nb.policy.few_steps import treat_few_steps
from autofix_nb.policy.odd_start import treat_odd_start
from autofix_nb.policy.policy import (
    ALLOWED,
    LOOP_CODES,
    QUIET_STEPS,
    SAMPLES_SAID,
    Mode,
    Policy,
)
from autofix_nb.policy.races import Race, Races
from autofix_nb.policy.treating import treat, treat_before, wants_race
from autofix_nb.policy.trials import HORIZON_STEPS, PROBATION_STEPS, PROVEN_AT_ONCE, usual_loss
from autofix_nb.policy.verdict import Score, best_of, is_decisively_better, is_worse

__all__ = [
    "ALLOWED",
    "HORIZON_STEPS",
    "LOOP_CODES",
    "PROBATION_STEPS",
    "PROVEN_AT_ONCE",
    "QUIET_STEPS",
    "SAMPLES_SAID",
    "Candidate",
    "Mode",
    "Offers",
    "Policy",
    "Race",
    "Races",
    "Score",
    "best_of",
    "is_decisively_better",
    "is_worse",
    "treat",
    "treat_before",
    "treat_far_start",
    "treat_few_steps",
    "treat_odd_start",
    "usual_loss",
    "wants_race",
]
