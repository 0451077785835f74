"""Everything that can be known before training, asked in seconds: `preflight`, and what it returns."""

from autofix_nb.preflight.look import preflight
from autofix_nb.preflight.result import Preflight

__all__ = ["Preflight", "preflight"]
