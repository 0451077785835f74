"""What people see while it trains: text where there is no notebook, and for now in notebooks too."""

from autofix_nb.widgets.controls import make_panel
from autofix_nb.widgets.progress import Progress, make_progress

__all__ = ["Progress", "make_panel", "make_progress"]
