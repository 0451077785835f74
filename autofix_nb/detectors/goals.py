"""Goals and losses over the epochs, and what is noise in them: the questions that detectors of epochs share.

Noise is taken from second differences, which a steady rise or fall leaves at 0, and from their median, which a few
jumps leave alone (Gasser, Sroka, Jennen-Steinmetz 1986, https://doi.org/10.1093/biomet/73.3.625). A share counted on
few rows (an accuracy on 30 of them) moves by 1/30 with each row, and a change by a few rows is noise as well.
"""

from dataclasses import dataclass
from math import comb, isfinite, sqrt
from typing import Any

import numpy as np

from autofix_nb.finding import NotApplicable
from autofix_nb.history import History

FEW_ROWS = 5
"""Rows judged otherwise than before, up to which the change of a share counts as noise."""

SURE = 3.0
"""Standard deviations from which a change is more than noise."""

POINTS = 0.02
"""How far above the best constant answer an accuracy may be and count as no better."""

TREND = 2.0
"""Standard deviations of Kendall's sum from which a series has a trend: 5 values in order reach it, 4 do not."""


@dataclass(frozen=True, kw_only=True)
class Goals:
    """The epochs of the present chapter that have a goal, and their goals turned so that larger is better."""

    rows: list[dict[str, Any]]
    values: np.ndarray
    """Shape (epochs,)."""

    higher_is_better: bool

    @property
    def name(self) -> str:
        """Name of the goal's column."""
        return str(self.rows[-1].get("goal_name", "goal"))

    @property
    def is_loss(self) -> bool:
        """Whether the goal is the validation loss, or a part of it."""
        return self.name == "val/loss" or self.name.startswith("val/loss/")

    @property
    def is_share(self) -> bool:
        """Whether the goal lies between 0 and 1, and more is better, as of an accuracy or an F1."""
        return self.higher_is_better and bool(((self.values >= 0) & (self.values <= 1)).all())

    @property
    def margin(self) -> float:
        """How far the goal must move to have moved at all: beyond its noise, and by more than a few rows."""
        rows = number(self.rows[-1], "val/rows")
        few = FEW_ROWS / rows if self.is_share and rows > 0 else 0.0
        return max(SURE * noise(self.values), few)

    @property
    def constant(self) -> float:
        """Up to which value an accuracy is no better than one answer for all rows; -inf where that is unknown."""
        share = number(self.rows[-1], "val/majority")
        if self.name != "val/accuracy" or not 0 <= share <= 1:
            return float("-inf")
        # Neither among many classes nor beside one that is nearly all may a small step up count as none.
        return share + min(POINTS, 0.2 * share, 0.2 * (1 - share))


def goals_of(history: History, least: int) -> Goals:
    """Return the goals of the present chapter.

    Raises:
        NotApplicable: when fewer than `least` epochs have one.
    """
    rows = [row for row in history.rows() if isfinite(number(row, "goal"))]
    if len(rows) < least:
        raise NotApplicable(f"`goal`: {len(rows)} of {least} epochs recorded")
    higher = bool(rows[-1].get("higher_is_better", True))
    values = np.array([number(row, "goal") for row in rows])
    return Goals(rows=rows, values=values if higher else -values, higher_is_better=higher)


def number(row: dict[str, Any], name: str) -> float:
    """Return one value of an epoch's row; NaN where it has none."""
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else float("nan")


def column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    """Return the finite values of one column, shape (epochs,).

    Raises:
        NotApplicable: when an epoch has none.
    """
    values = np.array([number(row, name) for row in rows])
    there = int(np.isfinite(values).sum())
    if there < len(rows) or not len(rows):
        raise NotApplicable(f"`{name}`: {there} of {max(1, len(rows))} epochs recorded")
    return values


def noise(values: np.ndarray) -> float:
    """Return the standard deviation of what jumps from value to value; 0 for fewer than 3."""
    if len(values) < 3:
        return 0.0
    with np.errstate(all="ignore"):
        bends = np.abs(values[:-2] - 2 * values[1:-1] + values[2:])
        return 1.4826 * float(np.median(bends)) / sqrt(comb(4, 2))


def levels(values: np.ndarray, width: int = 3) -> np.ndarray:
    """Return the median of each `width` neighbours, shape (values - width + 1,): one lucky epoch makes no level."""
    with np.errstate(all="ignore"):
        return np.median(np.lib.stride_tricks.sliding_window_view(values, width), axis=1)


def falls(values: np.ndarray, share: float) -> bool:
    """Tell whether values fall robustly: most pairs in order (Kendall 1938), and by at least a share of the first."""
    count = len(values)
    if count < 5:
        return False
    with np.errstate(all="ignore"):
        pairs = np.sign(values[None, :] - values[:, None])
        in_order = float(np.nansum(np.triu(pairs, 1)))
        third = max(1, count // 3)
        before, after = float(np.median(values[:third])), float(np.median(values[-third:]))
    spread = sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return in_order / spread < -TREND and before - after > share * abs(before)
