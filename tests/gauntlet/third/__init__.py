"""The third set of sick cases, by an author who read no rule and no other. Each theme gives its own as `CASES`."""

from tests.gauntlet.case import Case
from tests.gauntlet.third import depth, fitting, losses, numbers, rates, rows, terms, units

THEMES = (rates, depth, numbers, losses, terms, units, fitting, rows)

CASES: tuple[Case, ...] = tuple(case for theme in THEMES for case in theme.CASES)
