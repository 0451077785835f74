"""The best constant answer is found without knowing what its columns mean."""

import pytest
import torch
from torch.nn import functional

from autofix_nb.evidence.far_start import far_start

DICE = torch.Generator().manual_seed(0)
OUTPUTS = 0.3 * torch.randn(64, 2, generator=DICE)
NUMBERS = torch.randn(64, 1, generator=DICE)
TIMES = torch.rand(64, 1, generator=DICE) + 0.5


def log_variance(outputs, targets):
    return 0.5 * (outputs[:, 1:] + (targets - outputs[:, :1]).square() / outputs[:, 1:].exp()).mean()


def life_time(outputs, targets):
    shape = functional.softplus(outputs[:, 1:]) + 0.1
    units = targets / outputs[:, :1].exp()
    return (units**shape - shape.log() + outputs[:, :1] - (shape - 1) * units.log()).mean()


def test_a_normal_likelihood_begins_at_mean_and_variance():
    """Of targets around 450: the mean, and the logarithm of their variance; each as wide as the loss lets it be."""
    found = far_start(log_variance, OUTPUTS, 450 + 80 * NUMBERS)
    mean, spread = 450 + 80 * float(NUMBERS.mean()), 80 * float(NUMBERS.std(correction=0))

    assert pytest.approx(mean, abs=5) == found.answer[0]
    assert pytest.approx(2 * torch.tensor(spread).log().item(), abs=0.2) == found.answer[1]
    assert 40 < found.widths[0] < 160
    assert found.constant < found.first / 10


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [
        pytest.param(log_variance, OUTPUTS, NUMBERS, id="usual-units"),
        pytest.param(life_time, OUTPUTS, TIMES, id="times-around-1"),
        pytest.param(life_time, OUTPUTS.long(), TIMES, id="no-scores"),
        pytest.param(log_variance, OUTPUTS[:4], 900 * NUMBERS[:4], id="few-rows"),
    ],
)
def test_a_start_that_is_near_is_left_alone(loss, outputs, targets):
    """Nothing is said where the first answers cost about what the best constant does, or nobody can tell."""
    assert far_start(loss, outputs, targets) is None


def test_times_in_days_begin_far():
    """The scale of a life time is shifted by the logarithm of the unit."""
    found = far_start(life_time, OUTPUTS, 900 * TIMES)

    assert 6.0 < found.answer[0] < 7.5
