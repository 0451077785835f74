"""The picture of a run: loss, goal, gradient norm and learning rate, with marks where something happened."""

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from autofix_nb.finding import Finding, Severity
from autofix_nb.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008), told apart by colour-blind people too.
MOST_MARKS = 50
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8c8c8c"


def to_png(history: History, findings: Iterable[Finding] = (), resumed: Iterable[int] = ()) -> bytes | None:
    """Return the picture as a PNG of about 60 kB, or None when nothing was recorded."""
    if not history.count("loss"):
        return None
    # matplotlib takes half a second to import: only those who look at a picture pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.8), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)  # not pyplot: it keeps every figure, and is not safe in threads
    axes = figure.subplots(2, 2)
    _loss(axes[0, 0], history)
    _goal(axes[0, 1], history)
    _gradients(axes[1, 0], history)
    _rate(axes[1, 1], history)
    alarms = sorted({one.step for one in findings if one.severity >= Severity.WARNING and one.step > 0})
    marks = [(alarms, RED, "found"), (sorted(set(resumed)), GREEN, "resumed")]
    shown = {}
    for axis in axes.flat:
        axis.grid(visible=True, alpha=0.25)
        axis.set_xlabel("step")
        for steps, colour, label in marks:
            for step in steps[:MOST_MARKS]:
                shown[label] = axis.axvline(step, color=colour, alpha=0.8, linewidth=1.2, linestyle="--")
    if shown:
        figure.legend(list(shown.values()), list(shown), loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _loss(axis: "Axes", history: History) -> None:
    steps, values = history.series("loss")
    finite = np.isfinite(values)
    steps, values = steps[finite], values[finite]
    axis.plot(steps, values, color=BLUE, alpha=0.25, linewidth=0.8)
    axis.plot(steps, _smooth(values), color=BLUE, linewidth=1.5, label="training")
    x, y = _column(history, "val/loss")
    if len(y):
        axis.plot(x, y, color=ORANGE, marker="o", markersize=3, linewidth=1.5, label="validation")
    if len(values) and (values > 0).all() and values.max() > 20 * values.min():
        axis.set_yscale("log")
    axis.set_title("loss", fontsize=10, loc="left")
    axis.legend(fontsize=8, frameon=False)


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
    axis.plot(x, y, color=ORANGE, marker="o", markersize=3, linewidth=1.5)
    axis.plot(x[best], y[best], marker="*", markersize=11, color=GREEN)


def _gradients(axis: "Axes", history: History) -> None:
    steps, values = history.series("grad_norm")
    good = np.isfinite(values) & (values > 0)
    axis.plot(steps[good], values[good], color=BLUE, linewidth=0.8)
    if good.any():
        axis.set_yscale("log")
    axis.set_title("gradient norm", fontsize=10, loc="left")


def _rate(axis: "Axes", history: History) -> None:
    steps, values = history.series("lr")
    axis.plot(steps, values, color=GREY, linewidth=1.5)
    axis.set_title("learning rate", fontsize=10, loc="left")
    axis.set_ylim(bottom=0)


def _column(history: History, name: str) -> tuple[np.ndarray, np.ndarray]:
    rows = [row for row in history.epochs if name in row]
    return np.array([row["step"] for row in rows]), np.array([float(row[name]) for row in rows])


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return a running mean over about a fiftieth of the points."""
    width = max(1, len(values) // 50)
    if width == 1:
        return values
    padded = np.concatenate([np.full(width - 1, values[0]), values])
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")
