"""Too few samples: gross cases only, and what a small validation set cannot tell."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.checks.sample_size import SampleSize
from autofix_nb.finding import Severity
from tests.cases import mlp
from tests.checks.subjects import answer_of, scan, subject, subject_of

CHECK = SampleSize()
NOTE, WARNING, CRITICAL = Severity


def rows(count, classes=0, features=4, **fields):
    labels = np.arange(count) % classes if classes else None
    return scan(np.zeros((count, features)), labels, **fields)


def severities(answer):
    return [finding.severity for finding in answer.findings]


def frozen_but_for_the_head():
    model = nn.Sequential(nn.Linear(2000, 2000), nn.Linear(2000, 3))
    model[0].requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("train", "model", "expected"),
    [
        pytest.param(rows(150, 3), mlp(4, 3, 1000), [], id="150-rows-and-8000-parameters"),
        pytest.param(rows(100, 10), mlp(4, 10), [], id="10-a-class"),
        pytest.param(rows(100, 20), None, [], id="5-a-class"),
        pytest.param(rows(100, 25), None, [WARNING], id="4-a-class"),
        pytest.param(rows(19, 2), None, [WARNING], id="19-rows"),
        pytest.param(rows(20, 2), None, [], id="20-rows"),
        pytest.param(rows(19), None, [WARNING], id="19-rows-without-targets"),
        pytest.param(rows(100, 2), nn.Linear(2000, 2000), [NOTE], id="40000-parameters-a-row"),
        pytest.param(rows(1400, 10), nn.Linear(2200, 2200), [], id="3500-parameters-a-row"),
        pytest.param(rows(100, 2), frozen_but_for_the_head(), [], id="frozen-parameters-do-not-count"),
        pytest.param(rows(50, 2, features=80), None, [NOTE], id="wide-table"),
        pytest.param(rows(50, 2, features=80, kind="image"), None, [], id="images-have-no-columns"),
        pytest.param(rows(10, 2, samples=None), None, [], id="how-many-is-not-known"),
        pytest.param(rows(10, 2, samples=5000), None, [], id="a-part-of-many"),
    ],
)
def test_only_gross_cases_are_warnings(train, model, expected):
    """A network with more parameters than samples is usual."""
    assert expected == severities(answer_of(CHECK, subject_of(train, model=model)))


@pytest.mark.parametrize(
    ("val", "expected"),
    [
        pytest.param(rows(30, 3, side="val"), ["±18 points"], id="30-rows"),
        pytest.param(rows(96, 3, side="val"), ["±10 points"], id="just-too-few"),
        pytest.param(rows(97, 3, side="val"), [], id="just-enough"),
        pytest.param(rows(500, 3, side="val"), [], id="500-rows"),
    ],
)
def test_a_small_validation_set_is_worth_a_note(val, expected):
    """How far an accuracy measured on it can be trusted."""
    findings = answer_of(CHECK, subject_of(rows(500, 3), val)).findings

    assert [NOTE] * len(expected) == [finding.severity for finding in findings]
    assert all(words in finding.says for words, finding in zip(expected, findings, strict=True))


def test_for_numbers_the_accuracy_is_no_question():
    """Regression has none."""
    val = scan(np.zeros((30, 2)), np.linspace(0, 1, 30), side="val")

    assert () == answer_of(CHECK, subject_of(scan(np.zeros((200, 2)), np.linspace(0, 1, 200)), val)).findings


@pytest.mark.parametrize(
    ("train", "val", "options", "expected"),
    [
        pytest.param(0, None, {}, [CRITICAL], id="no-training-samples"),
        pytest.param(64, 0, {}, [WARNING], id="no-validation-samples"),
        pytest.param(5, None, {"drop_last": True}, [CRITICAL], id="the-only-batch-is-dropped"),
        pytest.param(64, None, {"drop_last": True}, [], id="only-the-rest-is-dropped"),
    ],
)
def test_no_batch_at_all(train, val, options, expected):
    """An empty data set, or one that is smaller than a batch that must be full."""
    loaders = [
        None
        if count is None
        else DataLoader(TensorDataset(torch.randn(count, 4), torch.arange(count) % 2), 8, **options)
        for count in (train, val)
    ]

    assert expected == severities(answer_of(CHECK, subject(None, *loaders)))


def test_says_what_was_counted():
    """Samples, trainable parameters, and how far an accuracy can be trusted."""
    answer = answer_of(CHECK, subject_of(rows(1400, 10), rows(400, 10, side="val"), model=mlp()))

    assert (
        "1,400 training samples, 4,810 trainable parameters, 400 validation samples (an accuracy measured on them is "
        "known to ±4.9 points at worst)"
    ) == answer.says


@pytest.mark.parametrize(("count", "expected"), [(49, [NOTE]), (50, [])])
def test_few_rows_a_column_are_worth_a_note_where_the_targets_are_numbers(count, expected):
    """Five rows a column are the least; classes have a rule of their own."""
    numbers = scan(np.zeros((count, 10)), np.linspace(0, 1, count))

    assert expected == severities(answer_of(CHECK, subject_of(numbers)))
