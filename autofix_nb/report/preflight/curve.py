"""A line to look at: values over steps, and the level to compare them with."""

import io
import warnings

import numpy as np

from autofix_nb.checks import Curve
from autofix_nb.report.picture import BLUE, RED
from autofix_nb.report.preflight.words import one_line

MOST_POINTS = 2000
"""Points drawn; of longer lines every second, third and so on."""

LOG_FROM = 20
"""Largest over smallest value from which the axis is logarithmic."""


def curve(line: Curve) -> bytes | None:
    """Return the line as a PNG of about 15 kB; None where no value is finite."""
    values = np.asarray(line.values, dtype=np.float64)
    every = -(-len(values) // MOST_POINTS) or 1
    x, y = np.arange(len(values))[::every], values[::every]
    finite = np.isfinite(y)
    if not finite.any():
        return None
    # matplotlib takes half a second to import: only those who look at a picture pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 2.5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)  # not pyplot: it keeps every figure, and is not safe in threads
    axis = figure.subplots()
    axis.plot(x[finite], y[finite], color=BLUE, linewidth=1.5, marker="o" if finite.sum() <= 30 else "", markersize=3)
    # `parse_math`: a name is no formula, whatever dollars it has.
    axis.set_xlabel(one_line(line.x_label), parse_math=False, fontsize=9)
    axis.tick_params(labelsize=8)
    axis.grid(visible=True, alpha=0.25)
    shown = y[finite]
    if line.level is not None and np.isfinite(line.level):
        axis.axhline(line.level, color=RED, linestyle="--", linewidth=1.2, label=one_line(line.level_label))
        shown = np.append(shown, line.level)
        if line.level_label:
            for text in axis.legend(fontsize=8, frameon=False).get_texts():
                text.set_parse_math(False)
    if shown.min() > 0 and shown.max() > LOG_FROM * shown.min():
        axis.set_yscale("log")
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font does not have
        figure.savefig(file, format="png")
    return file.getvalue()
