"""Marks for none are taken out of the inputs inside the model, and what is left is brought to a usual scale."""

import copy

import pytest
import torch
from torch import nn

from autofix_nb.fixes.fill_marks import FillMarks
from autofix_nb.fixes.fill_missing import FillMissing
from autofix_nb.fixes.standardise import Standardise
from autofix_nb.objective import split_batch
from tests.runs import finding, history, trainee

MARK = -999.0


def table(mark=MARK, columns=(1,), rows=60, every=5):
    inputs = torch.randn(rows, 3, generator=torch.Generator().manual_seed(4))
    for column in columns:
        inputs[column::every, column] = mark
    return inputs


def run_of(inputs, model=None):
    torch.manual_seed(0)
    return trainee(
        history(),
        model=model or nn.Linear(3, 1),
        sample_batches=lambda count, with_gaps=False: [(inputs, torch.zeros(len(inputs)))][:count],
        split=split_batch,
        rewire=lambda joined=(), left=(): None,
    )


def plan(run):
    return FillMarks().plan(finding(code="D03", step=1), run)


def filled(run):
    FillMarks().apply(plan(run), run)
    return run.model


def test_a_mark_gets_the_median_of_its_feature():
    """In any row, also one that nobody has seen; other values stay, where their spread is usual."""
    inputs = table()
    median = inputs[inputs[:, 1] != MARK, 1].median().item()
    model = filled(run_of(inputs))
    given = torch.tensor([[1.0, MARK, 3.0], [1.0, 2.0, 3.0]])

    torch.testing.assert_close(
        model(torch.tensor([[1.0, median, 3.0], [1.0, 2.0, 3.0]])), model(given), atol=0.05, rtol=0
    )
    assert {"mark": [None, MARK, None]} == {"mark": plan(run_of(inputs)).after["inputs"]["input"]["mark"]}


@pytest.mark.parametrize("columns", [(0,), (0, 1, 2)])
def test_what_a_scaler_made_of_it_is_found_and_the_rest_is_spread_again(columns):
    """All else lay within a thousandth; the first layer sees a usual spread."""
    inputs = table(columns=columns)
    scaled = (inputs - inputs.mean(0)) / inputs.std(0)
    seen = []
    run = run_of(scaled, nn.Sequential(nn.Linear(3, 2)))
    model = filled(run)
    model[0].register_forward_pre_hook(lambda layer, given: seen.append(given[0]))
    model(scaled)

    assert bool((seen[0].std(0) > 0.5).all())
    assert bool((seen[0].std(0) < 2).all())
    assert bool((seen[0].abs() < 5).all())


def test_a_number_that_differs_in_its_last_digits_is_the_same_mark():
    """Validation may have been scaled elsewhere."""
    model = filled(run_of(table()))

    assert torch.equal(model(torch.tensor([[1.0, MARK, 3.0]])), model(torch.tensor([[1.0, MARK * (1 + 1e-5), 3.0]])))


def test_sequences_have_a_mark_for_each_feature():
    """Whatever the time."""
    inputs = table(rows=240).reshape(40, 6, 3)
    model = nn.GRU(3, 2, batch_first=True)
    change = plan(run_of(inputs, model))

    assert [None, MARK, None] == next(iter(change.after["inputs"].values()))["mark"]


@pytest.mark.parametrize("kind", [Standardise, FillMissing], ids=["scaled", "filled"])
def test_what_is_in_the_model_already_is_left_alone(kind):
    """What scales the inputs stays; gaps are filled once."""
    gaps = table(1e3, rows=60)
    gaps[::4, 2] = float("nan")
    run = run_of(gaps)
    first = kind()
    first.apply(first.plan(finding(code="D07", step=1), run), run)
    change = plan(run)

    assert (None if kind is FillMissing else {}) == (change and change.after["scales"])


def test_there_and_back():
    """Once, and undone to the bit; a copy knows it, too."""
    inputs = table() * 100
    run = run_of(inputs)
    before = list(run.model.state_dict())
    fix, change = FillMarks(), plan(run)
    fix.apply(change, run)
    given = torch.tensor([[100.0, MARK * 100, 300.0]])

    assert plan(run) is None
    assert torch.equal(run.model(given), copy.deepcopy(run.model)(given))
    fix.undo(change, run)
    assert before == list(run.model.state_dict())
    assert type(run.model) is nn.Linear


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param(table(columns=()), id="none"),
        pytest.param(table().long(), id="whole-numbers"),
        pytest.param(torch.full((40, 3, 4, 4), MARK), id="pictures"),
    ],
)
def test_others_are_left_alone(inputs):
    """A picture's brightest value is no mark."""
    assert plan(run_of(inputs)) is None
