"""Small plots of a run as HTML, for the live view, the evidence of findings and `run.explore()` alike."""

from autofix_nb.report.plot.content import Line, Plot
from autofix_nb.report.plot.drawing import draw
from autofix_nb.report.plot.frame import SMALL, WIDE, Frame
from autofix_nb.report.plot.marks import Mark
from autofix_nb.report.plot.style import PLOTS, VIEW

__all__ = ["PLOTS", "SMALL", "VIEW", "WIDE", "Frame", "Line", "Mark", "Plot", "draw"]
