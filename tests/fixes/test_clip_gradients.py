"""Clip near what was usual."""

import math

import pytest

from autofix_nb.fixes.clip_gradients import ClipGradients
from tests.runs import finding, history, trainee


@pytest.mark.parametrize(
    ("norms", "limit"),
    [
        pytest.param([2.0, 2.0, 2.0, 500.0], 6.0, id="three-times-the-median"),
        pytest.param([2.0, math.nan, 2.0, math.inf, 2.0], 6.0, id="bad-steps-are-not-usual"),
        pytest.param([], None, id="nothing-known"),
        pytest.param([math.nan, math.inf], None, id="nothing-finite"),
        pytest.param([0.0, 0.0, 9.0], None, id="a-limit-of-zero-would-end-the-training"),
    ],
)
def test_limit_is_three_times_the_usual_norm(norms, limit):
    """Of the finite norms recorded."""
    change = ClipGradients().plan(finding(), trainee(history(grad_norm=norms)))

    assert limit == (change and change.after["clip_norm"])


def test_a_limit_that_stands_is_left_alone():
    """There is none gentler than the one that did not help."""
    run = trainee(history(grad_norm=[2.0]))
    run.controls.clip_norm = 1.0

    assert None is ClipGradients().plan(finding(), run)


def test_says_what_it_does():
    """And the line of code that makes it permanent."""
    change = ClipGradients().plan(finding(), trainee(history(grad_norm=[2.0])))

    assert "gradients are clipped to a norm of 6, 3 times the usual" == change.says
    assert "torch.nn.utils.clip_grad_norm_(model.parameters(), 6)" == change.permanent
