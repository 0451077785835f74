"""What a plot shows, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autofix_nb.report.plot.columns import SMOOTH_SHARE


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series in a plot; steps never decrease, steps and values have shape (points,)."""

    label: str
    steps: np.ndarray
    values: np.ndarray
    colour: str = "s1"
    """One of the style sheet's: `s1` to `s5`."""

    kind: str = "band"
    """`band`: extremes faint, the middle smoothed over them; `exact`: these and the middle as it is; `smooth`: the
    smoothed middle alone; `dots`: a point each."""

    smooth: float = SMOOTH_SHARE
    """Share of the line that is looked at around each of its points where it is smoothed."""

    @property
    def newest(self) -> float:
        """The newest value; of a band the middle of the newest ones, so that it does not flicker."""
        if self.kind == "dots" or not len(self.values):
            return float(self.values[-1]) if len(self.values) else float("nan")
        newest = self.values[-max(1, min(25, len(self.values) // 20)) :]
        finite = newest[np.isfinite(newest)]
        return float(2 * np.median(finite / 2)) if len(finite) else float(newest[-1])


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What one small plot shows."""

    title: str
    unit: str = ""
    lines: Sequence[Line] = ()
    log: bool | None = None
    """Whether the values are on a logarithmic scale; None: where they cover much."""

    is_whole: bool = False
    """Whether the axis holds a lone spike, too, instead of cutting it off."""

    with_newest: bool = True
    """Whether the newest values stand beside the names."""

    aside: str = ""
    """Some words at the end of the title line."""

    star: tuple[float, float] | None = None
    """Step and value of the best."""

    level: tuple[float, str] | None = None
    """A value that a line across shows where it lies within the axis, and what it is."""

    limit: float | None = None
    """A value that must not be passed: the axis holds it, and its number is written."""

    shares: tuple[np.ndarray, np.ndarray] | None = None
    """Steps, and shares between 0 and 1, for a strip of shades below."""

    empty: str = "from the first steps on"
    """What stands there while there is nothing to draw."""
