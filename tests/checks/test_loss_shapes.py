"""Loss shapes: outputs and targets that do not fit the loss, or fit it only by being stretched."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.checks.loss_shapes import LossShapes
from autofix_nb.finding import Severity
from tests.cases import mlp
from tests.checks.subjects import answer_of, subject, why_not
from tests.checks.trainings import CLEAN, labels, loader, numbers, segmenter

CHECK = LossShapes()
ROWS = 48
HEIGHTS = numbers(ROWS, seed=1)
YES = (numbers(ROWS) > 0).float()


def table(targets):
    return loader(numbers(ROWS, 4), targets)


def squared(outputs, targets):
    return ((outputs - targets) ** 2).mean()


def finding_of(model, train, loss, **options):
    return answer_of(CHECK, subject(model, train, loss=loss, **options)).findings[0]


@pytest.mark.parametrize(
    ("model", "targets", "loss", "line"),
    [
        pytest.param(lambda: mlp(4, 1), HEIGHTS, nn.MSELoss(), "targets.unsqueeze(-1)", id="mean-squared"),
        pytest.param(lambda: mlp(4, 1), HEIGHTS, functional.l1_loss, "targets.unsqueeze(-1)", id="function"),
        pytest.param(lambda: mlp(4, 1), HEIGHTS, squared, "targets.unsqueeze(-1)", id="of-the-users-own"),
        pytest.param(
            lambda: nn.Sequential(mlp(4, 1), nn.Flatten(0)),
            HEIGHTS[:, None],
            nn.SmoothL1Loss(),
            "targets.squeeze(-1)",
            id="the-other-way-round",
        ),
    ],
)
def test_stretched_shapes_are_critical(model, targets, loss, line):
    """Every output is compared with every target, which no error tells."""
    finding = finding_of(model(), table(targets), loss)

    assert Severity.CRITICAL == finding.severity
    assert "the loss stretches them to (16, 16)" in finding.says
    assert line in finding.to_type


def test_rows_that_a_loss_mixes_itself_are_critical():
    """No shape of the targets would help, so the line to type is one for the loss."""

    def mixing(outputs, targets):
        return (outputs.flatten()[:, None] - targets.flatten()[None]).square().mean()

    finding = finding_of(mlp(4, 1), table(HEIGHTS), mixing)

    assert Severity.CRITICAL == finding.severity
    assert "the loss is the same when every row gets the target of another one" in finding.says
    assert finding.to_type.startswith("# in the loss: ")


def test_stretched_shapes_in_a_step_are_told_by_torchs_warning():
    """What the step computes is not seen, but heard."""

    def step(model, batch):
        return functional.mse_loss(model(batch[0]), batch[1])

    finding = finding_of(mlp(4, 1), table(HEIGHTS), None, step=step)

    assert "compares every output with every target" in finding.says


@pytest.mark.parametrize(
    ("model", "train", "loss", "says", "line"),
    [
        pytest.param(
            lambda: mlp(4, 3),
            lambda: table(labels()[:, None]),
            nn.CrossEntropyLoss(),
            "one class number a row, not a column",
            "targets.squeeze(1)",
            id="column-of-labels",
        ),
        pytest.param(
            lambda: mlp(4, 3),
            lambda: table(functional.one_hot(labels(), 3)),
            nn.CrossEntropyLoss(),
            "class shares must be floats",
            "targets.argmax(1)",
            id="one-hot-of-integers",
        ),
        pytest.param(
            lambda: mlp(4, 3),
            lambda: table(labels().int()),
            nn.CrossEntropyLoss(),
            "class numbers must be int64",
            "targets.long()",
            id="int32",
        ),
        pytest.param(
            lambda: mlp(4, 1),
            lambda: table(labels() * 0),
            nn.CrossEntropyLoss(),
            "over 1 output is always 0",
            "BCEWithLogitsLoss",
            id="one-output",
        ),
        pytest.param(
            lambda: nn.Linear(4, 5),
            lambda: loader(numbers(16, 7, 6, 4), labels(16, 5, places=(7, 6))),
            nn.CrossEntropyLoss(),
            "the classes second, they lie last",
            "outputs.permute(0, 3, 1, 2)",
            id="pixels-with-classes-last",
        ),
        pytest.param(
            lambda: nn.Linear(4, 5),
            lambda: loader(numbers(16, 7, 4), labels(16, 5, places=(7,))),
            nn.CrossEntropyLoss(),
            "the classes second, they lie last",
            "outputs.permute(0, 2, 1)",
            id="sequence-with-classes-last",
        ),
        pytest.param(
            segmenter,
            lambda: loader(numbers(16, 3, 8, 8), labels(16, 4, places=(4, 4))),
            nn.CrossEntropyLoss(),
            "outputs cover (8, 8) places, targets (4, 4)",
            "interpolate",
            id="masks-of-another-size",
        ),
        pytest.param(
            lambda: mlp(4, 1),
            lambda: table(YES),
            nn.BCEWithLogitsLoss(),
            "both of one shape",
            "targets.unsqueeze(-1).float()",
            id="yes-or-no-as-a-row",
        ),
        pytest.param(
            lambda: mlp(4, 1),
            lambda: table(YES[:, None].long()),
            nn.BCEWithLogitsLoss(),
            "targets that are floats",
            "targets.float()",
            id="yes-or-no-as-integers",
        ),
        pytest.param(
            lambda: mlp(4, 1),
            lambda: loader(numbers(ROWS, 4) * 20, YES[:, None]),
            nn.BCELoss(),
            "the outputs are logits",
            "BCEWithLogitsLoss",
            id="logits-for-probabilities",
        ),
        pytest.param(
            lambda: mlp(4, 3),
            lambda: table(labels()),
            nn.CrossEntropyLoss(reduction="none"),
            "one loss for each row",
            'reduction="mean"',
            id="not-reduced",
        ),
        pytest.param(
            lambda: nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (-1, 2)), nn.Linear(2, 3)),
            lambda: table(labels()),
            nn.CrossEntropyLoss(),
            "32 rows of outputs for 16 targets",
            "forward",
            id="rows-mixed-up",
        ),
        pytest.param(lambda: mlp(4, 3), lambda: table(HEIGHTS), nn.MSELoss(), "MSELoss fails", "", id="nothing-fits"),
        pytest.param(
            lambda: mlp(4, 3),
            lambda: table(HEIGHTS),
            None,
            "`loss` cannot be chosen",
            "",
            id="no-loss-can-be-chosen",
        ),
    ],
)
def test_errors_of_the_loss_are_told_in_words(model, train, loss, says, line):
    """With the shapes, and the line that mends them."""
    finding = finding_of(model(), train(), loss)

    assert Severity.CRITICAL == finding.severity
    assert says in finding.says
    assert line in finding.to_type


@pytest.mark.parametrize(
    ("model", "targets", "loss", "options", "reason"),
    [
        pytest.param(mlp(4, 3), labels() + 1, nn.CrossEntropyLoss(), {}, "see B04", id="label-range"),
        pytest.param(mlp(4, 3), labels().float(), nn.CrossEntropyLoss(), {}, "see B04", id="float-labels"),
        pytest.param(mlp(5, 3), labels(), nn.CrossEntropyLoss(), {}, "see B06", id="forward-fails"),
        pytest.param(
            mlp(4, 3), labels(), None, {"step": lambda model, batch: model(batch[0]).mean()}, "`step`", id="step"
        ),
        pytest.param(mlp(4, 3), labels(), lambda outputs, targets: 1.0, {}, "see B06", id="no-tensor"),
    ],
)
def test_what_others_tell_better(model, targets, loss, options, reason):
    """Each thing is said once."""
    assert reason in why_not(CHECK, subject(model, table(targets), loss=loss, **options))


def test_without_a_loss_it_says_which_fit_would_choose():
    """The shapes that it was chosen for are in the sentence."""
    says = answer_of(CHECK, subject(mlp(4, 3), table(labels()))).says

    assert says.startswith("no `loss` was given, `fit` would choose: cross-entropy over 3 classes")


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(lambda outputs, targets: squared(outputs.flatten(), targets), id="squeezes-outputs"),
        pytest.param(lambda outputs, targets: squared(outputs, targets[:, None]), id="stretches-targets"),
        pytest.param(lambda outputs, targets: squared(outputs.T, targets[None]), id="both-as-a-row"),
    ],
)
def test_near_misses(loss):
    """A loss that brings both to one shape itself."""
    assert () == answer_of(CHECK, subject(mlp(4, 1), table(HEIGHTS), loss=loss)).findings


@pytest.mark.parametrize("name", CLEAN)
def test_clean_trainings(name):
    """Nothing is found."""
    model, train, loss = CLEAN[name]()

    assert () == answer_of(CHECK, subject(model, train, loss=loss)).findings


@pytest.mark.parametrize(
    ("outputs", "targets", "loss", "severities"),
    [
        pytest.param(2, numbers(ROWS, 1), nn.MSELoss(), [Severity.WARNING], id="two-for-one"),
        pytest.param(1, numbers(ROWS, 3), nn.HuberLoss(), [Severity.WARNING], id="one-for-three"),
        pytest.param(3, numbers(ROWS, 1), squared, [], id="on-purpose"),
        pytest.param(3, numbers(ROWS, 3), nn.MSELoss(), [], id="alike"),
    ],
)
def test_the_smaller_is_stretched(outputs, targets, loss, severities):
    """Torch warns of it, and the loss is no error; a loss of the user's own may well mean it, as for quantiles."""
    findings = answer_of(CHECK, subject(mlp(4, outputs), table(targets), loss=loss)).findings

    assert severities == [finding.severity for finding in findings]
    assert all("the loss stretches the smaller to (16, " in finding.says for finding in findings)


def test_stretched_shapes_do_not_hide_behind_equal_outputs():
    """While all outputs are 0, the mean over all pairs is that over the rows."""
    model = mlp(4, 1)
    nn.init.zeros_(model[-1].weight), nn.init.zeros_(model[-1].bias)

    assert Severity.CRITICAL == finding_of(model, table(HEIGHTS), nn.MSELoss()).severity


class Tagger(nn.Module):
    """Places (N, 6, 4) tagged with three classes each; `reshaped` has the classes second by a `reshape`."""

    def __init__(self, *, reshaped):
        super().__init__()
        self.body, self.reshaped = nn.Linear(4, 3), reshaped

    def forward(self, rows):
        tags = self.body(rows)
        return tags.reshape(len(rows), 3, 6) if self.reshaped else tags.permute(0, 2, 1)


@pytest.mark.parametrize("reshaped", [True, False])
def test_a_reshape_in_the_place_of_a_permute_is_found(reshaped):
    """The shapes fit, and the scores of one place stand at several others."""
    rows = torch.randn(8, 6, 4, generator=torch.Generator().manual_seed(0))
    batches = [(rows, torch.arange(48).view(8, 6) % 3)]
    found = answer_of(CHECK, subject(Tagger(reshaped=reshaped), batches, loss=nn.CrossEntropyLoss())).findings

    assert ([("mend_forward",)] if reshaped else []) == [one.fixes for one in found]
    assert all("makes (4, 3, 6) of (4, 6, 3)" in one.says for one in found)
