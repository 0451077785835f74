"""NaN or Inf, wherever it shows first."""

import math

import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.non_finite import NonFinite
from tests.runs import history


@pytest.mark.parametrize(
    ("loss", "norm", "says"),
    [
        pytest.param(1.0, 1.0, None, id="well"),
        pytest.param(-1e300, 0.0, None, id="large-and-zero"),
        pytest.param(math.nan, 1.0, "loss is nan", id="loss"),
        pytest.param(-math.inf, 1.0, "loss is -inf", id="loss-infinite"),
        pytest.param(1.0, math.inf, "grad_norm is inf", id="gradient"),
        pytest.param(math.nan, math.nan, "loss is nan and grad_norm is nan", id="both"),
    ],
)
def test_either_signal_is_enough(loss, norm, says):
    """A loss of 0/0 can leave every gradient finite."""
    finding = NonFinite().check(history(loss=[1.0, loss], grad_norm=[1.0, norm]))

    assert says == (finding and finding.says)


def test_only_the_newest_counts():
    """What was left out long ago is mended."""
    assert None is NonFinite().check(history(loss=[math.nan, 1.0], grad_norm=[math.inf, 1.0]))


def test_a_loss_alone_is_judged():
    """A hand-written loop may record no gradients."""
    assert "loss is inf" == NonFinite().check(history(loss=[math.inf])).says


def test_gradients_alone_are_not_judged():
    """Without a loss there is no run to speak of."""
    with pytest.raises(NotApplicable, match="`loss`: nothing recorded"):
        NonFinite().check(history(grad_norm=[math.inf]))


def test_says_what_it_measured():
    """Where first is added by the loop."""
    assert str(NonFinite().check(history(loss=[1.0, math.nan], grad_norm=[1.0, math.inf]))) == (
        "G03 NaN or Inf at step 1: loss is nan and grad_norm is inf. Try quarantine, skip_batch, rollback, scale_lr."
    )
