"""A rate that is too high is named by what came of a lower one."""

from types import SimpleNamespace

import pytest

from autofix_nb.finding import Severity
from autofix_nb.fixes import FIXES, Change
from autofix_nb.journal import Journal
from autofix_nb.policy import Candidate, Policy
from autofix_nb.policy.naming_rates import BLEW_UP, name_by_a_lowered_rate, name_by_smaller_steps
from autofix_nb.policy.races import Race
from autofix_nb.policy.verdict import Score
from tests.runs import finding

NAN = Score(loss=float("nan"))


def change(fix, factor=1.0):
    return Change(fix=fix, touches="loop", says=fix, before={"lr_scale": 1.0}, after={"lr_scale": factor})


def one_of(*changes):
    return Candidate(fixes=[(FIXES[one.fix](), one) for one in changes])


def at(loss):
    return Score(loss=loss, losses=(loss,) * 8, rows=100)


LOWERED, RAISED, SWAPPED = (
    one_of(change("scale_lr", 0.1)),
    one_of(change("scale_lr", 10)),
    one_of(change("insert_norm")),
)
RATE = one_of(change("swap_optimizer"))


@pytest.mark.parametrize(
    ("chosen", "other", "control", "came_to", "named"),
    [
        pytest.param(RATE, LOWERED, NAN, 0.5, True, id="went-bad"),
        pytest.param(RATE, LOWERED, at(BLEW_UP + 0.1), 0.5, True, id="blew-up"),
        pytest.param(LOWERED, LOWERED, NAN, 0.5, True, id="the-lower-one-won"),
        pytest.param(RATE, LOWERED, at(1.5), 0.5, False, id="as-it-was-it-stands"),
        pytest.param(RATE, LOWERED, NAN, 0.99, False, id="a-lower-one-does-not-train"),
        pytest.param(RATE, RAISED, NAN, 0.5, False, id="a-higher-one"),
        pytest.param(RATE, SWAPPED, NAN, 0.5, False, id="something-else-helped-too"),
        pytest.param(SWAPPED, LOWERED, NAN, 0.5, False, id="something-else-won"),
    ],
)
def test_where_a_lower_rate_trains_and_the_run_as_it_was_falls_apart(chosen, other, control, came_to, named):
    """Whoever has won, as long as it changed the steps."""
    policy, scores = Policy(Journal()), [at(0.4), at(came_to)]
    race = Race(
        start=at(1.0), control=control, steps=20, raced=[chosen, other], scores=scores, controls=[control] * 2, best=0
    )

    name_by_smaller_steps(policy, chosen, race, SimpleNamespace(step_count=60))

    assert ["L01"] * named == [one.code for one in policy.findings]


@pytest.mark.parametrize(
    ("code", "factor", "said", "named"),
    [
        pytest.param("G03", 0.25, None, True, id="lowered-and-kept"),
        pytest.param("G03", 0.25, Severity.NOTE, True, id="only-suspected-before"),
        pytest.param("G03", 0.25, Severity.WARNING, False, id="said-before"),
        pytest.param("G03", 4.0, None, False, id="raised"),
        pytest.param("L10", 0.25, None, False, id="another-illness"),
    ],
)
def test_numbers_that_are_sound_at_a_lower_rate_tell_of_the_rate(code, factor, said, named):
    """They went bad more than once: else the rate goes back."""
    policy = Policy(Journal())
    policy.findings += [] if said is None else [finding(code="L01", severity=said)]
    before = len(policy.findings)

    name_by_a_lowered_rate(policy, change("scale_lr", factor), finding(code=code), 90, 0.5)

    assert ["L01"] * named == [one.code for one in policy.findings[before:]]
