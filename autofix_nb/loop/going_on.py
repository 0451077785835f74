"""How a run goes on after the kernel died: from the newest whole checkpoint, or from what damage has left of one."""

from typing import TYPE_CHECKING, Any

from autofix_nb.errors import StoreError
from autofix_nb.loop.accepting import agree
from autofix_nb.loop.before_change import BeforeChange
from autofix_nb.loop.lost import take_note_of_lost
from autofix_nb.loop.pieces import put_beside_back
from autofix_nb.loop.whole_state import put_back

if TYPE_CHECKING:
    from autofix_nb.checkpoints import Store
    from autofix_nb.loop.guard import Guard


STOPPED = ("stopped", "interrupted")
"""Ends of a turn after which a run goes on even if no step was taken: races before the first one have their outcome."""


def is_something_in(store: "Store") -> bool:
    """Tell whether there is something to go on from.

    Raises:
        StoreError: when there may be, and it cannot be believed.
    """
    if store.is_empty:
        return False
    found = store.checkpoints()
    if not found or any(one.step or one.about.get("status") in STOPPED for one in found):
        return True
    if store.problems:
        raise StoreError(
            f"`{store.folder.parent}` holds checkpoints that cannot be believed: {'; '.join(store.problems)}. Begin "
            "anew with `resume=False` (the old folder is kept under another name)"
        )
    return False  # a run that failed before its first step holds nothing


def go_on(guard: "Guard") -> dict[str, Any]:
    """Put everything back as it was at the newest whole checkpoint, and return the saved state.

    Raises:
        ResumeError: when the saved run is another training; the message lists the differences.
        StoreError: when there is nothing left to go on from.
    """
    keeper, say = guard.keeper, guard.progress.say
    checkpoint = keeper.store.resumable()
    passed_over = list(keeper.store.problems)
    pieces = {name: keeper.store.load(checkpoint, name) for name in checkpoint.pieces}
    state = pieces["state"]
    agree(guard, state)
    guard.before_change = BeforeChange.from_state(pieces["before"]) if "before" in pieces else None
    put_back(guard, state)
    keeper.written = put_beside_back(guard, keeper.best, checkpoint, pieces)
    for text in keeper.kept.restore(state["kept"]):
        keeper.journal.append("note", step=state["step"], text=text)
        say(f"{text}.")
    for problem in passed_over:
        keeper.journal.append("passed over", step=state["step"], why=problem)
        say(f"Passed over a damaged checkpoint: {problem}.")
    take_note_of_lost(guard, keeper, checkpoint)
    keeper.goes_on_from(checkpoint, journal=int(state["journal"]))
    return state
