"""What was found before training: one plain dict; text, HTML and pictures made from it."""

from autofix_nb.report.preflight.build import build
from autofix_nb.report.preflight.draw import draw
from autofix_nb.report.preflight.html import to_html, to_page
from autofix_nb.report.preflight.text import to_text

__all__ = ["build", "draw", "to_html", "to_page", "to_text"]
