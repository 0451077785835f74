"""The reasons to end early, asked for between two steps."""

import pytest
from torch.nn.functional import cross_entropy

from autofix_nb.errors import ConfigurationError
from autofix_nb.journal import Journal
from autofix_nb.loop.turn import Turn
from tests.cases import mlp, same_weights, small_loader


def test_a_stop_file_ends_the_training_in_good_order_and_is_removed(fit, tmp_path, monkeypatch):
    """Made from any file browser or terminal; the same cell goes on, bit for bit."""
    monkeypatch.setattr("autofix_nb.loop.turn.LOOK_SECONDS", 0.0)
    whole = fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, name="whole", loss=cross_entropy)

    def loss(outputs, targets):
        loss.calls += 1
        if loss.calls == 11:
            (tmp_path / "run" / "STOP").touch()
        return cross_entropy(outputs, targets)

    loss.calls, loss.__name__ = 0, "cross_entropy"
    stopped = fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, loss=loss)

    assert "stopped" == stopped.status
    assert "'STOP'" in stopped.headline()
    assert not (tmp_path / "run" / "STOP").exists()

    run = fit(mlp(4, 3, 8), small_loader(), epochs=3, lr=0.01, loss=loss)

    assert "finished" == run.status
    assert same_weights(whole.last_weights, run.last_weights)


def test_a_stop_file_from_before_stops_nothing(tmp_path):
    """It was meant for the kernel that is gone; that is said."""
    (tmp_path / "STOP").touch()
    turn, said = Turn(tmp_path), []

    turn.begin(said.append)

    assert turn.reason_to_stop(Journal()) is None
    assert "STOP" in said[0]
    turn.end()


def test_the_file_is_looked_for_once_a_second_at_most(tmp_path):
    """The disk is not asked in every step."""
    now = [10.0]
    turn = Turn(tmp_path, clock=lambda: now[0])
    turn.begin(print)
    assert turn.reason_to_stop(Journal()) is None
    (tmp_path / "STOP").touch()

    now[0] = 10.9
    assert turn.reason_to_stop(Journal()) is None
    now[0] = 11.0
    assert "STOP" in turn.reason_to_stop(Journal())

    turn.end()
    assert not (tmp_path / "STOP").exists()


def test_the_last_save_is_counted_in(tmp_path):
    """A save that took ten seconds ends a training of two minutes twenty seconds earlier."""
    journal, now = Journal(), [0.0]
    journal.append("save", step=1, seconds=10.0)
    turn = Turn(tmp_path, stop_after="2m", clock=lambda: now[0])
    turn.begin(print)
    while turn.reason_to_stop(journal) is None:
        now[0] += 3.0

    assert 120 - 0.2 * 120 <= now[0] < 120 - 20
    assert turn.limit.was_up
    turn.end()


def test_a_wrong_limit_is_refused_before_the_folder_is_touched(fit, tmp_path):
    """With the way out."""
    with pytest.raises(ConfigurationError, match=r"`stop_after`"):
        fit(mlp(4, 3, 8), small_loader(), epochs=1, stop_after="soon")

    assert not (tmp_path / "run" / "lease.json").exists()
