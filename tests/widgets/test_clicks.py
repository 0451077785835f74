"""Real clicks, sent to real kernels of several versions while a training runs in them."""

import json
import re
from pathlib import Path

import pytest

from tests.environments import python_of
from tests.widgets.kernels import FrontEnd, front_end

CELL = """
import logging, sys, time, torch, matplotlib.pyplot as plt
import autofix_nb as af
from IPython import get_ipython
from torch.nn.functional import cross_entropy
from tests.cases import mlp, small_loader

logging.getLogger("autofix_nb").addHandler(logging.StreamHandler(sys.stdout))  # what the live view says, as lines
logging.getLogger("autofix_nb").setLevel("INFO")
events = []
get_ipython().events.register("pre_execute", lambda: events.append("pre"))
get_ipython().events.register("post_execute", lambda: events.append("post"))
plt.figure()

def slow(outputs, targets):
    time.sleep(0.01)
    return cross_entropy(outputs, targets)

run = af.fit(mlp(4, 3, 8), small_loader(), epochs=10_000, lr=0.01, loss=slow, name="run", preflight=False, seed=3,
             autofix="off")
print("events while it ran:", events, "figures:", plt.get_fignums())
print("ended:", run.status, run.journal.last("end")["why"])
"""
"""A training of many minutes, unless somebody ends it; it also says what a click did to the cell."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["colab", "ipykernel-6.31", "ipykernel-7.3", "newest"])
def test_clicks_reach_a_busy_kernel_and_nothing_else_does(name, tmp_path):
    """Pause, go on, a lower rate, its undoing, a save, the end: each acts while the cell runs, and says so.

    A cell that waits behind it is not run inside of it; no hook of IPython's runs, so no figure is closed.
    """
    with front_end(python_of(name), tmp_path) as kernel:
        training = kernel.execute(CELL)
        waiting = kernel.execute("print('the next cell')")
        kernel.wait(lambda message: "Stop and save" in kernel.buttons(), "the buttons")
        if name not in ("colab", "ipykernel-6.31"):
            kernel.make_subshell()
        for button, answer in {
            "Pause": "Paused at step",
            "Go on": "Going on from step",
            "Halve the rate": "the learning rate is halved",
            "Undo last fix": "undone by hand",
            "Save now": "Saved at step",
            "Stop and save": "Stopping and saving",
        }.items():
            kernel.click(kernel.buttons()[button])
            kernel.wait_for_text(answer, training)
            assert "the next cell" not in kernel.printed()
        kernel.wait_for_end(training)
        kernel.wait_for_end(waiting)

        assert "events while it ran: [] figures: [1]" in kernel.printed(training)
        assert "ended: stopped the Stop button of the panel was pressed" in kernel.printed(training)
        assert "the next cell" in kernel.printed(waiting)
        assert kernel.closed() >= set(kernel.opened())
        assert [] == journal_kinds(tmp_path, "save failed")
        assert 1 == len(journal_kinds(tmp_path, "paused"))


@pytest.mark.slow
def test_where_no_click_can_arrive_there_are_no_buttons(tmp_path):
    """A front end that knows no subshells, with ipykernel 7: the panel says what works instead, and that works."""
    with front_end(python_of("newest"), tmp_path) as kernel:
        training = kernel.execute(CELL)
        kernel.wait_for_text("Optimizer", training)
        folder = tmp_path / "runs" / "run"
        (folder / "PAUSE").touch()
        kernel.wait_for_text("Paused at step", training)
        (folder / "PAUSE").unlink()
        kernel.wait_for_text("Going on from step", training)
        (folder / "STOP").touch()
        kernel.wait_for_end(training)

        assert not any(shown for shown in rows(kernel))
        assert any("PAUSE, SAVE or STOP" in state.get("value", "") for state in states(kernel))
        assert "ended: stopped" in kernel.printed(training)


def states(kernel: FrontEnd) -> list[dict]:
    """Return what each widget was made with, and each later change."""
    changes = [one["content"]["data"].get("state", {}) for one in kernel.published if one["msg_type"] == "comm_msg"]
    return [*kernel.opened().values(), *changes]


def rows(kernel: FrontEnd) -> list[list[str]]:
    """Return the buttons that each box was given, at first and later."""
    buttons = {f"IPY_MODEL_{comm_id}" for comm_id in kernel.buttons().values()}
    return [[one for one in state.get("children", ()) if one in buttons] for state in states(kernel)]


def journal_kinds(folder: Path, kind: str) -> list[dict]:
    """Return the entries of a kind in the journal of the run."""
    lines = (folder / "runs" / "run" / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    return [entry for entry in map(json.loads, lines) if re.fullmatch(kind, entry["kind"])]
