"""`af.load`: a model of the user's own class becomes the one that was trained, whatever the run changed of it."""

import copy
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.detectors import Detector
from autofix_nb.errors import ConfigurationError, ModelError, StoreError
from autofix_nb.finding import Severity
from autofix_nb.fixes import FIXES
from autofix_nb.fixes.in_model import InModelFix
from autofix_nb.fixes.surgery import ModelFix

CHANGING = sorted(name for name, fix in FIXES.items() if issubclass(fix, ModelFix | InModelFix))
UNDER_WAY = [name for name in CHANGING if name not in ("cast_inputs", "fill_missing", "fill_marks")]
"""Changes that can be made after an epoch to usual rows; those with gaps have been set aside by then, and inputs of
another type raise."""


@dataclass(frozen=True, kw_only=True)
class Asking(Detector):
    """Asks for a fix after the first epoch."""

    code: ClassVar = "X01"
    title: ClassVar = "Asked for"
    when: ClassVar = "epoch"
    reads: ClassVar = ("loss",)
    fixes: ClassVar = ()

    wanted: str
    """The fix."""

    def check(self, history):
        if not history.epochs:
            return None
        where = ("feature 1",) if self.wanted == "drop_columns" else ()
        found = self.found(history, "somebody asked", severity=Severity.WARNING, fixes=(self.wanted,), where=where)
        return replace(found, code="B04", measured=3, limit=2) if self.wanted == "widen_output" else found


def usual():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def ending_in_softmax():
    return nn.Sequential(*usual(), nn.Softmax(1))


def half_frozen():
    model = usual()
    model[0].requires_grad_(False)
    return model


def with_deaf_norms():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, momentum=0.0), nn.ReLU(), nn.Linear(8, 3))


class AlwaysDropped(nn.Module):
    def forward(self, rows):
        return nn.functional.dropout(rows, 0.1)


def with_dropout_always_on():
    return nn.Sequential(nn.Linear(6, 8), AlwaysDropped(), nn.Linear(8, 3))


MODELS = {"mend_output": ending_in_softmax, "unfreeze": half_frozen, "set_momentum": with_deaf_norms}


class Hiding(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.head = [nn.Linear(6, 8), nn.Linear(8, 8)], nn.Linear(8, 3)

    def forward(self, rows):
        for layer in self.layers:
            rows = layer(rows).relu()
        return self.head(rows)


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, rows):
        return self.head(self.body(rows).detach())


MODELS |= {"let_through": Detached}
MODELS |= {"mend_forward": with_dropout_always_on, "register_layers": Hiding}
MODELS |= {"insert_activation": lambda: nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 3))}
SCALES = {"scale_pixels": lambda rows: (rows * 40 + 120).clamp(0, 255).round(), "standardise": lambda rows: rows * 1e4}


def trained(folder, name="", *, best=-1, epochs=3, optimizer=None, **options):
    """Train for some epochs, of which the one numbered `best` is it; the fix is made after the first one."""
    generator = torch.Generator().manual_seed(0)
    rows = SCALES.get(name, lambda rows: rows)(torch.randn(64, 6, generator=generator))
    targets, loss = torch.arange(64) % 3, nn.CrossEntropyLoss()
    if name == "scale_targets":
        targets, loss = torch.randn(64, 3, generator=generator) * 1e5, nn.MSELoss()
    data = TensorDataset(rows, targets)
    torch.manual_seed(1)
    model = MODELS.get(name, usual)()
    goals = iter([float(epoch == best % epochs) for epoch in range(epochs)])
    run = af.fit(
        model,
        DataLoader(data, batch_size=16),
        DataLoader(data, batch_size=64),
        epochs=epochs,
        loss=loss,
        optimizer=torch.optim.Adam(model.parameters(), lr=0.01) if optimizer is None else optimizer(model),
        metrics={"goal": lambda outputs, targets: next(goals)},
        goal=("goal", "max"),
        detectors=[Asking(wanted=name)] if name else [],
        store=folder,
        name=name or "plain",
        show="none",
        device="cpu",
        **options,
    )
    return run, rows


def fresh(name=""):
    return MODELS.get(name, usual)()


def answer(model, rows):
    with torch.no_grad():
        return model.eval()(rows)


@pytest.mark.usefixtures("fast_reports")
@pytest.mark.parametrize("name", UNDER_WAY)
def test_every_change_of_a_model_is_made_again(name, tmp_path):
    """Bit for bit the same answers, from the run or its folder alone."""
    run, rows = trained(tmp_path, name)

    assert [(name, "model")] == [(change.fix, change.touches) for change in run.standing]
    for source in (run, run.folder):
        model = fresh(name)
        before = torch.get_rng_state()
        loaded = af.load(model, source)
        assert loaded is model
        assert not model.training
        assert torch.equal(before, torch.get_rng_state())
        assert torch.equal(answer(run.model, rows), answer(model, rows))


@pytest.mark.usefixtures("fast_reports")
def test_gaps_are_filled_before_the_first_step_and_in_what_is_loaded(tmp_path):
    """A third of the rows would be lost by setting them aside, and with them the training."""
    rows = torch.randn(96, 6, generator=torch.Generator().manual_seed(0))
    labels = (rows[:, 0] > 0).long()
    rows[::3, 1] = torch.nan
    data = TensorDataset(rows, labels)
    torch.manual_seed(1)
    run = af.fit(
        usual(),
        DataLoader(data, batch_size=16),
        DataLoader(data, batch_size=96),
        epochs=25,
        loss=nn.CrossEntropyLoss(),
        store=tmp_path,
        name="gaps",
        show="none",
        device="cpu",
    )

    assert "fill_missing" in [change.fix for change in run.standing]
    assert 0 == len(run.quarantine)
    loaded = af.load(usual(), run.folder)
    assert torch.equal(answer(run.model, rows), answer(loaded, rows))


@pytest.mark.usefixtures("fast_reports")
def test_the_best_weights_come_with_the_changes_of_their_time(tmp_path):
    """Here from before there was one: the run's own model loses it, too, and the folder says the same."""
    run, rows = trained(tmp_path, "insert_norm", best=0)
    model = af.load(fresh(), run.folder)

    assert ["insert_norm"] == [change.fix for change in run.fixes]
    assert [] == run.standing == af.open_run(run.folder).standing
    assert torch.equal(answer(run.model, rows), answer(model, rows))


@pytest.mark.usefixtures("fast_reports")
def test_the_folder_knows_what_is_in_force(tmp_path):
    """As the live run does."""
    run, _ = trained(tmp_path, "insert_norm")

    assert run.standing == af.open_run(run.folder).standing != []


@pytest.mark.usefixtures("fast_reports")
@pytest.mark.parametrize("name", ["standardise", "insert_norm", "join_optimizer"])
def test_a_run_goes_on_with_its_changes(tmp_path, name):
    """They are made again on the new model and optimizer before the saved state is put into them."""
    asked = {"join_optimizer": lambda model: torch.optim.Adam(model[0].parameters(), lr=0.01)}.get(name)
    whole, _ = trained(tmp_path / "whole", name, epochs=4, optimizer=asked)
    trained(tmp_path / "parts", name, epochs=2, optimizer=asked)
    parts, _ = trained(tmp_path / "parts", name, epochs=4, optimizer=asked)

    expected, actual = whole.last_weights, parts.last_weights
    assert [name] == [change.fix for change in parts.standing]
    assert list(expected) == list(actual)
    assert all(torch.equal(expected[part], actual[part]) for part in expected)


@pytest.mark.usefixtures("fast_reports")
def test_an_unchanged_run_needs_no_goal(tmp_path):
    """Then the last weights are loaded."""
    torch.manual_seed(0)
    model, data = usual(), TensorDataset(torch.randn(32, 6), torch.arange(32) % 3)
    run = af.fit(
        model, DataLoader(data, batch_size=16), epochs=1, store=tmp_path, name="run", show="none", device="cpu"
    )
    loaded = af.load(usual(), str(run.folder))

    assert [] == run.standing
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), loaded.parameters(), strict=True))


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """Return a run that put normalisations into its model."""
    return trained(tmp_path_factory.mktemp("changed"), "insert_norm")[0]


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        pytest.param(
            lambda: nn.Linear(6, 3), ModelError, "cannot be changed as the run changed it", id="no-such-layer"
        ),
        pytest.param(
            lambda: nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 3)),
            ModelError,
            r"`0.weight` has shape \(9, 6\), the run's \(8, 6\)",
            id="wider",
        ),
        pytest.param(
            lambda: nn.Sequential(*usual(), nn.Linear(3, 3)),
            ModelError,
            "2 weights are not the run's: `3.weight`, `3.bias`",
            id="deeper",
        ),
        pytest.param(lambda: nn.Sequential(*usual()[:2]), ModelError, "2 weights of the run are missing", id="shorter"),
        pytest.param(lambda: nn.Linear, ModelError, "`model` is a type, wanted", id="class"),
    ],
)
def test_another_model_is_refused_and_left_as_it_was(changed, model, error, message):
    """The message says what does not fit, and what to give instead."""
    model = model()
    before = copy.deepcopy(model)
    with pytest.raises(error, match=message) as raised:
        af.load(model, changed)

    assert "same class with the same arguments" in str(raised.value)
    if isinstance(model, nn.Module):
        assert [type(one) for one in before.modules()] == [type(one) for one in model.modules()]
        assert all(torch.equal(*pair) for pair in zip(before.parameters(), model.parameters(), strict=True))


def test_what_is_no_run_is_refused(changed, tmp_path):
    """Neither another object, nor another folder, nor the model that the run trained itself."""
    with pytest.raises(ConfigurationError, match="`run` is a int"):
        af.load(usual(), 3)
    with pytest.raises(StoreError, match="is not that of a run"):
        af.load(usual(), tmp_path)
    with pytest.raises(ModelError, match="the run's own"):
        af.load(changed.model, changed)
