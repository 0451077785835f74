"""The evidence of a finding: its signals around the step, with the limit where it belongs, as plain values."""

import json

import pytest

from autofix_nb.report.evidence_plot import AFTER, BEFORE, draw, plots_of, series_of
from tests.runs import epochs, finding, history, report

VERDICTS = ((50, "kept"), (60, "did not help"))


def plots(run, **fields):
    made = report(history=run, findings=[finding(**fields)])
    return made["findings"][0]["plots"]


def long_run(steps=5000):
    return history(grad_norm=[2.0 + step % 3 for step in range(steps)], loss=[1.0] * steps)


def test_the_limit_is_drawn_with_the_signal_that_was_judged():
    """And with no other one."""
    made = plots(long_run(200), judged="grad_norm", limit=100.0)

    assert [("gradient norm", 100.0), ("training loss", None)] == [(one["title"], one["limit"]) for one in made]
    assert all(one["limit"] is None for one in plots(long_run(200), limit=100.0))


def test_what_lies_far_from_the_step_is_left_out():
    """A run of any length has an evidence of the same size, and a spike in it is kept."""
    run = long_run(2000)
    run.extend("grad_norm", *history(grad_norm=[0.0] * 2000 + [900.0]).series("grad_norm", 1))
    (norms, _) = plots(run, step=1990)
    steps = [step for line in norms["lines"] for step in line["steps"]]

    assert 1990 - BEFORE <= min(steps) <= max(steps) <= 1990 + AFTER
    assert all(len(line["steps"]) <= BEFORE + AFTER for line in norms["lines"])
    assert 900.0 in norms["lines"][0]["values"]


def test_places_have_a_curve_each():
    """The first three of those that a finding names."""
    run = history(loss=[1.0] * 9, **{f"dead/{name}": [0.5] * 9 for name in "abcd"})
    made = plots(run, code="G07", where=("a", "b", "c", "d"), step=5)

    assert ["share of dead units in a", "share of dead units in b", "share of dead units in c"] == [
        line["name"] for line in made[0]["lines"]
    ]


def test_the_goal_has_its_own_name():
    """And is a column of the epoch table."""
    (goal, *_) = plots(epochs([0.1, 0.5, 0.3]), code="L04", step=30)

    assert "validation accuracy" == goal["title"]
    assert [0.1, 0.5, 0.3] == goal["lines"][0]["values"]


def test_yes_and_no_are_drawn_as_a_share():
    """A block of ones and zeros tells nothing."""
    run = history(clipped=[0.0, 1.0] * 50)
    (clipped,) = plots(run, code="G06", step=90)

    assert ["exact"] == [line["kind"] for line in clipped["lines"]]
    assert abs(clipped["lines"][0]["values"][-1] - 0.5) < 0.11


@pytest.mark.parametrize(
    ("values", "kind"),
    [([1.0, 2.0] * 10, "dots"), ([1.0, 2.0] * 50, "band"), ([1e-3] * 50 + [1e-4] * 50, "exact")],
    ids=["few", "noisy", "steady"],
)
def test_noise_is_smoothed_and_steps_are_not(values, kind):
    """What mostly stays as it is has no noise; of few points each is seen."""
    (norms, _) = plots(history(grad_norm=values, loss=values), step=5)

    assert [kind] == [line["kind"] for line in norms["lines"]]


def test_an_answer_stands_in_the_place_of_what_it_answers():
    """One sign for both; a change of another step has its own, which says what came of it."""

    def marks(*changes):
        (norms, _) = plots_of(finding(step=50).to_dict() | {"first_step": 50, "judged": ""}, long_run(200), changes)
        return [(one["kind"], one["step"], one["word"]) for one in norms["marks"]]

    kept, undone = ({"step": at, "fix": "f", "says": "x", "verdict": verdict} for at, verdict in VERDICTS)

    assert [("found", 50, "found")] == marks()
    assert [("fixed", 50, "f")] == marks(kept)
    assert [("found", 50, "found"), ("undone", 60, "f")] == marks(undone)


def test_plain_values_are_drawn_after_a_trip_through_json():
    """A report in JSON has all that its pictures are made of."""
    made = plots(long_run(200), judged="grad_norm", limit=100.0)

    assert list(map(draw, made)) == list(map(draw, json.loads(json.dumps(made))))


def test_without_signals_there_is_nothing_to_see():
    """What was found before training, of a code that is not known, or in a run whose signals are lost."""
    assert [] == plots(long_run(200), code="D07", step=0)
    assert [] == plots_of({"code": "X99"}, long_run(9), [])
    assert [] == plots(history())


def test_values_that_are_not_finite_are_left_out():
    """Of signals and of columns."""
    run = epochs([float("nan"), 0.5])
    run.record(3, loss=float("inf"))

    assert [[0.5], []] == [series_of(run, name)[1].tolist() for name in ("goal", "loss")]
