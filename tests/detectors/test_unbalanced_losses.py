"""Loss components out of balance, told from penalties and from divergences at their minimum."""

import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.unbalanced_losses import UnbalancedLosses
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = UnbalancedLosses()
STUCK = [2.3, 2.4] * 30


def run(small, box=900.0, kind=1.0, looks=2):
    """A run with a large part and a part in question."""
    return history(
        loss=[9.0] * 60,
        **{"loss/box": [80.0] * 60, "loss/class": small},
        **{"part_norm/box": [box] * looks, "part_norm/class": [kind] * looks},
    )


@pytest.mark.parametrize(
    ("sick", "severity"),
    [
        pytest.param(run(STUCK), Severity.WARNING, id="drowned"),
        pytest.param(run(STUCK, box=99.0), None, id="under-the-ratio"),
        pytest.param(run(STUCK, kind=0.0), Severity.WARNING, id="no-gradient"),
        pytest.param(run([2.3, 2.4] * 10 + [1.1, 1.2] * 20), None, id="falls-all-the-same"),
        pytest.param(run([0.1, 0.11] * 10 + [1.1, 1.2] * 20), None, id="a-divergence-that-rises"),
        pytest.param(run([0.5] * 60), None, id="a-penalty-on-the-weights"),
        pytest.param(run([0.0] * 60), None, id="a-part-that-is-0"),
        pytest.param(run(STUCK, looks=0), None, id="sizes-within-the-ratio"),
    ],
)
def test_gradient_and_trend_decide_together(sick, severity):
    """Drowned, it neither falls nor rises, and it depends on the data."""
    finding = DETECTOR.check(sick)

    assert severity == (finding and finding.severity)


def test_one_look_that_disagrees_is_enough():
    """All looks must see it."""
    once = run(STUCK)
    once.record(100, **{"part_norm/box": 50.0, "part_norm/class": 1.0})

    assert None is DETECTOR.check(once)


def test_sizes_alone_are_a_note():
    """They say nothing of the gradients."""
    finding = DETECTOR.check(history(loss=[9.0] * 60, **{"loss/box": [900.0] * 60, "loss/class": STUCK}))

    assert (Severity.NOTE, ()) == (finding.severity, finding.fixes)


def test_says_what_it_measured():
    """The smallest first."""
    assert str(DETECTOR.check(run(STUCK))) == (
        "G05 Loss components out of balance at step 59: the gradient of `box` is 900 times that of `class`, limit 100, "
        "and `class` does not fall. Where: class, box. Try rebalance_losses."
    )


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        pytest.param({"loss": [1.0]}, "`loss`: 0 parts", id="one-loss"),
        pytest.param({"loss/a": [1.0], "loss/b": [1.0]}, "`part_norm`: .* fewer than 50 steps", id="too-short"),
    ],
)
def test_too_little_to_judge(series, reason):
    """Two parts, and looks or steps enough."""
    with pytest.raises(NotApplicable, match=reason):
        DETECTOR.check(history(**series))


def aimed(*, goal="val/loss/class", kind=1.0, box=900.0, gains=(0.3, 0.3, 0.3), boxes=(80.0, 80.0), looks=3):
    """A run that is for the part `class`, whose loss falls as it should, beside a part `box`."""
    made = history(
        loss=[90.0] * 30 + [50.0] * 30,
        **{"loss/box": [boxes[0]] * 30 + [boxes[1]] * 30, "loss/class": [2.3] * 30 + [1.0] * 30},
        **{"part_norm/box": [box] * looks, "part_norm/class": [kind] * looks},
        **{"part_gain/class": list(gains)},
    )
    made.facts["goal"] = goal
    return made


@pytest.mark.parametrize(
    ("sick", "found"),
    [
        pytest.param(aimed(), True, id="drowned-though-it-falls"),
        pytest.param(aimed(goal="val/loss"), False, id="nobody-said-what-it-is-for"),
        pytest.param(aimed(goal="val/loss/box"), False, id="the-loud-part-is-the-goal"),
        pytest.param(aimed(looks=2), False, id="too-few-looks"),
        pytest.param(aimed(box=50.0), False, id="heard"),
        pytest.param(aimed(box=2.0, gains=(0.0, 0.01, 0.0)), True, id="knows-nothing-and-pulls-less"),
        pytest.param(aimed(box=0.0, gains=(0.0, 0.01, 0.0)), False, id="knows-nothing-and-the-rest-is-still"),
        pytest.param(aimed(box=0.0, gains=(0.0, 0.01, 0.0), boxes=(80.0, 10.0)), True, id="the-rest-came-down"),
        pytest.param(aimed(box=2.0, gains=(0.0, 0.03, 0.1)), False, id="it-begins-to-know"),
    ],
)
def test_what_the_training_is_for_must_be_heard(sick, found):
    """It may fall and be drowned; and it must come to know the targets, where the rest of the loss gets its way."""
    assert found == (DETECTOR.check(sick) is not None)
