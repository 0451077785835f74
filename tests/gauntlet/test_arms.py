"""The arms: the same start for all, an honest count of steps, and a row whatever happens."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils.data import TensorDataset

from tests.gauntlet import data
from tests.gauntlet.arms import ARMS, TWIN, run
from tests.gauntlet.arms.base import Outcome, planned_steps
from tests.gauntlet.arms.search import RandomSearch
from tests.gauntlet.case import Case, Interruption, Training
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam

IRIS = Recipe(data=data.iris, net=lambda: dense(4, 16, 3), optimizer=adam(0.01), batch=10, epochs=8)
STEPS = 80


def case(make: Any = IRIS, **fields: Any) -> Case:
    """Return a healthy case, small enough for every arm."""
    return Case(**{"name": "iris", "codes": (), "aim": "healthy", "make": make} | fields)


def _with_nan(rows: data.Data) -> TensorDataset:
    """Return the training rows, one of them without numbers."""
    inputs = rows.inputs.clone()
    inputs[5] = float("nan")
    return TensorDataset(inputs, rows.targets)


def breaking(after: int, error: BaseException) -> Any:
    """Return what makes a training whose step raises after so many of them."""
    calls = []

    def step(model: torch.nn.Module, batch: Any) -> torch.Tensor:
        calls.append(None)
        if len(calls) > after:
            raise error
        return torch.nn.functional.cross_entropy(model(batch[0]), batch[1])

    return replace(IRIS, loss=None, step=step)


@pytest.mark.parametrize("arm", ARMS.values(), ids=lambda arm: arm.name)
def test_each_arm_trains_the_case_and_says_so_in_plain_values(arm):
    """With as many steps as are planned; a random search with half as many more."""
    if arm.missing:
        pytest.skip(arm.missing)
    row = run(arm, case(), 1)
    planned = STEPS * 3 // 2 if arm.name == "random search" else STEPS

    assert row == json.loads(json.dumps(row))
    assert ("", "iris", arm.name, 1, STEPS) == tuple(row[name] for name in ("error", "case", "arm", "seed", "planned"))
    assert row["steps"] == planned
    assert row["score"] > 60


def test_ours_and_the_plain_loop_end_with_the_same_weights_on_a_healthy_run(tmp_path):
    """They get the same first weights, batches and random numbers: only what is changed makes a difference."""
    outcomes = [Outcome(tmp_path / name) for name in ("plain", "ours")]
    unwatched = replace(IRIS, epochs=5)
    for name, outcome in zip(("plain", "autofix_nb"), outcomes, strict=True):
        outcome.folder.mkdir()
        # Without validation data no best weights are put back.
        ARMS[name].train(case(lambda seed: replace(unwatched(seed), val=None)), 2, outcome)
    weights = [outcome.training.model.state_dict() for outcome in outcomes]

    assert [] == outcomes[1].interventions
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_another_seed_is_another_training():
    """And the same seed the same."""
    plain = [run(ARMS["plain"], case(), seed)["score"] for seed in (1, 1)]
    weights = []
    for name in ("plain", "reseed"):
        outcome = Outcome(folder=None)
        ARMS[name].train(case(), 1, outcome)
        weights.append(outcome.training.model[0].weight)

    assert plain[0] == plain[1]
    assert not torch.equal(*weights)


@pytest.mark.parametrize("error", [ValueError("broken"), Interruption("stop")], ids=["an error", "an interruption"])
@pytest.mark.parametrize("name", ["plain", "careful"])
def test_what_raises_is_a_row_with_the_points_reached_by_then(name, error):
    """And the name of the error, so that nobody takes it for a result."""
    row = run(ARMS[name], case(breaking(70, error)), 1)

    assert f"{type(error).__name__}: {error}" == row["error"]
    assert 50 <= row["steps"] <= STEPS
    assert row["score"] > 40


def test_what_is_stopped_on_the_way_has_told_until_then_what_was_found(tmp_path):
    """The findings of a run that raised are read from its folder."""
    hurt = replace(breaking(70, Interruption("stop")), rows=lambda rows: _with_nan(rows))
    row = run(ARMS["autofix_nb"], case(hurt), 1)

    assert "Interruption: stop" == row["error"]
    assert "G03" in [code for code, *_ in row["findings"]]
    assert "quarantine" in row["interventions"]


def test_a_case_that_cannot_be_made_is_a_row_without_points():
    """One of them must not end the gauntlet."""

    def make(seed: int) -> Training:
        raise ValueError(f"no data for seed {seed}")

    row = run(ARMS["plain"], case(make), 4)

    assert (0.0, "ValueError: no data for seed 4") == (row["score"], row["error"])


def test_the_twin_is_what_is_trained_as_the_measure():
    """And nothing where a case has none."""
    sick = case(replace(IRIS, optimizer=adam(30.0)), codes=("L01",), aim="rescue", twin=IRIS)
    plain, twin = run(ARMS["plain"], sick, 0), run(TWIN, sick, 0)

    assert run(ARMS["plain"], case(), 0)["score"] == twin["score"] > plain["score"]
    assert 0 == run(TWIN, case(), 0)["steps"]


def test_a_random_search_finds_what_a_bad_rate_hides():
    """Of five tries the best goes on: it is a rival to be taken seriously."""
    sick = case(replace(IRIS, optimizer=adam(1e-7)))

    assert max(run(RandomSearch(), sick, seed)["score"] for seed in range(3)) > 85


def test_accumulated_batches_are_one_step():
    """In all loops alike."""
    make = replace(IRIS, accumulate=4)
    rows = [run(ARMS[name], case(make), 1) for name in ("plain", "careful", "autofix_nb")]

    assert 24 == planned_steps(make(1))
    assert {"plain": 24, "autofix_nb": 24} == {row["arm"]: row["steps"] for row in rows if row["arm"] != "careful"}
    assert rows[1]["steps"] <= 24
