"""How a run begins, or goes on where it stopped."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from autofix_nb.checkpoints import Snapshot
from autofix_nb.environment import snapshot as environment
from autofix_nb.errors import ModelError, ResumeError
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes.prepared import changes_of
from autofix_nb.loop.accepting import Accepted
from autofix_nb.loop.agreement import differences, let_through
from autofix_nb.loop.first_state import FirstState
from autofix_nb.loop.going_on import go_on, is_something_in
from autofix_nb.loop.identity import identity_of
from autofix_nb.loop.locate import first_bad_weight

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


def begin_or_resume(guard: "Guard", loss: str, epochs: int) -> None:
    """Begin the run, or put everything back as it was at the last save.

    Raises:
        ModelError: when the weights are not finite to begin with.
        ResumeError: when the folder holds another training.
        StoreError: when it holds no whole checkpoint any more.
    """
    guard.keeper.begin(guard.turn)
    guard.turn.take_note(guard)
    guard.identity |= identity_of(guard, loss)
    asked = 0
    goes_on = guard.keeper.may_resume and is_something_in(guard.keeper.store)
    state = _resumed(guard) if goes_on else None
    if state is not None:
        asked = state["epochs"]
        if epochs > asked:
            guard.controls.stop = None  # who asks for more epochs wants them, although it had stopped early
    if guard.home.says:
        guard.progress.say(guard.home.says)
    if guard.keeper.mirror is not None:
        guard.keeper.mirror.begin(guard)
    guard.run.attach(guard)
    if guard.status == "finished" and (guard.epoch >= epochs or epochs <= asked):
        return
    resumed = guard.status != "new"
    if not resumed:
        guard.quarantine.restore([])  # what a run before this one had set aside
        _check_weights(guard)
        _write_settings(guard)
        guard.journal.append("start", name=guard.name, seed=guard.seed, epochs=epochs)
    else:
        _say_resumed(guard)
        if guard.accepted is not None:
            guard.accepted.apply(guard)
        _renew_settings(guard, epochs)
    if guard.keeper.moved_to is not None:
        guard.progress.say(f"The earlier run of this name is kept in {guard.keeper.moved_to}.")
    guard.status = "running"
    if not resumed:  # a run that goes on has the very snapshot that it had, or none
        guard.snapshot = Snapshot(guard.step_count, guard.model, guard.optimizer)
    if guard.first is None and guard.step_count == 0 and guard.policy.mode == "auto":
        guard.first = FirstState.of(guard)


def _resumed(guard: "Guard") -> dict[str, Any] | None:
    """Go on from what was saved; None where that is another training in which no step was taken: nothing is lost."""
    try:
        return go_on(guard)
    except ResumeError:
        if guard.keeper.holds_steps or guard.accepted is not None:  # with the latter, it is put back in part already
            raise
        return None


def meet_data(guard: "Guard", data: dict[str, Any]) -> None:
    """Note what the first training data of this turn are, or compare them with what the run had.

    Raises:
        ResumeError: when the run was begun on other data. It stays as it was.
    """
    before = dict(guard.identity)
    try:
        found = let_through(guard, differences(before, data))
    except ResumeError as error:
        guard.journal.append("error", step=guard.step_count, error=f"ResumeError: {error}")
        guard.status = "new"  # nothing was trained, and nothing is saved over the run
        raise
    guard.identity |= {name: value for name, value in data.items() if value is not None}
    Accepted(guard, found, before).apply(guard)
    settings = guard.keeper.settings()
    guard.keeper.write_settings(settings | {"identity": guard.identity})


def note_prepared(guard: "Guard", *objects: Any) -> None:
    """Write down, once a run, what was changed of these objects before it; a resumed run has it already."""
    if guard.status != "running":
        return
    for prepared in changes_of(*objects):
        change = prepared.change
        if _is_noted(guard, prepared.code, change.fix, change.says):
            continue
        guard.journal.append(
            "prepared",
            code=prepared.code,
            step=guard.step_count,
            fix=change.fix,
            touches=change.touches,
            says=change.says,
            before=change.before,
            after=change.after,
            permanent=change.permanent,
        )
        guard.progress.say(f"Changed before training: {change.fix} for {prepared.code}: {change.says}.")


def say_unprepared(guard: "Guard", *objects: Any) -> None:
    """Say when a resumed run began with changes that these objects do not have: nothing else would show it."""
    start, resumed = guard.journal.last("start"), guard.journal.last("resume")
    if guard.status != "running" or start is None or resumed is None or resumed["n"] < start["n"]:
        return
    now = {(prepared.change.fix, prepared.change.says) for prepared in changes_of(*objects)}
    then = [entry for entry in guard.journal.entries("prepared") if entry["n"] > start["n"]]
    missing = [entry for entry in then if (entry["fix"], entry["says"]) not in now]
    if missing:
        names = ", ".join(dict.fromkeys(entry["fix"] for entry in missing))
        text = f"This run began with {names} applied before training, and now it is not: apply it again"
        guard.journal.append("note", step=guard.step_count, text=text)
        guard.progress.say(f"{text}.")


def _is_noted(guard: "Guard", code: str, fix: str, says: str) -> bool:
    start = guard.journal.last("start")
    noted = guard.journal.entries("prepared", code=code, fix=fix, says=says)
    return any(start is None or entry["n"] > start["n"] for entry in noted)


def _check_weights(guard: "Guard") -> None:
    bad = first_bad_weight(guard.model)
    if bad is not None and guard.policy.mode == "auto":
        raise ModelError(
            f"`model`: {bad} before the first step, perhaps from an earlier training in this kernel; make the model "
            "anew"
        )


def _write_settings(guard: "Guard") -> None:
    guard.keeper.write_settings(
        guard.settings
        | {
            "name": guard.name,
            "seed": guard.seed,
            "identity": guard.identity,
            "environment": environment().to_dict(),
            "autofix": guard.policy.mode,
            "allow": sorted(guard.policy.allow),
            "ignore": sorted(guard.policy.ignore),
            "goal": guard.goal,
            "thresholds": {detector.code: asdict(detector) for detector in guard.policy.detectors},
        }
    )


def _renew_settings(guard: "Guard", epochs: int) -> None:
    """A resumed run may have more epochs, and what was accepted; the weights beside it say the same of themselves."""
    settings = guard.keeper.settings()
    if settings:
        guard.keeper.write_settings(settings | {"epochs": epochs or settings.get("epochs"), "identity": guard.identity})


def _say_resumed(guard: "Guard") -> None:
    where = f"epoch {guard.epoch + 1}" + (f", batch {guard.position}" if guard.position else "")
    guard.journal.append(
        "resume",
        step=guard.step_count,
        epoch=guard.epoch,
        position=guard.position,
        after=guard.keeper.resumed_after,
    )
    finding = Finding(
        code="R05",
        title="Resumed",
        severity=Severity.NOTE,
        step=guard.step_count,
        measured=guard.step_count,
        limit=0,
        says=f"went on at {where} with what was saved at step {guard.step_count}",
    )
    guard.progress.set_aside = len(guard.quarantine)
    guard.history.record(guard.step_count, resumed=guard.step_count)
    guard.policy.note(finding)
    guard.progress.say(f"Resumed {guard.name!r} at {where}, step {guard.step_count}.")
