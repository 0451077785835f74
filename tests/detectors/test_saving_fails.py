"""Saves that fail, or are long ago."""

import pytest

from autofix_nb.detectors.saving_fails import SavingFails
from autofix_nb.finding import Severity
from autofix_nb.history import History


def run(*points):
    made = History()
    for step, name, value in points:
        made.record(step, **{name: value})
    return made


@pytest.mark.parametrize(
    ("history", "severity"),
    [
        pytest.param(run((50, "saved_seconds_ago", 20.0)), None, id="all-is-well"),
        pytest.param(run((50, "save_failed", 0.0)), None, id="none-failed"),
        pytest.param(run((50, "save_failed", 1.0)), Severity.WARNING, id="one-failed"),
        pytest.param(
            run((50, "save_failed", 1.0), (100, "saved_seconds_ago", 90.0)), Severity.WARNING, id="none-went-well-since"
        ),
        pytest.param(
            run((50, "save_failed", 1.0), (100, "saved_seconds_ago", 5.0)), Severity.NOTE, id="it-works-again"
        ),
        pytest.param(
            run((50, "saved_seconds_ago", 5.0), (100, "save_failed", 2.0)), Severity.WARNING, id="failed-after-a-save"
        ),
        pytest.param(run((50, "saved_seconds_ago", 4000.0)), Severity.WARNING, id="long-ago"),
        pytest.param(run((50, "mirror_failed", 1.0)), Severity.WARNING, id="no-copy"),
        pytest.param(
            run((50, "mirror_failed", 1.0), (100, "mirrored_seconds_ago", 0.0)), Severity.NOTE, id="copies-work-again"
        ),
        pytest.param(run((50, "mirrored_seconds_ago", 4000.0)), Severity.WARNING, id="the-copy-lags"),
    ],
)
def test_what_would_be_lost_is_said(history, severity):
    """One that works again is only a note."""
    finding = SavingFails().check(history)

    assert severity == (finding and finding.severity)


def test_a_save_that_failed_comes_before_a_copy_that_failed():
    """What is not even on this machine is the greater loss."""
    history = run((50, "mirror_failed", 3.0), (60, "save_failed", 2.0))

    assert "saving failed 2 times" in str(SavingFails().check(history))
    assert "copying the saves elsewhere failed 3 times, limit 0, and no copy went well yet" in str(
        SavingFails().check(run((50, "mirror_failed", 3.0)))
    )


def test_says_what_it_measured():
    """How often, and since when."""
    history = run((50, "save_failed", 2.0), (100, "saved_seconds_ago", 90.0))

    assert str(SavingFails().check(history)) == (
        "R03 Saving fails at step 50: saving failed 2 times, limit 0, and the last good save was 90 s ago."
    )
