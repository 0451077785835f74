"""Transforms are found by walking the data set, as they would be written."""

import pytest
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import transforms

from autofix_nb.evidence.transforms import Step, innermost, numbers_of, steps_of
from tests.checks.photos import Photos

RESIZE, TENSOR = transforms.Resize((48, 32)), transforms.ToTensor()


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        pytest.param(TENSOR, [("train.dataset.transform", "ToTensor")], id="one"),
        pytest.param(
            transforms.Compose([RESIZE, TENSOR]),
            [
                ("train.dataset.transform.transforms[0]", "Resize(size=(48, 32))"),
                ("train.dataset.transform.transforms[1]", "ToTensor"),
            ],
            id="composed",
        ),
        pytest.param(
            transforms.Compose([transforms.Compose([RESIZE]), RESIZE]),
            [
                ("train.dataset.transform.transforms[0].transforms[0]", "Resize(size=(48, 32))"),
                ("train.dataset.transform.transforms[1]", "Resize(size=(48, 32))"),
            ],
            id="nested-and-twice",
        ),
        pytest.param(
            nn.Sequential(RESIZE, TENSOR) if isinstance(TENSOR, nn.Module) else nn.Sequential(RESIZE),
            [("train.dataset.transform[0]", "Resize(size=(48, 32))")],
            id="sequential",
        ),
    ],
)
def test_steps_are_named_in_their_order(transform, expected):
    """With the place in the data set."""
    assert expected == [(step.path, step.said) for step in steps_of(DataLoader(Photos(transform)), "train")]


def test_subsets_are_looked_through():
    """However deep."""
    data = Subset(Subset(Photos(RESIZE), [0, 1]), [0])

    assert ["train.dataset.dataset.dataset.transform"] == [step.path for step in steps_of(DataLoader(data), "train")]
    assert isinstance(innermost(data), Photos)


def test_a_circle_ends():
    """A data set that holds itself."""
    data = Photos(RESIZE)
    data.dataset = data

    assert 1 == len(steps_of(DataLoader(data), "train"))


def test_a_source_without_a_data_set_has_no_steps():
    """A list of batches."""
    assert [] == steps_of([1, 2], "train")


class Albumentation:
    """Looks like one of albumentations'."""

    __module__ = "albumentations.augmentations"

    def __init__(self):
        self.height, self.width = 48, 32


def test_height_and_width_are_a_size():
    """As albumentations writes it."""
    step = Step("here", Albumentation())

    assert ((48, 32), "A.Albumentation(height=224, width=224)") == (step.size, step.with_size(224, 224))


def test_attributes_that_hold_a_number_are_written_as_code():
    """Whole numbers and pairs of them; nothing is compared that cannot be."""
    data = Photos(TENSOR)
    data.side, data.pair, data.flag, data.other = 448, (448, 448), True, [1, "448"]

    assert ["train.dataset.side = 448", "train.dataset.pair = (448, 448)"] == numbers_of(DataLoader(data), "train", 448)
