"""The cases to practise on keep the gauntlet's contract, and stay out of its halves, its default run and its sums."""

import sys
from collections import Counter
from pathlib import Path
from subprocess import run

import pytest
import torch

from tests.gauntlet import healthy, sick
from tests.gauntlet.arms.base import planned_steps
from tests.gauntlet.case import Case, half
from tests.gauntlet.practice import CASES
from tests.gauntlet.test_sick import KNOWN

EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "gauntlet"


def _listed(*options: str) -> list[str]:
    done = run([sys.executable, SCRIPT, "--list", *options], capture_output=True, text=True, check=True)
    return [line.split(maxsplit=3)[-1] for line in done.stdout.splitlines()]


def test_their_names_are_their_own_and_in_neither_half():
    """A name of practice begins so, and no other does."""
    names = [case.name for case in CASES]
    others = [half(case.name) for case in (*sick.CASES, *healthy.CASES)]

    assert len(names) == len(set(names))
    assert {"practice"} == {half(name) for name in names}
    assert "practice" not in others


@pytest.mark.slow
def test_only_who_asks_for_them_gets_them():
    """They are in the list of their kind alone, so that no default run and no sum holds them."""
    names = {case.name for case in CASES}

    assert names == set(_listed("--kind", "practice"))
    assert not names & set(_listed())


def test_they_are_many_and_of_all_illnesses():
    """Each code of a run and of data is there, so that no rule is tuned without a case."""
    counted = Counter(code for case in CASES for code in case.codes)

    assert set() == {code for code in KNOWN if code[0] in "GLD"} - set(counted)


@EACH
def test_a_case_of_practice_keeps_the_contract(case: Case):
    """Known codes, a sentence, a twin; 60 to 1000 batches; the same weights for a seed; a twin that can be trained."""
    first, second, twin = case.make(1), case.make(1), case.twin(1)
    before = {name: value.clone() for name, value in first.model.state_dict().items()}

    assert 1 <= len(set(case.codes)) == len(case.codes) <= 2
    assert set(case.codes) <= KNOWN
    assert case.aim in ("rescue", "name")
    assert case.says
    assert 60 <= planned_steps(first) * first.accumulate <= 1000
    assert 60 <= planned_steps(twin) * twin.accumulate <= 1000
    assert all(torch.equal(value, second.model.state_dict()[name]) for name, value in before.items())
    assert 0 <= first.score(first.model, None) <= 100
    assert all(torch.equal(value, first.model.state_dict()[name]) for name, value in before.items())
    assert twin.plain_loss(next(iter(twin.train))).isfinite()
