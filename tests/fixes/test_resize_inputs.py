"""Pictures of the size that the model wants."""

import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.fixes.preparing import Owned
from autofix_nb.fixes.resize_inputs import ResizeInputs, wanted_size
from tests.runs import finding


def loader(inputs, targets=None):
    targets = torch.arange(len(inputs)) % 2 if targets is None else targets
    return DataLoader(TensorDataset(inputs, targets), batch_size=4)


def planned(train, wanted="8x8", val=None):
    fix, owned = ResizeInputs(), Owned(train=train, val=val)
    return fix, owned, fix.plan(finding(step=0, where=(wanted,), limit=math.nan), owned)


@pytest.mark.parametrize(
    ("where", "limit", "size"),
    [
        (("224x224",), 448.0, (224, 224)),
        (("192x224", "train"), math.nan, (192, 224)),
        (("train.dataset.transform: Resize(448)",), 224.0, (224, 224)),
        ((), 224.0, (224, 224)),
        ((), math.nan, None),
        ((), math.inf, None),
        ((), 0.0, None),
        ((), 22.5, None),
        (("0x0",), 224.0, None),
    ],
)
def test_the_wanted_size_stands_in_the_finding(where, limit, size):
    """By name, height first, else as the limit."""
    assert size == wanted_size(finding(where=where, limit=limit))


@pytest.mark.parametrize(
    ("shape", "kind", "expected"),
    [
        pytest.param((3, 6, 6), torch.float32, (3, 8, 10), id="floats"),
        pytest.param((3, 20, 30), torch.float32, (3, 8, 10), id="smaller"),
        pytest.param((3, 6, 6), torch.uint8, (3, 8, 10), id="bytes"),
        pytest.param((6, 7, 3), torch.float32, (8, 10, 3), id="channels-last"),
        pytest.param((1, 6, 6), torch.float64, (1, 8, 10), id="grey"),
    ],
)
def test_pictures_get_it(shape, kind, expected):
    """Element type and channels stay."""
    train = loader(torch.full((4, *shape), 200).to(kind))
    fix, owned, change = planned(train, "8x10")
    fix.apply(change, owned)
    inputs, _ = next(iter(train))

    assert (kind, (4, *expected)) == (inputs.dtype, tuple(inputs.shape))
    assert torch.allclose(inputs.double(), torch.tensor(200.0, dtype=torch.float64), atol=1e-3)


def test_it_is_bilinear_with_antialiasing():
    """A half-size picture of stripes is grey, not black or white."""
    stripes = torch.zeros(4, 1, 16, 16)
    stripes[:, :, ::2] = 1
    train = loader(stripes)
    fix, owned, change = planned(train)
    fix.apply(change, owned)
    inner = next(iter(train))[0][:, :, 2:-2]

    assert torch.allclose(torch.full_like(inner, 0.5), inner, atol=0.01)


def test_validation_is_resized_whatever_its_size_is():
    """It often has another."""
    train, val = loader(torch.ones(4, 3, 6, 6)), loader(torch.ones(4, 3, 12, 9))
    fix, owned, change = planned(train, val=val)
    fix.apply(change, owned)

    assert [(4, 3, 8, 8)] * 2 == [tuple(next(iter(one))[0].shape) for one in (train, val)]
    assert "pictures are resized from 6x6 to the 8x8 pixels that the model wants, in train and val" == change.says


def test_validation_alone_is_resized_where_training_is_right():
    """Its transforms are others."""
    train, val = loader(torch.ones(4, 3, 8, 8)), loader(torch.ones(4, 3, 12, 9))
    collate = train.collate_fn
    fix, owned, change = planned(train, val=val)
    fix.apply(change, owned)

    assert collate is train.collate_fn
    assert (4, 3, 8, 8) == tuple(next(iter(val))[0].shape)
    assert "pictures are resized from 12x9 to the 8x8 pixels that the model wants, in val" == change.says


class Patches(nn.Module):
    """What tells the size that it wants as a vision transformer's patch embedding does."""

    def __init__(self, size):
        super().__init__()
        self.img_size, self.patch_size, self.proj = size, (2, 2), nn.Identity()


@pytest.mark.parametrize(("size", "expected"), [((8, 10), (8, 10)), ((6, 10), (8, 8))], ids=["fits", "of-another"])
def test_the_model_tells_the_width_of_what_is_not_square(size, expected):
    """The finding has room for the height only."""
    assert expected == wanted_size(finding(where=("train.dataset",), limit=8.0), nn.Sequential(Patches(size)))


@pytest.mark.parametrize(
    "train",
    [
        pytest.param(loader(torch.ones(4, 3, 8, 8)), id="right-already"),
        pytest.param(loader(torch.ones(4, 64)), id="a-table"),
        pytest.param(loader(torch.ones(4, 5, 6, 6)), id="no-picture"),
        pytest.param(loader(torch.ones(4, 3, 6, 6), torch.ones(4, 6, 6)), id="masks-as-targets"),
        pytest.param(loader(torch.ones(4, 3, 6, 6), torch.ones(4, 1, 6, 6)), id="masks-with-a-channel"),
    ],
)
def test_what_does_not_fit_is_left_alone(train):
    """Masks would have to be resized with their pictures."""
    assert None is planned(train)[2]
