"""Pixels from 0..255 to 0..1."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.fixes.preparing import Owned
from autofix_nb.fixes.scale_pixels import ScalePixels
from tests.runs import finding


def loader(inputs, **options):
    return DataLoader(TensorDataset(inputs, torch.arange(len(inputs)) % 2), batch_size=4, **options)


def pixels(*shape, kind=torch.uint8):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (8, *shape), generator=generator).to(kind)


def planned(train, val=None, **more):
    fix, owned = ScalePixels(), Owned(train=train, val=val, **more)
    return fix, owned, fix.plan(finding(step=0), owned)


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param(pixels(3, 5, 5), id="bytes"),
        pytest.param(pixels(3, 5, 5, kind=torch.float32), id="floats"),
        pytest.param(pixels(3, 5, 5, kind=torch.float64), id="doubles"),
        pytest.param(pixels(5, 5, 3), id="channels-last"),
        pytest.param(pixels(5, 5), id="grey"),
        pytest.param(pixels(64), id="rows-of-bytes"),
        pytest.param(pixels(64, kind=torch.float32), id="rows-of-whole-numbers"),
        pytest.param(pixels(3, 5, 5, kind=torch.int64), id="long"),
    ],
)
def test_pixels_become_floats_from_0_to_1(inputs):
    """The same as dividing by 255; labels stay."""
    train = loader(inputs)
    fix, owned, change = planned(train)
    fix.apply(change, owned)
    got = list(train)

    assert torch.equal(inputs.float() / 255, torch.cat([batch[0] for batch in got]))
    assert torch.equal(torch.arange(8) % 2, torch.cat([batch[1] for batch in got]))


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param(pixels(3, 5, 5).float() / 255, id="scaled-already"),
        pytest.param(pixels(64).float() - 128, id="below-zero"),
        pytest.param(pixels(64).float() * 300, id="16-bit"),
        pytest.param(pixels(64).float() + 0.5, id="a-table-of-fractions"),
        pytest.param(pixels(64).float() / 255 * 16 // 1, id="digits-from-0-to-16"),
        pytest.param(pixels(20, kind=torch.int64), id="words"),
        pytest.param(pixels(3, 5, 5).float() * float("nan"), id="nan"),
        pytest.param(pixels(3, 5, 5) > 100, id="yes-or-no"),
        pytest.param(torch.zeros(8), id="one-number"),
    ],
)
def test_what_are_no_pixels_from_0_to_255_is_left_alone(inputs):
    """Rather not than wrongly."""
    assert None is planned(loader(inputs))[2]


def test_validation_is_scaled_only_where_it_must_be():
    """A validation transform may do it already."""
    train, val = loader(pixels(3, 5, 5)), loader(pixels(3, 5, 5).float() / 255)
    fix, owned, change = planned(train, val)
    fix.apply(change, owned)

    assert float(next(iter(val))[0].max()) > 0.9
    assert "pixels become float numbers from 0 to 1 (uint8 from 0 to 255 before), in train" == change.says
    assert "in train and val" in planned(loader(pixels(3, 5, 5)), loader(pixels(3, 5, 5)))[2].says


@pytest.mark.parametrize("val", [[(torch.ones(2, 3), torch.ones(2))], iter(())], ids=["list", "iterator"])
def test_a_validation_set_that_cannot_be_converted_keeps_it_from_being_done(val):
    """A model trained on one kind of numbers must not be judged on another."""
    assert None is planned(loader(pixels(3, 5, 5)), val)[2]


def test_a_step_of_the_users_takes_the_batch_apart_itself():
    """Nobody else can tell what is an input then."""
    evidence = type("Evidence", (), {"step": staticmethod(lambda model, batch: None)})()

    assert None is planned(loader(pixels(3, 5, 5)), evidence=evidence)[2]
