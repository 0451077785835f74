"""Pictures of any range, mapped back to colours."""

import numpy as np
import pytest

from autofix_nb.data.colours import MEAN, STD, channels_last, to_colours

PIXELS = np.arange(2 * 8 * 8 * 3).reshape(2, 8, 8, 3) * 255 // (2 * 8 * 8 * 3 - 1)


@pytest.mark.parametrize(
    "pictures",
    [
        pytest.param(PIXELS.astype(np.uint8), id="bytes"),
        pytest.param(PIXELS.astype(np.int64), id="whole-numbers"),
        pytest.param(PIXELS.astype(np.float32), id="bytes-as-floats"),
        pytest.param((PIXELS / 255).astype(np.float32), id="0-to-1"),
        pytest.param((PIXELS / 255).astype(np.float16), id="half"),
        pytest.param(PIXELS / 127.5 - 1, id="minus-1-to-1"),
        pytest.param((PIXELS / 255 - MEAN) / STD, id="imagenet"),
        pytest.param(PIXELS * 40.0 - 1000, id="anything-else-is-stretched"),
    ],
)
def test_the_colours_come_back(pictures):
    """Whichever of the usual ranges they were brought to."""
    colours = to_colours(pictures)

    assert np.uint8 == colours.dtype
    assert 1 >= np.abs(colours.astype(int) - PIXELS).max()


def test_missing_pixels_are_seen():
    """NaN and infinities in a colour that no photo has, and the others as if they were not there."""
    pictures = (PIXELS / 255 - MEAN) / STD
    pictures[0, 0, 0, 1], pictures[1, 2, 3, 0] = np.nan, np.inf
    colours = to_colours(pictures)

    assert [(255, 0, 255)] * 2 == [tuple(colours[0, 0, 0]), tuple(colours[1, 2, 3])]
    assert 1 >= np.abs(colours[0, 1:].astype(int) - PIXELS[0, 1:]).max()


@pytest.mark.parametrize("value", [0.0, -7.5, 1e30, np.nan])
def test_one_value_everywhere(value):
    """No division by zero, no warning."""
    assert (1, 2, 2, 3) == to_colours(np.full((1, 2, 2, 1), value)).shape


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        pytest.param((2, 3, 8, 9), (2, 8, 9, 3), id="channels-first"),
        pytest.param((2, 8, 9, 3), (2, 8, 9, 3), id="channels-last"),
        pytest.param((2, 1, 8, 9), (2, 8, 9, 1), id="grey"),
        pytest.param((2, 4, 8, 9), (2, 8, 9, 3), id="see-through"),
        pytest.param((2, 4, 8, 3), (2, 4, 8, 3), id="four-rows-of-colours"),
        pytest.param((2, 12, 8, 9), (2, 8, 9, 3), id="many-channels"),
        pytest.param((2, 2, 8, 9), (2, 8, 9, 1), id="two-channels"),
        pytest.param((3, 1, 1, 1), (3, 1, 1, 1), id="one-pixel"),
        pytest.param((2, 8), None, id="rows"),
        pytest.param((2, 8, 9), None, id="sequences"),
        pytest.param((0, 3, 8, 9), None, id="none-at-all"),
    ],
)
def test_channels_are_told_from_sides(shape, found):
    """The first three of more; one of two."""
    pictures = channels_last(np.zeros(shape))

    assert found == (None if pictures is None else pictures.shape)
