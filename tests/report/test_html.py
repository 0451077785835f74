"""The report as HTML: well-formed, self-contained, and everything escaped."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.data import Quarantine
from autofix_nb.report import to_html, to_page
from tests.report.test_build import change, in_vain, journal, outcome, quarantine, race
from tests.runs import epochs, fault, finding, report

EVIL = "<script>alert('x')</script>\"'>&<img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br"}
DRAWN = {"svg", "path", "line", "text"}
OURS = {"html", "head", "meta", "title", "body", "style", "div", "p", "h3", "ul", "li", "table", "tr", "th", "td"}
OURS |= {"details", "summary", "pre", "img", "code", "span", "b", "figure", "figcaption", "br"} | DRAWN


class Tags(HTMLParser):
    """Collects tags and attributes, and fails on those that do not close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag == self.open.pop()


def eventful(word):
    """Return a report that has `word` in every place that comes from outside."""
    samples = Quarantine()
    samples.add(fault(word, kind=word, reason=word), epoch=0, position=0)
    rows = epochs([0.5])
    rows.epochs[0] |= {"goal_name": word, "loss": word}
    for step in range(100, 160):
        rows.record(step, **{"loss": 1.0 + step % 7, f"dead/{word}": step / 160, word: 1.0})
    return report(
        settings={"name": word, "told": [word], "environment": {word: {word: [word]}}, "ignore": [word], "seed": word},
        status="stopped",
        history=rows,
        journal=journal(
            change(says=word, permanent=word),
            outcome(word),
            race((word, 1.0, True), (word, word, False), code=word),
            race((word, 1.0, False), code=word, control=word),
            in_vain(word),
            change("quarantine", code=word, after={"samples": [word]}),
            ("suggestion", {"code": word, "fix": word, "says": word}),
        ),
        quarantine=samples,
        findings=[
            finding(code=word, title=word, says=word, where=(word,), evidence=(word,), to_type=word),
            finding(code="G07", title=word, says=word, where=(word,), judged=f"dead/{word}", limit=0.5, step=120),
            finding(code="L07", title=word, says=word, step=10),
        ],
        ending={"why": word, "problems": [word], "steps": 1, "seconds": 1},
    )


@pytest.mark.parametrize("make", [to_html, to_page])
def test_nothing_from_outside_becomes_a_tag_or_an_attribute(make):
    """Names, exception texts, file names: the page has the same tags as with a harmless word."""
    evil, harmless = (Tags(make(eventful(word), b"png")) for word in (EVIL, "word"))

    assert harmless.tags == evil.tags
    assert harmless.attributes == evil.attributes
    assert set(evil.tags) <= OURS
    assert [] == evil.open
    assert EVIL not in make(eventful(EVIL), b"png")
    assert {"svg", "path", "text"} <= set(evil.tags)


PIECES = [
    "<",
    ">",
    '"',
    "'",
    "&",
    "/",
    "script",
    "img onerror=x ",
    "<!--",
    "]]>",
    "&lt;",
    "\n",
    "\0",
    "\u202e",
    "\ud800",
    "{",
    "}",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join))
@settings(max_examples=20, deadline=None)
def test_no_text_at_all_becomes_a_tag_or_an_attribute(word):
    """Whatever it is made of, also in the plots and in the sentences that are made from several words."""
    made, harmless = (Tags(to_page(eventful(f"w{one}"), b"png")) for one in (word, ""))

    assert harmless.tags == made.tags
    assert harmless.attributes == made.attributes


def test_a_run_with_500_findings_stays_small():
    """The first ones in full, some in a line, the rest counted; with the longest texts and many epochs."""
    run = epochs([0.5] * 3000)
    for step in range(5000):
        run.record(step, loss=1.0 + step % 13, grad_norm=2.0)
    many = [finding(says=f"{number} {'x' * 5000}", step=number, judged="grad_norm") for number in range(500)]
    entries = [change(step=number, says="y" * 3000) for number in range(500)]
    page = to_page(report(history=run, findings=many, journal=journal(*entries)))

    assert len(page.encode()) < 1_000_000
    assert "and 440 more in journal.jsonl" in page
    assert "and 2,800 more in history.jsonl" in page
    assert [] == Tags(page).open


def test_pictures_of_samples_are_shown_within_bounds():
    """The first ones, each with its index and its reason; what has no picture is in the list alone."""
    samples = {f"sample-{number}.png": bytes([number]) * 3000 for number in range(60)}
    made = report(quarantine=quarantine(*range(60)))
    for one in made["quarantine"]["list"][1:]:
        one["picture"] = f"sample-{one['index']}.png"
    text = to_html(made, None, samples)

    assert 24 == text.count("<figure")
    assert "sample 0 (raises)" not in text
    assert 1 == text.count('<figure title="sample 1 (raises): ValueError: broken">')
    assert len(text) < 200_000


@pytest.mark.parametrize(
    ("fields", "state", "says"),
    [
        pytest.param({}, "well", "It ran well.", id="well"),
        pytest.param({"status": "running"}, "well", "It runs well.", id="running"),
        pytest.param({"status": "failed"}, "failed", "It ended with an error", id="failed"),
        pytest.param({"findings": [finding()]}, "look", "It needs a look: G01 Exploding gradients.", id="open"),
        pytest.param(
            {"findings": [finding()], "journal": journal(change(), outcome("kept"))},
            "helped",
            "It needed help and got it: 1 change against G01 is kept.",
            id="kept",
        ),
        pytest.param(
            {"findings": [finding()], "journal": journal(change(), outcome("undone"))},
            "look",
            "It needs a look",
            id="undone",
        ),
        pytest.param(
            {"findings": [finding()], "journal": journal(race(("scale_lr", 1.9, False)), in_vain())},
            "look",
            "Something is wrong that nothing tried could mend: G01",
            id="in-vain",
        ),
        pytest.param({"quarantine": quarantine(7)}, "helped", "It ran well; 1 sample was set aside.", id="aside"),
        pytest.param(
            {
                "quarantine": quarantine(7),
                "findings": [finding(step=0, code="D07", title="Missing values", where=("sample 7",))],
            },
            "helped",
            "It ran well; 1 sample was set aside.",
            id="found-before-and-set-aside",
        ),
        pytest.param({"ending": {"problems": ["x"]}}, "look", "It ran well; on the way", id="problems"),
    ],
)
def test_the_verdict_comes_first(fields, state, says):
    """One plain sentence, in a class by which it has its colour."""
    made = report(**fields)
    text = to_html(made).partition('<div class="afx afx-report afv">')[2]

    assert state == made["health"]["state"]
    assert says in made["health"]["says"]
    assert text.strip().startswith(f'<p class="afx-head afx-is-{state}">')


def test_each_word_is_there_to_be_read():
    """Escaped, not dropped: headline, told, finding, change, verdict, code, suggestion, sample, problem, table."""
    text = to_html(eventful("wrd"))

    assert text.count("wrd") > 15


def test_an_uneventful_run_has_no_empty_parts():
    """No heading without anything under it."""
    assert "<h3>" not in to_html(report())
    assert "<table>" not in to_html(report())


def test_the_page_needs_nothing_else():
    """No script, no font, no style from elsewhere; the picture is in it."""
    page = to_page(eventful("word"), b"\x89PNG")

    assert page.startswith("<!doctype html>")
    assert not re.search(r"<script|https?://|@import|url\(", page)
    assert 1 == page.count("data:image/png;base64,iVBORw==")


def test_without_a_picture_there_is_none():
    """Nothing was recorded."""
    assert "<img" not in to_html(report())


@pytest.mark.parametrize(("count", "is_open", "more"), [(1, True, 0), (10, True, 0), (11, False, 0), (205, False, 5)])
def test_many_samples_are_folded_away(count, is_open, more):
    """Up to ten are shown at once, up to 200 on a click, the rest is counted."""
    text = to_html(report(quarantine=quarantine(*range(count))))

    assert is_open == ("<details open>" in text)
    assert (f"and {more} more" in text) == bool(more)
    assert f"<summary>{count} sample{'' if count == 1 else 's'}: " in text


def test_the_table_has_the_columns_that_there_are():
    """Under the goal's own name, empty where an epoch has none."""
    rows = epochs([0.5, 0.625])
    del rows.epochs[0]["goal"]
    text = to_html(report(history=rows))

    assert ["epoch", "loss", "val/accuracy", "lr"] == re.findall(r"<th class='num'>(.*?)</th>", text)
    assert ["1", "1", "", "0.1", "2", "0.5", "0.625", "0.1"] == re.findall(r"<td class='num'>(.*?)</td>", text)
