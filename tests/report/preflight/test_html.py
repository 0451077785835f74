"""The report before training as HTML: folds, marks and pictures; everything escaped."""

import re

import pytest

from autofix_nb.report.preflight import build, to_html, to_page
from tests.report.preflight.made import ABOUT, ERROR, NOTE, bad, broken, fine, skipped
from tests.report.test_html import EVIL, OURS, Tags

PNG = b"\x89PNG"
TAGS = OURS | {"b", "span", "figure", "figcaption"}


def eventful(word):
    """Return a report and pictures that have `word` in every place that comes from outside."""
    asked = [
        bad(
            word,
            ERROR,
            word,
            title=word,
            also=((NOTE, word),),
            shared=(word,),
            where=[word],
            evidence=[f"{word} 2"],
            to_type=word,
            fixes=(word,),
        ),
        fine(word, word, title=word, evidence=[word]),
        fine("D09", word, title=word, evidence=[word]),
        skipped(word, word, title=word),
        broken(word, word, title=word),
    ]
    about = ABOUT | {"model": word, "device": word, "preset": word, "environment": word}
    return build(asked, about), {word: [(word, PNG)], "D09": [(word, PNG)]}


def rows_of(html):
    """Return (kind, open, summary) of each outer row."""
    found = re.findall(r'<details class="afx-row afx-is-([a-z-]+)"( open)?><summary>(.*?)</summary>', html)
    return [(kind, bool(is_open), re.sub(r"<[^>]+>|&#xFE0E;", "", summary).strip()) for kind, is_open, summary in found]


@pytest.mark.parametrize("make", [to_html, to_page])
@pytest.mark.parametrize("evil", [EVIL, '" onerror="x', "a <b> `<i>`", "</pre></details>", "--><!--", "&lt;b&gt;&amp;"])
def test_nothing_from_outside_becomes_a_tag_or_an_attribute(make, evil):
    """Names of classes, samples and fixes, sentences, code, reasons: the same tags as with a harmless word."""
    page, harmless = (make(*eventful(word)) for word in (evil, "`word`" if "`" in evil else "word"))
    tags, expected = Tags(page), Tags(harmless)

    assert expected.tags == tags.tags
    assert expected.attributes == tags.attributes
    assert set(tags.tags) <= TAGS
    assert [] == tags.open
    assert evil not in page


def test_each_word_is_there_to_be_read():
    """Escaped, not dropped."""
    assert to_html(*eventful("wrd")).count("wrd") > 25


def test_rows_are_findings_then_what_is_fine_then_what_was_not_asked():
    """The first error is open; its kind is told by edge, sign and word."""
    asked = [fine("E01"), bad("D01"), bad("B04", ERROR), bad("B05", ERROR), skipped("D04"), broken("D05"), fine("E02")]
    html = to_html(build(asked, ABOUT))

    assert [
        ("error", True, "✘ B04 Something: 3 is above 2"),
        ("error", False, "✘ B05 Something: 3 is above 2"),
        ("warning", False, "⚠ D01 Something: 3 is above 2"),
        ("fine", False, "✔ 2 checks found nothing"),
        ("not-applicable", False, "– 1 not applicable, 1 check failed, through no fault of yours"),
    ] == rows_of(html)
    for word in ("error", "warning", "fine", "not applicable"):
        assert f'role="img" aria-label="{word}"' in html


def test_a_warning_stays_folded():
    """What is open at once is for errors."""
    assert [("warning", False, "⚠ D01 Something: 3 is above 2")] == rows_of(to_html(build([bad()], ABOUT)))


@pytest.mark.parametrize(
    ("findings", "others", "outer"),
    [
        pytest.param(10, [], 10, id="room-for-all"),
        pytest.param(12, [], 12, id="a-dozen"),
        pytest.param(13, [], 12, id="one-too-many"),
        pytest.param(30, [fine(), skipped()], 12, id="thirty"),
        pytest.param(10, [fine(), skipped()], 12, id="ten-and-the-rest"),
    ],
)
def test_a_dozen_rows_at_most(findings, others, outer):
    """The least of many findings share a fold, and none is lost."""
    asked = [bad(f"D{number:02}") for number in range(findings)]
    html = to_html(build([*asked, *others], ABOUT))
    rows = rows_of(html)
    more = [summary for _, _, summary in rows if "more:" in summary]
    inside = int(more[0].split()[2]) if more else 0

    assert outer == len(rows) - inside
    assert findings + len(others) + bool(more) == len(rows)
    assert all(f"<b>D{number:02} Something</b>" in html for number in range(findings))


def test_a_finding_names_place_code_evidence_and_fixes():
    """Long lists are cut; code stands as it is to be typed."""
    html = to_html(
        build(
            [
                bad(
                    where=[f"sample {index}" for index in range(49)],
                    evidence=[f"line {index}" for index in range(1000)],
                    to_type="if x < 1:\n    mend()",
                    fixes=("standardise",),
                )
            ],
            ABOUT,
        )
    )

    assert "sample 10, sample 11 and 37 more" in html
    assert "<li>line 11</li><li>and 988 more</li>" in html
    assert '<pre class="afx-type" tabindex="0">if x &lt; 1:\n    mend()</pre>' in html
    assert "<code>standardise</code>" in html
    assert "There are fixes for D01" in html


def test_pictures_stand_with_their_finding_and_else_in_a_row_of_their_own():
    """Each has words for those who do not see it."""
    report = build([bad("D08"), fine("B03"), fine("E01")], ABOUT)
    html = to_html(report, {"D08": [("Bad files", PNG)], "B03": [("First batch", PNG)], "X": []})

    assert ["⚠ D08", "▦ To look at: First batch", "✔ 2 checks"] == [
        re.match(r"\S \w\d+|\S To.*|✔ 2 checks", summary)[0] for _, _, summary in rows_of(html)
    ]
    assert 'alt="Bad files. D08 Something: 3 is above 2"' in html
    assert 'alt="First batch. B03 Something: 2 is below 3"' in html
    assert 2 == html.count("data:image/png;base64,iVBORw==")


def test_what_is_fine_does_not_read_as_if_it_had_been_found():
    """Titles name illnesses."""
    html = to_html(build([fine("D01", "10 classes of 180 samples", title="Class imbalance")], ABOUT))

    assert "<b>D01</b> 10 classes of 180 samples" in html
    assert "(looked for: Class imbalance)" in html


def test_backticks_become_code():
    """In sentences and evidence."""
    html = to_html(build([bad(says="`model.head` gets none", evidence=["`a` & `b`"])], ABOUT))

    assert "<code>model.head</code> gets none" in html
    assert "<code>a</code> &amp; <code>b</code>" in html


@pytest.mark.parametrize("asked", [[], [skipped()] * 3, [fine()]], ids=["zero-checks", "none-applicable", "fine"])
def test_little_to_say_has_no_empty_parts(asked):
    """No fold without anything in it, no word about fixes."""
    html = to_html(build(asked, {}))

    assert bool(asked) == len(rows_of(html))
    assert "<ul></ul>" not in html
    assert "fixes" not in html
    assert [] == Tags(html).open


def test_the_page_needs_nothing_else():
    """No script, no font, no style from elsewhere; light and dark."""
    page = to_page(*eventful("word"))

    assert page.startswith("<!doctype html>")
    assert '<meta name="color-scheme" content="light dark">' in page
    assert not re.search(r"<script|https?://|@import|url\(|javascript:", page)


def test_the_page_can_be_written_whatever_the_names():
    """A file's name may hold bytes that are no text."""
    to_page(*eventful("name\udc80\x00")).encode()
