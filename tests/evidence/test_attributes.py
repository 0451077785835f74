"""Attributes: what data sets, samplers and modules hold comes back, also what their lists and generators hold."""

import random
from collections import OrderedDict, deque

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset

from autofix_nb.evidence.attributes import Attributes, of_loaders


class Held:
    """An object with one attribute."""

    def __init__(self, part):
        self.part = part


@pytest.mark.parametrize(
    ("part", "change"),
    [
        pytest.param([1, 2], lambda part: part.append(3), id="list"),
        pytest.param({"a": 1}, lambda part: part.update(a=2, b=3), id="dict"),
        pytest.param(OrderedDict(a=1), lambda part: part.clear(), id="ordered"),
        pytest.param({1, 2}, lambda part: part.add(3), id="set"),
        pytest.param(deque([1, 2], maxlen=2), lambda part: part.append(3), id="deque"),
    ],
)
def test_containers_hold_what_they_held(part, change):
    """The container itself stays the same, since somebody may have it too."""
    owner = Held(part)
    before = part.copy()
    kept = Attributes([owner])
    change(owner.part)
    kept.restore()

    assert owner.part is part
    assert before == part


def test_attributes_come_and_go():
    """What was set anew is put back, what was added is taken away."""
    owner = Held(1)
    kept = Attributes([owner])
    owner.part, owner.more = 2, 3
    kept.restore()

    assert {"part": 1} == vars(owner)


@pytest.mark.parametrize(
    ("generator", "draw"),
    [
        pytest.param(torch.Generator(), lambda one: torch.rand(3, generator=one).tolist(), id="torch"),
        pytest.param(np.random.default_rng(1), lambda one: one.normal(size=3).tolist(), id="numpy"),
        pytest.param(np.random.RandomState(1), lambda one: one.normal(size=3).tolist(), id="numpy-state"),
        pytest.param(random.Random(1), lambda one: one.random(), id="random"),
    ],
)
@pytest.mark.parametrize("wrap", [Held, lambda one: Held([Held({"own": one})])], ids=["near", "in-a-transform"])
def test_generators_stand_where_they_stood(generator, draw, wrap):
    """A random augmentation must draw the same numbers after a look as without one."""
    kept = Attributes([wrap(generator)])
    drawn = draw(generator)
    draw(generator)
    kept.restore()

    assert drawn == draw(generator)


def test_an_object_that_holds_itself_is_followed_once():
    """A data set may be known to its own parts."""
    owner = Held(None)
    owner.part = [owner]
    kept = Attributes([owner])
    owner.part.append(1)
    kept.restore()

    assert [owner] == owner.part


class Counting(Dataset):
    """A data set that counts and keeps what it has given."""

    def __init__(self):
        self.given = {}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.given[index] = index
        return index


def test_data_sets_inside_data_sets_are_found():
    """`Subset`, `ConcatDataset`, and whatever keeps another data set."""
    inner = Counting()
    loader = DataLoader(ConcatDataset([Subset(inner, [0, 1]), Counting()]), batch_size=2)
    kept = Attributes(of_loaders([loader, None]))
    list(loader)
    filled = dict(inner.given)
    kept.restore()

    assert {0: 0, 1: 1} == filled
    assert {} == inner.given
