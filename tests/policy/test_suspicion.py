"""A suspicion is looked into on the side; done is what is decisive, and else nothing but the note is said."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from autofix_nb.finding import Severity
from autofix_nb.fixes import Controls
from autofix_nb.journal import Journal
from autofix_nb.policy import Policy
from autofix_nb.policy.races import Race
from autofix_nb.policy.suspicion import MOST_LOOKS, smaller_steps
from autofix_nb.policy.treating import look_into
from autofix_nb.policy.verdict import Score
from tests.runs import finding, history

NOTE = {"code": "L01", "severity": Severity.NOTE, "fixes": ("scale_lr", "swap_optimizer"), "step": 50}


class Hot(SimpleNamespace):
    """A run at a rate of 0.1, with what its races come to."""

    def __init__(self, level=0.5, *, comes_to=1.0, **more):
        made = history(
            loss=np.full(50, level), lr=np.full(50, 0.1), gain=np.full(10, 0.4), mispaired=np.ones(10), chance=[1.0]
        )
        made.facts.update(planned_steps=400, steps_per_epoch=50)
        optimizer = torch.optim.Adam([torch.zeros(2, requires_grad=True)], lr=0.1)
        usual = {"history": made, "step_count": 50, "optimizer": optimizer, "controls": Controls(), "found_before": []}
        super().__init__(**usual | {"races": [], "scheduler": None, "comes_to": comes_to, "level": level} | more)

    def race(self, candidates, steps, most, *, fresh, winner):
        self.races.append([(one.fresh, one.best, one.fixes[0][1].fix) for one in candidates])
        control = Score(loss=self.level, losses=(self.level,) * 8, rows=100)
        score = Score(loss=self.level * self.comes_to, losses=(self.level * self.comes_to,) * 8, rows=100)
        return Race(
            start=replace(control, loss=1.1 * self.level),
            control=control,
            steps=steps,
            taken=40,
            raced=list(candidates[:1]),
            scores=[score],
            controls=[control],
            trained={0: object()},
        )

    def take_over(self, candidate, race):
        candidate.apply(self)
        return race.steps


@pytest.mark.parametrize(
    ("comes_to", "severity", "mode", "raced", "changes"),
    [
        pytest.param(0.5, Severity.NOTE, "auto", 1, ["swap_optimizer"], id="decisive"),
        pytest.param(0.9, Severity.NOTE, "auto", 1, [], id="a-little-better"),
        pytest.param(0.5, Severity.NOTE, "suggest", 0, [], id="only-suggested"),
        pytest.param(0.5, Severity.NOTE, "off", 0, [], id="only-watched"),
    ],
)
def test_only_what_is_decisive_is_done(comes_to, severity, mode, raced, changes):
    """The note is said anyway, as a warning where it bore out; that nothing helped is not: nothing may be wrong."""
    said = []
    policy, run = Policy(Journal(), mode=mode, say=said.append), Hot(comes_to=comes_to)
    policy.answer(finding(**NOTE), run)

    assert raced == len(run.races)
    assert changes == [change.fix for change in policy.changes]
    assert [Severity.NOTE, *[Severity.WARNING] * bool(changes)] == [one.severity for one in policy.findings]
    assert {"L01"} == {one.code for one in policy.findings}
    assert not any("none was decisively better" in line for line in said)


def test_a_suspicion_uses_up_no_race_of_the_illness():
    """It may come in earnest later on."""
    policy, run = Policy(Journal()), Hot()
    look_into(policy, finding(**NOTE), run)

    assert 0 == policy.races.of_code["L01"]
    assert policy.races.may_race(finding(code="L01", step=50), run.history)


def test_it_is_looked_into_a_few_times_with_a_pause():
    """A note costs steps of nobody's: each look is a race."""
    policy, run = Policy(Journal()), Hot()
    for step in (50, 60, 90, 130, 170):
        look_into(policy, finding(**NOTE | {"step": step}), run)

    assert MOST_LOOKS == len(run.races)
    assert (policy.races.state()["of_code"]["L01?"], policy.races.not_before["L01?"]) == (MOST_LOOKS, 90 + 40)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {}, [(False, False, "swap_optimizer"), *[(False, False, "scale_lr")] * 2], id="it-knows-something"
        ),
        pytest.param({"level": 0.9}, [(True, False, "swap_optimizer")], id="it-knows-little-and-begins-again"),
        pytest.param(
            {"level": 0.9, "has_lost_its_best": True, "step_count": 390},
            [(False, True, "swap_optimizer"), *[(False, True, "scale_lr")] * 2],
            id="too-late-to-begin-again",
        ),
    ],
)
def test_what_is_tried(fields, expected):
    """A usual optimizer and lower rates; from the first weights alone, and for longer, where little is known."""
    policy, run = Policy(Journal()), Hot(**fields)
    look_into(policy, finding(**NOTE), run)

    assert [expected] == run.races


@pytest.mark.parametrize(
    ("comes_to", "changes"),
    [
        pytest.param(0.5, ["swap_optimizer"], id="decisive"),
        pytest.param(0.9, [], id="as-good-as-it-gets"),
    ],
)
def test_faint_steps_are_raced_against_larger_ones(comes_to, changes):
    """From where the run is, a usual optimizer first."""
    policy, run = Policy(Journal()), Hot(comes_to=comes_to)
    policy.answer(finding(**NOTE | {"code": "L02"}), run)

    assert [[(False, False, "swap_optimizer"), (False, False, "scale_lr")]] == run.races
    assert changes == [change.fix for change in policy.changes]


def test_a_schedule_that_makes_steps_faint_is_held():
    """Alone and beside a usual optimizer: what is raised by itself would soon be low again."""
    made = history(loss=np.full(50, 0.5), lr=np.linspace(0.1, 0.01, 50), gain=[0.4] * 10, mispaired=np.ones(10))
    made.facts.update(planned_steps=400, steps_per_epoch=50, scheduler="StepLR")
    run, raced = Hot(history=made), []
    run.race = lambda candidates, *_, **__: raced.extend([change.fix for _, change in one.fixes] for one in candidates)
    look_into(Policy(Journal()), finding(**NOTE | {"code": "L02"}), run)

    assert [["hold_lr"], ["hold_lr", "swap_optimizer"]] == raced


def test_what_may_not_be_done_is_not_tried():
    """And what was tried is not tried again."""
    run = Hot()

    assert [] == smaller_steps(Policy(Journal(), fixes={"clip_gradients"}), run, fresh=True)

    policy = Policy(Journal())
    look_into(policy, finding(**NOTE), run)

    assert ["scale_lr", "scale_lr"] == [one.fixes[0][1].fix for one in smaller_steps(policy, run, fresh=False)]
