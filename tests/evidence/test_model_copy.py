"""Copies of models that keep what they have computed."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from autofix_nb.evidence.model_copy import copy_of


class Keeping(nn.Module):
    """A model that keeps its features, one by itself and all in a list."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 3)
        self.features, self.all = None, []

    def forward(self, rows):
        self.features = self.body(rows)
        self.all.append({"features": self.features})
        return self.features.relu()


def weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and all over the models that people publish
        return nn.utils.weight_norm(nn.Linear(4, 3))


def spectral_norm():
    return nn.utils.spectral_norm(nn.Linear(4, 3))


def pruned():
    return prune.l1_unstructured(nn.Linear(4, 3), "weight", 0.3)


@pytest.mark.parametrize("made", [Keeping, weight_norm, spectral_norm, pruned])
def test_a_model_that_keeps_computed_tensors_is_copied(made):
    """After a forward pass `copy.deepcopy` refuses them; the copy computes the same and shares no parameter."""
    model = made()
    rows = torch.ones(2, 4)
    model(rows)
    (copied,) = copy_of(model)

    assert not {id(part) for part in model.parameters()} & {id(part) for part in copied.parameters()}
    assert torch.equal(model.eval()(rows), copied.eval()(rows))


def test_gradients_of_the_copy_stay_in_the_copy():
    """The graph of what was kept leads to the original's weights."""
    model = weight_norm()
    model(torch.ones(2, 4))
    (copied,) = copy_of(model)
    copied(torch.ones(2, 4)).sum().backward()

    assert all(part.grad is None for part in model.parameters())
    assert all(part.grad is not None for part in copied.parameters())


def test_what_is_shared_is_shared_by_the_copies():
    """A loss may hold a layer of the model."""
    model, loss = nn.Linear(4, 3), nn.Module()
    loss.layer = model
    copied, copied_loss = copy_of(model, loss)

    assert copied_loss.layer is copied
    assert copied is not model


def test_functions_are_what_they_are():
    """A loss may be one."""
    assert (None, nn.functional.cross_entropy) == copy_of(None, nn.functional.cross_entropy)
