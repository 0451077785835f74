"""Vanishing gradients, on histories short enough to check by hand."""

import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.vanishing_gradients import VanishingGradients
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = VanishingGradients()
KNOWN = [0.5, 0.6] * 5
UNKNOWN = [0.01, -0.01] * 5


def run(first, last=0.5, *, gains=UNKNOWN, steps=50, **more):
    """A run of which only the first and the last part are in question; `first` may be a list."""
    firsts = first if isinstance(first, list) else [first] * steps
    return history(
        loss=[2.3, 2.4] * (steps // 2),
        grad_norm=[max(one, last) for one in firsts],
        gain=gains,
        mispaired=[2.3] * len(gains),
        **{"grad_norm/first": firsts, "grad_norm/last": [last] * steps},
        **more,
    )


@pytest.mark.parametrize(
    ("first", "last", "severity"),
    [
        pytest.param(1e-9, 0.5, Severity.CRITICAL, id="tiny"),
        pytest.param(9e-8, 0.05, Severity.CRITICAL, id="tiny-in-itself"),
        pytest.param(9e-5, 0.5, Severity.WARNING, id="small"),
        pytest.param(1.1e-4, 0.5, None, id="not-small-in-itself"),
        pytest.param(9e-5, 0.05, None, id="not-small-beside-the-last"),
        pytest.param(0.0, 0.5, None, id="exactly-0-is-another-illness"),
        pytest.param(0.4, 0.5, None, id="even"),
        pytest.param(5e-6, 5e-6, Severity.WARNING, id="all-of-them-small"),
        pytest.param(5e-8, 5e-8, Severity.CRITICAL, id="all-of-them-tiny"),
        pytest.param(0.0, 0.0, None, id="none-at-all"),
    ],
)
def test_the_norms_decide_where_nothing_is_learnt(first, last, severity):
    """Small in itself, and beside the last ones; or all together."""
    finding = DETECTOR.check(run(first, last, steps=200))

    assert severity == (finding and finding.severity)
    assert None is DETECTOR.check(run(first, last, steps=200, gains=KNOWN))


def test_a_tiny_gradient_is_said_at_step_50_and_a_small_one_later():
    """Healthy deep nets begin with small ones."""
    assert Severity.CRITICAL == DETECTOR.check(run(1e-9, steps=50)).severity
    with pytest.raises(NotApplicable, match="fewer than 150 steps"):
        DETECTOR.check(run(9e-5, steps=148))


@pytest.mark.parametrize(
    ("firsts", "comes"),
    [
        pytest.param([1e-9] * 50, False, id="flat"),
        pytest.param([1e-9] * 40 + [2.9e-9] * 10, False, id="grows-a-little"),
        pytest.param([1e-9] * 40 + [3.1e-9] * 10, True, id="grows"),
        pytest.param([1e-8] * 40 + [1e-9] * 10, False, id="shrinks"),
    ],
)
def test_a_gradient_that_grows_is_a_slow_start(firsts, comes):
    """Off a saddle it grows from step to step."""
    assert comes is (DETECTOR.check(run(firsts)) is None)


def test_units_that_are_off_are_another_illness():
    """A dead ReLU explains it; a sigmoid that hardly moves is the illness itself."""
    assert None is DETECTOR.check(run(1e-9, **{"dead/2": [1.0]}))
    assert None is not DETECTOR.check(run(1e-9, **{"dead/2": [1.0], "saturated/2": [0.0]}))


def test_the_model_s_order_counts():
    """Which part is the first stands in the facts."""
    sick = run(0.5, 1e-9)
    sick.facts["components"] = ["last", "first"]

    assert None is DETECTOR.check(run(0.5, 1e-9))
    assert ("last",) == DETECTOR.check(sick).where


def test_only_the_present_chapter_counts():
    """A restart cures it."""
    cured = run([1e-9] * 100 + [0.3] * 50, steps=150)
    cured.since = 99

    assert None is DETECTOR.check(cured)


def test_says_what_it_measured():
    """Both norms, their ratio, the limit and the places."""
    assert str(DETECTOR.check(run(1e-9))) == (
        "G02 Vanishing gradients at step 49: gradient norm 1e-09 in the first layers and 0.5 in the last ones, a ratio "
        "of 2.0e-09, limit 1e-03, and nothing is learnt. Where: first. Try swap_activations, insert_norm, "
        "reinitialise, swap_optimizer."
    )


@pytest.mark.parametrize("steps", [0, 9])
def test_too_short_to_judge(steps):
    """Ten norms are needed."""
    with pytest.raises(NotApplicable, match=f"`grad_norm`: {steps} of 10"):
        DETECTOR.check(history(grad_norm=[1.0] * steps))


@pytest.mark.parametrize(
    ("shares", "losses", "facts", "fires"),
    [
        pytest.param([0.7, 0.8, 0.8], [2.3, 2.2] * 25, {}, True, id="shut-from-the-first-step"),
        pytest.param([0.7, 0.8], [2.3, 2.2] * 25, {}, False, id="too-few-looks"),
        pytest.param([0.0, 0.8, 0.8], [2.3, 2.2] * 25, {}, False, id="shut-later-is-the-rates-doing"),
        pytest.param([0.02, 0.03, 0.05], [2.3, 2.2] * 25, {}, False, id="as-usual"),
        pytest.param([0.7, 0.8, 0.8], [2.3] * 25 + [0.3] * 25, {}, False, id="the-loss-is-low"),
        pytest.param([0.7, 0.8, 0.8], [2.3, 2.2] * 25, {"recurrent": []}, False, id="other-layers-are-not-asked"),
    ],
)
def test_a_recurrent_layer_whose_gates_were_shut_from_the_start(shares, losses, facts, fires):
    """Its gradient norm looks well: that of the newest steps of the sequence."""
    one = history(loss=losses, grad_norm=[2.0] * 50, gain=KNOWN, mispaired=[2.3] * 10, **{"saturated/body": shares})
    one.facts.update({"recurrent": ["body"]} | facts)
    finding = DETECTOR.check(one)

    assert fires == (finding is not None)
    assert not fires or (("body",), "reinitialise") == (finding.where, finding.fixes[0])
