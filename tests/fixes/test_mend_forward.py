"""A model's `forward` does what was meant, and is as it was after `undo`."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.fixes.mend_forward import MendForward, functional_shares
from tests.runs import RealRun, finding


class Net(nn.Module):
    """Rows (N, 4) made (N, 4, 3), and what a function makes of them: three scores."""

    def __init__(self, how="sound"):
        super().__init__()
        self.first, self.second = nn.Linear(1, 3), nn.Linear(3, 3)
        self.body = nn.GRU(3, 3, batch_first=how != "rows for time")
        self.how = how

    def forward(self, rows):
        places = self.first(rows[:, :, None])
        places = places.reshape(len(rows), 3, 4) if self.how == "scrambled" else places.permute(0, 2, 1)
        states = self.body(places.permute(0, 2, 1))[0]
        if self.how == "dropped":
            states = functional.dropout(states, 0.5)
        weights = torch.softmax(states @ states.mT, 0 if self.how == "over rows" else -1)
        return self.second((weights @ states).mean(1))


def planned(how):
    torch.manual_seed(0)
    run = RealRun(model=Net(how))
    run.train = DataLoader(TensorDataset(torch.randn(16, 4), torch.arange(16) % 3), batch_size=8)
    return run, MendForward().plans(finding(), run)


@pytest.mark.parametrize("how", ["scrambled", "over rows", "rows for time", "dropped"])
def test_the_answers_are_those_of_the_sound_model(how):
    """Of the same weights, in eval mode; and as they were after the undoing."""
    run, (change,) = planned(how)
    sound, rows = Net(), torch.randn(5, 4)
    sound.load_state_dict(run.model.state_dict())
    run.model.eval()
    fix = MendForward()
    torch.manual_seed(1)
    before = run.model(rows)
    fix.apply(change, run)
    mended = run.model(rows)
    copied = copy.deepcopy(run.model)(rows)
    fix.undo(change, run)
    torch.manual_seed(1)

    torch.testing.assert_close(sound.eval()(rows), mended)
    torch.testing.assert_close(mended, copied)
    torch.testing.assert_close(before, run.model(rows))
    assert Net is type(run.model)


def test_a_mended_model_can_be_saved_whole():
    """Pickles remember the rules."""
    run, (change,) = planned("scrambled")
    MendForward().apply(change, run)
    rows = torch.randn(5, 4)

    torch.testing.assert_close(run.model(rows), pickle.loads(pickle.dumps(run.model))(rows))  # noqa: S301


@pytest.mark.parametrize("how", ["scrambled", "over rows", "rows for time", "dropped"])
def test_what_is_mended_is_not_found_again(how):
    """Who looks once more sees the calls that are made now."""
    run, (change,) = planned(how)
    MendForward().apply(change, run)

    assert [] == MendForward().plans(finding(), run)


def test_a_sound_model_is_left_alone():
    """There is nothing to plan."""
    assert [] == planned("sound")[1]


def test_shares_of_dropout_that_is_called():
    """They are nowhere among the layers."""
    assert [0.5] == functional_shares(planned("dropped")[0])
