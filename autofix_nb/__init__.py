"""autofix_nb: train PyTorch models in notebooks, through bad samples, NaN and lost connections."""

from autofix_nb.data import batches
from autofix_nb.environment import snapshot as environment
from autofix_nb.export import export
from autofix_nb.loading import load
from autofix_nb.loop import Guard, fit
from autofix_nb.preflight import Preflight, preflight
from autofix_nb.run import Run, open_run
from autofix_nb.runs import runs

__version__ = "0.1.0"

__all__ = [
    "Guard",
    "Preflight",
    "Run",
    "batches",
    "environment",
    "export",
    "fit",
    "load",
    "open_run",
    "preflight",
    "runs",
]
