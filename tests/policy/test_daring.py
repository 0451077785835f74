"""The best guess on trial: only where a run is surely dead, once, and undone unless something is learnt."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from autofix_nb.finding import Severity
from autofix_nb.fixes import FIXES, Change
from autofix_nb.journal import Journal
from autofix_nb.policy import Policy
from autofix_nb.policy.candidates import Candidate
from autofix_nb.policy.daring import LEAST_STEPS, SHARE, WORSE, dare, dare_after, is_at_a_dead_end
from autofix_nb.policy.races import Race
from autofix_nb.policy.verdict import Score
from tests.runs import RealRun, finding

DEAD = finding(code="L01", severity=Severity.CRITICAL, fixes=("scale_lr", "swap_activations"))
IDLE = {"gain": [0.0] * 10, "mispaired": [2.3] * 10}
LEARNS = {"gain": [0.0] * 5 + [1.0] * 10, "mispaired": [2.3] * 15}


class Live(RealRun):
    """A run that can adopt candidates, and is judged by what a test says."""

    def __init__(self, *, signals=IDLE, planned=1000, steps=60):
        super().__init__()
        self.step_count, self.score, self.adopted = steps, score(2.3), []
        for name, values in signals.items():
            for step, value in enumerate(values):
                self.history.record(step, **{name: value})
        self.history.facts["planned_steps"] = planned
        self.follow_controls = lambda: None

    def judge(self):
        return self.score

    def adopt(self, candidate):
        candidate.apply(self)
        self.adopted.append(candidate)

    def take_over(self, candidate, race):
        self.adopt(candidate)
        return race.steps


def score(loss, **fields):
    return Score(loss=loss, losses=(loss,) * 8, rows=500, **fields)


def candidate(fix, after, *, resort=False):
    before = {name: None if name == "clip_norm" else 1.0 for name in after}
    change = Change(fix=fix, touches="loop", says=f"{fix} is done", before=before, after=after)
    return Candidate(fixes=[(FIXES[fix](), change)], resort=resort)


def race(control, *losses, resorts=(), trained=None):
    """Return a race of candidates that came to these losses; those at `resorts` are last resorts."""
    raced = [candidate("scale_lr", {"lr_scale": 0.5 + place}, resort=place in resorts) for place in range(len(losses))]
    scores = [one if isinstance(one, Score) else score(one) for one in losses]
    places = range(len(losses)) if trained is None else trained
    made = Race(start=score(2.3), control=score(control), steps=20, raced=raced, scores=scores)
    made.trained, made.controls = dict.fromkeys(places), [score(control)] * len(losses)
    return made


@pytest.fixture
def policy():
    said = []
    made = Policy(Journal(), say=said.append)
    made.said = said
    return made


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        pytest.param({}, True, id="dead"),
        pytest.param({"severity": Severity.WARNING}, False, id="only-a-warning"),
        pytest.param({"mode": "suggest"}, False, id="suggest"),
        pytest.param({"dared": True}, False, id="dared-before"),
        pytest.param({"watching": True}, False, id="a-change-is-being-watched"),
        pytest.param({"signals": LEARNS}, False, id="it-has-learnt"),
        pytest.param({"steps": 0}, False, id="before-the-first-step"),
    ],
)
def test_only_where_nothing_is_left_to_lose(change, dead):
    """All of these must speak for it."""
    policy = Policy(Journal(), mode=change.get("mode", "auto"))
    policy.races.dared = change.get("dared", False)
    policy.trials += [SimpleNamespace(beside=score(1.0))] if change.get("watching") else []
    run = Live(signals=change.get("signals", IDLE), steps=change.get("steps", 60))
    said = finding(code="L01", severity=change.get("severity", Severity.CRITICAL))

    assert dead == is_at_a_dead_end(policy, said, run)


def test_a_run_that_cannot_adopt_is_left_alone(policy):
    """A loop of somebody's own."""
    run = SimpleNamespace(step_count=60, history=Live().history)

    assert not is_at_a_dead_end(policy, DEAD, run)


@pytest.mark.parametrize(
    ("made", "best"),
    [
        pytest.param(race(2.3, 2.0, 2.29, 2.1, resorts=(1, 2)), 2, id="the-best-last-resort"),
        pytest.param(race(2.3, 2.2, 2.1), 1, id="the-lowest-where-none-is"),
        pytest.param(race(2.3, 2.2, 2.5, resorts=(1,)), 0, id="a-last-resort-that-came-out-worse"),
        pytest.param(race(2.3, 2.2, 2.2, resorts=(1,), trained=(0,)), 0, id="what-it-trained-to-was-not-kept"),
        pytest.param(race(2.3, score(2.2, failed="no"), 2.31), 1, id="one-that-failed"),
    ],
)
def test_the_most_thorough_that_is_no_worse_is_dared(policy, made, best):
    """Its race went for nothing, but its steps are the run's."""
    run = Live()
    policy.races.spent = 100

    assert dare_after(policy, DEAD, run, made)
    assert (best, [made.raced[best]]) == (made.best, run.adopted)
    assert (80, True) == (policy.races.spent, policy.races.dared)
    assert "nothing was surely better, and there is nothing to lose" in policy.said[-1]


def test_what_was_measured_is_the_best_guess(policy):
    """Targets in other units, or what holds a model back: before what mends most at once."""
    made = race(2.3, 2.1, 2.25, 2.2, resorts=(2,))
    made.raced[1] = candidate("regularise", {"weight_decay": 0.0})
    made.raced[1].fixes[0][1].before["weight_decay"] = None

    assert dare_after(policy, DEAD, Live(), made)
    assert 1 == made.best


def test_what_was_measured_is_dared_beside_a_usual_optimizer(policy):
    """Where that was tried: at the rate that it had, nobody knows what it would learn."""
    made = race(2.3, 2.1, 2.25, 2.2, 2.22, resorts=(2, 3))
    for place in (1, 3):
        made.raced[place].fixes[:] = candidate("regularise", {"weight_decay": 0.0}).fixes
        made.raced[place].fixes[0][1].before["weight_decay"] = None

    assert dare_after(policy, DEAD, Live(), made)
    assert 3 == made.best


def test_without_a_thorough_one_a_usual_optimizer_is_the_best_guess(policy):
    """What changes how far a step goes by itself comes after it, also where it came lower; beside something, too."""
    made = race(2.3, 2.1, 2.25, 2.2)
    swap = {"optimizer": {"kind": "AdamW", "lr": 0.003}}
    made.raced[1] = candidate("swap_optimizer", swap)
    made.raced[1].fixes[0][1].before["optimizer"] = None
    run = Live()

    assert dare_after(policy, DEAD, run, made)
    assert (1, [made.raced[1]]) == (made.best, run.adopted)


def test_a_thorough_one_comes_before_a_usual_optimizer(policy):
    """It has one within, and more."""
    made = race(2.3, 2.28, 2.1, resorts=(0,))
    made.raced[1] = candidate("swap_optimizer", {"optimizer": {"kind": "AdamW", "lr": 0.003}})

    assert dare_after(policy, DEAD, Live(), made)
    assert 0 == made.best


@pytest.mark.parametrize("made", [race(2.3), race(2.3, 2.3 * WORSE + 0.01), race(2.3, score(2.0, failed="no"))])
def test_nothing_is_dared_that_came_out_worse(policy, made):
    """There is no guess then, and nothing was touched."""
    run = Live()
    before = run.bits()

    assert not dare_after(policy, DEAD, run, made)
    assert before == run.bits()
    assert not policy.races.dared
    assert [] == policy.trials == policy.said


@pytest.mark.parametrize(("planned", "horizon"), [(200, LEAST_STEPS), (2000, int(SHARE * 2000))])
def test_a_dared_change_has_its_time(policy, planned, horizon):
    """A hundred steps, or a fifth of the run."""
    run = Live(planned=planned)
    dare_after(policy, DEAD, run, race(2.3, 2.2))

    assert {60 + horizon} == {trial.until for trial in policy.trials}
    assert all(trial.must_gain for trial in policy.trials)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        pytest.param(score(1.5), "kept", id="came-lower"),
        pytest.param(score(2.3, gains=(0.1, 0.09) * 5, mispaired=2.4), "kept", id="knows-something"),
        pytest.param(score(2.3), "undone", id="learnt-nothing"),
        pytest.param(score(2.9), "undone", id="worse"),
        pytest.param(score(2.0, failed="the loss is nan"), "undone", id="failed"),
        pytest.param(None, "undone", id="cannot-be-judged"),
    ],
)
def test_it_stays_only_if_something_is_learnt(policy, now, verdict):
    """Else all its changes are undone, and that is said."""
    run = Live()
    before = run.controls.state()

    assert dare(policy, DEAD, run)
    policy.races.raised = True
    (one,) = run.adopted
    assert before != run.controls.state() or len(one.fixes) > 1
    assert [] == [trial for trial in policy.trials if not trial.must_gain]
    run.score = now
    policy.look(run, "step", 60 + LEAST_STEPS + 100)

    outcomes = policy.journal.entries("outcome")
    assert [verdict] * len(one.fixes) == [entry["verdict"] for entry in outcomes]
    assert (verdict == "undone") == any("did not keep what it promised" in text for text in policy.said)
    assert (verdict == "undone") == (before == run.controls.state())
    assert [] == policy.trials


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        pytest.param(score(2.3), "kept", id="sound-and-nothing-gained"),
        pytest.param(score(2.3, failed="the loss is nan"), "undone", id="no-better"),
        pytest.param(None, "undone", id="cannot-be-judged"),
    ],
)
def test_what_could_not_be_trained_before_is_no_place_to_go_back_to(policy, now, verdict):
    """There is nothing to gain upon: that it can be trained is the gain."""
    run = Live()
    run.score = score(float("nan"), failed="the numbers went bad after 3 steps")
    assert dare(policy, DEAD, run)
    run.score = now
    policy.look(run, "step", 60 + LEAST_STEPS + 100)

    assert {verdict} == {entry["verdict"] for entry in policy.journal.entries("outcome")}


@pytest.mark.parametrize(
    ("judged", "now", "verdict"),
    [
        pytest.param("update_ratio", score(2.3), "kept", id="thrown-and-no-worse"),
        pytest.param("update_ratio", score(2.9), "undone", id="thrown-and-worse"),
        pytest.param("loss", score(2.3), "undone", id="idle"),
    ],
)
def test_what_threw_the_weights_about_is_no_place_to_go_back_to(policy, judged, now, verdict):
    """It would do so again."""
    run = Live()
    assert dare(policy, replace(DEAD, judged=judged), run)
    policy.races.raised = True
    run.score = now
    policy.look(run, "step", 60 + LEAST_STEPS + 100)

    assert {verdict} == {entry["verdict"] for entry in policy.journal.entries("outcome")}


def test_without_steps_for_a_race_the_most_thorough_is_dared(policy):
    """What computes otherwise, at a usual rate; where that is not allowed, nothing."""
    run = Live()
    assert dare(policy, DEAD, run)
    assert "swap_optimizer" == run.adopted[0].fixes[-1][1].fix
    assert run.adopted[0].resort

    narrow = Policy(Journal(), fixes=["scale_lr"])
    assert not dare(narrow, DEAD, Live())
    assert [] == narrow.trials
    assert not narrow.races.dared


def test_what_is_on_trial_comes_back_after_a_resume(policy):
    """It still must gain."""
    dare_after(policy, DEAD, Live(), race(2.3, 2.2))
    again = Policy(Journal())
    again.restore(policy.state())

    assert [(True, policy.trials[0].until)] == [(trial.must_gain, trial.until) for trial in again.trials]
    assert again.races.dared
    assert policy.trials[0].beside == again.trials[0].beside


@pytest.mark.parametrize(
    ("change", "raised"),
    [
        pytest.param({}, True, id="nothing-is-learnt-yet"),
        pytest.param({"now": score(2.9)}, False, id="it-got-worse"),
        pytest.param({"now": score(2.3, failed="the loss is nan")}, False, id="it-failed"),
        pytest.param({"planned": 250}, False, id="too-few-steps-left"),
        pytest.param({"ends_at": 320}, False, id="it-ends-too-soon"),
        pytest.param({"raised": True}, False, id="raised-before"),
        pytest.param({"fixes": ["swap_optimizer"]}, False, id="not-allowed"),
    ],
)
def test_a_guess_that_taught_nothing_gets_a_higher_rate_once(change, raised):
    """What sits still at a usual rate may start at ten times that; it is watched for as long again, all of it."""
    policy = Policy(Journal(), fixes=change.get("fixes"))
    run = Live(planned=change.get("planned", 1000))
    guess = race(2.3, 2.2)
    guess.raced = [candidate("swap_optimizer", {"optimizer": {"kind": "AdamW", "lr": 3e-3}})]
    guess.raced[0].fixes[0][1].before["optimizer"] = None
    assert dare_after(policy, DEAD, run, guess)
    policy.races.raised = change.get("raised", False)
    run.history.facts |= {"ends_at": change["ends_at"]} if "ends_at" in change else {}
    run.score = change.get("now", score(2.3))
    run.step_count = 260
    policy.look(run, "step", 260)

    assert (10.0 if raised else 1.0) == run.controls.lr_scale
    assert ({260 + 200} if raised else set()) == {trial.until for trial in policy.trials}
    assert (run.controls.optimizer is not None) == raised
    if raised:
        assert all(trial.must_gain for trial in policy.trials)
        run.step_count = 460
        policy.look(run, "step", 460)
        assert [] == policy.trials
        assert (1.0, None) == (run.controls.lr_scale, run.controls.optimizer)
