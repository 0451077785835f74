"""Numbers that a run begins far from: the way is spared where it would take a large part of the run, and only there."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.policy.far_start import nearer, steps_needed
from tests.policy.test_winning import race, score

LOSSES = st.floats(1e-2, 1e4)


def train(folder, *, spread=1.0, mean=0.0, deviation=None, lr=1e-3, scheduler=None, loss=None, **more):
    """Return a run of a small net on targets in other units, or with first weights of another deviation."""
    torch.manual_seed(0)
    inputs = torch.randn(160, 4)
    data = TensorDataset(inputs, spread * (inputs[:, :1] - inputs[:, 1:2]) + mean)
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
    for part in model.parameters():
        _ = part if deviation is None else nn.init.normal_(part, 0.0, deviation)
    loader = DataLoader(data, batch_size=16, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    schedule = None if scheduler is None else scheduler(optimizer)
    settings = {"preflight": False, "show": "none", "seed": 0, "name": "far", "store": folder} | more
    run = af.fit(
        model, loader, loader, epochs=12, optimizer=optimizer, loss=loss or nn.MSELoss(), scheduler=schedule, **settings
    )
    with torch.no_grad():
        return run, model(inputs), data.tensors[1]


def made_at_first(run):
    return [entry["fix"] for entry in run.journal.entries("change") if entry["step"] == 0]


@pytest.mark.parametrize(
    ("more", "fix"),
    [
        pytest.param({"spread": 80.0, "mean": 150.0}, "scale_targets", id="far-targets"),
        pytest.param({"spread": 1e-4}, "scale_targets", id="tiny-targets"),
        pytest.param({"mean": 500.0, "loss": nn.L1Loss()}, "scale_targets", id="far-from-zero-by-distances"),
        pytest.param({"deviation": 1.5, "lr": 3e-3}, "reinitialise", id="wide-answers"),
    ],
)
def test_a_long_way_is_spared(tmp_path, more, fix):
    """With a finding that says what is far from what; and what is learnt then is in the user's own units."""
    run, outputs, targets = train(tmp_path, **more)
    found = run.journal.entries("finding", code="B08")[0]

    assert [fix] == made_at_first(run)
    assert found["says"].startswith("the answers begin with the spread ")
    assert float((outputs - targets).square().mean()) < 0.5 * float(targets.var())


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="as-they-should-be"),
        pytest.param({"spread": 30.0, "mean": 20.0, "lr": 0.1}, id="a-rate-made-for-them"),
        pytest.param({"deviation": 0.6, "lr": 0.01}, id="soon-down"),
        pytest.param({"spread": 80.0, "mean": 150.0, "fixes": set()}, id="not-allowed"),
        pytest.param({"spread": 80.0, "mean": 150.0, "autofix": "suggest"}, id="suggest"),
        pytest.param(
            {
                "spread": 80.0,
                "mean": 150.0,
                "fixes": {"scale_targets"},
                "scheduler": lambda one: torch.optim.lr_scheduler.LinearLR(one, 0.01, 1.0, 5),
            },
            id="a-rate-that-rises",
        ),
    ],
)
def test_else_nothing_is_done(tmp_path, more):
    """Where it is short, not wanted, or cannot be told yet."""
    assert [] == made_at_first(train(tmp_path, **more)[0])


@given(LOSSES, LOSSES, LOSSES, st.booleans())
def test_a_run_as_quick_as_the_remedy_is_left_alone(start, control, one, falls):
    """Whatever the losses: none wins that came no lower than the run as it is."""
    made = race(start, control, max(one, control), steps=20)

    assert nearer(made, planned=100, constant=1.0 if falls else None) is None


@pytest.mark.parametrize("falls", [False, True], ids=["growing", "falling"])
@given(st.floats(0.01, 0.99), st.integers(20, 100))
def test_what_went_the_whole_way_needs_no_more(falls, left, steps):
    """And one that stands still never comes there, so that any plan is too short for it."""
    start = score(100.0)

    assert steps == pytest.approx(steps_needed(start, score(100.0 * left), 100.0 * left, steps, falls=falls))
    assert float("inf") == steps_needed(start, start, 100.0 * left, steps, falls=falls)
    stands = race(start, start, score(1.0), steps=steps)
    assert 0 == nearer(stands, planned=1e6, constant=1.0 if falls else None)
