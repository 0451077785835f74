"""Label range: all labels of both sides against the model's outputs."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from autofix_nb.checks.label_range import LabelRange
from autofix_nb.finding import Severity
from autofix_nb.objective import seen_through
from tests.cases import mlp
from tests.checks.subjects import answer_of, subject, why_not
from tests.checks.trainings import CLEAN, labels, loader, numbers, segmenter

CHECK = LabelRange()
LOSS = nn.CrossEntropyLoss()
ROWS = 48


def table(targets, inputs=None):
    return loader(numbers(ROWS, 4)[: len(targets)] if inputs is None else inputs, targets, batch_size=8, shuffle=False)


def one_wrong(value, place=40):
    targets = labels()
    targets[place] = value
    return targets


def findings_of(model, train, val=None, *, loss=LOSS, **options):
    return answer_of(CHECK, subject(model, train, val, loss=loss, **options)).findings


@pytest.mark.parametrize(
    ("targets", "worst", "line"),
    [
        pytest.param(lambda: one_wrong(5), 5, "model[2] = torch.nn.Linear(64, 6)", id="one-label-late-in-the-epoch"),
        pytest.param(lambda: labels() + 1, 3, "targets = targets - 1", id="counts-from-1"),
        pytest.param(lambda: one_wrong(-1), -1, "ignore_index=-1", id="minus-1"),
        pytest.param(lambda: one_wrong(255), 255, "ignore_index=255", id="255"),
        pytest.param(lambda: 2 * (labels() % 2) - 1, -1, "targets = (targets + 1) // 2", id="signs"),
        pytest.param(lambda: one_wrong(-7), -7, "labels must count from 0", id="an-overflow"),
    ],
)
@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(LOSS, id="cross-entropy"),
        pytest.param(None, id="no-loss"),
        pytest.param(lambda outputs, targets: functional.cross_entropy(outputs, targets), id="in-a-function"),
    ],
)
def test_labels_outside_the_outputs_are_critical(targets, worst, line, loss):
    """Also a single one, in a batch that the first step does not meet."""
    finding = findings_of(mlp(4, 3), table(targets()), loss=loss)[0]

    assert (Severity.CRITICAL, worst) == (finding.severity, finding.measured)
    assert "outside the model's 3 outputs" in finding.says
    assert line in finding.to_type


def test_the_samples_are_named():
    """As the data set counts them."""
    finding = findings_of(mlp(4, 3), table(one_wrong(5)))[0]

    assert "1 sample of `train` has a label outside the model's 3 outputs, such as 5; wanted 0 to 2" == finding.says
    assert ("sample 40",) == finding.where


def test_labels_of_validation_are_looked_at():
    """They stop the evaluation after the first epoch."""
    finding = findings_of(mlp(4, 3), table(labels()), table(one_wrong(3)))[0]

    assert "1 sample of `val` has a label" in finding.says


def test_pixels_of_masks_are_looked_at():
    """Class numbers of every pixel."""
    masks = labels(16, 4, places=(8, 8))
    masks[0, 0, 0] = 255

    finding = findings_of(segmenter(), table(masks, numbers(16, 3, 8, 8)))[0]

    assert (255, "ignore_index=255") == (finding.measured, finding.to_type.partition("(")[2].partition(")")[0])


@pytest.mark.parametrize("loss", [LOSS, None])
def test_class_numbers_as_floats_are_critical(loss):
    """Cross-entropy wants int64."""
    finding = findings_of(mlp(4, 3), table(labels().float()), loss=loss)[0]

    assert "targets = targets.long()" == finding.to_type
    assert "the labels are float32" in finding.says


def test_labels_as_text_are_critical():
    """With the line that numbers them."""
    rows = [(row, "abc"[int(label)]) for row, label in zip(numbers(ROWS, 4), labels(), strict=True)]

    finding = findings_of(mlp(4, 3), DataLoader(rows, batch_size=8))[0]

    assert "the labels are text, such as 'a'" in finding.says
    assert "enumerate(sorted(set(labels)))" in finding.to_type


def test_a_path_behind_the_label_is_no_label():
    """What differs in each row, and comes last of three, is taken for the target by its place only."""
    paths = [f"{place}.png" for place in range(ROWS)]
    rows = list(zip(numbers(ROWS, 4), labels(), paths, strict=True))

    finding = findings_of(mlp(4, 3), DataLoader(rows, batch_size=8))[0]

    assert "the last of the 3 parts of a batch is taken for the target" in finding.says
    assert "step=" in finding.to_type


@pytest.mark.parametrize(
    ("targets", "line"),
    [
        pytest.param(torch.tensor([[-1.0], [1.0]] * 24), "(targets + 1) / 2", id="minus-1-and-1"),
        pytest.param(torch.tensor([[0.0], [2.0]] * 24), "nn.CrossEntropyLoss()", id="three-classes"),
    ],
)
def test_yes_or_no_beyond_0_and_1_is_critical(targets, line):
    """Binary cross-entropy computes something for them, and it falls without end."""
    finding = findings_of(mlp(4, 1), table(targets), loss=nn.BCEWithLogitsLoss())[0]

    assert Severity.CRITICAL == finding.severity
    assert line in finding.to_type


def test_classes_that_only_validation_shows_are_a_warning():
    """They cannot be learnt."""
    finding = findings_of(mlp(4, 3), table(labels() % 2), table(labels()))[0]

    assert (Severity.WARNING, ("class 2",)) == (finding.severity, finding.where)


def test_many_spare_outputs_are_worth_a_note():
    """A head of 1,000 classes on 3."""
    finding = findings_of(mlp(4, 1000), table(labels()))[0]

    assert (Severity.NOTE, 1000) == (finding.severity, finding.measured)
    assert finding.to_type.startswith("model[2] = torch.nn.Linear(64, 3)")


def test_a_step_that_meets_the_label_says_so():
    """As far as the first batch goes."""
    asked = subject(
        mlp(4, 3), table(labels() + 1), step=lambda model, batch: functional.cross_entropy(model(batch[0]), batch[1])
    )

    assert "label 3 lies outside the model's outputs, as the loss in `step` says" == answer_of(CHECK, asked).says


@pytest.mark.parametrize(
    ("model", "targets", "loss"),
    [
        pytest.param(lambda: mlp(4, 3), lambda: one_wrong(-100), LOSS, id="ignored-by-default"),
        pytest.param(lambda: mlp(4, 3), lambda: one_wrong(-1), nn.CrossEntropyLoss(ignore_index=-1), id="ignored"),
        pytest.param(lambda: mlp(4, 3), lambda: functional.one_hot(labels(), 3).float(), LOSS, id="soft-labels"),
        pytest.param(lambda: mlp(4, 5), labels, LOSS, id="a-few-spare-outputs"),
        pytest.param(lambda: mlp(4, 1), lambda: torch.rand(ROWS, 1), nn.BCEWithLogitsLoss(), id="shares"),
    ],
)
def test_near_misses(model, targets, loss):
    """Labels that the loss leaves out, and targets that are meant so."""
    assert () == findings_of(model(), table(targets()), loss=loss)


def test_a_collate_function_that_mends_the_labels_is_believed():
    """What counts is what the loss gets."""

    def from_zero(rows):
        inputs, targets = torch.utils.data.default_collate(rows)
        return inputs, targets - 1

    data = torch.utils.data.TensorDataset(numbers(ROWS, 4), labels() + 1)

    assert () == findings_of(mlp(4, 3), DataLoader(data, batch_size=8, collate_fn=from_zero))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param({"loss": nn.MSELoss()}, "numbers to be predicted", id="regression"),
        pytest.param({"loss": None, "step": lambda model, batch: model(batch[0]).mean()}, "`step`", id="step"),
    ],
)
def test_where_there_are_no_class_numbers(options, reason):
    """The question does not fit."""
    assert reason in why_not(CHECK, subject(mlp(4, 1), table(numbers(ROWS, 1, seed=1)), **options))


@pytest.mark.parametrize("name", CLEAN)
def test_clean_trainings(name):
    """Nothing is found, or there are no class numbers."""
    model, train, loss = CLEAN[name]()
    asked = subject(model, train, loss=loss)

    if "regression" in name or "custom" in name:
        assert "numbers to be predicted" in why_not(CHECK, asked)
    else:
        assert () == answer_of(CHECK, asked).findings


def test_a_step_that_was_seen_through_may_have_numbers_of_its_own():
    """Such as -1 for rows without a label, which it leaves out."""
    targets = labels()
    targets[::3] = -1
    train, model = table(targets), nn.Linear(4, 3)

    def step(model, batch):
        known = batch[1] >= 0
        return functional.cross_entropy(model(batch[0])[known], batch[1][known])

    loss = seen_through(step, model, next(iter(train)))

    assert "computes the loss itself" in why_not(CHECK, subject(model, train, loss=loss))
