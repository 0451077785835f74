"""Halve the rate, never replace it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.fixes.scale_lr import LOWEST, ScaleLr
from tests.runs import finding, history, trainee


def test_each_time_it_is_halved_down_to_the_lowest():
    """Ten times; a rate of a thousandth that does not help is not to blame."""
    run = trainee(history())
    scales = []
    while (change := ScaleLr().plan(finding(), run)) is not None:
        ScaleLr().apply(change, run)
        scales.append(run.controls.lr_scale)

    assert [2.0**-n for n in range(1, 11)] == scales
    assert LOWEST == scales[-1]


@given(st.integers(1, 5).flatmap(lambda count: st.tuples(st.just(count), st.permutations(range(count)))))
def test_undone_in_any_order_the_rate_is_what_it_was(count_and_order):
    """Two illnesses may have lowered it; the trial of the first ends while that of the second goes on."""
    count, order = count_and_order
    run = trainee(history())
    changes = []
    for _ in range(count):
        changes.append(ScaleLr().plan(finding(), run))
        ScaleLr().apply(changes[-1], run)
    scales = []
    for place in order:
        ScaleLr().undo(changes[place], run)
        scales.append(run.controls.lr_scale)

    assert [2.0 ** (n + 1 - count) for n in range(count)] == scales
    assert all(earlier < later for earlier, later in itertools.pairwise(scales))


@pytest.mark.parametrize(
    ("now", "says"), [(1.0, "0.5 from here on (before: 1)"), (0.25, "0.125 from here on (before: 0.25)")]
)
def test_says_what_it_does(now, says):
    """As a share of the user's rate."""
    run = trainee(history())
    run.controls.lr_scale = now
    change = ScaleLr().plan(finding(), run)

    assert f"the learning rate is multiplied by {says}" == change.says
    assert f"lr={now / 2:g} * lr" in change.permanent
