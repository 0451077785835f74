"""Runs to look at: histories of any length, what a guard has of them, and a front end that keeps what it is shown."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from autofix_nb.finding import Finding, Severity
from autofix_nb.history import History
from autofix_nb.journal import Journal


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Shown:
    """A front end: keeps every bundle, and which of them made a new output."""

    def __init__(self):
        self.bundles = []
        self.outputs = []

    def __call__(self, bundle, handle=None):
        self.bundles.append(bundle)
        if handle is None:
            self.outputs.append(bundle)
            return len(self.outputs)
        self.outputs[handle - 1] = bundle
        return handle

    @property
    def html(self):
        return self.bundles[-1]["text/html"]


def history_of(losses, *, epochs=0, goal="val/accuracy"):
    """Return a history with these losses, and epochs that share them out."""
    history = History()
    losses = np.asarray(losses, dtype=np.float64)
    steps = np.arange(1, len(losses) + 1)
    for name, values in (("loss", losses), ("grad_norm", np.abs(losses)), ("lr", np.full(len(losses), 1e-3))):
        history.extend(name, steps, values)
    each = len(losses) // max(epochs, 1)
    for epoch in range(1, epochs + 1):
        history.add_epoch(row_of(epoch, each, goal=goal))
    history.facts = {"planned_steps": 2 * len(losses), "has_val": True}
    return history


def row_of(epoch, steps, *, goal="val/accuracy", value=None, is_best=True):
    """Return a row of the epoch table."""
    value = epoch / 100 if value is None else value
    goals = {"goal": value, "goal_name": goal, "higher_is_better": True, "is_best": is_best, goal: value}
    return {
        "epoch": epoch,
        "step": epoch * steps,
        "steps": steps,
        "loss": 1.0,
        "val/loss": 1.5,
        "lr": 1e-3,
        "clip_share": 0.0,
        "skipped": 0,
        "quarantined": 0,
        "step_seconds": 1.0,
        "load_seconds": 0.0,
    } | (goals if goal else {})


def run_of(history=None, **given):
    """Return what the live output reads of a guard."""
    history = history_of([]) if history is None else history
    return SimpleNamespace(
        **{
            "name": "leaves",
            "status": "running",
            "step_count": history.count("loss"),
            "seconds": 0.0,
            "epochs_planned": 10,
            "goal": "val/accuracy",
            "history": history,
            "journal": Journal(),
            "policy": SimpleNamespace(findings=[], alarmed=False),
            "keeper": SimpleNamespace(saved_seconds_ago=None, last_saved_step=-1, mirror=None),
            "controls": SimpleNamespace(stop=None, clip_norm=None),
            "quarantine": [],
            "run": SimpleNamespace(picture=None, folder=Path("runs/leaves")),
            "read_back": list,
        }
        | given
    )


def find(run, code, step, *, says="the loss rose", title="Learning rate too high", severity=Severity.WARNING):
    """Write a finding into the run's journal."""
    finding = Finding(code=code, title=title, severity=severity, step=step, measured=1.0, limit=0.0, says=says)
    run.policy.findings.append(finding)
    run.journal.append("finding", **finding.to_dict(), text=str(finding))


def change(run, code, step, *, fix="scale_lr", says="rate lowered to 0.001", number=0):
    """Write a change into the run's journal."""
    run.journal.append("change", code=code, step=step, number=number, fix=fix, touches="loop", says=says, after={})


def judge(run, code, step, verdict, *, fix="scale_lr", number=0):
    """Write down what came of a change."""
    run.journal.append("outcome", code=code, fix=fix, number=number, verdict=verdict, step=step)
