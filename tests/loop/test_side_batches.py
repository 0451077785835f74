"""What is trained on beside the training: the batches to come, without the rows that will be set aside."""

import pytest
import torch

from autofix_nb.loop.side_batches import _sound

BAD = float("nan")


def batch(*bad, rows=4):
    inputs = torch.arange(rows * 2.0).reshape(rows, 2)
    inputs[list(bad)] = BAD
    return [inputs, torch.arange(rows)]


@pytest.mark.parametrize("bad", [(0,), (1, 3)], ids=["the first", "two"])
def test_rows_that_are_not_finite_are_left_out(bad):
    """They would be set aside at their turn, and every candidate would fail by them before."""
    inputs, targets = _sound(batch(*bad))

    left = [row for row in range(4) if row not in bad]
    assert left == targets.tolist()
    assert bool(torch.isfinite(inputs).all())


def test_a_sound_batch_is_the_very_batch():
    """Nothing is copied where nothing is wrong."""
    data = batch()

    assert _sound(data) is data


@pytest.mark.parametrize(
    "data",
    [batch(0, 1, 2, 3), [torch.full((4, 2), BAD), "text"], {"all": torch.tensor([BAD]), "rows": torch.zeros(3)}],
    ids=["all rows", "text of the whole batch", "rows that do not agree"],
)
def test_what_cannot_be_cut_stays(data):
    """A model may know what to do with what is missing everywhere."""
    assert _sound(data) is data
