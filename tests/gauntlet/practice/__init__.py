"""Sick cases to practise on, of neither half: rules may be tuned on all of them. Each theme gives its own as `CASES`.

They were made without a look at the cases of the halves, so that what helps here should help there.
"""

from tests.gauntlet.case import Case
from tests.gauntlet.practice import fitting, inputs, losses, numbers, rates, rows, signals, stuck

THEMES = (rates, signals, stuck, losses, numbers, inputs, fitting, rows)

CASES: tuple[Case, ...] = tuple(case for theme in THEMES for case in theme.CASES)
