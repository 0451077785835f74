"""What a damaged file costs where no checkpoint is whole any more: said, written down, and gone on without."""

from typing import TYPE_CHECKING

from autofix_nb.checkpoints import Checkpoint
from autofix_nb.errors import StoreError

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard
    from autofix_nb.loop.keeper import Keeper

MEANING = {
    "best": "the weights of the best epoch so far are gone",
    "first": "the first weights are gone: nothing can be begun again from them",
    "good": "the last good state is gone: nothing can go back to one until the next",
}
"""By piece: what going on without it means."""


def take_note_of_lost(guard: "Guard", keeper: "Keeper", checkpoint: Checkpoint) -> None:
    """Say and write down which pieces of the checkpoint that the run goes on from are lost, and what that means."""
    for name, problem in checkpoint.lost.items():
        means = MEANING.get(name, f"the piece {name!r} is gone")
        if name == "best":
            means += _next_best(keeper, checkpoint)
        keeper.journal.append("piece lost", step=checkpoint.step, piece=name, why=problem, means=means)
        guard.progress.say(f"A file of the checkpoint is damaged ({problem}), and no other one is whole: {means}.")


def _next_best(keeper: "Keeper", checkpoint: Checkpoint) -> str:
    """Take the best weights of an older checkpoint, where there are some that are whole."""
    for older in keeper.store.checkpoints():
        if older.age >= checkpoint.age or "best" not in older.pieces:
            continue
        try:
            keeper.best.restore(keeper.store.load(older, "best"))
        except StoreError:
            continue
        keeper.written["best"] = (keeper.best.weights, older.pieces["best"])
        return f"; the best before them, of epoch {keeper.best.epoch} ({keeper.best.value:.4g}), counts now"
    return "; the best of the epochs from here on counts"
