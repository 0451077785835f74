"""A finding is answered by a race: from which weights, and whether there are steps for it."""

from types import SimpleNamespace

import pytest

from autofix_nb.finding import Severity
from autofix_nb.journal import Journal
from autofix_nb.policy import Policy
from autofix_nb.policy.races import FROM_THE_FIRST, LEAST_STEPS, Race
from autofix_nb.policy.treating import (
    MOST_GONE,
    OF_FAR_SCORES,
    _is_affordable,
    _is_lost,
    causes_first,
    treat,
)
from autofix_nb.policy.verdict import Score
from tests.runs import RealRun, finding, history


def planned(steps=1000, *, at=100, scheduler=None, lineage_from=0, **series):
    """Return a run of so many planned steps."""
    run = history(**series)
    run.facts.update(planned_steps=steps, lineage_from=lineage_from)
    return SimpleNamespace(history=run, step_count=at, scheduler=scheduler)


@pytest.mark.parametrize(
    ("spent", "run", "expected"),
    [
        pytest.param(0, planned(at=100), True, id="early"),
        pytest.param(0, planned(at=int(MOST_GONE * 1000)), True, id="most-is-gone"),
        pytest.param(0, planned(at=int(MOST_GONE * 1000) + 1), False, id="too-few-would-be-left"),
        pytest.param(0, planned(at=900, lineage_from=800), True, id="begun-again-lately"),
        pytest.param(500 - 2 * LEAST_STEPS, planned(at=100), True, id="just-enough-is-left"),
        pytest.param(501 - 2 * LEAST_STEPS, planned(at=100), False, id="not-enough-is-left"),
        pytest.param(0, planned(at=500 - 2 * LEAST_STEPS, scheduler=object()), True, id="a-schedule-that-is-covered"),
        pytest.param(0, planned(at=501 - 2 * LEAST_STEPS, scheduler=object()), False, id="a-schedule-that-is-not"),
        pytest.param(0, SimpleNamespace(history=planned().history, step_count=100), True, id="no-word-of-a-scheduler"),
    ],
)
def test_whether_beginning_again_leaves_steps_to_try_something_with(spent, run, expected):
    """A schedule that is cut off never comes down, so there all must be covered; else most of the run must be left."""
    policy = Policy(Journal())
    policy.races.spent = spent

    assert expected == _is_affordable(policy, run)


@pytest.mark.parametrize(
    ("rates", "learnt", "expected"),
    [
        pytest.param([0.1, 5.0, 0.1], False, True, id="it-rose-and-taught-nothing"),
        pytest.param([0.1, 5.0, 0.1], True, False, id="it-taught-something"),
        pytest.param([5.0, 0.1, 0.1], False, False, id="it-came-down"),
    ],
)
def test_a_schedule_that_rose_and_taught_nothing_need_not_be_whole(rates, learnt, expected):
    """A shorter run is better than a dead one; else a schedule that is cut off never comes down."""
    knows = {"gain": [0.0] * 5 + [float(learnt)] * 10, "mispaired": [2.3] * 15}
    run = planned(at=480, scheduler=object(), lr=rates, **knows)
    run.history.facts["scheduler"] = "CyclicLR"

    assert expected == _is_affordable(Policy(Journal()), run)


KNEW = {"gain": [0.0] * 5 + [1.0] * 10, "mispaired": [2.3] * 30}
LOST, KEPT = KNEW | {"gain": [*KNEW["gain"], *[0.0] * 15]}, KNEW | {"gain": [*KNEW["gain"], *[1.0] * 15]}


@pytest.mark.parametrize(
    ("code", "severity", "signals", "lost"),
    [
        pytest.param("L01", Severity.CRITICAL, LOST, True, id="gone"),
        pytest.param("L01", Severity.CRITICAL, KEPT, False, id="kept"),
        pytest.param("L01", Severity.WARNING, LOST, False, id="not-surely-ill"),
        pytest.param("L02", Severity.CRITICAL, LOST, False, id="an-illness-that-spoils-no-weights"),
        pytest.param("L01", Severity.CRITICAL, {}, False, id="unknown"),
    ],
)
def test_what_was_learnt_may_be_gone(code, severity, signals, lost):
    """Where the run is at the level of chance now, and surely ill."""
    assert ("L01" in FROM_THE_FIRST, "L02" in FROM_THE_FIRST) == (True, False)
    assert lost == _is_lost(finding(code=code, severity=severity), planned(**signals))


class Runner(RealRun):
    """A run whose races come out as a test says: losses of the control and of each candidate."""

    def __init__(self, *, control=2.0, loss=2.0, at=100, plan=1000, signals=(), norms=(1.0, 1.0)):
        super().__init__()
        self.step_count, self.control, self.loss, self.norms = at, control, loss, norms
        self.history.facts.update(planned_steps=plan)
        for name, values in dict(signals).items():
            for step, value in enumerate(values):
                self.history.record(step, **{name: value})
        self.asked, self.taken, self.scheduler = [], [], None

    def race(self, candidates, steps, most, *, fresh, winner):
        self.asked.append((steps, most, [change.fix for one in candidates for _, change in one.fixes], fresh))
        control, one = (
            Score(loss=loss, losses=(loss,) * 8, rows=500, first_norm=norm)
            for loss, norm in zip((self.control, self.loss), self.norms, strict=True)
        )
        start = Score(loss=2.0, losses=(2.0,) * 8, rows=500)
        raced = list(candidates)[:1]
        made = Race(start=start, control=control, steps=steps, taken=2 * steps, raced=raced, scores=[one])
        made.controls, made.trained = [control], {0: None}
        return made

    def take_over(self, candidate, race):
        self.taken.append(candidate)
        return race.steps

    def judge(self):
        return None


@pytest.fixture
def policy():
    said = []
    made = Policy(Journal(), say=said.append)
    made.said = said
    return made


@pytest.mark.parametrize(("signals", "fresh"), [(LOST, True), (KEPT, False)], ids=["lost", "kept"])
def test_what_was_learnt_and_lost_is_no_reason_to_stay(policy, signals, fresh):
    """Candidates begin at the first weights then, as in a run that never learnt anything."""
    run = Runner(signals=signals)
    treat(policy, finding(code="L01", severity=Severity.CRITICAL, fixes=("clip_gradients",)), run)

    assert [fresh] == [began for *_, began in run.asked]
    assert fresh == run.starts_fresh


@pytest.mark.parametrize(
    ("signals", "lost", "code", "allowed", "expected"),
    [
        pytest.param(KEPT, True, "L01", True, (True, False), id="learnt-and-thrown-away"),
        pytest.param(LOST, True, "L01", True, (True, False), id="at-chance-now"),
        pytest.param(KEPT, False, "L01", True, (False, False), id="the-best-is-now"),
        pytest.param({}, True, "L01", True, (False, True), id="never-learnt"),
        pytest.param(KEPT, True, "L02", True, (False, False), id="an-illness-that-spoils-no-weights"),
        pytest.param(KEPT, True, "L01", False, (False, False), id="not-allowed"),
    ],
)
def test_where_the_best_was_thrown_away_other_rates_begin_there(policy, signals, lost, code, allowed, expected):
    """They are better than the first weights, where something was learnt."""
    run = Runner(signals=signals)
    run.has_lost_its_best, begun = lost, []
    if not allowed:
        policy.refused.add("rollback")
    asked, run.race = run.race, lambda candidates, *a, **k: begun.extend(candidates) or asked(candidates, *a, **k)
    treat(policy, finding(code=code, severity=Severity.CRITICAL, fixes=("scale_lr",)), run)

    assert expected == (any(one.best for one in begun), begun[0].fresh)


def test_without_steps_to_begin_again_the_best_weights_are_better_than_what_was_spoilt(policy):
    """Also where they know next to nothing: what came later is worse."""
    run = Runner(at=900)
    run.has_lost_its_best, begun = True, []
    asked, run.race = run.race, lambda candidates, *a, **k: begun.extend(candidates) or asked(candidates, *a, **k)
    treat(policy, finding(code="L01", severity=Severity.CRITICAL, fixes=("scale_lr",)), run)

    assert (True, False) == (begun[0].best, begun[0].fresh)


@pytest.mark.parametrize("signals", [{}, KEPT], ids=["all-begin-again", "new-weights-do"])
def test_steps_for_a_new_beginning_that_a_range_test_took_are_no_more(policy, signals):
    """The candidates begin where the run is, then."""
    run = Runner(at=500 - 2 * LEAST_STEPS, signals=signals)
    run.scheduler = object()

    def find_rate():
        policy.races.spent += 30 * (not policy.races.spent)
        return 1e-4

    run.find_rate = find_rate
    treat(policy, finding(code="L01", severity=Severity.CRITICAL, fixes=("scale_lr", "reinitialise")), run)

    assert [False] == [fresh for *_, fresh in run.asked]
    assert not run.starts_fresh


def test_a_first_loss_far_from_chance_waits_for_its_causes():
    """Features fed in unscaled make it; a loss that does not fit has no cause but itself, and stays where it was."""
    far, unfit = finding(code="B08", fixes=OF_FAR_SCORES), finding(code="B08", fixes=())
    scales = finding(code="D02", fixes=("standardise",))

    assert [unfit, scales, far] == causes_first([far, unfit, scales])
