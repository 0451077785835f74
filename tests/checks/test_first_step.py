"""First step: forward, loss and backward of a real batch, and where they fail first."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.checks.first_step import FirstStep
from autofix_nb.finding import Severity
from tests.cases import mlp, small_loader
from tests.checks.subjects import answer_of, subject, why_not
from tests.checks.trainings import CLEAN, labels, loader, numbers

CHECK = FirstStep()
LOSS = nn.CrossEntropyLoss()
ROWS = 48


def table(rows=ROWS, **options):
    return loader(numbers(rows, 4), labels(rows), **options)


def finding_of(model, train=None, loss=LOSS, **options):
    return answer_of(CHECK, subject(model, train or table(), loss=loss, **options)).findings[0]


class Through(nn.Module):
    """A linear layer and whatever is done to its outputs."""

    def __init__(self, function, *, only_eval=False):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.function = function
        self.only_eval = only_eval

    def forward(self, rows):
        outputs = self.layer(rows)
        return outputs if self.only_eval and self.training else self.function(outputs)


class Deep(nn.Module):
    """The error comes from a layer within a layer."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(5, 3)))

    def forward(self, rows):
        return self.body(rows)


class Logarithm(nn.Module):
    """NaN arises in the middle of the model."""

    def forward(self, rows):
        return torch.log(rows.abs() * -1)


def raises(outputs):
    raise KeyError("no such key")


def norms():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))


def frozen():
    return mlp(4, 3).requires_grad_(False)


def spoilt():
    model = mlp(4, 3)
    with torch.no_grad():
        model[2].bias[0] = float("nan")
    return model


@pytest.mark.parametrize(
    ("model", "loss", "says", "where"),
    [
        pytest.param(
            lambda: Deep(), LOSS, "the forward pass raises in `body.1.0` (Linear): RuntimeError", "body.1.0", id="layer"
        ),
        pytest.param(
            lambda: nn.Sequential(Through(raises)),
            LOSS,
            "in `0` (Through): KeyError: 'no such key'",
            "0",
            id="own-error",
        ),
        pytest.param(lambda: mlp(4, 3), lambda o, t: raises(o), "the loss raises: KeyError", None, id="loss"),
        pytest.param(
            lambda: mlp(4, 3), lambda o, t: LOSS(o, t).item(), "the loss raises: `loss` is a float", None, id="number"
        ),
        pytest.param(lambda: mlp(4, 2), LOSS, "Target 2 is out of bounds (see B04)", None, id="label"),
        pytest.param(lambda: mlp(5, 3), LOSS, "(see B01)", "0", id="size"),
        pytest.param(lambda: mlp(4, 3).double(), LOSS, "(see B03)", "0", id="type"),
        pytest.param(
            lambda: Through(torch.detach),
            LOSS,
            "cut off from the 2 parameters that want a gradient",
            None,
            id="detached",
        ),
        pytest.param(
            lambda: mlp(4, 3),
            lambda o, t: (o.argmax(1) != t).float().mean(),
            "the loss is cut off from the outputs",
            None,
            id="loss-of-argmax",
        ),
        pytest.param(frozen, LOSS, "all 4 parameters are frozen", None, id="all-frozen"),
        pytest.param(lambda: nn.Sequential(nn.ReLU()), LOSS, "the model has 0 parameters", None, id="no-parameters"),
        pytest.param(
            lambda: nn.Sequential(nn.Linear(4, 4), Logarithm(), nn.Linear(4, 3)),
            LOSS,
            "it arises first in the output of `1` (Logarithm)",
            "`1` (Logarithm)",
            id="nan-in-a-layer",
        ),
        pytest.param(
            lambda: mlp(4, 3),
            lambda o, t: LOSS(o, t).mul(0).log().log(),
            "so it arises in the loss",
            None,
            id="nan-in-loss",
        ),
        pytest.param(
            lambda: Through(lambda outputs: torch.sqrt(outputs * 0)),
            LOSS,
            "the gradients of 2 of 2 parameters are not finite",
            "layer.weight",
            id="gradient-of-a-root-at-0",
        ),
        pytest.param(spoilt, LOSS, "`2.bias` of the model holds NaN", "2.bias", id="weights-that-are-nan"),
        pytest.param(
            lambda: Through(raises, only_eval=True),
            LOSS,
            "works in train mode and raises in eval mode",
            None,
            id="eval",
        ),
    ],
)
def test_a_first_step_that_fails_is_critical(model, loss, says, where):
    """Said where first."""
    finding = finding_of(model(), loss=loss)

    assert Severity.CRITICAL == finding.severity
    assert says in finding.says
    assert where is None or where == finding.where[0]


def test_the_shapes_stand_in_the_evidence():
    """For whoever looks closer."""
    assert ("inputs (16, 4) float32",) == finding_of(Deep()).evidence


def test_weights_of_several_types():
    """The layer is named, and the line that makes them one."""
    finding = finding_of(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3).double()))

    assert "the model's weights are of several types: float32, float64" in finding.evidence
    assert finding.to_type.startswith("model.float()")


@pytest.mark.parametrize(
    ("rows", "batch_size", "says"),
    [
        pytest.param(33, 16, "the last batch of an epoch has 1 row (33 rows in batches of 16)", id="left-over"),
        pytest.param(48, 1, "the batches have 1 row", id="always"),
    ],
)
def test_batch_norm_with_one_row_is_critical(rows, batch_size, says):
    """Training would stop at the end of the first epoch, or at its beginning."""
    finding = finding_of(norms(), table(rows, batch_size=batch_size))

    assert says in finding.says
    assert "drop_last=True" in finding.to_type


@pytest.mark.parametrize(
    ("model", "options"),
    [
        pytest.param(norms, {"batch_size": 16, "drop_last": True}, id="dropped"),
        pytest.param(norms, {"batch_size": 31}, id="two-left-over"),
        pytest.param(lambda: mlp(4, 3), {"batch_size": 16}, id="no-norm"),
        pytest.param(
            lambda: nn.Sequential(nn.Unflatten(1, (1, 2, 2)), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 3)),
            {"batch_size": 16},
            id="norm-over-pixels",
        ),
        pytest.param(lambda: norms().eval(), {"batch_size": 16, "drop_last": True}, id="model-left-in-eval-mode"),
    ],
)
def test_near_misses(model, options):
    """33 rows, and no batch of one that batch norm would refuse."""
    assert () == answer_of(CHECK, subject(model(), table(33, **options), loss=LOSS)).findings


def test_lazy_layers_are_a_warning():
    """Nothing is run, so that they stay without a shape."""
    model = nn.Sequential(nn.LazyLinear(3))

    finding = finding_of(model)

    assert (Severity.WARNING, ("0.weight", "0.bias")) == (finding.severity, finding.where)
    assert isinstance(model[0].weight, nn.parameter.UninitializedParameter)


def test_a_step_of_the_users_is_named():
    """It does forward and loss in one."""
    finding = finding_of(
        mlp(4, 3), loss=None, step=lambda model, batch: functional.cross_entropy(model(batch[0]), batch[1] + 1)
    )

    assert finding.says.startswith("your `step` raises: IndexError")


def test_out_of_memory_is_left_to_the_check_of_memory():
    """It is no fault of the model's."""

    def too_large(outputs):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    assert "see B11" in why_not(CHECK, subject(Through(too_large), table(), loss=LOSS))


@pytest.mark.parametrize("name", CLEAN)
def test_clean_trainings(name):
    """Nothing is found."""
    model, train, loss = CLEAN[name]()

    assert () == answer_of(CHECK, subject(model, train, loss=loss)).findings


class Unpacked(nn.Module):
    """Takes arrays, and texts beside numbers."""

    def __init__(self):
        super().__init__()
        self.body = mlp(4, 3)

    def forward(self, rows):
        return self.body(torch.as_tensor(rows))


def to_arrays(samples):
    return np.stack([row.numpy() for row, _ in samples]), np.array([int(label) for _, label in samples])


def to_lists(samples):
    return [row.tolist() for row, _ in samples], [int(label) for _, label in samples]


@pytest.mark.parametrize("collate", [to_arrays, to_lists])
def test_batches_without_a_tensor_are_critical(collate):
    """No other check can take them apart, and the first step raises."""
    finding = finding_of(mlp(4, 3), table(collate_fn=collate))

    assert Severity.CRITICAL == finding.severity
    assert "hold arrays or lists of numbers and 0 tensors" in finding.says
    assert "torch.as_tensor(inputs)" in finding.to_type


@pytest.mark.parametrize("spoil", [0.0, float("nan")])
def test_batches_whose_rows_cannot_be_told_apart_are_tried_as_a_whole(spoil):
    """A model that takes arrays is well, unless its loss is not finite."""

    def loss(outputs, targets):
        return LOSS(outputs, torch.as_tensor(targets)) + spoil

    answer = answer_of(CHECK, subject(Unpacked(), table(collate_fn=to_arrays), loss=loss))

    assert [Severity.CRITICAL] * (spoil != 0) == [finding.severity for finding in answer.findings]
    assert ("as a whole: loss 1." if spoil == 0 else "the loss of the first batch is nan") in answer.says


def test_a_batch_whose_tensors_disagree_is_tried_as_a_whole():
    """As a graph's are: rows of nodes, and edges between them."""
    graph = numbers(9, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([1, 2, 0])

    def step(model, batch):
        return LOSS(model(batch[0])[batch[1][0]], batch[2])

    finding = finding_of(mlp(4, 3), [graph] * 3, loss=None, step=step)

    assert "your `step` raises: ValueError" in finding.says


@pytest.mark.parametrize(
    "words",
    [
        "Input height (448) doesn't match model (224).",
        "Wrong image height! Expected 224 but got 448!",
        "Input image size (448*448) doesn't match model (224*224).",
    ],
    ids=["timm", "torchvision", "transformers"],
)
def test_pictures_of_another_size_are_left_to_b01(words):
    """In the words of those who refuse them."""

    class Refuses(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 3)

        def forward(self, rows):
            raise AssertionError(words)

    finding = answer_of(FirstStep(), subject(Refuses(), small_loader())).findings[0]

    assert finding.says.endswith("(see B01)")
