"""What kills twice: a process that died at the same batch two times in a row does not load or train on it again.

A process that is out of host memory, or that crashes in native code, raises nothing that could be caught: it is gone.
The pulse tells where it was, the lease that it did not end by itself, and the journal how often.
"""

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from autofix_nb.data import GuardedLoader
from autofix_nb.finding import Finding, Severity
from autofix_nb.journal import Entry
from autofix_nb.loop.lease import Holder
from autofix_nb.loop.pulse import Beat, Phase

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

DEATHS = 2
"""Deaths at one batch, nothing else having killed in between, after which it is left out."""

WORDS = {"loading": "while a batch was loaded", "step": "in the step"}
"""By phase that a batch is to blame for: where it died, in words."""

MOST_NAMES = 64
"""Samples of a batch that are written down by name."""


def take_note_of_death(guard: "Guard", holder: Holder, beat: Beat | None) -> None:
    """Write down that the kernel before this one died, and at which batch, as far as its pulse tells."""
    place: dict[str, Any] = {"step": None, "epoch": None, "position": None, "phase": None}
    if beat is not None:
        place = {
            "step": beat.step,
            "epoch": beat.epoch,
            "position": beat.position,
            "phase": beat.phase.name.lower(),
            "what": beat.what,
        }
    guard.journal.append("died", **place, host=holder.host, process=holder.pid, since=holder.since)


def leave_out_what_kills(guard: "Guard", source: Any) -> None:
    """Set the batch aside at which the last two processes died, or say why it is not; once for each such batch."""
    died = guard.journal.entries("died")
    if not is_same_place(died[-DEATHS:], WORDS):
        return
    last = died[-1]
    epoch, position, loading = last["epoch"], last["position"], last["phase"] == Phase.LOADING.name.lower()
    if any(entry["n"] > last["n"] for entry in guard.journal.entries("left out")):
        return
    samples = samples_of(source, epoch, position)
    shared = _shared(guard, samples)
    workers = getattr(getattr(source, "loader", None), "num_workers", 0)
    also = "; it is loaded without worker processes from here on" if loading and workers else ""
    blamed = f"; sample {shared[0]} was in a batch that killed before, too" if shared else ""
    finding = Finding(
        code="B02",
        title="A batch cannot be built or run",
        severity=Severity.WARNING,
        step=guard.step_count,
        measured=DEATHS,
        limit=DEATHS,
        says=f"the process died {DEATHS} times at batch {position} of epoch {epoch}, {WORDS[last['phase']]} (out of "
        f"host memory, or a crash in native code){also}{blamed}",
        where=tuple(f"sample {name}" for name in [*shared, *(one for one in samples if one not in shared)]),
        fixes=("skip_batch",),
    )
    if guard.policy.act(finding, guard, ["skip_batch"]):
        guard.journal.append(
            "left out",
            step=guard.step_count,
            epoch=epoch,
            position=position,
            phase=last["phase"],
            samples=samples[:MOST_NAMES],
            without_workers=bool(loading and workers),
        )


def left_out(guard: "Guard", epoch: int) -> frozenset[int]:
    """Return the positions of this epoch whose batches were set aside because they kill."""
    return frozenset(entry["position"] for entry in guard.journal.entries("left out", epoch=epoch))


def without_workers(guard: "Guard") -> bool:
    """Tell whether batches are to be loaded in this process, because a process died while its workers loaded."""
    return bool(guard.journal.entries("left out", without_workers=True))


def samples_of(source: Any, epoch: int, position: int) -> list[Any]:
    """Return the indices of the samples in one batch, as far as the source tells them."""
    if not isinstance(source, GuardedLoader):
        return []
    order = source.order(epoch)
    return list(order[position]) if position < len(order) else []


def is_same_place(died: Sequence[Entry], phases: Collection[str | None]) -> bool:
    """Tell whether these deaths are enough, and all in one of these phases, at the same place."""
    places = {tuple(entry[name] for name in ("step", "epoch", "position", "phase")) for entry in died}
    return len(died) >= DEATHS and len(places) == 1 and died[-1]["phase"] in phases


def _shared(guard: "Guard", samples: Collection[Any]) -> list[Any]:
    """Return the samples that were in a batch left out before, too: they are the likeliest."""
    before = {str(name) for entry in guard.journal.entries("left out") for name in entry["samples"]}
    return [name for name in samples if str(name) in before]


def take_note_of_lost_device(guard: "Guard") -> None:
    """A GPU that asserted ends the process as surely as a kill: count it, so that the batch is left out next time."""
    place = {"step": guard.step_count, "epoch": guard.epoch, "position": None, "phase": None}
    if guard.at_hand is not None:
        place |= {"position": guard.at_hand.position, "phase": Phase.STEP.name.lower()}
    guard.journal.append("died", **place, host="", process=os.getpid(), since="", why="the GPU was lost")
