"""Sick trainings on tables and small numbers."""

from tests.gauntlet.case import Case
from tests.gauntlet.fourth.tables import (
    brakes,
    broken,
    forgotten,
    losses,
    parts,
    rare,
    rates,
    rows,
    schedules,
    starts,
    units,
)

FILES = (rates, starts, units, losses, forgotten, rare, broken, brakes, parts, schedules, rows)

CASES: list[Case] = [case for file in FILES for case in file.CASES]
