"""How often classes come where each sample has many labels."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.checks.class_imbalance import ClassImbalance
from autofix_nb.evidence.dense_labels import dense_counts
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, subject

ROWS = 8
MASK = torch.zeros(ROWS, 1, 6, 6)
MASK[:, :, 0, 0] = 1


def training(model, targets, loss, inputs=None):
    rows = torch.randn(ROWS, 1, 6, 6) if inputs is None else inputs
    return subject(model, train=DataLoader(TensorDataset(rows, targets), batch_size=4), loss=loss)


@pytest.mark.parametrize(
    ("looked_at", "expected"),
    [
        pytest.param(training(nn.Conv2d(1, 1, 1), MASK, nn.BCEWithLogitsLoss()), ([140, 4], 4), id="masks"),
        pytest.param(
            training(nn.Conv2d(1, 3, 1), MASK[:, 0].long(), nn.CrossEntropyLoss()),
            ([140, 4], 4),
            id="classes-of-pixels",
        ),
        pytest.param(
            training(nn.Conv2d(1, 1, 1), torch.rand(ROWS, 1, 6, 6), nn.BCEWithLogitsLoss()), None, id="shares"
        ),
        pytest.param(training(nn.Conv2d(1, 1, 1), MASK, nn.MSELoss()), None, id="numbers"),
        pytest.param(
            training(nn.Linear(4, 20), torch.ones(ROWS, 20), nn.BCEWithLogitsLoss(), torch.randn(ROWS, 4)),
            None,
            id="several-labels-of-a-sample",
        ),
        pytest.param(
            training(nn.Linear(4, 3), torch.arange(ROWS) % 3, nn.CrossEntropyLoss(), torch.randn(ROWS, 4)),
            None,
            id="one-label-of-a-sample",
        ),
    ],
)
def test_places_are_counted_where_the_answers_have_the_same(looked_at, expected):
    """In the first batch: it has thousands of them as a rule."""
    found = dense_counts(looked_at)

    assert expected == (found and (found[0].tolist(), found[1]))


@pytest.mark.parametrize(
    ("loss", "severity"),
    [
        pytest.param(nn.BCEWithLogitsLoss(), Severity.WARNING, id="plain"),
        pytest.param(nn.BCEWithLogitsLoss(pos_weight=torch.tensor(8.0)), None, id="weighed"),
    ],
)
def test_rare_places_are_found(loss, severity):
    """Unless the loss weighs them."""
    answer = answer_of(ClassImbalance(), training(nn.Conv2d(1, 1, 1), MASK, loss))

    assert severity == next((one.severity for one in answer.findings), None)
    assert severity is None or "class 1 has 2.78% of the places in the first 4 samples" in answer.findings[0].says
