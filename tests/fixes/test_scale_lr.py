"""Halve the rate, never replace it."""

import itertools
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.fixes.scale_lr import LOWEST, ScaleLr
from tests.runs import finding, history, trainee


def test_each_time_it_is_halved_down_to_the_lowest():
    """Twenty times: also a rate found by a range test may be lowered once more."""
    run = trainee(history())
    scales = []
    while (change := ScaleLr().plan(finding(), run)) is not None:
        ScaleLr().apply(change, run)
        scales.append(run.controls.lr_scale)

    assert [2.0**-n for n in range(1, 21)] == scales
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
    assert f'group["lr"] *= {now / 2:g}' in change.permanent


def with_rate(found, lr=0.1, scale=1.0, fresh=False, **group):
    """Return a run at a rate of `lr` whose range test finds `found`."""
    optimizer = SimpleNamespace(param_groups=[{"lr": lr} | group])
    run = trainee(history(), optimizer=optimizer, find_rate=lambda: found, starts_fresh=fresh)
    run.controls.lr_scale = scale
    return run


@pytest.mark.parametrize(
    ("code", "run", "expected"),
    [
        pytest.param("L01", with_rate(None), [0.1, 0.01, 0.001], id="down-by-powers-of-ten"),
        pytest.param("L01", with_rate(0.003), [0.03, 0.1, 0.01, 0.001], id="down-to-the-found-one-first"),
        pytest.param("L01", with_rate(0.008), [0.08, 0.01, 0.001], id="what-is-nearly-the-found-one-is-left-out"),
        pytest.param("L01", with_rate(0.06), [0.1, 0.01, 0.001], id="the-found-one-is-the-present-one"),
        pytest.param("L01", with_rate(5.0), [0.1, 0.01, 0.001], id="the-found-one-lies-above"),
        pytest.param("L02", with_rate(None), [10.0, 100.0], id="up-by-powers-of-ten"),
        pytest.param("L02", with_rate(3.0), [30.0, 120.0, 10.0], id="up-to-the-found-one-first"),
        pytest.param("L02", with_rate(0.001), [10.0, 100.0], id="the-found-one-lies-below"),
        pytest.param("G02", with_rate(None), [0.1, 10.0, 0.01, 100.0, 0.001], id="both-ways"),
        pytest.param("G02", with_rate(0.5), [5.0, 0.1, 0.01, 100.0, 0.001], id="both-ways-found-first"),
        pytest.param("L01", with_rate(0.003, scale=0.1), [0.03, 0.01, 0.001, 0.0001], id="lowered-before"),
        pytest.param("L01", with_rate(0.003, lr=0.0, initial_lr=0.1), [0.03, 0.1, 0.01, 0.001], id="in-a-warm-up"),
        pytest.param("L01", with_rate(0.003, lr=0.0, max_lr=0.1), [0.03, 0.1, 0.01, 0.001], id="one-cycle"),
        pytest.param(
            "L01", with_rate(0.003, lr=0.001, initial_lr=0.1, fresh=True), [0.03, 0.1, 0.01, 0.001], id="begins-again"
        ),
        pytest.param("L01", with_rate(None, scale=1e-4), [1e-5, 1e-6], id="not-below-the-lowest"),
        pytest.param("L01", trainee(history()), [0.1, 0.01, 0.001], id="no-range-test"),
        pytest.param("R04", with_rate(0.003), [0.5], id="another-illness"),
    ],
)
def test_what_is_tried_for_which_finding(code, run, expected):
    """What was measured first, then what changes least; no two rates that are next to each other."""
    changes = ScaleLr().plans(finding(code=code), run)

    assert expected == pytest.approx([change.after["lr_scale"] for change in changes])
    assert all(change.before == {"lr_scale": run.controls.lr_scale} for change in changes)


def test_the_range_test_is_run_once():
    """It costs steps."""
    asked = []
    run = with_rate(None)
    run.find_rate = lambda: asked.append(1) or 0.01

    changes = ScaleLr().plans(finding(code="G02"), run)

    assert [1] == asked
    assert changes[0].says.endswith("(before: 1, found by a range test)")


@pytest.mark.parametrize("code", ["L02", "L05", "G06"])
def test_a_rate_that_is_too_low_is_never_lowered(code):
    """How far up is found out in a race; where none can be run, nothing is done."""
    assert ScaleLr().plan(finding(code=code), trainee(history())) is None


@given(st.floats(2**-10, 2**10), st.sampled_from([2.0**-5, 0.5, 4.0, 2.0**5]))
def test_by_a_factor_of_the_present_rate(now, factor):
    """Whatever scaled it before; planning changes nothing, and undone it is what it was."""
    run = trainee(history())
    run.controls.lr_scale = now
    change = ScaleLr().by(factor, run)
    planned = run.controls.lr_scale
    ScaleLr().apply(change, run)
    made = run.controls.lr_scale
    ScaleLr().undo(change, run)

    assert ({"lr_scale": now}, {"lr_scale": now * factor}) == (change.before, change.after)
    assert (now, now * factor) == (planned, made)
    assert now == pytest.approx(run.controls.lr_scale)
