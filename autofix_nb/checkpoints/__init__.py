"""What is kept of a run: files that survive the kernel, and the last good state in memory."""

from autofix_nb.checkpoints.snapshot import BeforeStep, Snapshot, WeightsOnLoan, copied
from autofix_nb.checkpoints.state import portable, portable_or_dropped, random_state, set_random_state
from autofix_nb.checkpoints.store import Store, write_atomically

__all__ = [
    "BeforeStep",
    "Snapshot",
    "Store",
    "WeightsOnLoan",
    "copied",
    "portable",
    "portable_or_dropped",
    "random_state",
    "set_random_state",
    "write_atomically",
]
