"""Numbers and times as people read them."""

import pytest

from autofix_nb.report.numbers import compact, roughly, short


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (0.31249, "0.312"),
        (12.0, "12"),
        (1234.5, "1,234"),
        (99_999.0, "99,999"),
        (1e6, "1e6"),
        (-1.25e-7, "-1.2e-7"),
        (1e-4, "1e-4"),
        (0.001, "0.001"),
        (999.6, "1,000"),
        (float("nan"), "NaN"),
        (float("inf"), "Inf"),
        (float("-inf"), "-Inf"),
    ],
)
def test_short(value, expected):
    """Three digits, and no more exponent than it takes."""
    assert expected == short(value)


@pytest.mark.parametrize(("value", "expected"), [(0, "0"), (250, "250"), (12_000, "12k"), (1.5e6, "1.5M"), (2e9, "2G")])
def test_compact(value, expected):
    """For steps on an axis."""
    assert expected == compact(value)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "a few seconds"),
        (42, "40 s"),
        (57, "55 s"),
        (58, "1 min"),
        (839, "14 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (90_000, "25 h"),
    ],
)
def test_roughly(seconds, expected):
    """No more exact than it is known."""
    assert expected == roughly(seconds)
