"""Hardly any steps: before the first, fewer batches are gathered for each, if that comes farther with the same ones."""

from contextlib import suppress

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.policy.few_steps import FEW
from autofix_nb.policy.races import BUDGET


def train(folder, *, epochs=10, accumulate=16, lr=3e-3, rows=256, **more):
    """Return a run of a small net that gathers the batches of an epoch for each step."""
    torch.manual_seed(0)
    inputs = torch.randn(rows, 4)
    data = TensorDataset(inputs, (inputs[:, 0] * inputs[:, 1] > 0).long())
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    loader = DataLoader(data, batch_size=16, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    settings = {"preflight": False, "show": "none", "seed": 0, "name": "few", "store": folder} | more
    return af.fit(model, loader, loader, epochs=epochs, optimizer=optimizer, accumulate=accumulate, **settings), model


def fixes_of(run):
    return [entry["fix"] for entry in run.journal.entries("change")]


def test_a_run_of_ten_steps_takes_one_a_batch(tmp_path):
    """The same batches, sixteen times the steps; the race stays within its share of the batches."""
    run, _ = train(tmp_path)
    found, race = run.journal.entries("finding", code="L02")[0], run.journal.entries("race")[0]

    assert "gather_less" == fixes_of(run)[0]
    assert found["says"].startswith(f"the whole training is to take 10 steps (limit {FEW}), as the gradients of 16")
    assert 16 * 10 == run.history.facts["planned_steps"]
    assert race["taken"] <= BUDGET * 10
    assert (1 + BUDGET) * 160 >= run.journal.last("end")["step"] > 100


def test_two_steps_an_epoch_are_hardly_more(tmp_path):
    """Where one a batch is as far by then as the whole run would be in a line."""
    run, _ = train(tmp_path, accumulate=8)

    assert "gather_less" == fixes_of(run)[0]
    assert 16 * 10 == run.history.facts["planned_steps"]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"accumulate": 1}, id="nothing-is-gathered"),
        pytest.param({"epochs": FEW}, id="steps-enough"),
        pytest.param({"accumulate": 3}, id="six-steps-an-epoch"),
        pytest.param({"lr": 0.0}, id="no-better-with-more-steps"),
        pytest.param({"ignore": {"L02"}}, id="ignored"),
        pytest.param({"fixes": {"scale_lr"}}, id="not-allowed"),
        pytest.param({"autofix": "suggest"}, id="suggest"),
    ],
)
def test_else_as_many_are_gathered_as_was_asked_for(tmp_path, more):
    """And nothing is said of it."""
    run, _ = train(tmp_path, **more)

    assert "gather_less" not in fixes_of(run)
    assert run.history.facts["accumulate"] == more.get("accumulate", 16)


def test_a_run_in_two_turns_ends_as_the_whole_one(tmp_path):
    """What is gathered, and the plan that follows from it, are saved."""
    _, whole = train(tmp_path / "whole", ignore={"L05"})
    calls = iter(range(10_000))

    def stop(module, given):
        if isinstance(module, nn.Sequential) and module.training and next(calls) == 150:
            raise KeyboardInterrupt

    hook = nn.modules.module.register_module_forward_pre_hook(stop)
    with hook, suppress(KeyboardInterrupt):
        train(tmp_path / "turns", ignore={"L05"})
    assert 150 < next(calls) < 160
    run, again = train(tmp_path / "turns", ignore={"L05"})

    assert 1 == run.history.facts["accumulate"]
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), again.parameters(), strict=True))
