"""Every sick case keeps the gauntlet's contract. That it is sick, and its twin healthy, is measured by the gauntlet."""

from collections import Counter

import pytest
import torch

from tests.gauntlet.case import Case, Training
from tests.gauntlet.sick import CASES

EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
KNOWN = {
    *(f"G{number:02}" for number in range(1, 8)),
    *(f"L{number:02}" for number in range(1, 12)),
    *(f"R{number:02}" for number in range(1, 6)),
    *(f"D{number:02}" for number in range(1, 11)),
    *(f"B{number:02}" for number in range(1, 12)),
}
"""All codes but those of the environment, and of mixed precision, which a CPU has not."""


def _steps(training: Training) -> int:
    return training.epochs * len(training.train)


def _weights(training: Training) -> dict[str, torch.Tensor]:
    return training.model.state_dict()


def test_there_are_enough_and_each_has_its_own_name():
    """At least 64 cases, 25 of them published, each name once: it decides the half."""
    names = [case.name for case in CASES]

    assert len(names) == len(set(names))
    assert len(names) >= 64
    assert sum(bool(case.source) for case in CASES) >= 25


def test_every_illness_is_there_in_several_ways():
    """Each code of a run and of data has at least two cases."""
    counted = Counter(code for case in CASES for code in case.codes)

    assert {code for code in KNOWN if code[0] in "GLRD" and counted[code] < 2} == set()


@EACH
def test_a_case_says_what_is_ill(case: Case):
    """One or two known codes, an aim, a sentence, and a healthy twin."""
    assert 1 <= len(set(case.codes)) == len(case.codes) <= 2
    assert set(case.codes) <= KNOWN
    assert case.aim in ("rescue", "name")
    assert case.says
    assert case.twin is not None


@EACH
def test_a_training_is_made_anew_and_the_same_for_the_same_seed(case: Case):
    """Two trainings of a seed share nothing, and begin with the same weights and rows."""
    first, second = case.make(1), case.make(1)
    before, after = _weights(first), _weights(second)

    assert first.model is not second.model
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert first.train is not second.train


@EACH
def test_a_case_and_its_twin_have_steps_enough_to_be_treated(case: Case):
    """At least 60 steps and at most 1000, so that the whole gauntlet stays affordable."""
    assert 60 <= _steps(case.make(0)) <= 1000
    assert 60 <= _steps(case.twin(0)) <= 1000


@EACH
def test_the_score_lies_within_its_bounds_and_leaves_the_model_alone(case: Case):
    """0 to 100 points; modes and weights stay; a model of NaN gets the fewest."""
    training = case.make(0)
    before = {name: value.clone() for name, value in _weights(training).items()}

    points = training.score(training.model, None)

    assert 0 <= points <= 100
    assert training.model.training
    assert all(torch.equal(before[name], value) for name, value in _weights(training).items())
    with torch.no_grad():
        for weight in training.model.parameters():
            weight.fill_(float("nan"))
    assert training.score(training.model, None) == 0


@EACH
def test_the_twin_can_be_trained(case: Case):
    """Its loss of the first batch is a number with gradients."""
    training = case.twin(0)

    loss = training.plain_loss(next(iter(training.train)))
    loss.backward()

    assert loss.isfinite()
    assert any(weight.grad is not None for weight in training.model.parameters())
