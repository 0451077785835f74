"""The second set of sick cases, made without a look at the first one. Each theme gives its own as `CASES`."""

from tests.gauntlet.case import Case
from tests.gauntlet.second import fitting, inputs, losses, numbers, rates, rows, signals, stuck

THEMES = (rates, signals, stuck, losses, numbers, inputs, fitting, rows)

CASES: tuple[Case, ...] = tuple(case for theme in THEMES for case in theme.CASES)
