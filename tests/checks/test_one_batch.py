"""OneBatch: a few rows learnt by heart by a copy."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.checks.one_batch import OneBatch
from autofix_nb.finding import Severity
from tests.cases import ConvNet, digits_loaders, mlp, same_weights
from tests.checks.subjects import answer_of, subject, why_not

CHECK = OneBatch()
LABELS = torch.arange(16) % 3


def normal(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def asked(model, inputs=None, targets=LABELS, **options):
    inputs = normal(16, 4) if inputs is None else inputs
    return answer_of(CHECK, subject(model, [(inputs, targets)], deep=True, **options))


def smoothed():
    return {"loss": nn.CrossEntropyLoss(label_smoothing=0.2)}


@pytest.mark.parametrize(
    ("model", "targets", "options"),
    [
        pytest.param(mlp(4, 3), LABELS, {}, id="mlp"),
        pytest.param(mlp(4, 3), LABELS, smoothed(), id="label-smoothing"),
        pytest.param(nn.Sequential(mlp(4, 3), nn.Dropout(0.9)), LABELS, {}, id="dropout-is-switched-off"),
        pytest.param(nn.Linear(4, 3), LABELS, {}, id="a-linear-model-learns-fewer-rows"),
        pytest.param(mlp(4, 1), normal(16, 1), {}, id="numbers"),
        pytest.param(mlp(4, 1), 150 + 70 * normal(16, 1), {}, id="numbers-far-from-0"),
        pytest.param(nn.Linear(4, 1), 150 + 70 * normal(16, 1), {}, id="linear-numbers-far-from-0"),
        pytest.param(mlp(4, 3), (normal(16, 3) > 0).float(), {}, id="several-labels"),
        pytest.param(
            mlp(4, 3), LABELS, {"step": lambda model, batch: functional.cross_entropy(model(batch[0]), batch[1])}
        ),
    ],
)
def test_sound_models_learn_it(model, targets, options):
    """With a curve, also where all is well."""
    answer = asked(model, None, targets, **options)

    assert () == answer.findings
    assert "learnt by heart" in answer.says
    assert answer.pictures[0].values[-1] < answer.pictures[0].values[0]


def test_a_convolution_learns_it():
    """Batch norm stays as it is."""
    torch.manual_seed(0)

    assert () == answer_of(CHECK, subject(ConvNet(), *digits_loaders(), deep=True)).findings


def frozen_but_for_a_bias():
    model = mlp(4, 3, hidden=64).requires_grad_(False)
    model[0].bias.requires_grad_(True)
    nn.init.normal_(model[2].weight, std=1e-3, generator=torch.Generator().manual_seed(0))
    return model


class Blind(nn.Module):
    """Loses what tells the rows apart, but for a trace."""

    def __init__(self):
        super().__init__()
        self.body = mlp(4, 3)

    def forward(self, rows):
        return self.body(rows * 1e-4)


@pytest.mark.parametrize(
    ("model", "options", "severity", "says"),
    [
        pytest.param(frozen_but_for_a_bias(), {}, Severity.WARNING, "cannot be learnt", id="head-is-frozen"),
        pytest.param(Blind(), {}, Severity.WARNING, "cannot be learnt", id="inputs-far-too-small"),
        pytest.param(
            nn.Sequential(mlp(4, 3), nn.Hardtanh(0, 1e-9)),
            {"loss": nn.CrossEntropyLoss()},
            Severity.CRITICAL,
            "stays at 1.099",
            id="outputs-cut-off",
        ),
    ],
)
def test_models_that_cannot_are_found(model, options, severity, says):
    """And told apart: not enough, or not at all."""
    answer = asked(model, **options)

    assert severity == answer.findings[0].severity
    assert says in answer.findings[0].says
    assert "One batch learnt by heart" == answer.pictures[0].title


def test_rows_that_contradict_each_other_are_named():
    """The same input with another label cannot be learnt by anybody."""
    inputs = normal(16, 4)
    inputs[1] = inputs[3] = inputs[5] = inputs[0]

    finding = asked(mlp(4, 3), inputs).findings[0]

    assert ("sample 0", "sample 1", "sample 3", "sample 5") == finding.where
    assert "the same input as another one" in finding.says


def test_the_model_is_not_trained():
    """Copies are."""
    model = mlp(4, 3)
    before = copy.deepcopy(model.state_dict())

    asked(model)

    assert same_weights(before, model.state_dict())


class Few(nn.Module):
    """Three outputs that share one weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, rows):
        return self.weight * rows[:, :3]


def wrong_step(model, batch):
    return OTHER(batch[0]).mean()


OTHER = mlp(4, 3)


@pytest.mark.parametrize(
    ("model", "options", "why"),
    [
        pytest.param(mlp(5, 3), {}, "B06", id="raises"),
        pytest.param(mlp(4, 3), {"step": wrong_step}, "B07", id="another-model"),
        pytest.param(mlp(4, 3), {"seconds": 1e-6}, "no time left", id="no-time"),
        pytest.param(mlp(4, 3), {"deep": False}, "deep=True", id="not-deep"),
        pytest.param(nn.Linear(4, 3, bias=False).requires_grad_(False), {}, "B06", id="nothing-to-train"),
        pytest.param(nn.Sequential(nn.Flatten(), Few()), {}, "too few", id="too-few-parameters"),
    ],
)
def test_where_it_cannot_be_asked(model, options, why):
    """And says why."""
    options = {"deep": True} | options

    assert why in why_not(CHECK, subject(model, [(normal(16, 4), LABELS)], **options))
