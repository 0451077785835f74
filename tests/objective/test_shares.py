"""Yes and no in other numbers are read as shares; what fits 0 to 1 already is left alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from autofix_nb.objective.shares import line, name_of, read_as_shares, says

YES = (torch.arange(24) % 3 == 0).float()
SCORES = torch.linspace(-3, 3, 24)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        pytest.param(255 * YES, "shares from 0 to 255, ends", id="bytes"),
        pytest.param(YES + 1, "shares from 1 to 2, ends", id="one-and-two"),
        pytest.param(2 * YES - 1, "shares from -1 to 1, ends", id="signs"),
        pytest.param(torch.linspace(0, 255, 9), "shares from 0 to 255", id="levels-of-a-byte"),
        pytest.param(torch.linspace(3, 100, 9), "shares from 0 to 100", id="per-cent"),
        pytest.param(YES, "", id="yes-and-no"),
        pytest.param(torch.linspace(0, 1, 9), "", id="shares"),
        pytest.param(1.2 * YES, "", id="smoothed-too-far"),
        pytest.param(torch.tensor([0.0, 1.0, 2.0]), "", id="three-classes"),
        pytest.param(torch.linspace(0, 90, 9), "", id="of-an-unknown-whole"),
        pytest.param(torch.full((4,), 7.0), "", id="always-the-same"),
    ],
)
def test_what_is_surely_another_way_to_write_shares(targets, expected):
    """Two values are no and yes; more must reach to a whole byte, or to 100."""
    assert expected == name_of(targets)


@given(low=st.integers(-50, 50), wide=st.integers(2, 300))
def test_the_loss_is_that_of_the_same_targets_as_shares(low, wide):
    """Whatever the two ends are; a side that is written rightly costs what it always did."""
    targets = wide * YES + low
    loss = read_as_shares(name_of(targets), functional.binary_cross_entropy_with_logits)
    expected = functional.binary_cross_entropy_with_logits(SCORES, YES)

    assert float(loss(SCORES, targets)) == pytest.approx(float(expected), rel=1e-5)
    assert float(loss(SCORES, YES)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("rows", [255 * YES, torch.linspace(0, 255, 24)], ids=["ends", "levels"])
def test_the_other_side_may_be_shares_already(rows):
    """Masks are often brought to 0 and 1 on one of both sides only."""
    loss = read_as_shares(name_of(rows), functional.binary_cross_entropy_with_logits)
    shares = rows / 255

    expected = float(functional.binary_cross_entropy_with_logits(SCORES, shares))
    assert [expected, expected] == pytest.approx([float(loss(SCORES, rows)), float(loss(SCORES, shares))])


def test_what_is_said_and_typed():
    """Both name the ends."""
    name = name_of(YES + 1)

    assert "the loss reads the targets, 1 to 2, as shares from 0 to 1" == says(name)
    assert "targets = (targets - 1) / (2 - 1)" == line(name)
    assert "targets = targets / 255" == line(name_of(255 * YES))
