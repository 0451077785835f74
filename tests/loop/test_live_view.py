"""A training that is watched is the one that is not, bit for bit; and its end is shown as it was."""

import os
import signal

import pytest
import torch

from autofix_nb.widgets import live, throttle
from autofix_nb.widgets.live import Live
from tests.cases import digits_loaders, mlp, same_weights
from tests.widgets.scenes import Shown


@pytest.fixture
def shown(monkeypatch):
    """A front end for the training's live output, which is drawn and read at every step."""
    monkeypatch.setattr(throttle, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(throttle, "SHARE_OF_TIME", 1e9)
    monkeypatch.setattr(live, "READ_SECONDS", 0.0)
    front_end = Shown()
    monkeypatch.setattr("autofix_nb.loop.guard.make_progress", lambda show: Live(front_end))
    return front_end


def train(fit, **given):
    torch.manual_seed(5)
    model = mlp()
    loader, val = digits_loaders(batch_size=128, **given.pop("damage", {}))
    return fit(model, loader, val, **({"epochs": 2, "lr": 1e-3, "show": "none"} | given))


@pytest.mark.parametrize("damage", [{}, {"raising": range(3), "nan": [7]}], ids=["healthy", "damaged"])
def test_who_is_watched_trains_the_same(fit, shown, monkeypatch, damage):
    """Drawn and read at every step: bit for bit the weights of a silent run."""
    watched = train(fit, name="watched", damage=damage)
    random = torch.get_rng_state()
    drawn = len(shown.bundles)
    monkeypatch.undo()
    silent = train(fit, name="silent", damage=damage)

    assert drawn > watched.history.count("loss") > 0
    assert same_weights(silent.last_weights, watched.last_weights)
    assert torch.equal(torch.get_rng_state(), random)
    assert [change.says for change in silent.fixes] == [change.says for change in watched.fixes]


def test_a_finished_run_leaves_its_view_and_its_picture(fit, shown, monkeypatch):
    """Two outputs; all that was said is in the first."""
    monkeypatch.setattr("autofix_nb.run.reporting.to_png", lambda *_: b"png")
    train(fit)
    view, picture = shown.outputs

    assert "Finished at step" in view["text/html"]
    assert "cross-entropy" in view["text/html"]
    assert "epoch 2/2" in view["text/html"]
    assert "tells everything" in view["text/plain"]
    assert "cG5n" == picture["image/png"]


def test_the_stop_button_is_told_as_such(fit, shown):
    """With what to do."""

    def pressed(outputs, targets):
        os.kill(os.getpid(), signal.SIGINT)
        return 0.0

    train(fit, metrics={"pressed": pressed})

    assert "Stopped by you at step" in shown.html
    assert "Run the cell again to go on." in shown.html


def test_an_exception_is_told_as_such(fit, shown):
    """In the view, too; the exception itself comes out as ever."""

    def broken(outputs, targets):
        raise ValueError("<b>no</b>")

    with pytest.raises(ValueError, match="<b>no</b>"):
        train(fit, metrics={"broken": broken})

    assert "Failed at step 11: ValueError: &lt;b&gt;no&lt;/b&gt;." in shown.html
