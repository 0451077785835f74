"""`fit(preflight=...)`: what a look before training finds stands in the run's journal and report."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import autofix_nb as af
from autofix_nb.errors import ConfigurationError
from tests.cases import digits_loaders, mlp, same_weights


def fit(folder, *given, **options):
    """Train for an epoch."""
    usual = {"epochs": 1, "seed": 3, "store": folder, "name": "run", "lr": 1e-3}
    return af.fit(*given, **usual | options)


def unshuffled():
    """Return a loader of sorted digits."""
    train, _ = digits_loaders()
    order = torch.argsort(train.dataset.tensors[1], stable=True)
    return DataLoader(torch.utils.data.Subset(train.dataset, order.tolist()), batch_size=32)


@pytest.mark.usefixtures("fast_reports")
def test_findings_are_said_and_written_down(tmp_path, capsys):
    """Once, before the first step."""
    run = fit(tmp_path, mlp(), unshuffled(), preflight=True)

    assert "Before training: D09 Ordered and not shuffled" in capsys.readouterr().out
    assert [entry["step"] for entry in run.journal.entries("finding", code="D09")] == [0]
    assert "D09" in str(run.report())


@pytest.mark.usefixtures("fast_reports")
def test_a_report_is_taken_as_it_is(tmp_path):
    """What was looked at once need not be looked at again."""
    model, train = mlp(), unshuffled()
    report = af.preflight(model, train, show="none")
    run = fit(tmp_path, model, train, preflight=report, show="none")

    assert {finding.code for finding in report.findings} <= {finding.code for finding in run.findings}


@pytest.mark.usefixtures("fast_reports")
def test_a_resumed_run_has_looked_already(tmp_path, capsys):
    """It is not asked, nor said, again."""
    fit(tmp_path, mlp(), unshuffled(), preflight=True)
    capsys.readouterr()
    run = fit(tmp_path, mlp(), unshuffled(), preflight=True, epochs=2)

    assert "Before training" not in capsys.readouterr().out
    assert len(run.journal.entries("finding", code="D09")) == 1


@pytest.mark.usefixtures("fast_reports")
def test_a_healthy_run_ends_bit_for_bit_as_without(tmp_path):
    """Also with an optimizer of the user's and dropout."""
    ends = []
    for looked in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Dropout(0.3), nn.Linear(32, 10))
        optimizer = torch.optim.Adam(model.parameters())
        train, val = digits_loaders()
        options = {"optimizer": optimizer, "lr": None, "name": str(looked), "show": "none", "preflight": looked}
        ends.append(fit(tmp_path, model, train, val, **options).last_weights)

    assert same_weights(*ends)


def test_anything_else_is_refused(tmp_path):
    """With what was wanted."""
    with pytest.raises(ConfigurationError, match="`preflight` must be True, False or what"):
        fit(tmp_path, mlp(), digits_loaders()[0], preflight="yes")
