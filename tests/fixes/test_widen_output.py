"""A model with fewer outputs than the labels count gets those that are missing."""

import copy

import pytest
import torch
from torch import nn

from autofix_nb.fixes.widen_output import WidenOutput
from autofix_nb.objective import split_batch
from tests.runs import finding, history, trainee

ROWS = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))


def run_of(model, inputs=ROWS):
    return trainee(
        history(),
        model=model,
        sample_batches=lambda count, with_gaps=False: [(inputs, torch.zeros(len(inputs)))][:count],
        split=split_batch,
        rewire=lambda joined=(), left=(): None,
    )


def counted(highest, width=3):
    return finding(code="B04", measured=highest, limit=width - 1)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        pytest.param(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), ROWS, id="linear"),
        pytest.param(nn.Conv2d(1, 3, 1), torch.randn(2, 1, 4, 4), id="of-each-pixel"),
    ],
)
def test_what_was_learnt_is_kept(model, inputs):
    """The first outputs are the same, the new ones 0; undone to the bit."""
    if not isinstance(model, nn.Sequential):
        model = nn.Sequential(model)
    run, before = run_of(model, inputs), model(inputs)
    weights = copy.deepcopy(model.state_dict())
    fix = WidenOutput()
    change = fix.plan(counted(4), run)
    fix.apply(change, run)
    after = model(inputs)
    fix.undo(change, run)

    assert after.shape[1] == 5
    torch.testing.assert_close(after[:, :3], before)
    assert not after[:, 3:].any()
    assert all(torch.equal(weights[name], part) for name, part in model.state_dict().items())


def test_back_again_the_first_outputs_keep_what_they_have_learnt():
    """Their weights and moments, row by row."""
    run = run_of(two_layers(8, 3))
    run.optimizer = torch.optim.Adam(run.model.parameters())
    fix = WidenOutput()
    change = fix.plan(counted(3), run)
    fix.apply(change, run)
    nn.functional.cross_entropy(run.model(ROWS), torch.arange(20) % 4).backward()
    run.optimizer.step()
    weight = run.model[2].weight
    learnt, moments = weight.detach().clone(), run.optimizer.state[weight]["exp_avg"].clone()
    fix.undo(change, run)

    assert torch.equal(learnt[:3], weight)
    assert torch.equal(moments[:3], run.optimizer.state[weight]["exp_avg"])


def two_layers(*widths):
    return nn.Sequential(nn.Linear(4, widths[0]), nn.ReLU(), nn.Linear(widths[0], widths[1]))


@pytest.mark.parametrize(
    ("model", "found"),
    [
        pytest.param(two_layers(8, 3), counted(2), id="as-many-as-wanted"),
        pytest.param(two_layers(8, 3), counted(40), id="far-too-many"),
        pytest.param(two_layers(3, 2), counted(3), id="not-the-last-layer"),
        pytest.param(two_layers(8, 3), finding(code="B03", measured=3, limit=2), id="another-finding"),
    ],
)
def test_it_is_planned_where_the_outputs_become_as_many(model, found):
    """A widened copy is asked: what does not fit any more is left alone, and so are labels that number no classes."""
    assert WidenOutput().plan(counted(3), run_of(two_layers(8, 3))) is not None
    assert WidenOutput().plan(found, run_of(model)) is None
