"""The fourth set of sick cases, by two authors who read no rule and no other case, after the rules were settled."""

from tests.gauntlet.case import Case
from tests.gauntlet.fourth import signals, tables

CASES: tuple[Case, ...] = (*tables.CASES, *signals.CASES)
