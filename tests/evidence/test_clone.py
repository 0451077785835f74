"""Copies of data sets: what stands where a transform stood, and what the copy has of its own."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset
from torchvision.transforms import ToTensor

from autofix_nb.evidence.clone import Clone, Identity


class Drawing(Dataset):
    """Adds noise by a transform, and by a generator of its own."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def __getitem__(self, index):
        return self.draw(index)


@pytest.mark.parametrize(
    ("given", "named", "back"),
    [
        pytest.param((1,), {}, 1, id="one"),
        pytest.param((1, 2), {}, (1, 2), id="pair"),
        pytest.param((), {"image": 1, "mask": 2}, {"image": 1, "mask": 2}, id="named"),
        pytest.param((1,), {"training": True}, 1, id="with-a-switch"),
    ],
)
def test_nothing_is_changed(given, named, back):
    """In any of the ways in which transforms are called."""
    assert back == Identity()(*given, **named)


@pytest.mark.parametrize(
    ("attribute", "taken_out"),
    [
        ("transform", True),
        ("train_transforms", True),
        ("augmentation", True),
        ("_tfms", True),
        ("aug", True),
        ("target_transform", False),
        ("label_transform", False),
        ("scale", False),
        ("augur_of_labels", False),
    ],
)
def test_which_attributes_are_transforms(attribute, taken_out):
    """By their names; those of targets are kept, for labels must be the real ones."""
    dataset = Drawing(**{attribute: lambda value: value + 100})
    dataset.draw = lambda index: None
    clone = Clone(dataset, bare=True)

    held = vars(clone._dataset)[attribute]

    assert (taken_out, 1 if taken_out else 101) == (clone.found, held(1))
    assert 101 == vars(dataset)[attribute](1)


@pytest.mark.parametrize(
    ("generator", "draw"),
    [
        (lambda: np.random.default_rng(1), lambda generator: generator.normal()),
        (lambda: np.random.RandomState(1), lambda generator: generator.normal()),
        (lambda: random.Random(1), lambda generator: generator.random()),
        (lambda: torch.Generator().manual_seed(1), lambda generator: torch.rand(1, generator=generator).item()),
    ],
)
def test_generators_begin_anew_for_each_sample(generator, draw):
    """And the user's own is not drawn from."""

    class Own(Drawing):
        def __getitem__(self, index):
            return draw(self.own)

    dataset = Own(own=generator())
    clone = Clone(dataset)

    assert clone[0] == clone[1]
    assert draw(generator()) == draw(dataset.own)


@pytest.mark.parametrize(
    ("name", "wrapped", "taken_out"),
    [
        ("t", lambda change: change, True),
        ("steps", lambda change: [change, change], True),
        ("by_phase", lambda change: {"train": change}, True),
        ("of_target", lambda change: change, False),
        ("mixed", lambda change: [change, abs], False),
    ],
)
def test_transforms_of_a_library_are_known_by_their_kind(name, wrapped, taken_out):
    """Whatever the attribute is called; those of targets are kept."""
    clone = Clone(Drawing(**{name: wrapped(ToTensor())}), bare=True)

    held = vars(clone._dataset)[name]
    first = next(iter(held.values())) if isinstance(held, dict) else held[0] if isinstance(held, list) else held
    assert (taken_out, taken_out) == (clone.found, isinstance(first, Identity))


def test_circles_end():
    """A data set that knows itself."""
    dataset = Drawing(draw=lambda index: index)
    dataset.dataset = dataset

    assert 3 == Clone(dataset, bare=True)[3]
