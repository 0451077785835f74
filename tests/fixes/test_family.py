"""What holds for every fix, present and future."""

import dataclasses
import json
from pathlib import Path

import pytest

from autofix_nb import fixes
from autofix_nb.checks import CHECKS
from autofix_nb.detectors import DETECTORS
from autofix_nb.fixes import FIXES, Controls
from autofix_nb.fixes.preparing import PreparingFix
from autofix_nb.journal import plain
from tests.runs import RealRun, fault, finding, trainee

every = pytest.mark.parametrize("name", FIXES)
HERE = Path(__file__).parent
NO_FIXES = {"__init__", "base", "collating", "prepared", "preparing"}
MODULES = {path.stem for path in Path(fixes.__file__).parent.glob("*.py")} - NO_FIXES
PREPARING = {name for name, fix in FIXES.items() if issubclass(fix, PreparingFix)}
BEFORE_TRAINING = finding(code="B01", title="Input size", step=0, measured=6, limit=8, where=("8x8",))


@pytest.fixture
def run():
    """Return a real run that was trained for a few steps, with a snapshot on the way, two suspects and sick data."""
    run = RealRun()
    run.suspects = [fault(7), fault(9, kind="non-finite", reason="input 3")]
    return run


def planned(name, run):
    fix = FIXES[name]()
    return fix, fix.plan(BEFORE_TRAINING if name in PREPARING else finding(), run)


def test_one_module_one_fix():
    """The file name is the fix's name, and the test's file, too."""
    assert set(FIXES) == MODULES
    assert {f"test_{name}.py" for name in FIXES} <= {path.name for path in HERE.glob("*.py")}


def test_detectors_name_fixes_that_exist():
    """And every fix has somebody who asks for it, or a part of the loop that does."""
    named = {name for one in (*DETECTORS, *CHECKS) for name in one.fixes}

    assert named <= set(FIXES)


@every
def test_says_what_it_touches(name):
    """`fit(allow=...)` narrows by it."""
    assert FIXES[name].touches in ("loop", "data", "model")
    assert name == FIXES[name].name


@every
def test_planning_changes_nothing(name, run):
    """Neither model nor optimizer nor settings nor quarantine nor history nor random stream, bit for bit."""
    before = run.bits()
    _, change = planned(name, run)

    assert change is not None
    assert before == run.bits()


@every
def test_a_plan_says_before_and_after(name, run):
    """In one sentence without a full stop, in plain values, for the setting that it will change."""
    _, change = planned(name, run)
    settings = dataclasses.asdict(change)

    assert (name, FIXES[name].touches) == (change.fix, change.touches)
    assert not change.says.endswith(".")
    assert settings == json.loads(json.dumps(plain(settings)))
    for setting, value in change.before.items():
        assert setting in change.after
        assert value == getattr(run.controls, setting, value)


@every
def test_applying_does_what_was_planned(name, run):
    """The settings are those of `after`, and what is touched is what was said."""
    before = run.bits()
    fix, change = planned(name, run)
    fix.apply(change, run)
    after = run.bits()
    touched = {part for part in before if before[part] != after[part]}

    assert touched == {
        "skip_batch": set(),
        "quarantine": {"quarantine"},
        "rollback": {"weights", "optimizer"},
        "shuffle": {"train"},
        "scale_pixels": {"train", "val"},
        "standardise": {"train", "val"},
        "resize_inputs": {"train", "val"},
        "class_weights": {"loss"},
        "join_optimizer": {"optimizer", "groups"},
    }.get(name, {"controls"})
    for setting in set(change.after) & set(Controls.__slots__):
        assert change.after[setting] == getattr(run.controls, setting)


@every
@pytest.mark.parametrize("steps", [0, 4], ids=["at-once", "after-some-steps"])
def test_undoing_restores_every_bit(name, run, steps):
    """Weights, moments, statistics, settings, quarantine; a setting goes back alone, whatever was trained since."""
    before = run.bits()
    fix, change = planned(name, run)
    fix.apply(change, run)
    run.take_steps(steps)
    trained = run.bits()
    fix.undo(change, run)
    after = run.bits()
    parts = ("controls", "quarantine", "suspects", "snapshot", "train", "val", "loss", "groups")

    assert {part: before[part] for part in parts} == {part: after[part] for part in parts}
    weights = before if name == "rollback" or not steps else trained
    assert weights["weights"] == after["weights"]
    if name != "join_optimizer":  # the moments of what joined leave with it
        assert weights["optimizer"] == after["optimizer"]


@every
def test_applying_twice_does_no_more(name, run):
    """And the way back is still the way to where it began."""
    before = run.bits()
    fix, change = planned(name, run)
    fix.apply(change, run)
    once = run.bits()
    fix.apply(change, run)

    assert once == run.bits()
    fix.undo(change, run)

    assert before == run.bits()


@every
def test_forgetting_makes_it_final(name, run):
    """What was kept for the way back is let go, so that memory is bounded."""
    fix, change = planned(name, run)
    fix.apply(change, run)
    after = run.bits()
    fix.forget()
    if name == "rollback" or name in PREPARING:
        fix.undo(change, run)

    assert after == run.bits()
    assert not any(vars(fix).values())


@pytest.mark.parametrize("name", sorted(PREPARING))
def test_what_prepares_a_training_waits_for_none_under_way(name, run):
    """What a running training has saved would not fit it; and of a run without loaders nothing is known."""
    fix = FIXES[name]()

    assert fix.plan(finding(code="G04", step=100), run) is None
    assert fix.plan(BEFORE_TRAINING, trainee(run.history)) is None


@pytest.mark.parametrize("name", sorted(PREPARING))
def test_a_second_fix_of_the_same_kind_finds_nothing_to_do(name, run):
    """Neither planned again, nor done when it was planned before."""
    first, change = planned(name, run)
    second, same_change = planned(name, run)
    first.apply(change, run)
    once = run.bits()

    assert planned(name, run)[1] is None
    second.apply(same_change, run)
    assert not second.is_applied
    assert once == run.bits()


def test_controls_come_back_without_a_wish_to_stop():
    """A resumed run goes on."""
    controls = Controls(lr_scale=0.5, clip_norm=2.0, micro_batch=8, stop="the stop button was pressed")
    again = Controls()

    again.restore(json.loads(json.dumps(controls.state())))

    assert Controls(lr_scale=0.5, clip_norm=2.0, micro_batch=8) == again
