"""The weights of the best epoch: by the goal, then by the loss."""

import pytest
from torch import nn

from autofix_nb.loop.best import Best

NAN = float("nan")


@pytest.mark.parametrize(
    ("goals", "losses", "epoch"),
    [
        pytest.param([0.5, 0.7, 0.6], [1.0, 1.0, 0.1], 2, id="the-goal-first"),
        pytest.param([0.9, 0.9, 0.9], [0.5, 0.2, 0.3], 2, id="the-loss-where-the-goal-stays"),
        pytest.param([0.9, 0.9], [0.5, 0.5], 1, id="the-first-where-both-stay"),
        pytest.param([0.9, 0.9], [NAN, NAN], 1, id="no-loss"),
        pytest.param([NAN, 0.1], [0.1, 0.5], 2, id="no-goal"),
    ],
)
def test_of_epochs_with_the_same_goal_the_lowest_loss_is_best(goals, losses, epoch):
    """An accuracy of one answer for all rows says nothing; the loss says which weights know more."""
    best, model = Best(), nn.Linear(1, 1)
    for number, (goal, loss) in enumerate(zip(goals, losses, strict=True), start=1):
        best.offer(goal, number, True, model, loss=loss)

    assert epoch == best.epoch


def test_a_state_without_a_loss_is_one_from_before():
    """It is resumed, and any lower loss counts from the next better goal on."""
    best, model = Best(), nn.Linear(1, 1)
    best.offer(0.9, 1, True, model, loss=0.5)
    state = best.state()
    again, older = Best(), Best()
    again.restore(state)
    older.restore({name: value for name, value in state.items() if name != "loss"})

    assert (True, False) == tuple(one.offer(0.9, 2, True, model, loss=0.4) for one in (again, older))
