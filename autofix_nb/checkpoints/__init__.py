"""What is kept of a run: files that survive the kernel, and the last good state in memory."""

from autofix_nb.checkpoints.copying import Copies, copied, same_bits
from autofix_nb.checkpoints.manifest import Checkpoint
from autofix_nb.checkpoints.pieces import Piece, write_atomically
from autofix_nb.checkpoints.snapshot import BeforeStep, Snapshot, WeightsOnLoan
from autofix_nb.checkpoints.state import as_before, portable, portable_or_dropped, random_state, set_random_state
from autofix_nb.checkpoints.store import LostPiece, NotOurs, Store
from autofix_nb.checkpoints.writer import Outcome, Writer

__all__ = [
    "BeforeStep",
    "Checkpoint",
    "Copies",
    "LostPiece",
    "NotOurs",
    "Outcome",
    "Piece",
    "Snapshot",
    "Store",
    "WeightsOnLoan",
    "Writer",
    "as_before",
    "copied",
    "portable",
    "portable_or_dropped",
    "random_state",
    "same_bits",
    "set_random_state",
    "write_atomically",
]
