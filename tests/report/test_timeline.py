"""What happened, in order, each event a line."""

import pytest

from autofix_nb.report.timeline import MOST_EVENTS, timeline
from tests.report.test_build import RESUME, SAVE, change, in_vain, journal, outcome, race


def told(*entries):
    return [(event["step"], event["what"], event["says"]) for event in timeline(list(journal(*entries)))]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(("start", {"epochs": 3, "seed": 7}), (None, "begun", "3 epochs, seed 7"), id="start"),
        pytest.param(change(), (100, "changed", "clip_gradients: it was clipped"), id="change"),
        pytest.param(
            outcome("undone", loss_after=3.0, step=120),
            (120, "undone", "clip_gradients against G01: loss 2 without, 3 with it"),
            id="undone",
        ),
        pytest.param(
            outcome("kept", loss_before="nan"), (None, "kept", "clip_gradients against G01"), id="no-number-before"
        ),
        pytest.param(
            race(("scale_lr", 1.5, True), ("warm_up", "far behind", False)),
            (100, "tried", "2 changes against G01, 20 steps each; taken over: scale_lr"),
            id="race",
        ),
        pytest.param(
            race(("scale_lr", 1.9, False)),
            (100, "tried", "1 change against G01, 20 steps each; none was decisively better"),
            id="race-without-a-winner",
        ),
        pytest.param(SAVE, (50, "saved", "at step 50"), id="save"),
        pytest.param(RESUME, (50, "resumed", "from the save of step 50"), id="resume"),
        pytest.param(("died", {"step": 5}), (5, "died", "the process ended without a word"), id="died"),
        pytest.param(
            ("died", {"step": 5, "phase": "step"}), (5, "died", "the process ended without a word, in a step"), id="in"
        ),
        pytest.param(
            ("error", {"step": 5, "error": "ValueError: no\nmore"}), (5, "failed", "ValueError: no"), id="error"
        ),
        pytest.param(
            ("end", {"status": "finished", "step": 9, "why": None, "restored": True}),
            (9, "ended", "finished, the best weights were put back"),
            id="end",
        ),
        pytest.param(in_vain(), (100, "noted", "nothing helped"), id="note"),
        pytest.param(("of a newer version", {"says": "x"}), (None, "of a newer version", "x"), id="unknown"),
    ],
)
def test_each_kind_of_event_has_its_words(entry, said):
    """One line."""
    assert [said] == told(entry)


def test_a_death_is_told_although_what_led_to_it_was_trained_again():
    """It stands before the resume that came of it; what it undid is gone."""
    entries = journal(SAVE, change(), ("died", {"step": 110}), ("resume", {"step": 50, "after": 1}))

    assert ["saved", "died", "resumed"] == [event["what"] for event in timeline(entries.lasting())]


def test_several_in_a_row_are_one_line():
    """Saves, and samples of one batch; anything between makes two lines of them."""
    sample = "quarantine", {"index": 3, "reason": "x", "step": 4}
    said = told(SAVE, ("save", {"step": 90}), sample, sample, SAVE)

    assert [
        (50, "saved", "2 times, the last at step 90"),
        (4, "set aside", "2 samples, the last at step 4"),
        (50, "saved", "at step 50"),
    ] == said


def test_what_stands_elsewhere_is_left_out():
    """Epochs have their table, a resume its own line, samples set aside too."""
    entries = [
        ("epoch", {"step": 5}),
        ("finding", {"code": "R05", "title": "Resumed", "step": 5}),
        change("quarantine"),
    ]

    assert [] == told(*entries)


def test_a_long_story_is_cut_in_the_middle():
    """How it began and how it ended matter most."""
    said = told(*[change(says=str(number), step=number) for number in range(1000)])

    assert MOST_EVENTS + 1 == len(said)
    assert (0, 999) == (said[0][0], said[-1][0])
    assert "and 880 more in journal.jsonl" == said[MOST_EVENTS // 2][2]
