"""What the outcome of a race says of the illness."""

from types import SimpleNamespace

import pytest

from autofix_nb.journal import Journal
from autofix_nb.policy import Policy
from autofix_nb.policy.races import Race
from autofix_nb.policy.treating import _name_by_what_the_control_did
from autofix_nb.policy.verdict import Score
from tests.runs import finding


@pytest.mark.parametrize(
    ("failed", "before", "ignore", "named"),
    [
        pytest.param("the numbers went bad after 3 steps", (), (), ["G03"], id="went-bad"),
        pytest.param("", (), (), [], id="sound"),
        pytest.param("ValueError: no after 3 steps", (), (), [], id="raised"),
        pytest.param("the numbers went bad after 3 steps", ("G03",), (), [], id="said-before"),
        pytest.param("the numbers went bad after 3 steps", (), ("G03",), [], id="ignored"),
    ],
)
def test_a_control_whose_numbers_went_bad_is_named(failed, before, ignore, named):
    """No step of the run's own could show that: what was changed trains on finite ones."""
    policy = Policy(Journal(), ignore=ignore)
    policy.findings += [finding(code=code) for code in before]
    sound, control = Score(loss=1.0), Score(loss=2.0, failed=failed)
    race = Race(start=sound, control=control, steps=20, scores=[sound], controls=[control], best=0)

    _name_by_what_the_control_did(policy, race, SimpleNamespace(step_count=60))

    assert named == [one.code for one in policy.findings[len(before) :]]
    assert all(60 == one.step and "after 3 steps" in one.says for one in policy.findings[len(before) :])
