"""What holds for every fix, present and future."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb import fixes
from autofix_nb.checks import CHECKS
from autofix_nb.detectors import DETECTORS
from autofix_nb.fixes import FIXES, Controls
from autofix_nb.fixes.preparing import PreparingFix
from autofix_nb.fixes.surgery import ModelFix
from autofix_nb.fixes.under_way import SETTINGS
from autofix_nb.journal import plain
from autofix_nb.objective import task_of
from tests.runs import RealRun, fault, finding, trainee

every = pytest.mark.parametrize("name", FIXES)
HERE = Path(__file__).parent
NO_FIXES = {"__init__", "answers", "base", "collating", "counting", "prepared", "preparing", "under_way", "wiring"}
NO_FIXES |= {
    "anatomy",
    "aside",
    "begin_well",
    "drawing",
    "exchange",
    "in_model",
    "linking",
    "measuring",
    "recalling",
    "scaling",
    "surgery",
    "tracing",
}
MODULES = {path.stem for path in Path(fixes.__file__).parent.glob("*.py")} - NO_FIXES
PREPARING = {name for name, fix in FIXES.items() if issubclass(fix, PreparingFix)}
OPERATING = {name for name, fix in FIXES.items() if issubclass(fix, ModelFix)}
BEFORE_TRAINING = finding(code="B01", title="Input size", step=0, measured=6, limit=8, where=("8x8",))


def frozen():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    model[0].requires_grad_(False)
    return model


class AlwaysDropped(nn.Module):
    def forward(self, rows):
        return nn.functional.dropout(rows, 0.1)


class Hiding(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.head = [nn.Linear(4, 8), nn.Linear(8, 8)], nn.Linear(8, 3)

    def forward(self, rows):
        for layer in self.layers:
            rows = layer(rows).relu()
        return self.head(rows)


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, rows):
        return self.head(self.body(rows).detach())


MODELS = {
    "let_through": Detached,
    "register_layers": Hiding,
    "mend_forward": lambda: nn.Sequential(nn.Linear(4, 8), AlwaysDropped(), nn.Linear(8, 3)),
    "insert_activation": lambda: nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3)),
    "insert_norm": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)),
    "mend_output": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)),
    "set_momentum": lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, momentum=0.99), nn.Linear(8, 3)),
    "unfreeze": frozen,
}
"""Models that are ill in the way that a fix is for, where the usual one is not."""


def far_out():
    rows = torch.randn(64, 4, generator=torch.Generator().manual_seed(2))
    rows[9] = 1e9
    return DataLoader(TensorDataset(rows, torch.arange(64) % 3), batch_size=8)


DATA = {"drop_outliers": far_out}
"""Training data that are ill in the way that a fix is for, where the usual ones are not."""


def gathering(run):
    run.step_count = 0
    run.gather = lambda batches: setattr(run.controls, "gather", batches)
    run.history.facts |= {"accumulate": 4, "planned_steps": 6}


def raised(run):
    run.history.facts["scheduler"] = "LambdaLR"
    for step in range(run.steps, run.steps + 30):
        run.history.record(step, loss=1.0 + step, lr=0.001)
    run.optimizer.param_groups[0]["lr"] = 0.1


PLANS = {"cap_lr": raised, "gather_less": gathering}
"""What makes the plan of the run such that a fix is for it, where it is not so already."""


@pytest.fixture
def run(request):
    """Return a real run that was trained for a few steps, with a snapshot on the way, two suspects and sick data."""
    asked = getattr(request.node, "callspec", None)
    made = MODELS.get(asked.params.get("name")) if asked else None
    torch.manual_seed(0)
    run = RealRun(model=made and made())
    if asked and asked.params.get("name") in DATA:
        run.train = DATA[asked.params["name"]]()
    if asked and asked.params.get("name") in PLANS:
        PLANS[asked.params["name"]](run)
    run.suspects = [fault(7), fault(9, kind="non-finite", reason="input 3")]
    return run


def summed(run):
    run.task = task_of(nn.CrossEntropyLoss(reduction="sum"), torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))


def in_thousands(run):
    run.task = task_of(nn.MSELoss(), torch.zeros(2, 3), torch.zeros(2, 3))
    batches = [(inputs, torch.stack([1000.0 * inputs[:, 0] + 5000.0] * 3, 1)) for inputs, _ in run.sample_batches(4)]
    run.sample_batches = lambda count: batches[:count]


def with_gaps(run):
    batches = [(inputs.where(inputs < 1, torch.nan), targets) for inputs, targets in run.sample_batches(4)]
    run.sample_batches = lambda count, with_gaps=False: batches[:count]


def with_marks(run):
    rows = torch.randn(64, 4, generator=torch.Generator().manual_seed(2))
    rows[::8, 1] = -999.0
    run.sample_batches = lambda count, with_gaps=False: [(rows, torch.arange(64) % 3)][:count]


def in_double(run):
    batches = [(inputs.double(), targets) for inputs, targets in run.sample_batches(4)]
    run.sample_batches = lambda count, with_gaps=False: batches[:count]


SICK = {
    "cast_inputs": in_double,
    "drop_columns": with_gaps,
    "fill_marks": with_marks,
    "fill_missing": with_gaps,
    "mend_loss": summed,
    "scale_targets": in_thousands,
}
"""What makes the run ill in the way that a fix is for, where it is not ill so already."""


FOUND = {
    "drop_columns": finding(where=("feature 1",)),
    "widen_output": finding(code="B04", measured=3, limit=2),
}
"""What is found where a fix reads more of it than its code."""


def planned(name, run):
    fix = FIXES[name]()
    SICK.get(name, lambda run: None)(run)
    found = FOUND.get(name, finding())
    return fix, fix.plan(BEFORE_TRAINING if name in PREPARING else found, run)


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
        "drop_outliers": {"quarantine"},
        "rollback": {"weights", "optimizer"},
        "shuffle": {"train"},
        "scale_pixels": {"train", "val"},
        "standardise": {"train", "val"},
        "resize_inputs": {"train", "val"},
        "class_weights": {"loss"},
        "join_optimizer": {"optimizer", "groups"},
        "restart": set(),
        "cast_inputs": {"structure", "weights"},
        "drop_columns": {"structure", "weights"},
        "fill_marks": {"structure", "weights"},
        "fill_missing": {"structure", "weights"},
        "insert_activation": {"structure"},
        "insert_norm": {"structure", "weights", "optimizer", "groups"},
        "let_through": {"structure"},
        "mend_forward": {"structure"},
        "mend_output": {"structure"},
        "register_layers": {"structure", "weights", "groups", "optimizer"},
        "rebalance_losses": {"controls", "optimizer"},
        "reinitialise": {"weights", "optimizer"},
        "scale_targets": {"structure", "weights", "controls"},
        "set_dropout": {"structure"},
        "set_momentum": {"structure"},
        "swap_activations": {"structure"},
        "unfreeze": {"structure"},
        "widen_output": {"structure", "weights", "optimizer"},
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
    parts = ("controls", "quarantine", "suspects", "snapshot", "train", "val", "loss", "groups", "structure")

    assert {part: before[part] for part in parts} == {part: after[part] for part in parts}
    if name == "widen_output" and steps:
        return  # what is left of each of its tensors is of another shape
    weights = before if name in ("rollback", "reinitialise") or not steps else trained
    assert {name: weights["weights"][name] for name in before["weights"]} == after["weights"]
    moments = before if name == "rebalance_losses" else weights  # those of the other loss do not fit this one
    if name not in (
        "join_optimizer",
        "insert_norm",
        "register_layers",
        "unfreeze",
    ):  # the moments of what joined leave with it
        assert moments["optimizer"] == after["optimizer"]


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
@pytest.mark.parametrize("code", ["G02", "G05", "L04", "L05", "L06", "L11"])
def test_every_alternative_can_be_taken_back(name, code, run):
    """Whatever the finding: each one is planned in plain values, and its undoing restores every bit."""
    fix = FIXES[name]()
    before = run.bits()
    for change in fix.plans(finding(code=code), run):
        assert change.after == json.loads(json.dumps(plain(change.after)))
        fix.apply(change, run)
        fix.undo(change, run)

        assert before == run.bits()


@every
def test_forgetting_makes_it_final(name, run):
    """What was kept for the way back is let go, so that memory is bounded."""
    fix, change = planned(name, run)
    fix.apply(change, run)
    after = run.bits()
    fix.forget()
    if name == "rollback" or name in PREPARING | OPERATING:
        fix.undo(change, run)

    assert after == run.bits()
    assert not any(vars(fix).values())


@pytest.mark.parametrize("name", sorted(PREPARING))
def test_what_prepares_a_training_waits_for_none_under_way(name, run):
    """Or is a change of settings, model or optimizer by then: what was saved would not fit other data."""
    fix = FIXES[name]()

    under_way = fix.plan(finding(code="G04", step=100), run)
    assert under_way is None or fix.is_built_in(under_way) or set(under_way.after) <= set(SETTINGS)
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
