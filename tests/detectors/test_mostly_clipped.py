"""Clipping most of the steps: a note, and more only where it keeps a run from learning."""

import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.mostly_clipped import MostlyClipped
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = MostlyClipped()
W, N = Severity.WARNING, Severity.NOTE


def run(clipped, *, optimizer="SGD", gains=(0.1, -0.1), ratio=1e-6):
    """A run of 100 steps, so many of them clipped."""
    made = history(
        loss=[2.3, 2.4] * 50,
        clipped=[0.0] * (100 - clipped) + [1.0] * clipped,
        gain=list(gains) * 5,
        mispaired=[2.0] * 10,
        update_ratio=[ratio] * 4,
    )
    made.facts = {"optimizer": optimizer, "planned_steps": 1000}
    return made


@pytest.mark.parametrize(
    ("sick", "severity", "limit"),
    [
        pytest.param(run(0), None, None, id="never"),
        pytest.param(run(19), None, None, id="under-the-note"),
        pytest.param(run(20), N, 0.2, id="at-the-note"),
        pytest.param(run(50), N, 0.2, id="at-the-warning"),
        pytest.param(run(51), W, 0.5, id="over-the-warning"),
        pytest.param(run(100), W, 0.5, id="always"),
        pytest.param(run(100, optimizer="AdamW"), N, 0.5, id="an-optimizer-that-does-not-mind"),
        pytest.param(run(100, gains=(1.0, 1.1)), N, 0.5, id="learns"),
        pytest.param(run(100, gains=(0.05, 0.06)), W, 0.5, id="learns-slowly"),
        pytest.param(run(100, ratio=0.01), N, 0.5, id="moves-far"),
    ],
)
def test_share_optimizer_and_learning_decide_together(sick, severity, limit):
    """More than half, an optimizer that minds, little learnt and little way ahead: all of them."""
    finding = DETECTOR.check(sick)

    assert severity == (finding and finding.severity)
    assert limit == (finding and finding.limit)


def test_says_what_it_measured():
    """The share and the limit."""
    assert str(DETECTOR.check(run(88))) == (
        "G06 Clipping most of the steps at step 99: the gradient was clipped in 88% of the last 100 steps, limit 50%, "
        "and the loss hardly falls. Try scale_lr, swap_optimizer."
    )


def test_too_short_to_judge():
    """A hundred steps of the present chapter are needed."""
    begun = run(100)
    begun.since = 9

    with pytest.raises(NotApplicable, match="`clipped`: 90 of 100"):
        DETECTOR.check(begun)
