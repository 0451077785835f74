"""Parts of a loss that pull equally hard."""

import pytest
import torch

from autofix_nb.fixes.rebalance_losses import RebalanceLosses
from tests.runs import finding, history, trainee


def run_of(parts, norms=None, cosines=None, total=None):
    series = {f"loss/{part}": [value] * 3 for part, value in parts.items()}
    series |= {f"part_norm/{part}": [value] * 3 for part, value in (norms or {}).items()}
    series |= {f"part_cosine/{part}": [value] * 3 for part, value in (cosines or {}).items()}
    return trainee(history(loss=[sum(parts.values()) if total is None else total] * 3, **series))


def weights(code, run, **more):
    changes = RebalanceLosses().plans(finding(code=code, **more), run)
    assert all(change.before == {"part_weights": run.controls.part_weights} for change in changes)
    return [change.after["part_weights"] for change in changes]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(run_of({"a": 1.0, "b": 100.0}), {"a": 10.0, "b": 0.1}, id="by-sizes"),
        pytest.param(run_of({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 16.0}), {"a": 4.0, "b": 0.25}, id="by-gradients"),
        pytest.param(run_of({"a": -1.0, "b": 4.0}), {"a": 2.0, "b": 0.5}, id="a-negative-part"),
        pytest.param(run_of({"a": 1.0, "b": 4.0, "c": 0.0}), {"a": 2.0, "b": 0.5}, id="a-part-that-is-nothing"),
        pytest.param(run_of({"a": 1.0, "b": 4.0}, {"a": 1.0}), {"a": 2.0, "b": 0.5}, id="not-all-norms-measured"),
        pytest.param(run_of({"a": 1.0, "b": 1e12}), {"a": 1e4, "b": 1e-4}, id="too-far-apart"),
    ],
)
def test_halfway_and_then_to_balance(run, expected):
    """What one part gains the others lose, so that a step stays as large as it was."""
    halfway, whole = weights("G05", run)

    assert expected == pytest.approx(whole)
    assert {part: weight**0.5 for part, weight in expected.items()} == pytest.approx(halfway)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(run_of({"a": 1.0}), id="one-part"),
        pytest.param(run_of({}), id="no-parts"),
        pytest.param(run_of({"a": 1.0, "b": 1.0}), id="balanced-already"),
        pytest.param(run_of({"a": 1.0, "b": 0.0}), id="only-one-that-is-anything"),
        pytest.param(run_of({"a": 1.0, "b": 9.0}, total=1.0), id="not-added-up-here"),
    ],
)
def test_where_weights_would_change_nothing(run):
    """A user who returns `loss` beside the parts has added them up."""
    assert [] == weights("G05", run)


@pytest.mark.parametrize(
    ("run", "where", "expected"),
    [
        pytest.param(run_of({"a": 1.0, "b": 1.0}), ("b",), "b", id="the-one-that-is-named"),
        pytest.param(run_of({"a": 1.0, "b": 1.0}, None, {"a": -0.1, "b": -0.9}), (), "b", id="the-worst"),
        pytest.param(run_of({"a": 1.0, "b": 1.0}, None, {"a": 0.1, "b": 0.9}), (), None, id="none-opposes"),
        pytest.param(run_of({"a": 1.0, "b": 1.0}), (), None, id="not-known"),
    ],
)
def test_what_works_against_the_others_is_turned_down_and_off(run, where, expected):
    """Gentlest first; the others keep what they count."""
    run.controls.part_weights = {}

    assert ([] if expected is None else [{expected: 0.1}, {expected: 0.0}]) == weights("L11", run, where=where)


def test_weights_that_are_there_already_count():
    """The loss is the sum of the weighed parts then; what is turned down is turned down from where it is."""
    run = run_of({"a": 1.0, "b": 1.0}, total=1.5)
    run.controls.part_weights = {"b": 0.5}

    assert [{"b": pytest.approx(0.05)}, {"b": 0.0}] == weights("L11", run, where=("b",))


def test_says_what_each_part_counts():
    """And types it."""
    change = RebalanceLosses().plans(finding(code="G05"), run_of({"a": 1.0, "b": 100.0}))[1]

    assert "the parts of the loss are weighed so that they pull equally hard (a 10, b 0.1)" == change.says
    assert 'loss = 10 * parts["a"] + 0.1 * parts["b"]' == change.permanent


def test_the_optimizer_forgets_the_old_gradients():
    """Adam would divide by what a part that drowned all others left behind; undoing it brings the moments back."""
    run = run_of({"a": 1.0, "b": 100.0})
    weight = torch.nn.Parameter(torch.ones(2))
    run.optimizer = torch.optim.Adam([weight])
    weight.grad = torch.full((2,), 1e6)
    run.optimizer.step()
    moments = run.optimizer.state[weight]
    fix = RebalanceLosses()
    change = fix.plan(finding(code="G05"), run)
    fix.apply(change, run)

    assert {} == dict(run.optimizer.state)

    fix.undo(change, run)

    assert moments is run.optimizer.state[weight]


def aimed(norms, blind=(), goal="val/loss/a", parts=("a", "b"), **values):
    run = run_of(dict.fromkeys(parts, 1.0) | values, norms)
    run.history.facts |= {"goal": goal, "blind_parts": list(blind)}
    return run


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(aimed({"a": 1.0, "b": 50.0}), [{"a": 50.0, "b": 1.0}, {"b": 0.0}], id="drowned"),
        pytest.param(aimed({"a": 2.0, "b": 1.0}), [{"b": 0.0}], id="loud-already"),
        pytest.param(aimed({"a": 0.0, "b": 0.0}), [{"b": 0.0}], id="all-gradients-gone"),
        pytest.param(
            aimed({"a": 1.0, "b": 1.0, "c": 9.0}, ["c"], "val/loss", "abc"),
            [{"a": 9.0, "b": 9.0, "c": 1.0}, {"c": 0.0}],
            id="several-aims",
        ),
    ],
)
def test_what_the_training_is_for_is_raised_and_then_alone(run, expected):
    """It pulls as hard as all else then, at the rate that fitted the loudest."""
    assert expected == weights("G05", run)


def test_a_wish_that_knows_nothing_of_the_targets_is_turned_off_first():
    """Its pull bends what is left to learn, so that the first steps without it show more than those with a tenth."""
    run = aimed({"a": 1.0, "b": 1.0}, ["b"], "val/loss")

    assert [{"b": 0.0}, {"b": 0.1}] == weights("L11", run, where=("b",))


@pytest.mark.parametrize("code", ["L11", "G05", "G03"])
def test_what_falls_without_end_counts_nothing(code):
    """Whatever it was found by; once it is off, it is off."""
    parts = {"loss/a": [2.0, 4.0], "loss/b": [-2.0, -1e5 - 4.0]}
    run = trainee(history(loss=[0.0, -1e5], grad_norm=[1.0, 1e5], **parts))
    run.history.facts["goal"] = "val/loss"

    assert [{"b": 0.0}] == weights(code, run)


def test_numbers_that_went_bad_do_not_hide_that_parts_are_added_up():
    """The newest that were finite tell."""
    run = trainee(history(**{"loss": [5.0, float("inf")], "loss/a": [1.0, 1.0], "loss/b": [4.0, float("inf")]}))

    assert 2 == len(weights("G05", run))


def uneven(pulls, began):
    """Return a run whose parts are both learnt from the targets."""
    series = {f"loss/{part}": [value] * 3 for part, value in began.items()}
    series |= {f"part_norm/{part}": [value] * 3 for part, value in pulls.items()}
    series |= {f"part_gain/{part}": [0.1] * 3 for part in pulls}
    return trainee(history(loss=[sum(began.values())] * 3, **series))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(uneven({"a": 1.0, "b": 1e-6}, {"a": 2.0, "b": 1e-6}), [{"a": 1.0, "b": 1e6}], id="faint"),
        pytest.param(uneven({"a": 0.5, "b": 5e4}, {"a": 2.0, "b": 5e4}), [{"a": 1.0, "b": 1e-5}], id="loud"),
        pytest.param(
            uneven({"a": 1.0, "b": 1e6}, {"a": 2.0, "b": 1e9}),
            [{"a": 1.0, "b": 1e-6}, {"a": 1.0, "b": 1e-10}],
            id="in-a-huge-unit",
        ),
    ],
)
def test_parts_that_drown_one_another_come_to_a_usual_pull(run, expected):
    """That for which rates are chosen. Surely so: neither is a penalty, and nobody wants so little of one."""
    changes = RebalanceLosses().plans(finding(code="G05"), run)

    assert expected == [pytest.approx(change.after["part_weights"]) for change in changes]
    assert all(change.after["sure"] for change in changes)
    RebalanceLosses().apply(changes[0], run)
    assert pytest.approx(expected[0]) == run.controls.part_weights
