"""The line about the training, and how words are put together."""

import pytest

from autofix_nb.report.preflight.words import about_parts, cut, joined, shortened


@pytest.mark.parametrize(
    ("about", "parts"),
    [
        pytest.param({}, [], id="nothing-known"),
        pytest.param({"model": "Net"}, ["Net"], id="parameters-unknown"),
        pytest.param({"model": "Eva", "parameters": 86_300_000}, ["Eva, 86.3 M parameters"], id="millions"),
        pytest.param({"model": "Big", "parameters": 7_120_000_000}, ["Big, 7.12 G parameters"], id="billions"),
        pytest.param(
            {"train": {"samples": 1797}, "val": 450}, ["train: 1,797 samples", "val: 450 samples"], id="counts"
        ),
        pytest.param({"train": {"samples": None}}, [], id="samples-unknown"),
        pytest.param(
            {"train": {"samples": 50_000, "looked_at": "2,000 of 50,000 samples (4%)"}},
            ["train: looked at 2,000 of 50,000 samples (4%)"],
            id="a-share",
        ),
        pytest.param({"seconds": 6.25, "budget_seconds": 60.0}, ["6.2 s of 60 s"], id="seconds"),
        pytest.param({"deep": True, "preset": "design"}, ["deep", "preset `design`"], id="options"),
        pytest.param({"deep": False, "preset": "default", "copied": True}, [], id="as-usual"),
        pytest.param(
            {"copied": False}, ["the model cannot be copied, so it was looked at in place and put back"], id="in-place"
        ),
        pytest.param({"environment": "torch 2.9\nPython 3.11"}, ["torch 2.9 Python 3.11"], id="environment"),
        pytest.param({"model": "\x1b[2J"}, ["\\x1b[2J"], id="hostile-name"),
    ],
)
def test_what_was_looked_at(about, parts):
    """Whatever is not known, or as usual, is left out."""
    assert parts == about_parts(about)


@pytest.mark.parametrize(("words", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_words_are_joined(words, text):
    """As people do."""
    assert text == joined(words)


@pytest.mark.parametrize(
    ("most", "count", "words"),
    [(2, 2, ["a", "b"]), (3, 2, ["a", "b"]), (1, 2, ["a", "1 more"]), (2, 1002, ["a", "b", "1,000 more"])],
)
def test_long_lists_are_shortened(most, count, words):
    """What is left out is counted, also what is not in the list any more."""
    assert words == shortened(["a", "b"], most, count)


@pytest.mark.parametrize(
    ("text", "short"), [("short", "short"), ("a few words too many", "a few…"), ("longlonglonglong", "longlonglo…")]
)
def test_long_texts_are_cut(text, short):
    """At the end of a word, where there is one in sight."""
    assert short == cut(text, 11)
