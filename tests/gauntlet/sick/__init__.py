"""All sick cases, gathered from the files here: each theme gives its own as `CASES`."""

from tests.gauntlet.case import Case
from tests.gauntlet.sick import (
    answers,
    autotrainer,
    ends,
    first_weights,
    forms,
    gradients,
    hearing,
    losses,
    mistaken,
    parts,
    posts,
    posts_on_tables,
    rates,
    rows,
    runtime,
    schedules,
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
    first_weights,
    hearing,
    variance,
    losses,
    terms,
    answers,
    parts,
    rows,
    units,
    forms,
    sets,
    mistaken,
    runtime,
    schedules,
    ends,
)

CASES: tuple[Case, ...] = tuple(case for theme in THEMES for case in theme.CASES)
