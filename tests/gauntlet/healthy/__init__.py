"""Trainings that nothing ails, awkward ones among them: whoever warns of them or changes them is wrong."""

from tests.gauntlet.case import Case
from tests.gauntlet.healthy import (
    acting,
    equations,
    making,
    numbers,
    pairs,
    pictures,
    published,
    sequences,
    slow,
    tables,
)

CASES: tuple[Case, ...] = (
    *tables.CASES,
    *numbers.CASES,
    *slow.CASES,
    *sequences.CASES,
    *pictures.CASES,
    *pairs.CASES,
    *acting.CASES,
    *making.CASES,
    *equations.CASES,
    *published.CASES,
)
"""All of them."""
