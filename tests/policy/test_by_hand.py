"""What a person changes by hand stands in the book like any other change."""

import pytest

from autofix_nb.fixes import FIXES
from autofix_nb.journal import Journal
from autofix_nb.policy import Policy
from autofix_nb.policy.by_hand import BY_HAND, STAYS, lower_rate, undo_last
from tests.runs import RealRun, finding


@pytest.fixture
def run():
    """Return a real small run that follows its controls."""
    made = RealRun()
    made.follow_controls = lambda: None
    return made


def act(policy, run, fix, **about):
    """Let the policy make a fix by itself."""
    return policy.act(finding(**about), run, [fix])


def test_a_fix_on_trial_is_undone_and_watched_no_more(run):
    """Its verdict says by whom."""
    policy, clip = Policy(Journal()), run.controls.clip_norm
    assert act(policy, run, "clip_gradients")

    undo_last(policy, run, 120)

    assert clip == run.controls.clip_norm
    assert [] == policy.trials == policy.standing
    assert BY_HAND == policy.journal.last("outcome")["verdict"]


def test_what_was_undone_by_hand_is_not_made_again_by_itself(run):
    """Nor after a resume."""
    policy = Policy(Journal())
    act(policy, run, "clip_gradients")
    undo_last(policy, run, 120)
    resumed = Policy(Journal())
    resumed.restore(policy.state())

    assert not policy.may("clip_gradients")
    assert not resumed.may("clip_gradients")
    assert not act(resumed, run, "clip_gradients")


def test_the_newest_comes_first_and_then_the_one_before(run):
    """Until nothing is left, which is said."""
    policy = Policy(Journal())
    lower_rate(policy, run, 10)
    act(policy, run, "clip_gradients")
    lower_rate(policy, run, 30)

    said = [undo_last(policy, run, 40 + place) for place in range(4)]

    assert ["halved", "clip_gradients is undone", "halved", "no change in force"] == [
        next(words for words in ("clip_gradients is undone", "halved", "no change in force") if words in one)
        for one in said
    ]
    assert 1.0 == run.controls.lr_scale
    assert policy.may("scale_lr")


@pytest.mark.parametrize("name", sorted(STAYS))
def test_what_has_happened_stays(run, name):
    """These names are fixes; a sample set aside stays aside."""
    assert name in FIXES


def test_a_sample_that_was_set_aside_is_passed_over(run):
    """What is undone is the setting from before it."""
    policy = Policy(Journal())
    lower_rate(policy, run, 10)
    run.suspects = []
    policy.standing.append((len(policy.changes), FIXES["quarantine"]()))
    policy.changes.append(policy.changes[0].__class__(fix="quarantine", touches="data", says="set aside"))

    undo_last(policy, run, 20)

    assert 1.0 == run.controls.lr_scale
    assert 1 == len(policy.standing)


def test_the_rate_has_a_lowest_height(run):
    """Below it nothing is learnt any more."""
    policy = Policy(Journal())
    said = [lower_rate(policy, run, step) for step in range(25)]

    assert 2.0**-20 == run.controls.lr_scale
    assert "not lowered any further" in said[-1]


def test_a_change_to_the_model_is_undone(run):
    """Structure and optimizer are as before it."""
    policy = Policy(Journal())
    before = str(run.model)
    assert act(policy, run, "swap_activations", code="G07", title="Dead units", fixes=("swap_activations",))
    assert before != str(run.model)

    undo_last(policy, run, 120)

    assert before == str(run.model)
    assert run.snapshot is None
