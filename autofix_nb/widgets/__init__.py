"""What people see while it trains: one live output in a notebook, text where there is none."""

from autofix_nb.widgets.controls import make_panel
from autofix_nb.widgets.progress import Progress
from autofix_nb.widgets.showing import make_progress

__all__ = ["Progress", "make_panel", "make_progress"]
