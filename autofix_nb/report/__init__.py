"""What happened in a run: one plain dict; text, HTML and JSON made from it."""

from autofix_nb.report.build import build
from autofix_nb.report.html import to_html, to_page
from autofix_nb.report.picture import to_png
from autofix_nb.report.sentences import duration, sentences
from autofix_nb.report.shown import Report
from autofix_nb.report.text import to_text

__all__ = ["Report", "build", "duration", "sentences", "to_html", "to_page", "to_png", "to_text"]
