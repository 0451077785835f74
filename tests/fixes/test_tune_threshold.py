"""Say "yes" from where it is best on validation data."""

import pytest

from autofix_nb.fixes.tune_threshold import TuneThreshold
from tests.runs import epochs, finding, trainee


def run(threshold=0.25, half=0.4, tuned=0.6):
    made = epochs([0.5] * 3)
    for row in made.epochs:
        row |= {"val/threshold": threshold, "val/f1_at_half": half, "val/f1_at_threshold": tuned}
    return trainee(made)


@pytest.mark.parametrize(
    ("subject", "threshold"),
    [
        pytest.param(run(), 0.25, id="better"),
        pytest.param(run(half=0.6), None, id="no-better"),
        pytest.param(run(threshold=0.5), None, id="it-is-half"),
        pytest.param(trainee(epochs([0.5] * 3)), None, id="nothing-measured"),
    ],
)
def test_the_threshold_of_the_newest_epoch(subject, threshold):
    """Where it gives a better F1 than 0.5."""
    change = TuneThreshold().plan(finding(code="L09"), subject)

    assert threshold == (change and change.after["threshold"])


def test_the_same_threshold_is_not_set_twice():
    """It is in use already."""
    subject = run()
    subject.controls.threshold = 0.25

    assert None is TuneThreshold().plan(finding(code="L09"), subject)


def test_says_what_it_does():
    """Both numbers, and the line of code that makes it permanent."""
    change = TuneThreshold().plan(finding(code="L09"), run())

    assert (
        '"yes" is said from a probability of 0.25 on (before: 0.5); F1 on validation data is 0.600, at 0.5 0.400'
        == change.says
    )
    assert "yes = torch.sigmoid(model(inputs)) > 0.25" == change.permanent
