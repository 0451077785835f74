"""What the outcome of a race says of the illness."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, RMSprop

from autofix_nb.finding import Severity
from autofix_nb.fixes import Change
from autofix_nb.fixes.set_dropout import SetDropout
from autofix_nb.journal import Journal
from autofix_nb.policy import Candidate, Policy
from autofix_nb.policy.races import FROM_THE_FIRST, LEAST_STEPS, Race
from autofix_nb.policy.treating import (
    EXPLODING,
    MOST_GONE,
    TIMES_AS_LARGE,
    _is_affordable,
    _is_lost,
    _name_by_its_gradients,
    _name_by_what_helped,
    _name_by_what_the_control_did,
    _of_another_rate,
    treat,
)
from autofix_nb.policy.verdict import Score
from tests.runs import RealRun, finding, history


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


@pytest.mark.parametrize(
    ("kind", "rates", "scale", "named"),
    [
        pytest.param(Adam, (0.003, 30.0), 1.0, "L01", id="far-too-high-in-one-group"),
        pytest.param(Adam, (0.03,), 1.0, "L01", id="ten-times-as-high"),
        pytest.param(Adam, (0.02,), 1.0, "", id="not-far-off"),
        pytest.param(RMSprop, (1e-5,), 1.0, "L02", id="far-too-low"),
        pytest.param(Adam, (0.3,), 0.01, "", id="scaled-already"),
        pytest.param(SGD, (30.0,), 1.0, "", id="rates-with-a-unit"),
    ],
)
def test_an_optimizer_of_the_same_sort_tells_what_was_wrong_with_the_rate(kind, rates, scale, named):
    """Where it won, at a usual one."""
    groups = [{"params": [nn.Parameter(torch.zeros(2))], "lr": rate} for rate in rates]
    run = SimpleNamespace(stepper=SimpleNamespace(users_optimizer=kind(groups, lr=0.1)))
    change = Change(
        fix="swap_optimizer",
        touches="loop",
        says="",
        before={"optimizer": None, "lr_scale": scale},
        after={"optimizer": {"kind": "AdamW", "lr": 0.003}},
    )

    assert named == _of_another_rate(change, run)[0]
    assert ("", "") == _of_another_rate(change, SimpleNamespace())


@pytest.mark.parametrize(
    ("after", "named"),
    [
        pytest.param({"dropouts": {"2": 0.0}, "before": {}}, ["L05"], id="drops-nothing"),
        pytest.param({"dropouts": {"2": 0.5}, "before": {}}, [], id="drops-more"),
        pytest.param({"dropouts": {}, "before": {"2": 0.5}}, [], id="drops-where-nothing-was"),
    ],
)
def test_a_model_that_was_held_back_is_named(after, named):
    """Where it won with nothing dropped."""
    policy, change = Policy(Journal()), Change(fix="set_dropout", touches="model", says="", after=after)
    one = Score(loss=1.0)
    race = Race(start=one, control=one, steps=20, scores=[one], controls=[one], best=0)

    _name_by_what_helped(policy, Candidate(fixes=[(SetDropout(), change)]), race, SimpleNamespace(step_count=60))

    assert named == [said.code for said in policy.findings]


INFINITE, UNKNOWN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("as_it_was", "winner", "before", "ignore", "named"),
    [
        pytest.param(5000.0, 2.0, (), (), True, id="exploded"),
        pytest.param(INFINITE, 2.0, (), (), True, id="too-large-for-its-type"),
        pytest.param(EXPLODING, 0.1, (), (), False, id="not-severe"),
        pytest.param(5000.0, 5000.0 / TIMES_AS_LARGE, (), (), False, id="a-loss-in-large-units"),
        pytest.param(INFINITE, INFINITE, (), (), False, id="both-too-large"),
        pytest.param(UNKNOWN, 2.0, (), (), False, id="unknown"),
        pytest.param(5000.0, UNKNOWN, (), (), False, id="the-winners-unknown"),
        pytest.param(5000.0, 2.0, ("G01",), (), False, id="said-before"),
        pytest.param(5000.0, 2.0, (), ("G01",), False, id="ignored"),
    ],
)
def test_gradients_that_exploded_as_it_was_are_named(as_it_was, winner, before, ignore, named):
    """Once, with both norms; large units have large gradients, and are no worse for it."""
    policy = Policy(Journal(), ignore=ignore)
    policy.findings += [finding(code=code) for code in before]
    control, one = Score(loss=2.0, first_norm=as_it_was), Score(loss=1.0, first_norm=winner)
    race = Race(start=control, control=control, steps=20, scores=[one], controls=[control], best=0)

    _name_by_its_gradients(policy, race, SimpleNamespace(step_count=60))
    new = policy.findings[len(before) :]

    assert named == (["G01"] == [one.code for one in new]) == bool(new)
    assert all((60, as_it_was, EXPLODING) == (said.step, said.measured, said.limit) for said in new)
    assert all(f"{as_it_was:.3g}" in said.says and "2 with what was changed" in said.says for said in new)


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
