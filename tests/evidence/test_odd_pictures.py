"""Pictures that are blank, or beyond the fence of the set they are in."""

from dataclasses import replace

import numpy as np
import pytest

from autofix_nb.evidence.odd_pictures import blank_pictures, odd_pictures
from tests.checks.subjects import scan

WIDTHS = np.linspace(90, 110, 100)


def of_widths(widths, name="width"):
    return scan(np.asarray(widths)[:, None], names=(name,))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("width", 400, [7], id="four-times-as-wide"),
        pytest.param("width", 25, [7], id="a-quarter-as-wide"),
        pytest.param("width", 120, [], id="a-little-wider"),
        pytest.param("brightness", 400, [7], id="far-brighter"),
    ],
)
def test_a_property_beyond_the_fence_makes_a_picture_odd(name, value, expected):
    """Sizes by factors, the others by differences."""
    widths = WIDTHS.copy()
    widths[7] = value
    told = of_widths(widths, name)

    assert expected == list(odd_pictures(told, told.features, 3, set()))
    assert [] == list(odd_pictures(told, told.features, 3, {7}))


def test_many_beyond_the_fence_are_a_kind_of_picture():
    """A twentieth and more."""
    widths = WIDTHS.copy()
    widths[:8] = 4000
    told = of_widths(widths)

    assert {} == odd_pictures(told, told.features, 3, set())


def test_blank_pictures_have_one_colour():
    """Whichever it is."""
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    pictures[1], pictures[3] = 0, (200, 10, 10)

    assert [1, 3] == blank_pictures(scan(np.zeros((4, 1)), thumbnails=pictures), 1.0).tolist()
    assert [] == blank_pictures(scan(np.zeros((4, 1))), 1.0).tolist()


def test_what_is_missing_is_not_blank():
    """A picture of NaN has no shade; that it is missing is told by another question."""
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    pictures[1], pictures[3] = 0, 0
    seen = replace(scan(np.zeros((4, 1)), thumbnails=pictures), non_finite={3: "input: 1024 of 1024 values NaN"})

    assert [1] == blank_pictures(seen, 1.0).tolist()
