"""How a run is doing, in words: what is true now, and no more than is known."""

import numpy as np
import pytest

from autofix_nb.history import History
from autofix_nb.widgets.state_sentence import LIGHTS, State, headline, more
from tests.widgets.scenes import history_of, row_of

FALLING, LEVEL = history_of(np.linspace(2, 1, 100)), history_of(np.ones(100))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(State(), ("calm", "Getting ready."), id="begin"),
        pytest.param(
            State(step=9, aside=("trying a rate of 3e-4", 120, 200)),
            ("busy", "Trying a rate of 3e-4: 120 of 200 steps."),
            id="aside",
        ),
        pytest.param(State(step=9, aside=("paused", 0, 0)), ("busy", "Paused."), id="aside-without-length"),
        pytest.param(
            State(step=9, alarm="learning rate too high (L01), since step 5"),
            ("bad", "Something is wrong: learning rate too high (L01), since step 5."),
            id="alarm",
        ),
        pytest.param(
            State(step=9, trying="Rate lowered to 0.001"),
            ("busy", "Watching whether it helps: Rate lowered to 0.001."),
            id="trial",
        ),
        pytest.param(
            State(step=9, why="the stop button was pressed"),
            ("busy", "Stopping after this step and saving: the stop button was pressed."),
            id="stopping",
        ),
        pytest.param(
            State(status="stopped", step=1240, why="the stop button was pressed"),
            ("over", "Stopped by you at step 1,240."),
            id="stopped-by-you",
        ),
        pytest.param(
            State(status="stopped", step=9, why="`stop_after` of 11 h is up"),
            ("over", "Stopped at step 9: `stop_after` of 11 h is up."),
            id="stopped",
        ),
        pytest.param(
            State(status="failed", step=9, why="RuntimeError: no"),
            ("bad", "Failed at step 9: RuntimeError: no."),
            id="failed",
        ),
        pytest.param(State(status="interrupted", step=9), ("over", "Interrupted at step 9."), id="interrupted"),
        pytest.param(State(status="finished", step=9), ("done", "Finished at step 9."), id="finished"),
        pytest.param(
            State(status="finished", step=9, why="no better for 20 epochs"),
            ("done", "Finished early at step 9: no better for 20 epochs."),
            id="finished-early",
        ),
        pytest.param(State(status="refused"), ("over", "It did not begin."), id="refused"),
        pytest.param(State(step=100), ("good", "Learning well."), id="falling"),
    ],
)
def test_headline(state, expected):
    """What matters most comes first: the end, what is done on the side, what is wrong, a trial, how it learns."""
    assert expected == headline(state, FALLING)
    assert expected[0] in LIGHTS


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param(history_of([2.0, 1.0]), "Just begun.", id="few"),
        pytest.param(LEVEL, "The loss has not come down yet.", id="level"),
        pytest.param(history_of([float("nan")] * 100), "Just begun.", id="no-number"),
    ],
)
def test_no_learning_is_claimed(history, expected):
    """Where nobody has seen any."""
    assert ("calm", expected) == headline(State(step=100), history)


def test_a_new_best_is_learning_and_a_standstill_is_told():
    """With the best so far, and where it was."""
    history = history_of(np.ones(100))
    for epoch in range(1, 3):
        history.add_epoch(row_of(epoch, 50))
    assert "Learning well." == headline(State(step=100), history)[1]
    for epoch in range(3, 8):
        history.add_epoch(row_of(epoch, 50, value=0.01, is_best=False))

    assert "No better for 5 epochs: accuracy 0.02 in epoch 2 is the best." == headline(State(step=100), history)[1]


def test_what_was_before_a_restart_counts_no_more():
    """The present chapter has just begun."""
    history = history_of(np.linspace(2, 1, 100))
    history.since = 90

    assert "Just begun." == headline(State(step=100), history)[1]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(State(), "", id="begin"),
        pytest.param(State(step=5), "Not saved yet.", id="not-saved"),
        pytest.param(
            State(
                step=5,
                set_aside=3,
                saved_ago=125.0,
                copied_ago=360.0,
                copied_to="Drive",
                seconds_left=840.0,
            ),
            "3 samples set aside. Saved 2 min ago, on Drive 6 min ago. About 14 min left.",
            id="all",
        ),
        pytest.param(
            State(step=5, skipped=1, saved_ago=1.0, copied_to="Drive"),
            "1 batch left out. Saved just now, not yet on Drive.",
            id="not-copied",
        ),
        pytest.param(
            State(status="stopped", step=240, saved_step=240, copied_ago=1.0, copied_to="Drive"),
            "Everything up to step 240 is saved, on Drive too. Run the cell again to go on.",
            id="stopped",
        ),
        pytest.param(State(status="failed", step=5), "Nothing was saved.", id="nothing-saved"),
        pytest.param(State(status="finished", step=5, set_aside=1), "1 sample set aside.", id="finished"),
    ],
)
def test_more(state, expected):
    """Samples, saving, time: only what there is to say."""
    assert expected == more(state)


def test_an_empty_history_is_no_error():
    """A resumed run that has not begun yet."""
    assert ("calm", "Just begun.") == headline(State(step=10), History())
