"""All sick cases, gathered from the files here: each theme gives its own as `CASES`."""

from tests.gauntlet.case import Case
from tests.gauntlet.sick import (
    answers,
    autotrainer,
    gradients,
    hearing,
    losses,
    parts,
    posts,
    posts_on_tables,
    rates,
    rows,
    runtime,
    sets,
    terms,
    units,
    variance,
)

THEMES = (
    autotrainer,
    posts,
    posts_on_tables,
    rates,
    gradients,
    hearing,
    variance,
    losses,
    terms,
    answers,
    parts,
    rows,
    units,
    sets,
    runtime,
)

CASES: tuple[Case, ...] = tuple(case for theme in THEMES for case in theme.CASES)
