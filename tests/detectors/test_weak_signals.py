"""Signals that come to nothing: through a sequence, through weights that are too small, through a depth."""

import pytest

from autofix_nb.detectors.vanishing_gradients import VanishingGradients
from autofix_nb.detectors.weak_signals import BEHIND, HEARD, LEAST, MUTED, deaf_layer, muted
from autofix_nb.finding import Severity
from tests.runs import history

IDLE, KNOWS = [0.01, -0.01] * 5, [0.5, 0.6] * 5
DETECTOR = VanishingGradients()


def reader(reach, *, steps=30, gains=IDLE, losses=None, **facts):
    losses = [2.3, 2.4] * (steps // 2) if losses is None else losses
    one = history(loss=losses, grad_norm=[1.0] * steps, gain=gains, mispaired=[2.3] * 10, **{"reach/body": reach})
    one.facts |= {"recurrent": ["body"], "planned_steps": 100} | facts
    return one


ODD = {"odd_weights": {"body.weight_hh_l0": 0.02}}


@pytest.mark.parametrize(
    ("run", "heard"),
    [
        pytest.param(reader([1e-9] * 3, **ODD), False, id="odd-weights-and-nothing-heard"),
        pytest.param(reader([1e-9] * 3), True, id="usual-weights-may-wake-up"),
        pytest.param(reader([1e-9] * 3, steps=LEAST + 10), False, id="usual-weights-that-did-not"),
        pytest.param(reader([1e-9] * 2, **ODD), True, id="too-few-looks"),
        pytest.param(reader([1e-9, 1e-9, 2 * HEARD], **ODD), True, id="heard-by-now"),
        pytest.param(reader([1e-9, 1e-8, 1e-5], **ODD), True, id="comes-to-life"),
        pytest.param(reader([1e-9] * 3, gains=KNOWS, **ODD), True, id="learns-all-the-same"),
        pytest.param(reader([1e-9] * 3, **ODD | {"recurrent": []}), True, id="other-layers-are-not-asked"),
        pytest.param(reader([1e-9] * 3, losses=[2.3] * 20 + [0.1] * 10, **ODD), True, id="the-loss-is-low"),
    ],
)
def test_a_recurrent_layer_that_hears_nothing_of_the_beginning(run, heard):
    """It must last, and nothing be learnt; less patience is needed where its weights are such as no rule draws."""
    finding = DETECTOR.check(run)

    assert heard != (finding is not None and "first quarter of its sequences" in finding.says)
    assert heard or (("body",), "reinitialise") == (finding.where, finding.fixes[0])


def test_weights_that_no_rule_draws_are_named():
    """Who reads it finds the line that drew them."""
    finding = DETECTOR.check(reader([1e-9] * 3, **ODD))

    assert "`body.weight_hh_l0` is many times smaller" in finding.says
    assert Severity.CRITICAL == finding.severity
    assert ["body.weight_hh_l0"] == deaf_layer(reader([1e-9] * 3, **ODD))[2]


def quiet(spread, ratio, *, steps=50, gains=IDLE, planned=200, rates=None):
    spreads = spread if isinstance(spread, list) else [spread] * 10
    one = history(
        loss=[2.3, 2.4] * (steps // 2),
        lr=rates or [0.1] * steps,
        grad_norm=[1.0] * steps,
        output_spread=spreads,
        gain=gains,
        mispaired=[2.3] * 10,
        **{"grad_norm/first": [ratio] * steps, "grad_norm/last": [1.0] * steps},
    )
    one.facts |= {"planned_steps": planned}
    return one


@pytest.mark.parametrize(
    ("run", "severity"),
    [
        pytest.param(quiet(0.01, 0.005), Severity.WARNING, id="both-hardly"),
        pytest.param(quiet(1e-4, 0.005), Severity.CRITICAL, id="all-rows-nearly-the-same"),
        pytest.param(quiet(2 * MUTED, 0.005), None, id="answers-differ"),
        pytest.param(quiet(0.01, 2 * BEHIND), None, id="the-first-layers-hear-of-it"),
        pytest.param(quiet([0.001] * 8 + [0.01, 0.2], 0.005), None, id="wakes-up"),
        pytest.param(quiet(0.01, 0.005, steps=30), None, id="too-soon"),
        pytest.param(quiet(0.01, 0.005, planned=1000), None, id="too-soon-for-a-long-run"),
        pytest.param(quiet(0.01, 0.005, gains=KNOWS), None, id="learns-all-the-same"),
        pytest.param(quiet(0.0, 0.005), None, id="exactly-the-same-is-another-illness"),
        pytest.param(quiet(0.01, 0.005, rates=[0.001 * step for step in range(50)]), None, id="warms-up"),
    ],
)
def test_answers_that_hardly_hang_on_the_inputs_and_first_layers_that_hardly_hear(run, severity):
    """Each alone is met in healthy runs; both together, from the first step on and with nothing learnt, are not."""
    finding = DETECTOR.check(run)

    assert severity == (finding and finding.severity)


def test_one_component_alone_has_no_first_layers():
    """There is nothing to compare it with."""
    assert None is muted(quiet(0.01, 0.005), {"only": 0.001})


def drawn(odd, *, steps=30, gains=IDLE, losses=None, planned=100, equal_weights=()):
    losses = [2.3, 2.4] * (steps // 2) if losses is None else losses
    one = history(loss=losses, grad_norm=[1.0] * steps, lr=[0.1] * steps, gain=gains, mispaired=[2.3] * 10)
    one.facts |= {"odd_weights": odd, "planned_steps": planned, "equal_weights": equal_weights}
    return one


@pytest.mark.parametrize(
    ("run", "says"),
    [
        pytest.param(drawn({"0.weight": 0.02, "2.weight": 9.0}), "`0.weight` is 50 times smaller", id="small"),
        pytest.param(drawn({"2.weight": 20.0}), "`2.weight` is 20 times larger", id="large"),
        pytest.param(drawn({"2.weight": 0.0}), "`2.weight` is 0, far below", id="zeros"),
        pytest.param(drawn({}), "", id="usual"),
        pytest.param(drawn({"2.weight": 0.0}, equal_weights=["2.weight"]), "", id="equal-ones-are-another-illness"),
        pytest.param(drawn({"2.weight": 20.0}, gains=[1.5, 1.6] * 5), "", id="has-learnt-well"),
        pytest.param(drawn({"2.weight": 20.0}, losses=[2.3] * 18 + [0.1] * 12), "", id="the-loss-is-low"),
        pytest.param(drawn({"2.weight": 20.0}, steps=20), "", id="too-soon"),
        pytest.param(drawn({"2.weight": 20.0}, planned=1000), "", id="too-soon-for-a-long-run"),
    ],
)
def test_weights_far_outside_of_all_usual_sizes_are_blamed_where_little_is_learnt(run, says):
    """By themselves they are no illness; beside a loss that stays high they are what to draw anew first."""
    finding = DETECTOR.check(run)

    assert bool(says) == (finding is not None)
    assert not says or (says in finding.says and "reinitialise" == finding.fixes[0])
