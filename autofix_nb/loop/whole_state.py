"""Everything of a guard that a checkpoint holds, and how it is put back."""

from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.checkpoints import as_before, portable_or_dropped, random_state, set_random_state
from autofix_nb.checkpoints.snapshot import parts_beside
from autofix_nb.history import History
from autofix_nb.loop.before_change import make_again

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


ENDING = ("L03", "L04")
"""Findings that may end a training early; every other reason to stop is this process's own."""


def state_of(guard: "Guard") -> tuple[dict[str, Any], list[str]]:
    """Return the state of a guard between two steps, and the names of what only a pickle could hold.

    The tensors are the live ones: copy them before the next step.
    """
    scheduler, dropped = None, []
    if guard.scheduler is not None:
        scheduler, dropped = portable_or_dropped(guard.scheduler.state_dict(), "scheduler")
    users = guard.stepper.users_optimizer
    state = {
        "model": guard.model.state_dict(),
        "beside": [part.detach() for part in parts_beside(guard.model, users)],
        "optimizer": guard.optimizer.state_dict(),
        "users_optimizer": users.state_dict() if users is not guard.optimizer else None,
        "stepper": guard.stepper.state(),
        "scheduler": scheduler,
        "scaler": guard.stepper.scaler.state_dict() if guard.stepper.scaler is not None else None,
        "identity": guard.identity,
        "controls": guard.controls.state(),
        "random": random_state(),
        "epoch": guard.epoch,
        "position": guard.position,
        "step": guard.step_count,
        "status": guard.status,
        "epochs": guard.epochs_asked,
        "seed": guard.seed,
        "seconds": guard.seconds,
        "epoch_sums": guard.sums.state(),
        "history": guard.history.state(),
        "quarantine": guard.quarantine.state(),
        "policy": guard.policy.state(),
        "trouble": guard.trouble.state(),
        "recorder": guard.recorder.state(),
        "purity": guard.purity.state(),
        "problems": list(guard.problems),
        "ended": guard.controls.stop if is_ended(guard) else None,
        "look": guard.looks.open,
        "done_before": sorted(guard.done_before),
        "journal": guard.journal.position,
    }
    return state, dropped


def is_ended(guard: "Guard") -> bool:
    """Tell whether the training is over by a decision of its own, an early stop: that outlives the process."""
    return (guard.controls.stop or "").startswith(ENDING)


def put_back(guard: "Guard", state: dict[str, Any]) -> None:
    """Make a guard what it was when `state_of` was called; the model's changes are made again first."""
    guard.controls.restore(state["controls"])
    guard.policy.restore(state["policy"])
    make_again(guard)
    guard.found_before = [one for one in guard.policy.findings if one.step == 0 and one.code[0] in "EBD"]
    guard.follow_controls()
    guard.model.load_state_dict(state["model"])
    users = guard.stepper.users_optimizer
    with torch.no_grad():
        for live, kept in zip(parts_beside(guard.model, users), state["beside"], strict=False):
            if live.shape == kept.shape:  # a table that the forward pass makes anew needs no way back
                live.copy_(kept)
    guard.optimizer.load_state_dict(state["optimizer"])
    if state["users_optimizer"] is not None:
        users.load_state_dict(state["users_optimizer"])
    guard.stepper.restore(state["stepper"])
    if guard.scheduler is not None and state["scheduler"] is not None:
        live = guard.scheduler.state_dict()
        guard.scheduler.load_state_dict(live | as_before(state["scheduler"], live))
    if guard.stepper.scaler is not None and state["scaler"] is not None:
        guard.stepper.scaler.load_state_dict(state["scaler"])
    guard.history = History.from_state(state["history"])
    guard.recorder.history = guard.history
    guard.quarantine.restore(state["quarantine"])
    guard.trouble.restore(state["trouble"])
    guard.recorder.restore(state["recorder"])
    guard.purity.restore(state["purity"])
    guard.problems[:] = state["problems"]
    guard.controls.stop = state["ended"]
    guard.looks.open = state.get("look")
    guard.done_before = set(state.get("done_before", ()))
    guard.epoch, guard.position, guard.step_count = state["epoch"], state["position"], state["step"]
    guard.seed, guard.seconds, guard.status = state["seed"], state["seconds"], state["status"]
    guard.sums.restore(state["epoch_sums"])
    set_random_state(state["random"])
