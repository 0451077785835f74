"""The report before training, as one plain dict."""

import json
import math

import pytest

from autofix_nb.report.preflight import build
from tests.report.preflight.made import ABOUT, ERROR, NOTE, WARNING, bad, broken, fine, skipped


@pytest.mark.parametrize(
    ("asked", "verdict", "status"),
    [
        pytest.param([], "clean", 0, id="nothing-asked"),
        pytest.param([fine()], "clean", 0, id="fine"),
        pytest.param([skipped(), broken()], "clean", 0, id="no-answer"),
        pytest.param([fine(), bad(severity=NOTE)], "clean", 0, id="notes-are-clean"),
        pytest.param([bad(severity=NOTE), bad(severity=WARNING), broken()], "warnings", 1, id="warning"),
        pytest.param([bad(severity=WARNING), bad(severity=ERROR)], "errors", 2, id="error"),
        pytest.param([bad(severity=NOTE, also=((ERROR, "worse"),))], "errors", 2, id="error-beside-a-note"),
    ],
)
def test_the_worst_finding_is_the_verdict(asked, verdict, status):
    """Notes and checks that fail themselves change nothing."""
    report = build(asked, ABOUT)

    assert verdict == report["verdict"]
    assert status == report["exit_status"]


@pytest.mark.parametrize(
    ("asked", "about", "headline"),
    [
        pytest.param(
            [fine("E01"), fine("E02")],
            ABOUT,
            "Ready to train: 2 questions asked, nothing found, in 6.2 s.",
            id="clean",
        ),
        pytest.param(
            [fine("E01"), skipped("E02")],
            ABOUT,
            "Ready to train: 2 questions asked, 1 not applicable, nothing found, in 6.2 s.",
            id="some-not-applicable",
        ),
        pytest.param(
            [fine("E01"), bad("D05", NOTE)],
            ABOUT,
            "Ready to train: 2 questions asked, nothing wrong, 1 note, in 6.2 s.",
            id="a-note",
        ),
        pytest.param(
            [fine("E01")],
            {"seconds": 1.0},
            "The environment is in order: 1 question asked, nothing found, in 1.0 s.",
            id="environment-alone",
        ),
        pytest.param(
            [fine("D01")],
            {"model": "Net", "train": {"samples": 5000, "seen": 11}},
            "Ready to train, as far as 11 of 5,000 samples tell: 1 question asked, nothing found.",
            id="few-samples-seen",
        ),
        pytest.param(
            [fine("D01")],
            {"train": {"samples": 5000, "seen": 240}},
            "The data are in order, as far as 240 of 5,000 samples tell: 1 question asked, nothing found.",
            id="few-samples-seen-without-a-model",
        ),
        pytest.param(
            [fine("D01")],
            {"model": "Net", "train": {"samples": 5000, "seen": 250}},
            "Ready to train: 1 question asked, nothing found.",
            id="a-twentieth-is-enough",
        ),
        pytest.param(
            [fine("D01")],
            {"train": {"samples": 9}},
            "The data are in order: 1 question asked, nothing found.",
            id="data-alone",
        ),
        pytest.param(
            [fine("B07")],
            {"model": "Net"},
            "The model is in order: 1 question asked, nothing found.",
            id="model-alone",
        ),
        pytest.param(
            [bad("B04", ERROR, "labels hold 10"), bad("D01"), bad("D02", ERROR, "and 3"), bad("D05", NOTE)],
            ABOUT,
            "Not ready: 2 errors, 1 warning and 1 note in 6.2 s. First: labels hold 10.",
            id="errors",
        ),
        pytest.param([bad()], {}, "Look before you train: 1 warning. 3 is above 2.", id="one-warning-has-no-first"),
        pytest.param(
            [bad(says="word " * 100), bad()],
            {},
            f"Look before you train: 2 warnings. First: {('word ' * 35).strip()}….",
            id="long-sentences-are-cut-at-a-word",
        ),
        pytest.param([], ABOUT, "Nothing was looked at: no questions were asked.", id="zero-checks"),
        pytest.param(
            [skipped(), skipped(), broken()],
            ABOUT,
            "Nothing could be looked at: none of 3 questions could be answered. 1 check failed, through no fault of "
            "yours.",
            id="no-answers",
        ),
    ],
)
def test_the_headline_says_no_more_than_was_looked_at(asked, about, headline):
    """One line: whether to train, how much was asked, and what comes first."""
    assert headline == build(asked, about)["headline"]


def test_rows_stand_worst_first_and_else_as_they_were_asked():
    """Environment before model before data, within one severity."""
    asked = [
        bad("E03", NOTE),
        bad("B01", WARNING),
        fine("B02"),
        bad("B04", ERROR),
        bad("D01", WARNING),
        bad("D02", ERROR),
    ]
    report = build(asked, ABOUT)

    assert ["B04", "D02", "B01", "D01", "E03"] == [row["code"] for row in report["rows"]]
    assert ["✘", "✘", "⚠", "⚠", "ℹ"] == [row["mark"] for row in report["rows"]]


def test_findings_of_one_check_share_a_row():
    """The worst speaks; the answer's evidence stands with it, each line once."""
    one = bad("D01", NOTE, "small", also=((ERROR, "large"), (WARNING, "middle")), evidence=["a"], shared=("a", "b"))
    (row,) = build([one], ABOUT)["rows"]

    assert "large" == row["says"]
    assert [("middle", "⚠"), ("small", "ℹ")] == [(found["says"], found["mark"]) for found in row["also"]]
    assert ["b"] == row["evidence"]
    assert ["a"] == row["also"][1]["evidence"]


def test_every_check_is_there_once():
    """Found, fine, not applicable and why, or failed."""
    report = build([bad("D01"), fine("D02"), skipped("D03"), broken("D04")], ABOUT)

    assert ["D01"] == [one["code"] for one in report["rows"]]
    assert [("D02", "2 is below 3")] == [(one["code"], one["says"]) for one in report["fine"]]
    assert [("D03", "no `val` was given")] == [(one["code"], one["why"]) for one in report["not_applicable"]]
    assert [("D04", "this check itself failed")] == [(one["code"], one["why"]) for one in report["broke"]]


def test_fixable_are_those_whose_finding_names_fixes():
    """A finding may name none although its check knows some."""
    with_fix, without = bad("D02", fixes=("standardise",)), bad("D01")

    assert ["D02"] == build([with_fix, without], ABOUT)["fixable"]


def test_it_is_plain_json():
    """NaN, the usual number of a finding without one, is null; infinities are text; nothing else needs a rule."""
    asked = [bad(measured=math.inf, limit=2.0), bad(), fine(), skipped(), broken()]
    report = build(asked, ABOUT | {"odd": {1, 2}, "not a number": math.nan})

    assert report == json.loads(json.dumps(report, allow_nan=False))
    assert ["inf", None] == [row["measured"] for row in report["rows"]]
    assert [2.0, None] == [row["limit"] for row in report["rows"]]


def test_long_lists_are_cut_and_counted():
    """A hundred thousand samples do not make a report of megabytes."""
    places = [f"sample {index}" for index in range(100_000)]
    (row,) = build([bad(where=places, evidence=places)], ABOUT)["rows"]

    assert (200, 100_000) == (len(row["where"]), row["where_count"])
    assert (200, 100_000) == (len(row["evidence"]), row["evidence_count"])


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("two\nlines\tand  gaps", "two lines and gaps", id="one-line"),
        pytest.param("ends with a stop.", "ends with a stop", id="full-stop"),
        pytest.param("ends with dots...", "ends with dots...", id="dots"),
        pytest.param("\x1b[2Jgone\x00", "\\x1b[2Jgone\\x00", id="moves-the-cursor"),
        pytest.param("\u202egnp.exe", "\\u202egnp.exe", id="turns-the-direction"),
        pytest.param("name\udc80.png", "name\\udc80.png", id="cannot-be-encoded"),
        pytest.param("👩\u200d💻 läuft ½", "👩\u200d💻 läuft ½", id="emoji-and-letters-stay"),
    ],
)
def test_texts_are_fit_to_print(given, shown):
    """Whatever a file's name or an error's text holds."""
    report = build([bad(says=given)], {})

    assert shown == report["rows"][0]["says"]
    report["headline"].encode()


def test_code_keeps_its_lines():
    """Indents and line breaks are part of it; a tab is four columns."""
    (row,) = build([bad(to_type="\nif wrong:\n\tmend(\x07)  \n")], ABOUT)["rows"]

    assert "if wrong:\n    mend(\\x07)" == row["to_type"]


def test_a_finding_that_names_its_cause_stands_under_it():
    """One fault is counted once; another fault of the same check stays a row of its own."""
    one = build([bad("B04", ERROR, "labels hold 10"), bad("B06", ERROR, "the loss raises (see B04)")], ABOUT)
    two = build([bad("B04", WARNING, "labels hold 10"), bad("B06", ERROR, "the loss raises (see B04)")], ABOUT)
    three = build([bad("B06", ERROR, "the loss raises (see B04)")], ABOUT)

    assert ["B04"] == [row["code"] for row in one["rows"]]
    assert ["the loss raises (see B04)"] == [found["says"].split(": ", 1)[1] for found in one["rows"][0]["also"]]
    assert one["headline"].startswith("Not ready: 1 error in")
    assert ["B06", "B04"] == [row["code"] for row in two["rows"]]
    assert ["B06"] == [row["code"] for row in three["rows"]]
