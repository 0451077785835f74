"""The report before training as text: narrow, complete, and printable anywhere."""

import pytest

from autofix_nb.report.preflight import build, to_text
from tests.report.preflight.made import ABOUT, ERROR, NOTE, bad, broken, fine, skipped

EVENTFUL = [
    fine("E01"),
    bad(
        "B04",
        ERROR,
        "the labels hold 10, the model has 10 outputs",
        title="Labels outside the outputs",
        where=[f"sample {index}" for index in range(40)],
        to_type="y = y - 1\nassert y.min() == 0",
        also=((NOTE, "class 4 has no sample"),),
    ),
    bad("D02", says="the features are 109,090 times apart, limit 100", title="Feature scales apart"),
    fine("D05"),
    skipped("D04"),
    skipped("D06"),
    skipped("B09", "asked with `deep=True` only"),
    broken("D07", "this check itself failed, please report it: ValueError: oh", title="Missing values"),
]

GOLDEN = """\
✘ Not ready: 1 error and 1 warning in 6.2 s. First: the labels hold 10, the model has 10 outputs. 1
  check failed, through no fault of yours.
  Net, 12,345 parameters · train: looked at all 1,797 samples · on cpu · 6.2 s of 60 s

✘ B04 Labels outside the outputs: the labels hold 10, the model has 10 outputs
      where: sample 0, sample 1, sample 2, sample 3, sample 4 and 35 more
      type:  y = y - 1
             assert y.min() == 0
    ℹ class 4 has no sample
⚠ D02 Feature scales apart: the features are 109,090 times apart, limit 100

✔ 2 fine: E01, D05
– 3 not applicable: D04, D06 no `val` was given; B09 asked with `deep=True` only
– D07 Missing values: this check itself failed, please report it: ValueError: oh"""


def test_says_it_all_in_few_lines():
    """A line a finding, with what to type; what is fine and what was not asked in one line each."""
    assert GOLDEN == to_text(build(EVENTFUL, ABOUT))


def test_in_ascii_nothing_is_lost():
    """The same lines with other signs; letters that are not there are spelled out."""
    text = to_text(build([*EVENTFUL, bad("D08", says="`blätt–er.png` × 2 🍂")], ABOUT), ascii=True)

    assert text.isascii()
    assert "x B04 Labels outside the outputs" in text
    assert "! D08 Something: `bl\\xe4tt-er.png` x 2 \\U0001f342" in text
    assert "+ 2 fine" in text
    assert "- 3 not applicable" in text


@pytest.mark.parametrize("width", [40, 72, 100])
@pytest.mark.parametrize("word", ["plain words here", "w" * 300, "`a/very/long-path/" + "x-" * 100, "<b>\"'&"])
def test_no_line_is_wider_than_asked_for(width, word):
    """But for code, which is never broken."""
    code = "x = " + "1 + " * 60 + "1"
    asked = [bad(says=f"{word} " * 5, title=word, where=[word] * 9, to_type=code), fine(), skipped(why=word)]
    lines = to_text(build(asked, ABOUT), width).splitlines()

    assert [f"      type:  {code}"] == [line for line in lines if len(line) > width]


def test_many_findings_are_named_and_the_worst_are_told():
    """Thirty findings: nine in full."""
    text = to_text(build([bad(f"D{number:02}", to_type="mend()") for number in range(30)], ABOUT))

    assert 9 == text.count("type:")
    assert "and 21 more: ⚠ D09 Something" in text
    assert "D29" in text


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        pytest.param([], "– Nothing was looked at: no questions were asked.", id="zero-checks"),
        pytest.param(
            [skipped("D01"), skipped("D02")],
            "– Nothing could be looked at: none of 2 questions could be answered.\n\n"
            "– 2 not applicable: D01, D02 no `val` was given",
            id="nothing-applicable",
        ),
        pytest.param(
            [fine("E01")],
            "✔ The environment is in order: 1 question asked, nothing found.\n\n✔ 1 fine: E01",
            id="all-fine",
        ),
    ],
)
def test_little_to_say_takes_few_lines(asked, text):
    """No empty parts."""
    assert text == to_text(build(asked, {}))
