"""How large the values are: measured so that zeros hide nothing."""

import pytest
import torch

from autofix_nb.evidence.magnitudes import looks_like_pixels, middle_of, nearly_largest
from tests.cases import digits
from tests.checks.trainings import numbers


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(torch.tensor([[-3.0, 5.0, 7.0]]), 5.0, id="distance-from-0"),
        pytest.param(torch.tensor([[0.0, 0.0, 0.0, 8.0]]), 8.0, id="a-quarter-is-there"),
        pytest.param(torch.tensor([[0.0, 0.0, 0.0, 0.0, 8.0]]), 0.0, id="too-few-are-there"),
        pytest.param(torch.zeros(2, 3), 0.0, id="nothing-is-there"),
    ],
)
def test_the_middle_is_that_of_values_other_than_0(values, expected):
    """Half of a digit's pixels are 0, and say nothing of how large the others are."""
    assert expected == middle_of(values)


def test_few_large_values_are_not_nearly_the_largest():
    """One in a hundred may be anything."""
    values = torch.zeros(1000)
    values[:5] = 1e6

    assert nearly_largest(values) < 1e-6


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param((digits()[0][:64] * 255).round(), True, id="digits-of-0-to-255"),
        pytest.param(digits()[0][:64] * 255, False, id="not-whole"),
        pytest.param(digits()[0][:64], False, id="0-to-1"),
        pytest.param(numbers(64, 64) * 100, False, id="negative"),
        pytest.param(torch.full((8, 8), 255.0), False, id="few-features"),
    ],
)
def test_rows_of_pixels_are_told_by_their_values(values, expected):
    """Whole numbers of 0 to 255, many of them bright."""
    assert expected == looks_like_pixels(values)
