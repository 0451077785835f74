"""The report as HTML: well-formed, self-contained, and everything escaped."""

import re
from html.parser import HTMLParser

import pytest

from autofix_nb.data import Quarantine
from autofix_nb.report import to_html, to_page
from tests.report.test_build import change, in_vain, journal, outcome, quarantine, race
from tests.runs import epochs, fault, finding, report

EVIL = "<script>alert('x')</script>\"'>&<img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br"}
OURS = {"html", "head", "meta", "title", "body", "style", "div", "p", "h3", "ul", "li", "table", "tr", "th", "td"}
OURS |= {"details", "summary", "pre", "img", "code"}


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
    return report(
        settings={"name": word, "told": [word], "environment": {word: word}},
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
        findings=[finding(code=word, title=word, says=word, where=(word,), evidence=(word,))],
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
    assert f"{count} samples" in text


def test_the_table_has_the_columns_that_there_are():
    """Under the goal's own name, empty where an epoch has none."""
    rows = epochs([0.5, 0.625])
    del rows.epochs[0]["goal"]
    text = to_html(report(history=rows))

    assert ["epoch", "loss", "val/accuracy", "lr"] == re.findall(r"<th class='num'>(.*?)</th>", text)
    assert ["1", "1", "", "0.1", "2", "0.5", "0.625", "0.1"] == re.findall(r"<td class='num'>(.*?)</td>", text)
