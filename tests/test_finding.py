"""A finding is one record and one line, and comes back from JSON as it went in."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb import errors
from autofix_nb.finding import Finding, Severity
from autofix_nb.journal import plain


def finding(**changes):
    facts = {
        "code": "G01",
        "title": "exploding gradients",
        "severity": Severity.WARNING,
        "step": 7,
        "measured": 250.0,
        "limit": 100.0,
        "says": "the gradient norm is 250, the limit is 100",
    }
    return Finding(**(facts | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {}, "G01 exploding gradients at step 7: the gradient norm is 250, the limit is 100.", id="nothing-more"
        ),
        pytest.param(
            {"where": ("a", "b", "c", "d"), "fixes": ("scale_lr", "rollback")},
            "G01 exploding gradients at step 7: the gradient norm is 250, the limit is 100. "
            "Where: a, b, c. Try scale_lr, rollback.",
            id="three-places-and-all-fixes",
        ),
    ],
)
def test_text_of_a_finding(changes, expected):
    """One line: code, title, step, what was measured, at most three places, what to try."""
    assert expected == str(finding(**changes))


@given(
    measured=st.floats(),
    limit=st.floats(),
    severity=st.sampled_from(Severity),
    where=st.lists(st.text(), max_size=4),
    fixes=st.lists(st.text(), max_size=4),
)
def test_a_finding_survives_json(measured, limit, severity, where, fixes):
    """`from_dict` after JSON rebuilds the finding, NaN and infinities included."""
    before = finding(measured=measured, limit=limit, severity=severity, where=tuple(where), fixes=tuple(fixes))
    line = json.dumps(plain(before.to_dict()), allow_nan=False)

    after = Finding.from_dict(json.loads(line))

    assert repr(before) == repr(after)
    assert isinstance(after.severity, Severity)


def test_unknown_fields_are_passed_over():
    """A journal written by a newer version still reads."""
    assert finding() == Finding.from_dict(finding().to_dict() | {"news": 1, "text": "x"})


def test_a_finding_cannot_be_changed():
    """It is a record of what was seen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding().step = 8


def test_severities_sort():
    """The worst comes last."""
    assert [Severity.NOTE, Severity.WARNING, Severity.CRITICAL] == sorted(Severity)


@pytest.mark.parametrize(
    ("error", "base"),
    [
        pytest.param(errors.ConfigurationError, ValueError, id="configuration"),
        pytest.param(errors.DataError, ValueError, id="data"),
        pytest.param(errors.ModelError, ValueError, id="model"),
        pytest.param(errors.StoreError, OSError, id="store"),
        pytest.param(errors.ResumeError, ValueError, id="resume"),
        pytest.param(errors.TrainingFailed, RuntimeError, id="failed"),
    ],
)
def test_one_except_catches_every_error(error, base):
    """Each error is an `AutofixError`, and of the built-in kind that people catch; its text is what was said."""
    with pytest.raises(errors.AutofixError, match=r"^what was said$") as caught:
        raise error("what was said")

    assert isinstance(caught.value, base)
