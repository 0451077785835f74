"""Columns that mislead are read no more inside the model, if validation says so."""

import copy
import itertools

import pytest
import torch
from torch import nn

from autofix_nb.fixes.drop_columns import DropColumns
from autofix_nb.fixes.fill_missing import FillMissing
from autofix_nb.fixes.standardise import Standardise
from autofix_nb.objective import split_batch
from tests.runs import finding, history, trainee

ROWS = torch.arange(41.0)[:, None] * torch.tensor([1.0, 10.0, -1.0, 2.0])


def run_of(*found, inputs=ROWS, model=None):
    torch.manual_seed(0)
    return trainee(
        history(),
        model=model or nn.Linear(4, 1),
        found_before=list(found),
        sample_batches=lambda count, with_gaps=False: [(inputs, torch.zeros(len(inputs)))][:count],
        split=split_batch,
        rewire=lambda joined=(), left=(): None,
    )


def shifted(*places):
    return finding(code="D04", where=places)


def test_a_column_is_held_at_its_median():
    """Whatever it holds; all others are read as before."""
    run = run_of()
    fix, plain = DropColumns(), copy.deepcopy(run.model)
    fix.apply(fix.plan(shifted("feature 1"), run), run)
    given, held = torch.tensor([[1.0, 7e5, 3.0, 4.0]]), torch.tensor([[1.0, 200.0, 3.0, 4.0]])

    assert torch.equal(plain(held), run.model(given))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_it_goes_together_with_filling_and_scaling(order):
    """In the user's units, whichever came first: the same column, whatever it holds, gives the same answer."""
    inputs = (ROWS * 1e3).clone()
    inputs[::4, 2] = torch.nan
    run = run_of(inputs=inputs)
    for place in order:
        fix = (DropColumns, FillMissing, Standardise)[place]()
        fix.apply(fix.plan(finding(code="D04", step=1, where=("feature 1",)), run), run)
    held = torch.tensor([[1e3, 2e5, -3e3, 4e3]])
    given = torch.tensor([[1e3, 9e9, -3e3, 4e3]])

    assert torch.equal(run.model(held), run.model(given))
    assert run.model(held).abs().max() < 10


def test_there_and_back():
    """Undone to the bit, and made again from plain numbers."""
    run = run_of()
    before = copy.deepcopy(run.model.state_dict())
    fix = DropColumns()
    change = fix.plan(shifted("feature 1"), run)
    fix.apply(change, run)
    fix.undo(change, run)

    assert list(before) == list(run.model.state_dict())
    assert type(run.model) is nn.Linear
    assert torch.equal(before["weight"], run.model.weight)


@pytest.mark.parametrize(
    ("found", "sure"),
    [
        pytest.param([shifted("feature 1"), finding(code="D11", where=("column feature 1",))], True, id="both"),
        pytest.param([shifted("feature 1")], False, id="otherwise-in-validation"),
        pytest.param([shifted("feature 1"), finding(code="D11", where=("column feature 2",))], False, id="another"),
    ],
)
def test_what_tells_the_target_and_is_otherwise_in_validation_is_sure_to_mislead(found, sure):
    """Its harm shows late; what is only one of both has to win its race by much."""
    assert sure == bool(DropColumns().plan(found[0], run_of(*found)).after.get("sure"))


@pytest.mark.parametrize(
    "places",
    [
        pytest.param(("class 1",), id="classes"),
        pytest.param(("feature 0", "feature 1", "feature 2"), id="most-of-them"),
        pytest.param(("feature 9",), id="none-of-this-model"),
        pytest.param(("feature 1", "brightness"), id="properties-of-pictures"),
        pytest.param((), id="nothing"),
    ],
)
def test_nothing_is_dropped_that_is_no_column(places):
    """Nor where more than half of the columns would go: then the two sides are of two kinds."""
    assert DropColumns().plan(shifted(*places), run_of()) is None
