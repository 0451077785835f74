"""Where things lie in the drawing of a plot."""

import numpy as np

from autofix_nb.widgets.axis import Axis

WIDTH, HEIGHT = 372, 132
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 6, 19
"""Units of the drawing, about pixels; the plot proper lies within the margins."""


def at(x: Axis, step: float) -> float:
    """Return where a step lies across."""
    return round(LEFT + x.at(step) * (WIDTH - LEFT - RIGHT), 1)


def above(y: Axis, value: float) -> float:
    """Return where a value lies from above."""
    return round(HEIGHT - BOTTOM - y.at(value) * (HEIGHT - TOP - BOTTOM), 1)


def across(x: Axis, steps: np.ndarray) -> np.ndarray:
    """Return where steps lie across, in tenths of a unit."""
    return 10 * (LEFT + x.place(steps) * (WIDTH - LEFT - RIGHT))


def down(places: np.ndarray) -> np.ndarray:
    """Return where places of the axis lie from above, in tenths of a unit."""
    return 10 * (HEIGHT - BOTTOM - places * (HEIGHT - TOP - BOTTOM))


def path(xs: np.ndarray, ys: np.ndarray) -> str:
    """Return points as the inner part of an SVG path, between its `M` and its end."""
    both = np.stack([xs, ys], axis=1).astype(int)
    return ("L%d %d" * len(both))[1:] % tuple(both.ravel().tolist())  # twice as fast as one by one
