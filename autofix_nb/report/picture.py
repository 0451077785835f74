"""The picture of a run: loss, goal, gradient norm and learning rate, with marks where something happened.

On white, so that it can be read in light and in dark notebooks, and printed.
"""

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from autofix_nb.finding import Finding, Severity
from autofix_nb.history import History
from autofix_nb.report.plot.columns import smooth

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg

MOST_MARKS = 50
"""Marks of one kind."""

MOST_PARTS = 4
"""Parts of the loss that have a line of their own."""

LOG_FROM = 20.0
"""Ratio of the largest to the smallest value from which a scale is logarithmic."""

FEW_DECADES = 8.0
"""Ratio of the ends of an axis below which the marks between the decades are numbered."""

COLOURS = 128
"""Colours of the file: a quarter of the bytes of one with all of them, and no pixel off by more than 16 of 255."""

# Okabe and Ito (2008), told apart by colour-blind people too.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8c8c8c"
PARTS = ("#CC79A7", "#56B4E9", "#009E73", "#999933")

MARKS = (("changed", GREEN, "-"), ("found", RED, "--"), ("resumed", "#CC79A7", ":"))
"""Name, colour and dashes of the upright lines; the later ones are drawn over the earlier ones."""


def to_png(
    history: History,
    findings: Iterable[Finding] = (),
    resumed: Iterable[int] = (),
    changed: Iterable[int] = (),
    saved: Iterable[int] = (),
) -> bytes | None:
    """Return the picture as a PNG of about 25 kB, or None when nothing was recorded.

    `resumed`, `changed` and `saved` are the steps at which that happened.
    """
    if not history.count("loss"):
        return None
    # matplotlib takes half a second to import: only those who look at a picture pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.8), dpi=100, layout="constrained", facecolor="white")
    canvas = FigureCanvasAgg(figure)  # not pyplot: it keeps every figure, and is not safe in threads
    axes = figure.subplots(2, 2, sharex=True)
    _loss(axes[0, 0], history)
    _goal(axes[0, 1], history)
    _gradients(axes[1, 0], history)
    _rate(axes[1, 1], history)
    alarms = {one.step for one in findings if one.severity >= Severity.WARNING and one.step > 0}
    steps = {"found": sorted(alarms), "changed": sorted(set(changed)), "resumed": sorted(set(resumed))}
    shown = {}
    for axis in axes.flat:
        axis.grid(visible=True, alpha=0.25, linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        for label, colour, dashes in MARKS:
            for step in steps[label][:MOST_MARKS]:
                shown[label] = axis.axvline(step, color=colour, alpha=0.85, linewidth=1.2, linestyle=dashes, zorder=1)
        ticks = sorted(set(saved))[-MOST_MARKS:]
        if ticks:
            (shown["saved"],) = axis.plot(
                ticks, [0.015] * len(ticks), marker="^", markersize=4, linestyle="", color=GREY,
                transform=axis.get_xaxis_transform(), zorder=3,
            )  # fmt: skip
    for axis in axes[1]:
        axis.set_xlabel("step", fontsize=8)
    if shown:
        figure.legend(list(shown.values()), list(shown), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return _file_of(canvas)


def _file_of(canvas: "FigureCanvasAgg") -> bytes:
    """Return what was drawn as a PNG with few colours: notebooks and reports keep it for good."""
    from PIL import Image  # matplotlib brings it

    canvas.draw()
    drawn = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba(), "raw", "RGBA", 0, 1).convert(
        "RGB"
    )
    few = drawn.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    few.save(file, format="png", optimize=True)
    return file.getvalue()


def _loss(axis: "Axes", history: History) -> None:
    steps, values = history.series("loss")
    finite = np.isfinite(values)
    steps, values = steps[finite], values[finite]
    many = len(values) >= 50
    drawn = [values]
    axis.plot(steps, values, color=BLUE, alpha=0.3 if many else 1.0, linewidth=0.8)
    axis.plot(steps, _smooth(values), color=BLUE, linewidth=1.6, label="training")
    parts = [name for name in history.names() if name.startswith("loss/")]
    for name, colour in zip(parts[:MOST_PARTS], PARTS, strict=False):
        at, part = history.series(name)
        at, part = at[np.isfinite(part)], part[np.isfinite(part)]
        axis.plot(at, _smooth(part), color=colour, linewidth=1.0, label=_bare(name.removeprefix("loss/")))
        drawn.append(part)
    x, y = _column(history, "val/loss")
    if len(y):
        axis.plot(x, y, color=ORANGE, marker="o", markersize=3, linewidth=1.6, label="validation")
        drawn.append(y[np.isfinite(y)])
    if _is_wide(drawn):
        _to_log(axis)
    axis.set_title("loss", fontsize=10, loc="left")
    axis.legend(fontsize=7, frameon=False, ncols=2)


def _goal(axis: "Axes", history: History) -> None:
    rows = [row for row in history.epochs if "goal" in row]
    x, y = _column(history, "goal")
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    title = rows[-1]["goal_name"] if rows else "no validation data"
    if len(y):
        best = int(np.argmax(y) if rows[-1]["higher_is_better"] else np.argmin(y))
        title += f", best {y[best]:.4g}"
    # `parse_math`: the name of a metric is no formula, whatever dollars it has.
    axis.set_title(title, fontsize=10, loc="left", parse_math=False)
    if not len(y):
        return
    axis.plot(x, y, color=ORANGE, marker="o", markersize=3, linewidth=1.6)
    axis.plot(x[best], y[best], marker="*", markersize=11, color=GREEN, zorder=4)


def _gradients(axis: "Axes", history: History) -> None:
    steps, values = history.series("grad_norm")
    good = np.isfinite(values) & (values > 0)
    axis.plot(steps[good], values[good], color=BLUE, linewidth=0.8)
    if good.any():
        _to_log(axis)
    axis.set_title("gradient norm", fontsize=10, loc="left")
    at, clipped = history.series("clipped")
    finite = np.isfinite(clipped)
    if not clipped[finite].any():
        return
    beside = axis.twinx()
    beside.fill_between(at[finite], 100 * smooth(clipped[finite]), color=ORANGE, alpha=0.25, linewidth=0)
    beside.set_ylim(0, 100)
    beside.set_ylabel("% of steps clipped", fontsize=8)
    beside.tick_params(labelsize=8)
    beside.spines[["top"]].set_visible(False)


def _rate(axis: "Axes", history: History) -> None:
    steps, values = history.series("lr")
    axis.plot(steps, values, color=BLUE, linewidth=1.6)
    axis.set_title("learning rate", fontsize=10, loc="left")
    positive = values[np.isfinite(values) & (values > 0)]
    if _is_wide([positive]):
        _to_log(axis)
    else:
        axis.set_ylim(bottom=0)


def _to_log(axis: "Axes") -> None:
    """Make the scale logarithmic, with numbers as people write them; between the decades too where there are few."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}" if high / FEW_DECADES < low else "")
    axis.tick_params(axis="y", which="minor", labelsize=7)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return finite values smoothed as they are seen: their logarithms where the scale will have these."""
    return np.exp(smooth(np.log(values))) if _is_wide([values]) else smooth(values)


def _is_wide(drawn: Sequence[np.ndarray]) -> bool:
    values = np.concatenate(drawn)
    return bool(len(values)) and bool((values > 0).all()) and bool(values.max() / LOG_FROM > values.min())


def _bare(name: str) -> str:
    """Return a name that matplotlib takes for no formula, and for no label that is to be hidden."""
    return name.replace("$", r"\$").lstrip("_")[:20] or "part"


def _column(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    rows = [row for row in history.epochs if name in row]
    return np.array([row["step"] for row in rows]), np.array([float(row[name]) for row in rows])
