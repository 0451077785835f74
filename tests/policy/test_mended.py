"""The rate of a mended run is asked for when the mend has proved itself, and later on."""

import pytest
import torch

from autofix_nb.fixes import FIXES
from autofix_nb.journal import Journal
from autofix_nb.policy import Policy
from autofix_nb.policy.candidates import HIGHER, LOWER, Candidate
from autofix_nb.policy.mended import (
    CLEARLY,
    LATER,
    MOVES,
    NO_WORSE,
    OF_THE_REST,
    SHARE,
    SURELY,
    _surely_lower,
    _usual_one,
    ask_again,
    ask_later,
)
from autofix_nb.policy.races import LEAST_STEPS, Race
from autofix_nb.policy.verdict import Score
from tests.policy.test_treating import Runner
from tests.runs import RealRun, finding

MENDED = finding(code="B08", fixes=("mend_loss",))
SWINGS = {"loss": [1.0, 2.0, 1.5, 0.5] * 30}
FALLS = {"loss": [2.0 - 0.01 * step for step in range(120)]}
HALF, LAST = (int(1000 * share) for share in LATER)


class Mended(Runner):
    """A run whose control may be gone on from."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1.0)
        self.gone_on = 0

    def race(self, candidates, steps, most, *, fresh, winner):
        made = super().race(candidates, steps, most, fresh=fresh, winner=winner)
        made.taken = steps * (len(candidates) + 1)
        return made

    @property
    def may_go_on(self):
        return self.scheduler is None and bool(self.history.facts.get("steps_per_epoch"))

    def go_on(self, race):
        self.gone_on += 1
        return race.steps


@pytest.fixture
def policy():
    said = []
    made = Policy(Journal(), say=said.append)
    made.said = said
    return made


def test_the_rate_is_raced_once_when_the_mend_has_proved_itself(policy):
    """And what wins is taken over, for a share of the steps that are left; also after a resume, no second time."""
    run = Mended(loss=1.0)
    ask_again(policy, MENDED, run)
    again = Policy(Journal())
    again.restore(policy.state())
    for one in (policy, again):
        ask_again(one, MENDED, run)
        ask_later(one, run)

    ((steps, most, fixes, fresh),) = run.asked
    assert (["swap_optimizer"], False) == (fixes, fresh)
    assert LEAST_STEPS <= steps <= SHARE * 500
    assert 2 * steps == most
    assert 1 == len(run.taken) == policy.races.won
    assert steps == policy.races.spent
    assert [100] == [entry["step"] for entry in policy.journal.entries("race")]
    assert [] == [said for said in policy.findings if said.code in ("L01", "L02")]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(HALF - 1, [], id="not-yet"),
        pytest.param(HALF, [HIGHER], id="half"),
        pytest.param(LAST, [LOWER], id="the-last-quarter"),
    ],
)
def test_it_is_raced_again_later(policy, at, expected):
    """The usual optimizer was tried then; near the end a lower rate is what may help."""
    run = Mended()
    ask_again(policy, MENDED, run)
    run.step_count, offered = at, []
    run.race = lambda candidates, *_, **__: offered.extend(
        change.after["lr_scale"] for one in candidates for _, change in one.fixes
    )
    ask_later(policy, run)
    ask_later(policy, run)

    assert expected == offered


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        pytest.param(SWINGS, ["swap_optimizer", "scale_lr"], id="swings"),
        pytest.param(FALLS | {"best": (1, 0, 0)}, ["swap_optimizer", "scale_lr"], id="falls-and-gets-no-better"),
        pytest.param(FALLS | {"best": (0, 1, 0)}, ["swap_optimizer", "scale_lr"], id="falls-and-got-better-at-times"),
        pytest.param(SWINGS | {"best": (0, 1, 1)}, ["swap_optimizer"], id="swings-and-got-better"),
        pytest.param(FALLS, ["swap_optimizer"], id="falls"),
        pytest.param({}, ["swap_optimizer"], id="unknown"),
    ],
)
def test_a_lower_rate_is_tried_where_the_loss_does_not_fall(policy, signals, expected):
    """It always looks better after a few steps, so that one that still falls is not slowed down."""
    signals = dict(signals)
    best = signals.pop("best", ())
    run = Mended(signals=signals)
    for is_best in best:
        run.history.add_epoch({"epoch": len(run.history.rows()) + 1, "goal": 0.5, "is_best": bool(is_best)})
    ask_again(policy, MENDED, run)

    assert expected == run.asked[0][2]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        pytest.param((1.0, 0.9, 0.8), ["swap_optimizer"], id="falls"),
        pytest.param((1.0, 0.9, 0.9 * (1 - CLEARLY / 2)), ["swap_optimizer", "scale_lr"], id="hardly"),
        pytest.param((1.0, 1.1, 1.2), ["swap_optimizer", "scale_lr"], id="rises"),
    ],
)
def test_a_share_of_few_rows_may_stand_while_its_loss_falls(policy, losses, expected):
    """An accuracy over fifty rows stays the same for epochs in which the validation loss still comes down."""
    run = Mended(signals=SWINGS)
    for number, loss in enumerate(losses):
        run.history.add_epoch({"epoch": number + 1, "goal": 0.5, "val/loss": loss, "is_best": number == 0})
    ask_again(policy, MENDED, run)

    assert expected == run.asked[0][2]


@pytest.mark.parametrize(("scheduler", "steps"), [(None, 1), (object(), 2)], ids=["counts", "a-schedule"])
def test_where_nobody_wins_the_steps_of_the_control_are_the_runs_own(policy, scheduler, steps):
    """No illness asked for it, so nothing is said; with a schedule steps are not counted, and all are extra ones."""
    run = Mended()
    run.scheduler = scheduler
    ask_again(policy, MENDED, run)

    ((each, *_),) = run.asked
    assert steps * each == policy.races.spent
    assert (scheduler is None) == bool(run.gone_on)
    assert [] == run.taken == policy.said == policy.findings == policy.journal.entries("note")
    assert ({}, {}) == (policy.races.not_before, {code: n for code, n in policy.races.of_code.items() if n})


@pytest.mark.parametrize(
    ("spent", "run", "asked"),
    [
        pytest.param(500 - LEAST_STEPS, Mended(), True, id="just-enough-steps-left"),
        pytest.param(501 - LEAST_STEPS, Mended(), False, id="too-few-steps-left"),
        pytest.param(0, Mended(at=1000 - int(LEAST_STEPS / OF_THE_REST)), True, id="just-before-the-end"),
        pytest.param(0, Mended(at=1001 - int(LEAST_STEPS / OF_THE_REST)), False, id="at-the-end"),
    ],
)
def test_it_is_asked_only_where_there_are_steps_for_it(policy, spent, run, asked):
    """A share of them remains for a longer training, and what wins must have time to show."""
    policy.races.spent = spent
    ask_again(policy, MENDED, run)

    assert asked == bool(run.asked)


def test_where_few_steps_are_left_the_last_candidate_is_left_out(policy):
    """One that is watched for long enough says more than two that are not."""
    policy.races.spent = 501 - 2 * LEAST_STEPS
    run = Mended(signals=SWINGS)
    ask_again(policy, MENDED, run)

    assert ["swap_optimizer"] == run.asked[0][2]


def test_where_the_run_was_to_end_earlier_that_is_its_end(policy):
    """Of the planned steps the races took some."""
    run = Mended(at=450)
    run.history.facts["ends_at"] = 480
    ask_again(policy, MENDED, run)

    assert [] == run.asked


@pytest.mark.parametrize(("fixes", "asked"), [(["mend_loss"], 0), (["swap_optimizer"], 1)])
def test_without_permission_nothing_is_asked(fixes, asked):
    """The optimizer and its rate are the user's; near the end another optimizer is too late."""
    policy, run = Policy(Journal(), fixes=fixes), Mended(signals=SWINGS)
    ask_again(policy, MENDED, run)
    run.step_count = LAST
    ask_later(policy, run)

    assert asked == len(run.asked)
    assert [] == policy.journal.entries("change")


@pytest.mark.parametrize(
    ("at", "signals", "lowered"),
    [
        pytest.param(LAST, SWINGS, True, id="swings"),
        pytest.param(LAST, {}, False, id="may-still-fall"),
        pytest.param(HALF, SWINGS, False, id="half"),
    ],
)
def test_without_steps_for_a_race_the_rate_comes_down_for_the_last_quarter(policy, at, signals, lowered):
    """Where the loss stands; it is said, and watched like any change."""
    policy.races.spent = 500
    run = Mended(signals=signals)
    ask_again(policy, MENDED, run)
    run.step_count = at
    ask_later(policy, run)
    ask_later(policy, run)

    assert [] == run.asked
    assert (LOWER if lowered else 1.0) == run.controls.lr_scale
    assert [at] * lowered == [entry["step"] for entry in policy.journal.entries("change")]
    assert lowered == any("no better of late" in said for said in policy.said) == bool(policy.trials)


def test_in_the_last_quarter_the_loss_may_come_to_a_stand_later_on(policy):
    """Then the rate comes down, once."""
    policy.races.spent = 500
    run = Mended(signals=FALLS)
    ask_again(policy, MENDED, run)
    scales = []
    for at in (LAST, LAST + 50, LAST + 100):
        run.step_count = at
        ask_later(policy, run)
        scales.append(run.controls.lr_scale)
        run.history.add_epoch({"epoch": at, "goal": 0.5, "is_best": False})

    assert [1.0, 1.0, LOWER] == scales
    assert 1 == len(policy.journal.entries("change"))


@pytest.mark.parametrize(("loss", "won"), [(1.948, 1), (1.952, 0)], ids=["far-enough", "not-quite"])
def test_a_mended_run_may_be_raised_by_pace_alone(policy, loss, won):
    """A few steps do not make it decisively better, but all that are left do."""
    run = Mended(control=1.98, loss=loss)
    ask_again(policy, MENDED, run)

    assert won == policy.races.won


KNOWS, IGNORANT = (1.0,) * 8, (0.0,) * 8


def raced(*, loss=2.0, control=2.0, gains=IGNORANT, fix="swap_optimizer", factor=None):
    """Return a race of one candidate, with the gains of the run as it is."""
    run = RealRun()
    change = FIXES[fix]().plan(finding(code="L01"), run) if factor is None else FIXES["scale_lr"]().by(factor, run)
    start, as_it_is = (Score(loss=one, losses=(one,) * 8, gains=gains, mispaired=2.0) for one in (2.0, control))
    candidate = Candidate(fixes=[(FIXES[change.fix](), change)])
    one = Score(loss=loss, losses=(loss,) * 8)
    race = Race(start=start, control=as_it_is, steps=20, raced=[candidate], scores=[one])
    race.trained = {0: None}
    return race


@pytest.mark.parametrize(
    ("race", "place"),
    [
        pytest.param(raced(), 0, id="nothing-is-known"),
        pytest.param(raced(loss=2.0 * NO_WORSE + 0.01), None, id="but-it-is-worse"),
        pytest.param(raced(gains=KNOWS), None, id="something-is-known"),
        pytest.param(raced(gains=()), None, id="unknown"),
        pytest.param(raced(control=2.0 * (1 - MOVES) - 0.01), None, id="the-run-gets-on"),
        pytest.param(raced(fix="scale_lr"), None, id="not-the-usual-one"),
    ],
)
def test_a_mended_run_that_knows_nothing_goes_on_with_a_usual_optimizer(race, place):
    """Its rate was chosen for what it is no more, and has nothing to show for itself."""
    assert place == _usual_one(race)


@pytest.mark.parametrize(
    ("race", "place"),
    [
        pytest.param(raced(loss=2.0 * (1 - SURELY) - 0.01), 0, id="the-usual-optimizer"),
        pytest.param(raced(loss=2.0 * (1 - SURELY) + 0.01), None, id="by-less"),
        pytest.param(raced(loss=1.9, fix="scale_lr"), 0, id="a-lower-rate"),
        pytest.param(raced(loss=1.9, factor=HIGHER), None, id="a-higher-rate"),
    ],
)
def test_little_is_asked_of_what_does_little_harm(race, place):
    """A higher rate may be worse later on: it must be decisively better."""
    assert place == _surely_lower(race)
