"""A part of the loss that opposes the others, where neither they nor the goal become better."""

import numpy as np
import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.opposing_loss import OpposingLoss
from autofix_nb.finding import Severity
from autofix_nb.history import History
from tests.runs import epochs


def run(
    *,
    goals=(0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
    cosine=-0.8,
    norms=(1.0, 1.0),
    main=(1.0, 1.0),
    against=(1.0, 0.2),
    looks=4,
    goal_name="val/accuracy",
    majority=None,
):
    made = epochs(list(goals), goal_name=goal_name, steps=50, **{"val/majority": majority})
    steps = np.arange(1, 301)
    for name, (first, last) in {"main": main, "against": against}.items():
        made.extend(f"loss/{name}", steps, np.linspace(first, last, 300))
    for name, norm in zip(("main", "against"), norms, strict=True):
        at = np.array([25, 50, 100, 200])[:looks]
        made.extend(f"part_cosine/{name}", at, np.full(looks, cosine))
        made.extend(f"part_norm/{name}", at, np.full(looks, norm))
    return made


@pytest.mark.parametrize(
    ("history", "where"),
    [
        pytest.param(run(), ("against",), id="against-all"),
        pytest.param(run(goals=(0.5, 0.4, 0.3, 0.3, 0.2, 0.2)), ("against",), id="the-goal-becomes-worse"),
        pytest.param(run(cosine=-0.2), None, id="hardly-opposing"),
        pytest.param(run(cosine=0.9), None, id="going-together"),
        pytest.param(run(norms=(1.0, 0.05)), None, id="too-short-to-matter"),
        pytest.param(run(goals=(0.5, 0.6, 0.7, 0.8, 0.85, 0.9)), None, id="the-goal-becomes-better"),
        pytest.param(
            run(goals=(0.01, 0.02, 0.1, 0.1, 0.1, 0.1), majority=0.1), ("against",), id="the-goal-rises-to-chance"
        ),
        pytest.param(run(goals=(0.01, 0.1, 0.2, 0.3, 0.4, 0.5), majority=0.1), None, id="the-goal-rises-above-chance"),
        pytest.param(run(main=(1.0, 0.3)), None, id="at-rest-after-learning"),
        pytest.param(run(goal_name="val/loss/main"), ("against",), id="the-goal-is-the-other-part"),
        pytest.param(
            run(goals=(-0.73, -0.71, -0.71, -0.71, -0.71, -0.71), goal_name="val/loss/main"),
            ("against",),
            id="the-goal-is-a-part-that-gained-little",
        ),
        pytest.param(
            run(goals=(-0.73, -0.6, -0.5, -0.4, -0.4, -0.4), goal_name="val/loss/main"),
            None,
            id="the-goal-is-a-part-that-is-learnt",
        ),
        pytest.param(run(goal_name="val/loss/against"), None, id="the-part-is-the-goal"),
        pytest.param(run(main=(-1.0, -1.0), against=(-0.5, -3.0)), ("against",), id="negative-losses"),
    ],
)
def test_opposing_alone_is_no_illness(history, where):
    """The others and the goal must stay where they were."""
    finding = OpposingLoss().check(history)

    assert where == (finding and finding.where)


@pytest.mark.parametrize(
    ("history", "why"),
    [
        pytest.param(run(looks=2), r"`part_cosine/main`: 2 of 3 values", id="too-few-looks"),
        pytest.param(run(goals=(0.5,) * 4), "`goal`: 4 of 5 epochs", id="too-few-epochs"),
        pytest.param(run(goal_name="val/loss"), "`goal`: the whole loss cannot tell", id="the-goal-holds-the-part"),
        pytest.param(epochs([0.5] * 9), "`part_cosine`: nothing recorded", id="one-part"),
    ],
)
def test_where_it_cannot_be_told(history, why):
    """With the reason."""
    with pytest.raises(NotApplicable, match=why):
        OpposingLoss().check(history)


def test_says_what_it_measured():
    """Part, cosine, limit, and goal."""
    assert str(OpposingLoss().check(run())) == (
        "L11 A loss term works against the goal at step 300: the gradient of the loss part 'against' points against "
        "that of the others (cosine -0.80, limit -0.3), and neither they nor val/accuracy became better in 6 epochs. "
        "Where: against. Try rebalance_losses."
    )


def whole(*, cosine=-0.8, norms=(1.0, 1.0), blind=("against",), against=(1.0, 0.2), explained=0.3, goal="val/loss"):
    """A run whose goal is the whole loss; `against` can be no aim where it is among `blind`."""
    made = run(cosine=cosine, norms=norms, goal_name=goal, main=(1.0, 0.6), against=against)
    made.extend("loss", np.arange(1, 301), np.full(300, 1.0))
    made.extend("grad_norm", np.arange(1, 301), np.geomspace(1.0, 1e3, 300))
    made.extend("part_gain/main", np.array([25, 50, 100]), np.full(3, explained))
    made.facts |= {"goal": goal, "blind_parts": list(blind)}
    return made


@pytest.mark.parametrize(
    ("history", "severity"),
    [
        pytest.param(whole(), Severity.WARNING, id="a-wish-against-the-aim"),
        pytest.param(whole(cosine=-0.2), None, id="hardly-opposing"),
        pytest.param(whole(explained=0.9), None, id="a-wish-that-costs-little"),
        pytest.param(whole(goal="val/loss/main", explained=0.01), Severity.WARNING, id="against-a-goal-not-learnt"),
        pytest.param(whole(goal="val/loss/main"), None, id="against-a-goal-that-is-learnt"),
        pytest.param(whole(norms=(1.0, 0.4)), None, id="weaker-than-the-aim"),
        pytest.param(whole(blind=(), against=(-1.0, -5e3)), Severity.CRITICAL, id="falls-without-end"),
    ],
)
def test_a_mere_means_may_not_work_against_what_the_whole_loss_is_for(history, severity):
    """It is told by the goal, by knowing nothing of the targets, or by falling without end."""
    finding = OpposingLoss().check(history)

    assert severity == (finding and finding.severity)
    assert finding is None or finding.where == ("against",)


def beside_a_wish(*gains, pull=1.0):
    """A run whose other part explains so much at the looks at the steps 10, 25, 50, 100 and 200."""
    made = whole(cosine=0.0, norms=(1.0, pull), blind=(), goal="val/loss")
    made.facts |= {"wishes": ["against"], "planned_steps": 300}
    for part in ("main", "against"):
        made.extend(f"part_norm/{part}", np.array([301]), np.array([pull]))
    fresh = History()
    for name in made.names():
        if name != "part_gain/main":
            fresh.extend(name, *made.series(name))
    fresh.extend("part_gain/main", np.array([10, 25, 50, 100, 200])[: len(gains)], np.array(gains))
    fresh.facts |= made.facts
    return fresh


@pytest.mark.parametrize(
    ("history", "severity"),
    [
        pytest.param(beside_a_wish(0.0, 0.01, 0.0, 0.02, 0.0), Severity.WARNING, id="nothing-learnt"),
        pytest.param(beside_a_wish(0.0, 0.01, 0.0, 0.4, 0.5, pull=1.0), None, id="learnt-since"),
        pytest.param(beside_a_wish(0.2, 0.3, 0.3, 0.0, 0.0), None, id="learnt-in-the-beginning"),
        pytest.param(beside_a_wish(0.0, 0.01, 0.0, 0.02, 0.0, pull=0.0), None, id="turned-off"),
    ],
)
def test_a_wish_beside_which_nothing_is_learnt_works_against_the_goal(history, severity):
    """Whatever the angle: where answers have collapsed to please it, nothing pulls any more."""
    try:
        finding = OpposingLoss().check(history)
    except NotApplicable:
        finding = None

    assert severity == (finding and finding.severity)
    assert finding is None or finding.where == ("against",)
