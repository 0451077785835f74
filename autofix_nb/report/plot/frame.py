"""Where things lie in the drawing of a plot."""

from dataclasses import dataclass

import numpy as np

from autofix_nb.report.plot.axis import Axis


@dataclass(frozen=True)
class Frame:
    """The size of a drawing in units of its own; the plot proper lies within the margins."""

    width: int
    height: int
    columns: int
    """Columns of a series in which extremes are kept."""

    ticks: int = 5
    """Numbers beside the axis of steps, at most; one more where it begins with one."""

    left: int = 40
    right: int = 8
    top: int = 6
    bottom: int = 19

    def at(self, x: Axis, step: float) -> float:
        """Return where a step lies across."""
        return round(self.left + x.at(step) * (self.width - self.left - self.right), 1)

    def above(self, y: Axis, value: float) -> float:
        """Return where a value lies from above."""
        return round(self.floor - y.at(value) * (self.floor - self.top), 1)

    def across(self, x: Axis, steps: np.ndarray) -> np.ndarray:
        """Return where steps lie across, in tenths of a unit."""
        return 10 * (self.left + x.place(steps) * (self.width - self.left - self.right))

    def down(self, places: np.ndarray) -> np.ndarray:
        """Return where places of the axis lie from above, in tenths of a unit."""
        return 10 * (self.floor - places * (self.floor - self.top))

    @property
    def floor(self) -> int:
        """Where the axis of steps lies from above."""
        return self.height - self.bottom


SMALL = Frame(372, 132, columns=216)
"""Two beside each other in a cell, as in the live view."""

WIDE = Frame(720, 176, columns=420, ticks=8)
"""One over the whole width, as in `run.explore()`."""


def path(xs: np.ndarray, ys: np.ndarray) -> str:
    """Return points as the inner part of an SVG path, between its `M` and its end."""
    both = np.stack([xs, ys], axis=1).astype(int)
    return ("L%d %d" * len(both))[1:] % tuple(both.ravel().tolist())  # twice as fast as one by one
