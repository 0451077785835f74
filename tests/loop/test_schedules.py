"""A run that goes on for longer than it was planned outlasts a one-cycle schedule."""

import pytest
import torch
from torch.optim import lr_scheduler

from autofix_nb.loop.schedules import is_over


@pytest.mark.parametrize(
    ("make", "over"),
    [
        pytest.param(lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=4), 4, id="one-cycle"),
        pytest.param(lambda optimizer: lr_scheduler.StepLR(optimizer, 2), None, id="one-without-an-end"),
        pytest.param(lambda optimizer: None, None, id="none"),
    ],
)
def test_a_schedule_is_over_just_before_it_would_raise(make, over):
    """Not a step sooner: the last one brings the rate down."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler, taken = make(optimizer), 0
    while scheduler is not None and taken < 10 and not is_over(scheduler):
        optimizer.step()
        scheduler.step()
        taken += 1

    assert (over is not None) == is_over(scheduler)
    assert over is None or over == taken
