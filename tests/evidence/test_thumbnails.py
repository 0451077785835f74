"""Small pictures and what is measured of them."""

import numpy as np
import pytest
import torch
from PIL import Image

from autofix_nb.evidence.thumbnails import (
    PROPERTIES,
    Scale,
    make_small,
    measure,
    small_picture,
    thumbnails,
    to_planes,
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(np.array([0, 255], dtype=np.uint8), [0.0, 1.0], id="bytes"),
        pytest.param(np.array([0, 7], dtype=np.uint8), [0.0, 7 / 255], id="dark-bytes"),
        pytest.param(np.array([0.0, 0.5]), [0.0, 0.5], id="already"),
        pytest.param(np.array([0.0, 1.4]), [0.0, 1.4], id="brightened"),
        pytest.param(np.array([0.0, 15.0]), [0.0, 15 / 16], id="digits"),
        pytest.param(np.array([0.0, 200.0]), [0.0, 200 / 255], id="floats-to-255"),
        pytest.param(np.array([0, 65535], dtype=np.uint16), [0.0, 1.0], id="sixteen-bits"),
        pytest.param(np.array([0.0, 1e6]), [0.0, 1.0], id="beyond"),
        pytest.param(np.array([-1.0, 1.0]), [0.0, 1.0], id="minus-one-to-one"),
        pytest.param(np.array([-2.0, 2.0]), [0.0, 1.0], id="normalised"),
        pytest.param(np.array([np.nan, 0.5]), [0.0, 0.5], id="nan"),
    ],
)
def test_numbers_become_0_to_1(values, expected):
    """By one rule for the whole data set."""
    scale = Scale([values])

    np.testing.assert_allclose(expected, scale(torch.from_numpy(values.astype(np.float32))), atol=1e-6) if (
        values.dtype != np.uint8
    ) else np.testing.assert_allclose(expected, scale(torch.from_numpy(values)), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "planes"),
    [
        ((2, 3, 8, 9), (2, 3, 8, 9)),
        ((2, 8, 9, 3), (2, 3, 8, 9)),
        ((2, 8, 9, 4), (2, 3, 8, 9)),
        ((2, 1, 8, 9), (2, 3, 8, 9)),
        ((2, 8, 9, 1), (2, 3, 8, 9)),
        ((2, 8, 9), (2, 3, 8, 9)),
        ((2, 4, 9, 3), (2, 3, 4, 9)),
    ],
)
def test_channels_are_found(shape, planes):
    """First, last, or none; transparency is left out."""
    assert planes == to_planes(np.zeros(shape, dtype=np.float32)).shape


@pytest.mark.parametrize(("size", "small"), [((8, 6), (8, 6)), ((128, 64), (64, 32)), ((1000, 4), (64, 1))])
def test_small_pictures_keep_their_proportions(size, small):
    """PIL images and tensors alike."""
    width, height = size

    assert (small[1], small[0], 3) == small_picture(Image.new("RGB", size)).shape
    assert (1, 3, small[1], small[0]) == tuple(make_small(torch.zeros(1, 3, height, width)).shape)


def measured(image):
    planes = torch.as_tensor(image, dtype=torch.float32)[None]
    return dict(zip(PROPERTIES, measure(planes, np.array([20]), np.array([10]))[0].tolist(), strict=True))


def test_properties_are_those_of_the_picture():
    """Plain red, and a board of black and white."""
    red = torch.zeros(3, 10, 20)
    red[0] = 1
    board = ((torch.arange(10)[:, None] + torch.arange(20)) % 2).float().expand(3, 10, 20)

    expected_red = {"width": 20, "height": 10, "aspect": 2, "brightness": 0.241**0.5, "contrast": 0, "red": 1}
    assert pytest.approx(expected_red | {"green": 0, "blue": 0, "saturation": 1, "sharpness": 0}, abs=1e-6) == measured(
        red
    )
    assert pytest.approx((0.5, 0.5, 0.0, 4.0), abs=1e-3) == tuple(
        measured(board)[name] for name in ("brightness", "contrast", "saturation", "sharpness")
    )


def test_a_blurred_picture_is_less_sharp():
    """The same picture, smoothed."""
    image = torch.rand(3, 10, 20, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(image, 3, stride=1, padding=1)

    assert measured(image)["sharpness"] > 3 * measured(blurred)["sharpness"]


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (8, 8), (32, 32), (64, 40)])
def test_thumbnails_of_any_size(size):
    """32 by 32 pixels, colours last, and no warning for pictures of one pixel."""
    small = torch.full((2, 3, *size), 0.5)

    assert [(2, 32, 32, 3), 128] == [thumbnails(small).shape, int(thumbnails(small).max())]
    assert np.isfinite(measure(small, np.ones(2), np.ones(2))).all()
