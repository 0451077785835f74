"""Samples set aside: a few are a note, many stop the training."""

import pytest

from autofix_nb.detectors.set_aside import SetAside
from autofix_nb.finding import Severity
from tests.runs import history


@pytest.mark.parametrize(
    ("share", "severity", "limit", "fixes"),
    [
        pytest.param(0.0, None, None, None, id="none"),
        pytest.param(0.0001, Severity.NOTE, 0.05, (), id="one-of-many"),
        pytest.param(0.0499, Severity.NOTE, 0.05, (), id="under-the-warning"),
        pytest.param(0.05, Severity.WARNING, 0.05, (), id="at-the-warning"),
        pytest.param(0.1999, Severity.WARNING, 0.05, (), id="under-critical"),
        pytest.param(0.2, Severity.CRITICAL, 0.2, ("early_stop",), id="at-critical"),
        pytest.param(1.0, Severity.CRITICAL, 0.2, ("early_stop",), id="all"),
    ],
)
def test_the_share_decides(share, severity, limit, fixes):
    """Only the worst of the three stops anything."""
    finding = SetAside().check(history(quarantined_share=[0.0, share], quarantined=[0, 3]))

    assert severity == (finding and finding.severity)
    assert (limit, fixes) == ((finding.limit, finding.fixes) if finding else (None, None))


def test_says_what_it_measured():
    """Number, share and both limits."""
    assert str(SetAside().check(history(quarantined_share=[0.25], quarantined=[350]))) == (
        "R02 Samples set aside at step 0: 350 of the training samples (25.00%); below 5% is nothing to worry "
        "about, at 20% the training stops. Try early_stop."
    )
