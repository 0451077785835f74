"""Another rate on trial in the run itself: up where it falls too slowly, down where it stands, back if it harms."""

from types import SimpleNamespace

import numpy as np
import pytest

from autofix_nb.detectors.behind import TRIED
from autofix_nb.finding import Severity
from autofix_nb.journal import Journal
from autofix_nb.policy import Policy
from autofix_nb.policy.candidates import LOWER
from autofix_nb.policy.on_trial import HIGHER, MOST, try_another_rate
from autofix_nb.policy.treating import look_into
from tests.policy.test_daring import Live, score
from tests.runs import finding

BEHIND = finding(code="L05", severity=Severity.NOTE, fixes=TRIED, step=100)


def run(*, falls=True, planned=400, now=1.0, won=1, left=0, steps=100):
    """Return a run and its policy: it falls, or stands, and so many extra steps are left."""
    live = Live(signals={}, planned=planned, steps=steps)
    for step in range(steps):
        live.history.record(step + 1, loss=1.0 - falls * 0.001 * step + 1e-4 * (step % 3), lr=0.1)
    live.score, live.snapshot = score(now), None
    policy = Policy(Journal())
    policy.races.won, policy.races.spent = won, planned // 2 - left
    return live, policy


@pytest.mark.parametrize(
    ("falls", "times"), [pytest.param(True, HIGHER, id="up"), pytest.param(False, LOWER, id="down")]
)
def test_what_falls_is_given_a_higher_rate_and_what_stands_a_lower_one(falls, times):
    """It is written down like any other change, and watched."""
    live, policy = run(falls=falls)

    assert try_another_rate(policy, BEHIND, live)
    assert times == pytest.approx(live.controls.lr_scale)
    assert [("scale_lr", "L05")] == [(one["fix"], one["code"]) for one in policy.journal.entries("change")]
    assert [150] == [trial.until for trial in policy.trials]


@pytest.mark.parametrize(
    ("fields", "tried"),
    [
        pytest.param({}, True, id="mended-and-nothing-left"),
        pytest.param({"won": 0}, False, id="never-mended"),
        pytest.param({"planned": 170}, False, id="too-late-to-go-back"),
    ],
)
def test_it_is_done_where_nothing_can_be_raced(fields, tried):
    """A run that nothing was done about may be healthy: it is left alone."""
    live, policy = run(**fields)

    assert tried == look_into(policy, BEHIND, live)
    assert tried == bool(policy.changes)


@pytest.mark.parametrize(
    ("now", "verdict", "scale"),
    [
        pytest.param(0.8, "kept", HIGHER, id="better"),
        pytest.param(1.0, "kept", HIGHER, id="no-worse"),
        pytest.param(5.0, "undone", 1.0, id="worse"),
    ],
)
def test_what_harms_is_undone_and_the_weights_go_back(now, verdict, scale):
    """To where they were when it began, as after a race that was lost."""
    live, policy = run()
    try_another_rate(policy, BEHIND, live)
    went_back = []
    live.snapshot = SimpleNamespace(step=100, restore=lambda: went_back.append(100))
    live.score, live.step_count = score(now), 150
    policy.judge(live, 150)

    assert [verdict] == [one["verdict"] for one in policy.journal.entries("outcome")]
    assert scale == pytest.approx(live.controls.lr_scale)
    assert ([100] if verdict == "undone" else []) == went_back


def test_that_the_weights_go_back_is_known_after_a_resume():
    """A trial is saved with what it does when it fails."""
    live, policy = run()
    try_another_rate(policy, BEHIND, live)
    other = Policy(Journal())
    other.restore(policy.state())

    assert [True] == [trial.rewinds for trial in other.trials]


def test_it_is_tried_twice_at_most_and_one_after_the_other():
    """What does not help twice will not a third time; and two at once could not be told apart."""
    live, policy = run()

    done = [try_another_rate(policy, BEHIND, live) for _ in range(2)]
    for _ in range(2):
        policy.trials.clear()
        done.append(try_another_rate(policy, BEHIND, live))

    assert [True, False, True, False] == done
    assert MOST == len(policy.changes)


def test_a_run_that_nothing_can_judge_is_left_alone():
    """Without rows that judge nobody could tell what came of it."""
    live, policy = run(now=np.nan)

    assert not try_another_rate(policy, BEHIND, live)
