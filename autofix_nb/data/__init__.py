"""The guarded loader: same data, bad samples set aside, any batch of any epoch reachable again."""

from autofix_nb.data.fetch import Fault, Plan
from autofix_nb.data.loader import Batch, GuardedLoader, IterableGuard, batches, guard_loader
from autofix_nb.data.quarantine import Quarantine, Quarantined

__all__ = [
    "Batch",
    "Fault",
    "GuardedLoader",
    "IterableGuard",
    "Plan",
    "Quarantine",
    "Quarantined",
    "batches",
    "guard_loader",
]
