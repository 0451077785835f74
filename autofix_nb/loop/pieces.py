"""The pieces of a guard's checkpoint: its state, and beside it what is written only when it changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from autofix_nb.checkpoints import Checkpoint, LostPiece, Piece, Snapshot, Store, copied, same_bits
from autofix_nb.history import History
from autofix_nb.loop.best import Best
from autofix_nb.loop.first_state import FirstState
from autofix_nb.loop.tables import write_tables

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

USERS, AT_WORK, NOBODYS = "users", "at work", "nobody's"
"""Whose moments the last good state holds: a fix may put another optimizer in the place of the user's, and undoing it
takes that one away."""

Written = dict[str, tuple[Any, Piece]]
"""By piece: the object that it was written from, and what it is on the disk."""


def beside_of(guard: "Guard", best: Best) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return by piece the object that it is made from, and its content. None of it changes once it is made."""
    beside: dict[str, tuple[Any, dict[str, Any]]] = {}
    if best.weights is not None:
        beside["best"] = (best.weights, best.state())
    if guard.first is not None:
        beside["first"] = (guard.first.weights, guard.first.state())
    if guard.snapshot is not None:
        of_users = good_in(guard)["good_of"] == USERS
        beside["good"] = (guard.snapshot, guard.snapshot.state() | {"of_users": of_users})
    if guard.before_change is not None:
        if guard.before_change.is_needed(guard):
            beside["before"] = (guard.before_change, guard.before_change.state())
        else:
            guard.before_change = None
    return beside


def good_in(guard: "Guard") -> dict[str, Any]:
    """Return what the state tells of the last good state: its step, and whose moments are in it.

    Not a part of its own piece: that is written once, and the optimizer may be another one later.
    """
    snapshot = guard.snapshot
    if snapshot is None:
        return {"good_step": None, "good_of": ""}
    whose = NOBODYS
    if snapshot.has_moments and snapshot.is_of(guard.optimizer):
        whose = AT_WORK
    elif snapshot.has_moments and snapshot.is_of(guard.stepper.users_optimizer):
        whose = USERS
    return {"good_step": snapshot.step, "good_of": whose}


def write(
    store: Store,
    known: Written,
    state: dict[str, Any],
    beside: dict[str, tuple[Any, dict[str, Any]]],
    about: dict[str, Any],
    tables: Path | None,
) -> tuple[Checkpoint, Written, Exception | None]:
    """Write a checkpoint, and the tables into the folder `tables`; returns what could not be written of those."""
    pieces: dict[str, Any] = {"state": state}
    if "good" in beside and _is_in(state, beside["good"][1]):
        beside = {name: one for name, one in beside.items() if name != "good"}
    for name, (source, content) in beside.items():
        pieces[name] = known[name][1] if name in known and known[name][0] is source else content
    try:
        checkpoint = store.save(pieces, about)
    except LostPiece as lost:  # somebody damaged or deleted it; what it was written from is still here
        checkpoint = store.save(pieces | {name: beside[name][1] for name in lost.names}, about)
    written = {name: (source, checkpoint.pieces[name]) for name, (source, _) in beside.items()}
    try:
        if tables is not None:
            write_tables(tables, History.from_state(state["history"]))
    except Exception as error:  # noqa: BLE001 - the checkpoint is written, whatever the tables say
        return checkpoint, written, error
    return checkpoint, written, None


def put_beside_back(guard: "Guard", best: Best, checkpoint: Checkpoint, loaded: dict[str, Any]) -> Written:
    """Give guard and bookkeeping what lay beside a checkpoint's state; returns what need not be written again."""
    written: Written = {}
    if "first" in loaded:
        guard.first = FirstState.from_state(loaded["first"])
        written["first"] = (guard.first.weights, checkpoint.pieces["first"])
    if "best" in loaded:
        best.restore(loaded["best"])
        written["best"] = (best.weights, checkpoint.pieces["best"])
    state = loaded["state"]
    good = loaded.get("good") or _out_of(state, checkpoint)
    if good is not None:
        whose = state.get("good_of") or (USERS if good["of_users"] else AT_WORK)  # older checkpoints say it there only
        optimizer = guard.stepper.users_optimizer if whose == USERS else guard.optimizer
        guard.snapshot = Snapshot.from_state(good, guard.model, optimizer, moments=whose != NOBODYS)
        if "good" in loaded:
            written["good"] = (guard.snapshot, checkpoint.pieces["good"])
    if guard.before_change is not None:
        written["before"] = (guard.before_change, checkpoint.pieces["before"])
    return written


def _is_in(state: dict[str, Any], good: dict[str, Any]) -> bool:
    """Tell whether the last good state is the one being saved, bit for bit: then it need not be written twice."""
    return (
        good["step"] == state["step"] == state["good_step"]
        and state["good_of"] == AT_WORK
        and same_bits(good["weights"], state["model"])
        and same_bits(good["beside"], state["beside"])
        and same_bits(good["optimizer"], state["optimizer"]["state"])
    )


def _out_of(state: dict[str, Any], checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Return the last good state where it is that of the checkpoint itself; None where there is none, or it is lost."""
    if state.get("good_step") != state["step"] or "good" in checkpoint.lost or state.get("good_of") != AT_WORK:
        return None
    # Copies: what is loaded into the optimizer may be trained on in place.
    weights, beside, moments = copied((state["model"], state["beside"], state["optimizer"]["state"]))
    return {"step": state["step"], "weights": weights, "beside": beside, "optimizer": moments}
