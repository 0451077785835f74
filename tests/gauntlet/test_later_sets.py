"""The sick cases of the later sets keep the gauntlet's contract, and halve it together with the first one."""

from collections import Counter

import pytest
import torch

from tests.gauntlet import fourth, second, sick, third
from tests.gauntlet.arms.base import planned_steps
from tests.gauntlet.case import LATER_SETS, Case, Training, half
from tests.gauntlet.test_sick import KNOWN

CASES = (*second.CASES, *third.CASES, *fourth.CASES)
EVERY = 9
"""Of so many cases the quick tests take one."""

EACH = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=() if number % EVERY == 0 else pytest.mark.slow)
        for number, case in enumerate(CASES)
    ],
)


def _can_be_scored(training: Training) -> bool:
    """Tell whether the net takes its data: where it does not, that is the illness."""
    try:
        training.plain_loss(next(iter(training.train)))
    except (RuntimeError, ValueError, OSError, LookupError, TypeError):
        return False
    return True


def test_each_has_its_own_name_which_tells_its_set():
    """A name decides the half, so it belongs to one case alone."""
    names = [case.name for case in (*sick.CASES, *CASES)]

    assert len(names) == len(set(names))
    assert all(case.name.startswith(LATER_SETS) for case in CASES)
    assert not any(case.name.startswith(LATER_SETS) for case in sick.CASES)


def test_both_halves_are_large():
    """Rules are tuned on one half and judged on the other, so of each aim there are enough in both."""
    halves = Counter((half(case.name), case.aim) for case in (*sick.CASES, *CASES))

    assert halves["unseen", "rescue"] >= 60
    assert halves["seen", "rescue"] >= 60


def test_a_name_always_belongs_to_the_same_half():
    """The halves were fixed before any rule was tuned; the first set was seen as a whole since."""
    halves = [half(name) for name in ("a", "adam_rate_of_1", "b_a", "c_c", "d_a", "d_c")]

    assert halves == ["seen", "seen", "unseen", "seen", "unseen", "seen"]


def test_they_are_of_all_illnesses():
    """Each code of gradients, learning and data is there."""
    counted = Counter(code for case in CASES for code in case.codes)

    assert set() == {code for code in KNOWN if code[0] in "GLD"} - set(counted)


@EACH
def test_a_case_keeps_the_contract(case: Case):
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
    if _can_be_scored(case.make(1)):
        assert 0 <= first.score(first.model, None) <= 100
    assert all(torch.equal(value, first.model.state_dict()[name]) for name, value in before.items())
    assert twin.plain_loss(next(iter(twin.train))).isfinite()
