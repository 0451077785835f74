"""The training loop: `fit`, and the `Guard` under it for people with a loop of their own."""

from autofix_nb.loop.fit import fit
from autofix_nb.loop.guard import Guard

__all__ = ["Guard", "fit"]
