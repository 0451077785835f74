"""Each planted fault is named by the right code, and no healthy training is alarmed about.

The same is asked, and printed beside what other packages say, by `scripts/benchmark_preflight`.
"""

import re
from collections import Counter

import pytest

from tests.preflight.clean import CLEAN
from tests.preflight.planted import FAULTS, TWINS, alarms_in, that_name

CODES = [
    *(f"E{number:02}" for number in range(1, 7)),
    *(f"B{number:02}" for number in range(1, 12)),
    *(f"D{number:02}" for number in range(1, 12)),
]

MISSED: dict[str, str] = {}
"""Faults that are not named yet, and why."""

# What the planted models do is what torch warns about; that preflight itself says nothing is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore")


def some_quick(cases):
    """Every third case is quick, and so is one deep one for each code that is asked with `deep=True` only."""
    deep_codes = Counter()
    params = []
    for place, case in enumerate(cases):
        quick = place % 3 == 0 and not case.deep
        code = getattr(case, "codes", [""])[0]
        if case.deep and code in ("B09", "D10"):
            deep_codes[code] += 1
            quick = deep_codes[code] == 1
        marks = [] if quick else [pytest.mark.slow]
        if case.name in MISSED:
            marks.append(pytest.mark.xfail(reason=MISSED[case.name], strict=True))
        params.append(pytest.param(case, id=re.sub(r"\W+", "-", case.name).strip("-"), marks=marks))
    return params


@pytest.mark.parametrize("case", some_quick(FAULTS))
def test_a_planted_fault_is_named(case, tmp_path):
    """By a warning or an error with one of its codes, and with its place."""
    alarms = alarms_in(case.make(tmp_path), deep=case.deep)

    assert that_name(case, alarms), f"said instead: {[(finding.code, finding.says) for finding in alarms]}"


@pytest.mark.parametrize("case", some_quick(CLEAN))
def test_a_healthy_training_is_left_in_peace(case, tmp_path):
    """Nothing beyond a note."""
    assert [] == [(finding.code, finding.says) for finding in alarms_in(case.make(tmp_path), deep=case.deep)]


@pytest.mark.parametrize("kind", TWINS)
def test_a_healthy_twin_is_left_in_peace(kind, tmp_path):
    """What the faults were planted in has none of its own."""
    assert [] == alarms_in(TWINS[kind](tmp_path))


def test_each_code_has_two_faults_at_least():
    """The first code of a fault is that of the check it was planted for; D09 and D02 have three."""
    planted = Counter(case.codes[0] for case in FAULTS)
    wanted = {code: 3 if code in ("D02", "D09") else 2 for code in CODES}

    assert {} == {code: planted[code] for code in CODES if planted[code] < wanted[code]}


def test_names_are_told_apart():
    """A name is an address: `--only` of the benchmark takes it."""
    names = [case.name for case in (*FAULTS, *CLEAN)]

    assert sorted(set(names)) == sorted(names)
