"""What `keep` names is part of the training: trials on the side do not move it, and a restart takes it back."""

import copy

import pytest
import torch
from torch.nn import functional

from autofix_nb.loop.first_state import FirstState
from tests.loop.sides import Booked
from tests.loop.test_racing import adam, trained


class Average:
    """A moving average of a model's weights, moved by the user's own step."""

    def __init__(self):
        self.weights = {}

    @torch.no_grad()
    def follow(self, model):
        for name, part in model.state_dict().items():
            self.weights.setdefault(name, torch.zeros_like(part, dtype=torch.float64)).lerp_(part.double(), 0.1)

    def state_dict(self):
        return dict(self.weights)

    def load_state_dict(self, state):
        self.weights = dict(state)


def averaged(fit, name, alarms):
    average = Average()

    def step(model, batch):
        if model.training:
            average.follow(model)
        return functional.cross_entropy(model(batch[0]), batch[1])

    run, _ = trained(fit, make=adam, name=name, alarms=alarms, step=step, keep={"average": average})
    return run, copy.deepcopy(average.weights)


@pytest.mark.parametrize("fresh", [False, True], ids=["present-weights", "first-weights"])
def test_a_moving_average_is_not_moved_by_trials_on_the_side(fit, monkeypatch, fresh):
    """The user's step moves it in each step of a candidate: afterwards it is as in a run without a race."""
    _, calm = averaged(fit, "calm", ())
    booked = Booked(("optimizer", "settings"), fresh=fresh, steps=60).put(monkeypatch)
    _, raced = averaged(fit, "raced", (50,))

    assert booked.scores
    assert all(torch.equal(calm[name], raced[name]) for name in calm)


def test_the_first_state_holds_what_is_kept():
    """A resumed run that begins again takes the average back to where it began."""
    first = FirstState({}, [], [], None, {"average": {"w": torch.ones(2)}})

    assert torch.equal(torch.ones(2), FirstState.from_state(first.state()).kept["average"]["w"])
