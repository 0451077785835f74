"""The labels of a side: all of them, unless the loader gives others than the data set holds."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.dataloader import default_collate

from autofix_nb.evidence.all_labels import all_labels
from tests.checks.subjects import subject

LABELS = torch.arange(40) % 4


def shifted(samples):
    inputs, labels = default_collate(samples)
    return inputs, labels + 1


def labels_of(side="train", **options):
    train = DataLoader(TensorDataset(torch.randn(40, 3), LABELS), 8, **options)
    return all_labels(subject(None, train), side, LABELS[:8])


def test_all_samples_are_looked_at():
    """Each with its name."""
    told = labels_of()

    assert np.array_equal(LABELS.numpy(), told.values)
    assert ("sample 39", "all 40 samples", True) == (told.names[39], told.share, told.complete)


def test_what_the_loader_gives_counts():
    """A collate function that changes labels leaves the first batch to look at."""
    told = labels_of(collate_fn=shifted)

    assert (LABELS[:8] + 1).tolist() == told.values.tolist()
    assert ("the first 8 samples", False, 8) == (told.share, told.complete, len(told.names))


def test_a_side_that_was_not_given_has_none():
    """And nothing was looked at."""
    told = labels_of("val")

    assert (0, "", False) == (len(told.values), told.share, told.complete)


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_order_of_the_loader_makes_no_difference(shuffle):
    """Samples are told by their index."""
    assert LABELS.tolist() == labels_of(shuffle=shuffle).values.tolist()
