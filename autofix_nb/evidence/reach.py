"""Scores that cannot lie where a loss wants them, as what the model ends in keeps them between bounds."""

from dataclasses import dataclass
from math import exp, inf
from typing import Any

from autofix_nb.objective import last_activation, last_bounds

ENOUGH = 0.95
"""Probability of a class from which a ceiling on it hardly matters: scores cut off at 6 are a usual choice."""


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What bounded scores can come to at most."""

    says: str
    ends_in: str
    share: float
    """Largest probability that a class, a yes or a no can get."""


def ceiling_of(outputs: Any, takes: str, width: int) -> Ceiling | None:
    """Return how sure an answer can get of `width` classes, or of yes or no; None where nothing that matters bounds it.

    What `last_activation` names is left to those who ask for it by name.
    """
    ends_in, low, high = last_bounds(outputs)
    if not ends_in or last_activation(outputs):
        return None
    if takes == "logits" and high - low < inf:
        share = 1 / (1 + (width - 1) * exp(low - high))
        says = (
            f"{ends_in} before cross-entropy: scores between {low:g} and {high:g} give no class more than {share:.0%}"
        )
        return Ceiling(says=says, ends_in=ends_in, share=share) if share < ENOUGH else None
    if takes != "yes-or-no logits":
        return None
    yes, no = 1 / (1 + exp(-high)), 1 / (1 + exp(min(low, 700.0)))
    share = min(yes, no)
    word = "yes" if yes <= no else "no"
    says = f"{ends_in} before a loss that applies the sigmoid itself: no {word} can get more than {share:.0%}"
    return Ceiling(says=says, ends_in=ends_in, share=share) if share < ENOUGH else None
