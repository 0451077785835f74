"""MemoryAndSpeed: what fits, how long an epoch takes, and what it waits for."""

import os

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.checks import memory_and_speed
from autofix_nb.checks.memory_and_speed import MemoryAndSpeed
from autofix_nb.evidence import Machine
from autofix_nb.evidence.speed import Speed
from autofix_nb.finding import Severity
from tests.cases import ConvNet, Lstm, digits_loaders, mlp
from tests.checks.subjects import answer_of, subject, why_not

CHECK = MemoryAndSpeed()


def asked(model, free=8e9, **options):
    return answer_of(CHECK, subject(model, *digits_loaders(), machine=Machine(memory_available_bytes=free), **options))


@pytest.mark.parametrize("model", [mlp, ConvNet, Lstm])
def test_small_models_fit(model):
    """Nothing to say but the numbers, and that they are estimated."""
    answer = asked(model())

    assert () == answer.findings
    assert "an epoch of 44 batches" in answer.says
    assert "all 1,400 rows would fit into one batch (estimated)" in answer.says


def test_a_batch_that_does_not_fit():
    """Named with a size that does."""
    needed = 77_000  # weights of 19.2 kB, four times

    finding = asked(mlp(), free=needed + 15 * 1_000).findings[0]

    assert Severity.CRITICAL == finding.severity
    assert "would fit" in finding.says
    assert "batch_size=16" in finding.to_type


def test_weights_that_do_not_fit():
    """No batch size helps."""
    finding = asked(mlp(), free=1_000).findings[0]

    assert "not even the weights" in finding.says
    assert "" == finding.to_type


def test_between_the_two():
    """A batch that fits, with little room."""
    assert "rows fit (estimated)" in asked(mlp(), free=200_000).says


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        pytest.param((256, True), "batches of 256 rows fit (measured)", id="ran-out"),
        pytest.param((1400, False), "batches of 1,400 rows fit at least (measured)", id="all-there-is"),
        pytest.param((16, True), "32 rows runs out of memory, 16 rows fit (measured)", id="too-large-as-it-is"),
        pytest.param(None, "(estimated)", id="not-tried"),
    ],
)
def test_what_was_tried_counts_more_than_an_estimate(monkeypatch, measured, says):
    """And the answer says which of both it is."""
    monkeypatch.setattr(MemoryAndSpeed, "_measured", lambda *_: measured)

    answer = asked(mlp())

    assert says in answer.says
    assert (measured == (16, True)) == bool(answer.findings)


def test_memory_that_is_not_known():
    """Then only the time is told."""
    answer = asked(mlp(), free=None)

    assert () == answer.findings
    assert "fit" not in answer.says


@pytest.mark.parametrize(
    ("speed", "found"),
    [
        pytest.param(Speed(rows=32, load=0.5, step=0.1, workers=0, batches=100), True, id="loader"),
        pytest.param(Speed(rows=32, load=0.5, step=0.1, workers=2, batches=100), False, id="has-workers"),
        pytest.param(Speed(rows=32, load=0.1, step=0.5, workers=0, batches=100), False, id="model"),
        pytest.param(Speed(rows=32, load=0.5, step=0.1, workers=0, batches=3), False, id="not-worth-it"),
        pytest.param(Speed(rows=32, load=0.5, step=0.1, workers=0, batches=None), False, id="length-unknown"),
    ],
)
def test_a_model_that_waits_for_the_data(monkeypatch, speed, found):
    """A note, where workers would help, with the line to type."""
    monkeypatch.setattr(memory_and_speed, "speed_of", lambda *_: speed)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)

    findings = asked(mlp()).findings

    assert found == bool(findings)
    if found:
        assert Severity.NOTE == findings[0].severity
        assert "5.0 times as long" in findings[0].says
        assert "num_workers=4" in findings[0].to_type


@pytest.mark.parametrize(
    ("load", "step", "batches", "severity"),
    [
        pytest.param(0.5, 0.1, 130, Severity.WARNING, id="slow-and-long"),
        pytest.param(0.5, 0.1, 110, Severity.NOTE, id="not-long"),
        pytest.param(0.5, 0.2, 130, Severity.NOTE, id="not-far-slower"),
    ],
)
def test_a_loader_far_slower_than_the_model_is_a_warning(monkeypatch, load, step, batches, severity):
    """Where it takes more than a minute an epoch."""
    speed = Speed(rows=32, load=load, step=step, workers=0, batches=batches)
    monkeypatch.setattr(memory_and_speed, "speed_of", lambda *_: speed)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)

    (finding,) = asked(mlp()).findings

    assert severity == finding.severity
    assert "num_workers=4" in finding.to_type


def test_one_processor_has_no_workers_to_spare(monkeypatch):
    """They would take turns with the model."""
    slow = Speed(rows=32, load=0.5, step=0.1, workers=0, batches=100)
    monkeypatch.setattr(memory_and_speed, "speed_of", lambda *_: slow)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)

    assert () == asked(mlp()).findings


def test_a_list_of_batches_is_timed_too():
    """Without a loader there are no workers to propose."""
    batch = (torch.zeros(8, 4), torch.zeros(8).long())

    assert "an epoch of 3 batches" in answer_of(CHECK, subject(mlp(4, 3), [batch] * 3)).says


def test_a_model_that_raises_is_left_to_another_check():
    """It takes no memory that could be told."""
    data = TensorDataset(torch.zeros(8, 4), torch.zeros(8).long())

    assert "(see B06)" in why_not(CHECK, subject(mlp(5, 3), DataLoader(data, batch_size=4)))
