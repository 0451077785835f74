"""Another threshold than 0.5, where it is better in each of the newest epochs."""

import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.decision_threshold import DecisionThreshold
from autofix_nb.finding import Severity
from tests.runs import epochs


def run(*f1s):
    made = epochs([0.9] * len(f1s))
    for row, (half, tuned) in zip(made.epochs, f1s, strict=True):
        row |= {"val/threshold": 0.25, "val/f1_at_half": half, "val/f1_at_threshold": tuned}
    return made


@pytest.mark.parametrize(
    ("f1s", "gain"),
    [
        pytest.param([(0.4, 0.6), (0.4, 0.5), (0.4, 0.6)], 0.1, id="better-in-all"),
        pytest.param([(0.4, 0.6), (0.4, 0.42), (0.4, 0.6)], None, id="hardly-better-in-one"),
        pytest.param([(0.6, 0.6)] * 3, None, id="the-same"),
        pytest.param([(0.6, 0.4)] * 3, None, id="worse"),
        pytest.param([(0.6, 0.6)] * 5 + [(0.4, 0.6)] * 3, 0.2, id="the-newest-count"),
    ],
)
def test_the_newest_epochs_must_agree(f1s, gain):
    """The least gain of them is what counts, and it is a note."""
    finding = DecisionThreshold().check(run(*f1s))

    assert (None if gain is None else pytest.approx(gain)) == (finding and finding.measured)
    assert finding is None or finding.severity == Severity.NOTE


def test_where_f1_at_the_best_threshold_is_the_goal_one_epoch_is_enough():
    """The threshold belongs to it."""
    made = run((0.4, 0.42), (0.4, 0.42), (0.4, 0.6))
    made.facts["even_goal"] = True

    assert 0.2 == pytest.approx(DecisionThreshold().check(made).measured)


@pytest.mark.parametrize(
    ("history", "why"),
    [
        pytest.param(run((0.4, 0.6)), "`threshold`: 1 of 3 epochs", id="too-few-epochs"),
        pytest.param(epochs([0.5] * 9), "`val/threshold`: 0 of 3 epochs", id="no-yes-or-no"),
    ],
)
def test_where_it_cannot_be_told(history, why):
    """With the reason."""
    with pytest.raises(NotApplicable, match=why):
        DecisionThreshold().check(history)


@pytest.mark.parametrize(("planned", "least"), [(4, 3), (12, 6), (200, 10)])
def test_an_unripe_model_has_no_threshold_yet(planned, least):
    """Half of the planned epochs, or ten."""
    for count in (least - 1, least):
        history = run(*[(0.4, 0.6)] * count)
        history.facts["planned_epochs"] = planned
        if count == least:
            assert DecisionThreshold().check(history) is not None
        else:
            with pytest.raises(NotApplicable, match=f"`threshold`: {count} of {least} epochs"):
                DecisionThreshold().check(history)


def test_says_what_it_measured():
    """Both numbers, and where."""
    assert str(DecisionThreshold().check(run((0.4, 0.6), (0.4, 0.5), (0.4, 0.6)))) == (
        'L09 The best decision threshold is not 0.5 at step 30: "yes" from a probability of 0.25 on gives an F1 of '
        "0.600 on validation data, from 0.5 on 0.400; better by at least 0.100 in 3 epochs, limit 0.03. "
        "Try tune_threshold."
    )
