"""Missing inputs are filled in inside the model, where setting their rows aside would cost much of the data."""

import copy

import pytest
import torch
from torch import nn

from autofix_nb.fixes.fill_missing import FEW, FillMissing
from autofix_nb.fixes.standardise import Standardise
from autofix_nb.objective import split_batch
from tests.runs import finding, history, trainee

NAN = float("nan")


def table(gaps=(), column=None, rows=40):
    inputs = torch.arange(rows, dtype=torch.float32)[:, None] * torch.tensor([1.0, 10.0, -1.0])
    for row, place in gaps:
        inputs[row, place] = NAN
    if column is not None:
        inputs[:, column] = NAN
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
    return FillMissing().plan(finding(code="D07"), run)


MANY = [(row, 1) for row in range(0, 40, 4)]


def test_gaps_get_the_median_of_their_feature():
    """Infinite values are gaps, too; all others stay as they are."""
    run = run_of(table(MANY))
    FillMissing().apply(plan(run), run)
    given = torch.tensor([[1.0, NAN, 3.0], [1.0, 2.0, float("inf")]])
    filled = torch.tensor([[1.0, 200.0, 3.0], [1.0, 2.0, -19.5]])
    plain = nn.Linear(3, 1)
    plain.load_state_dict({name: run.model.state_dict()[name] for name in ("weight", "bias")})

    assert torch.equal(plain(filled), run.model(given))


def test_infinities_are_no_gaps():
    """Where the data hold some: the logarithm of 0 stays the smallest of its feature, a division by 0 the largest."""
    inputs = table(MANY)
    inputs[0, 0], inputs[8, 0] = float("-inf"), float("inf")
    run = run_of(inputs)
    FillMissing().apply(plan(run), run)
    finite = inputs[:, 0][inputs[:, 0].isfinite()]
    below, above = float(finite.min() - finite.std(correction=0)), float(finite.max() + finite.std(correction=0))
    ends = torch.tensor([[float("-inf"), 2.0, 3.0], [float("inf"), 2.0, 3.0]])
    wanted = torch.tensor([[below, 2.0, 3.0], [above, 2.0, 3.0]])

    torch.testing.assert_close(run.model(ends), run.model(wanted))


def test_a_feature_that_no_row_has_is_not_read():
    """Whatever validation holds there."""
    run = run_of(table(column=1))
    FillMissing().apply(plan(run), run)

    assert torch.equal(run.model(torch.tensor([[1.0, 0.0, 3.0]])), run.model(torch.tensor([[1.0, 1e6, 3.0]])))


@pytest.mark.parametrize("first", [FillMissing, Standardise], ids=["filled-first", "scaled-first"])
def test_it_goes_together_with_scaling(first):
    """Gaps are filled in the user's units, whichever came first."""
    run = run_of(table(MANY))
    for kind in (first, *({FillMissing, Standardise} - {first})):
        fix = kind()
        fix.apply(fix.plan(finding(code="D07", step=1), run), run)

    assert torch.equal(run.model(torch.tensor([[1.0, 200.0, 3.0]])), run.model(torch.tensor([[1.0, NAN, 3.0]])))


def test_there_and_back():
    """Once, and undone to the bit; a copy knows it, too."""
    run = run_of(table(MANY))
    before = copy.deepcopy(run.model.state_dict())
    fix = FillMissing()
    fix.apply(plan(run), run)

    assert plan(run) is None
    assert bool(torch.isfinite(copy.deepcopy(run.model)(table(MANY))).all())
    fix.undo(fix.plan(finding(code="D07"), run_of(table(MANY))), run)
    assert list(before) == list(run.model.state_dict())
    assert type(run.model) is nn.Linear


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param(table(), id="none"),
        pytest.param(table(MANY[: int(FEW * 40)]), id="few"),
        pytest.param(torch.ones(40, 3, dtype=torch.long), id="whole-numbers"),
    ],
)
def test_few_gaps_are_left_to_quarantine(inputs):
    """And none need nothing."""
    assert plan(run_of(inputs)) is None


def test_says_what_is_lost():
    """And what no sample has."""
    assert plan(run_of(table(MANY))).says.endswith("as 25% of the training samples hold some")
    assert plan(run_of(table(column=1))).says.endswith("hold some; 1 that no sample has is not read at all")
