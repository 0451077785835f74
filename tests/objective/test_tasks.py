"""Which loss is chosen for which outputs and targets, and what is predicted."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from autofix_nb.errors import DataError, ModelError
from autofix_nb.objective.tasks import infer_task, task_of

LOGITS = torch.linspace(-2, 2, 40).reshape(10, 4)


@pytest.mark.parametrize(
    ("outputs", "targets", "kind", "expected"),
    [
        pytest.param(LOGITS, torch.arange(10) % 4, "classification", functional.cross_entropy, id="class-numbers"),
        pytest.param(
            LOGITS,
            (torch.arange(10) % 4).to(torch.int32),
            "classification",
            lambda o, t: functional.cross_entropy(o, t.long()),
            id="int32-class-numbers",
        ),
        pytest.param(
            LOGITS,
            (torch.arange(10) % 4)[:, None],
            "classification",
            lambda o, t: functional.cross_entropy(o, t[:, 0]),
            id="class-numbers-in-a-column",
        ),
        pytest.param(
            LOGITS,
            functional.one_hot(torch.arange(10) % 4, 4).float(),
            "classification",
            functional.cross_entropy,
            id="one-hot",
        ),
        pytest.param(
            LOGITS.softmax(1),
            torch.arange(10) % 4,
            "classification",
            lambda o, t: functional.nll_loss(o.log(), t),
            id="softmax-outputs",
        ),
        pytest.param(
            LOGITS.log_softmax(1), torch.arange(10) % 4, "classification", functional.nll_loss, id="log-softmax"
        ),
        pytest.param(
            torch.randn(4, 3, 5, 5),
            torch.zeros(4, 5, 5, dtype=torch.long),
            "classification",
            functional.cross_entropy,
            id="segmentation",
        ),
        pytest.param(
            LOGITS[:, :1],
            torch.arange(10) % 2,
            "binary",
            lambda o, t: functional.binary_cross_entropy_with_logits(o[:, 0], t.float()),
            id="yes-or-no-column",
        ),
        pytest.param(
            LOGITS[:, 0],
            (torch.arange(10) % 2).float(),
            "binary",
            functional.binary_cross_entropy_with_logits,
            id="yes-or-no",
        ),
        pytest.param(
            LOGITS[:, 0].sigmoid(),
            (torch.arange(10) % 2).float(),
            "binary",
            functional.binary_cross_entropy,
            id="sigmoid-outputs",
        ),
        pytest.param(
            LOGITS,
            (torch.arange(40).reshape(10, 4) % 3 == 0).float(),
            "multi-label",
            functional.binary_cross_entropy_with_logits,
            id="several-labels",
        ),
        pytest.param(
            LOGITS[:, :1],
            torch.linspace(0, 5, 10),
            "regression",
            lambda o, t: functional.mse_loss(o[:, 0], t),
            id="numbers-never-broadcast",
        ),
        pytest.param(LOGITS, LOGITS * 3, "regression", functional.mse_loss, id="several-numbers"),
        pytest.param(
            LOGITS[:, :1],
            torch.arange(10),
            "regression",
            lambda o, t: functional.mse_loss(o[:, 0], t.float()),
            id="counts",
        ),
    ],
)
def test_loss_is_chosen_by_targets_and_outputs(outputs, targets, kind, expected):
    """The value is that of torch's own loss, and the sentence names it and the shapes."""
    task = infer_task(outputs, targets)

    assert kind == task.kind
    assert float(expected(outputs, targets)) == pytest.approx(float(task.loss(outputs, targets)))
    assert str(tuple(outputs.shape)) in task.says


@pytest.mark.parametrize(
    ("outputs", "targets", "error", "text"),
    [
        pytest.param({"a": LOGITS}, torch.zeros(10), ModelError, "returns a dict", id="dict"),
        pytest.param(LOGITS, torch.zeros(9), DataError, "wanted one row for each", id="rows-differ"),
        pytest.param(LOGITS, torch.randn(10, 3), DataError, "cannot be chosen", id="widths-differ"),
        pytest.param(LOGITS, torch.full((10,), 4), DataError, "label 4, the model has 4 outputs", id="out-of-range"),
        pytest.param(LOGITS.to(torch.complex64), torch.zeros(10), DataError, "complex", id="complex"),
    ],
)
def test_what_fits_no_loss_is_said(outputs, targets, error, text):
    """Never a broadcast, never a guess."""
    with pytest.raises(error, match=text):
        infer_task(outputs, targets)


def test_ignored_labels_are_no_mistake():
    """-100 marks what does not count, for the loss and for the accuracy."""
    targets = torch.tensor([0, 1, 2, 3, -100, 0, 1, 2, 3, -100])
    task = infer_task(LOGITS, targets)
    counted = targets != -100

    name, accuracy = task.metric
    assert "accuracy" == name
    assert float((LOGITS.argmax(1) == targets)[counted].float().mean()) == accuracy(LOGITS, targets)


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "kind"),
    [
        (nn.CrossEntropyLoss(), LOGITS, torch.arange(10) % 4, "classification"),
        (nn.BCEWithLogitsLoss(), LOGITS[:, 0], torch.ones(10), "binary"),
        (nn.MSELoss(), LOGITS, LOGITS, "regression"),
        (lambda o, t: o.sum(), LOGITS, torch.ones(10), "custom"),
        (lambda o, t: o.sum(), LOGITS, torch.arange(10) % 4, "classification"),
        (lambda o, t: o["a"].sum(), {"a": LOGITS}, torch.ones(10), "custom"),
    ],
)
def test_a_given_loss_is_taken_as_it_is(loss, outputs, targets, kind):
    """Only predictions and metrics depend on what it is taken for."""
    task = task_of(loss, outputs, targets)

    assert kind == task.kind
    assert loss is task.loss


@given(st.integers(2, 6), st.integers(2, 20), st.randoms(use_true_random=False))
def test_accuracy_equals_counting(classes, rows, random):
    """Plain counting is the second implementation."""
    outputs = torch.tensor([[random.gauss(0, 1) for _ in range(classes)] for _ in range(rows)])
    targets = torch.tensor([random.randrange(classes) for _ in range(rows)])
    task = task_of(nn.CrossEntropyLoss(), outputs, targets)
    right = sum(
        max(range(classes), key=lambda k: float(row[k])) == int(t) for row, t in zip(outputs, targets, strict=True)
    )

    assert right / rows == pytest.approx(task.metric[1](outputs, targets))


def test_a_loss_with_weights_of_its_own_is_no_classification():
    """As an ArcFace head: the model returns embeddings, of which the largest number predicts nothing."""

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.centres = nn.Parameter(torch.randn(3, 16))

        def forward(self, outputs, targets):
            return nn.functional.cross_entropy(outputs @ self.centres.T, targets)

    task = task_of(Head(), torch.randn(8, 16), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))

    assert task.kind == "custom"
    assert task.metric is None


@pytest.mark.parametrize(
    ("loss", "boundary"),
    [
        pytest.param(nn.BCEWithLogitsLoss(), 0.0, id="logits"),
        pytest.param(nn.BCELoss(), 0.5, id="probabilities"),
        pytest.param(nn.functional.binary_cross_entropy, 0.5, id="function-of-probabilities"),
        pytest.param(nn.functional.binary_cross_entropy_with_logits, 0.0, id="function-of-logits"),
    ],
)
def test_half_way_between_no_and_yes(loss, boundary):
    """0.5 of probabilities, 0 of logits; either way the task is one of yes or no."""
    task = task_of(loss, torch.full((2, 1), 0.25), torch.zeros(2, 1))

    assert ("binary", boundary) == (task.kind, task.boundary)
    assert [0, 1] == task.predict(torch.tensor([[boundary - 0.125], [boundary + 0.125]])).tolist()
