"""Small pictures of samples: of what is a picture, and of nothing else."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from autofix_nb.data.pictures import LONGEST_SIDE, row_png, small_png


def opened(png):
    return Image.open(io.BytesIO(png))


@pytest.mark.parametrize(
    ("sample", "size"),
    [
        pytest.param(torch.rand(3, 10, 20), (20, 10), id="channels-first"),
        pytest.param(torch.rand(1, 8, 8), (8, 8), id="grey"),
        pytest.param(torch.rand(8, 12), (12, 8), id="no-channels"),
        pytest.param(np.zeros((10, 20, 3), dtype=np.uint8), (20, 10), id="channels-last"),
        pytest.param(torch.rand(3, 200, 100, dtype=torch.float64), (32, 64), id="large"),
        pytest.param(torch.rand(3, 2000, 1000), (32, 64), id="very-large"),
        pytest.param(torch.full((3, 8, 8), float("nan")), (8, 8), id="all-nan"),
        pytest.param(torch.full((1, 8, 8), float("inf")), (8, 8), id="all-infinite"),
        pytest.param(torch.rand(3, 8, 8, dtype=torch.bfloat16), (8, 8), id="bfloat16"),
        pytest.param(Image.new("RGBA", (100, 50)), (64, 32), id="pil"),
        pytest.param((torch.rand(3, 8, 8), 3), (8, 8), id="in-a-tuple"),
        pytest.param({"name": "x", "pixels": [torch.rand(3, 8, 8)]}, (8, 8), id="in-a-dict"),
    ],
)
def test_what_is_a_picture_is_drawn(sample, size):
    """In its own proportions, at most 64 pixels a side."""
    assert size == opened(small_png(sample)).size


@pytest.mark.parametrize(
    "sample",
    [
        None,
        3,
        "text",
        torch.rand(64),
        torch.rand(5, 8, 8),
        torch.rand(2, 100),
        torch.rand(3, 0, 8),
        torch.rand(2, 3, 8, 8),
        torch.zeros(0),
        (),
        object(),
    ],
    ids=["none", "number", "text", "row", "many-channels", "table", "no-rows", "batch", "empty", "nothing", "object"],
)
def test_what_is_no_picture_has_none(sample):
    """And nothing is raised."""
    assert b"" == small_png(sample)


def test_what_holds_itself_ends():
    """A list in itself is searched to a certain depth."""
    loop = []
    loop.append(loop)

    assert b"" == small_png(loop)


def test_missing_pixels_are_seen():
    """They are magenta, which no other value becomes in a grey picture."""
    picture = torch.rand(1, 8, 8)
    picture[0, 2, 3] = float("nan")

    assert (255, 0, 255) == opened(small_png(picture)).convert("RGB").getpixel((3, 2))


def test_the_row_of_a_batch():
    """Inputs come before targets."""
    images = torch.rand(4, 3, 8, 8)

    assert small_png(images[2]) == row_png([images, torch.arange(4)], 2)
    assert b"" == row_png([torch.rand(4, 64), torch.arange(4)], 2)
    assert b"" == row_png([images], 99)


@given(
    st.lists(st.integers(0, 12), max_size=4), st.sampled_from([torch.float32, torch.float16, torch.int64, torch.bool])
)
@settings(max_examples=60, deadline=None)
def test_whatever_the_shape_nothing_is_raised_and_nothing_is_changed(shape, kind):
    """The random stream and the sample are as before."""
    sample = torch.ones(shape, dtype=kind)
    before = torch.get_rng_state()
    png = small_png(sample)

    assert torch.equal(before, torch.get_rng_state())
    assert bool((sample == 1).all())
    assert not png or max(opened(png).size) <= LONGEST_SIDE
