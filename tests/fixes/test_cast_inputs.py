"""Inputs of another type are cast on their way into the model."""

import copy

import torch
from torch import nn

from autofix_nb.fixes.cast_inputs import CastInputs
from autofix_nb.fixes.standardise import Standardise
from autofix_nb.objective import split_batch
from tests.runs import finding, history, trainee

ROWS = 1e4 * torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def run_of(inputs=ROWS):
    torch.manual_seed(0)
    return trainee(
        history(),
        model=nn.Linear(3, 1),
        sample_batches=lambda count, with_gaps=False: [(inputs, torch.zeros(len(inputs)))][:count],
        split=split_batch,
        rewire=lambda joined=(), left=(): None,
    )


def test_the_model_takes_both_from_then_on():
    """And gives the same answer; a copy knows it, too."""
    run = run_of()
    plain = copy.deepcopy(run.model)
    CastInputs().apply(CastInputs().plan(finding(), run), run)

    for model in (run.model, copy.deepcopy(run.model)):
        assert torch.equal(plain(ROWS.float()), model(ROWS))
        assert torch.equal(plain(ROWS.float()), model(ROWS.float()))


def test_it_goes_together_with_scaling():
    """Whichever came first."""
    answers = []
    for order in ((CastInputs, Standardise), (Standardise, CastInputs)):
        run = run_of()
        for kind in order:
            fix = kind()
            fix.apply(fix.plan(finding(code="B03", step=1), run), run)
        answers.append(run.model(ROWS))

    torch.testing.assert_close(*answers)
    assert answers[0].abs().max() < 10


def test_there_and_back():
    """To the bit."""
    run = run_of()
    before = copy.deepcopy(run.model.state_dict())
    fix = CastInputs()
    change = fix.plan(finding(), run)
    fix.apply(change, run)
    fix.undo(change, run)

    assert list(before) == list(run.model.state_dict())
    assert type(run.model) is nn.Linear


def test_what_the_model_takes_is_left_alone():
    """There is nothing to plan."""
    assert CastInputs().plan(finding(), run_of(ROWS.float())) is None
