"""The journal as marks and rows: each finding with what was done about it, and what came of that."""

import pytest

from autofix_nb.finding import Severity
from autofix_nb.report.plot.marks import MOST_MARKS
from autofix_nb.widgets.timeline import MOST_ROWS, Timeline
from tests.widgets.scenes import change, find, judge, run_of


@pytest.fixture
def run():
    return run_of()


def read(run, timeline=None):
    timeline = timeline or Timeline()
    timeline.read(run.journal.after(timeline.entries_read))
    return timeline


def kinds(timeline):
    return [(mark.kind, mark.step) for mark in timeline.marks()]


def test_a_finding_is_a_row_and_a_mark(run):
    """With its step and what it says."""
    find(run, "L01", 150)
    found = read(run)

    assert [("found", 150)] == kinds(found)
    assert ("L01", "Learning rate too high: the loss rose", "") == (
        found.rows[0].code,
        found.rows[0].says,
        found.rows[0].verdict,
    )


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        (None, "trying"),
        ("kept", "fixed"),
        ("lifted", "fixed"),
        ("undone", "undone"),
        ("did not help", "undone"),
        ("not enough", "undone"),
    ],
)
def test_an_answer_takes_the_place_of_its_finding(run, verdict, kind):
    """One mark and one row, on trial until its outcome is known."""
    find(run, "L01", 150)
    change(run, "L01", 150)
    timeline = read(run)
    if verdict:
        judge(run, "L01", 200, verdict)
        read(run, timeline)
    row = timeline.rows[0]

    assert [(kind, 150)] == kinds(timeline)
    assert 1 == len(timeline.rows)
    assert ("Rate lowered to 0.001", verdict or "on trial", kind) == (row.done, row.verdict, row.kind)
    assert (verdict is None) == bool(timeline.trying)


def test_what_proves_itself_at_once_is_no_trial(run):
    """Such as a batch split after out of memory."""
    find(run, "R01", 30, title="Out of memory", says="a batch of 64 does not fit")
    change(run, "R01", 30, fix="split_batch", says="split into 32")

    assert [("fixed", 30)] == kinds(read(run))
    assert "done" == read(run).rows[0].verdict


def test_the_next_remedy_is_added_to_its_finding(run):
    """The first did not help; the row says both, with the verdict of the last."""
    find(run, "L01", 150)
    change(run, "L01", 150, number=0)
    judge(run, "L01", 200, "undone", number=0)
    change(run, "L01", 200, fix="warm_up", says="warm-up over 100 steps", number=1)
    rows = read(run).rows

    assert ["Learning rate too high: the loss rose"] * 2 == [row.says for row in rows]
    assert ["undone", "on trial"] == [row.verdict for row in rows]


def test_many_samples_set_aside_are_one_row(run):
    """And one count; each has its mark."""
    for number in range(5):
        find(run, "B02", 10 + number, title="A batch cannot be built", severity=Severity.NOTE)
        change(run, "B02", 10 + number, fix="quarantine", says="sample set aside", number=number)
        run.journal.append("quarantine", index=number, fault="raises", reason="OSError", step=10 + number)
    found = read(run)

    assert 1 == len(found.rows)
    assert "Set aside, the rest of the batch went on; 5 times so far" == found.rows[0].done
    assert 5 == sum(mark.count for mark in found.marks() if mark.kind == "skipped")


def test_samples_set_aside_do_not_push_the_rest_out_of_sight(run):
    """Whatever lies between them."""
    for number, code in enumerate(["B02", "G03", "L01", "B02"]):
        find(run, code, 10 + number)
        if code != "L01":
            change(run, code, 10 + number, fix="quarantine", says="set aside", number=number)

    assert [("L01", 12), ("B02", 13)] == [(row.code, row.step) for row in read(run).rows]


def test_what_is_known_by_what_helped_has_no_mark_of_its_own(run):
    """It was answered before it had its name."""
    find(run, "G07", 25, title="Dead units")
    change(run, "G07", 25)
    find(run, "L01", 25, says="known by what helped")

    assert [("trying", 25)] == kinds(read(run))
    assert ["trying", "trying"] == [row.kind for row in read(run).rows]


def test_a_change_that_answers_a_mere_note_says_why(run):
    """Such as training longer."""
    find(run, "L05", 600, title="Underfitting", says="the goal still gets better", severity=Severity.NOTE)
    change(run, "L05", 600, fix="train_longer", says="2 more epochs")

    assert ["Underfitting: the goal still gets better"] == [row.says for row in read(run).rows]


def test_batches_left_out_are_counted(run):
    """They are no samples."""
    find(run, "G03", 40, title="NaN or Inf")
    change(run, "G03", 40, fix="skip_batch", says="batch 3 left out")

    assert 1 == read(run).batches_skipped


def test_mere_notes_are_no_rows(run):
    """They stand in the report."""
    find(run, "L09", 40, severity=Severity.NOTE)

    assert [] == read(run).rows


def test_nothing_helped_is_said_beside_the_finding(run):
    """And so is a fix that may only be suggested."""
    find(run, "L03", 40)
    run.journal.append("note", code="L03", step=90, text="nothing helped")
    find(run, "L04", 60)
    run.journal.append("suggestion", code="L04", step=60, fix="regularise", says="more decay")

    assert [("Nothing helped", "nothing changed"), ("Suggested: regularise", "not done")] == [
        (row.done, row.verdict) for row in read(run).rows
    ]


def test_what_was_lost_with_a_kernel_is_lost_here_too(run):
    """A resumed run forgets what came after its save: it happens again, or never."""
    find(run, "L01", 10)
    known = run.journal.position
    find(run, "L03", 20)
    change(run, "L03", 20)
    run.journal.append("resume", step=12, epoch=0, position=12, after=known)
    found = read(run)

    assert [("found", 10), ("resumed", 12)] == kinds(found)
    assert ["L01"] == [row.code for row in found.rows]
    assert not found.trying


def test_a_new_start_forgets_all(run):
    """The folder held a run that never took a step."""
    find(run, "L01", 10)
    run.journal.append("start", name="x")

    assert [] == read(run).marks()
    assert [] == read(run).rows


def test_only_the_newest_save_is_marked(run):
    """There are thousands."""
    for step in (50, 100, 150):
        run.journal.append("save", step=step)

    assert [("saved", 150)] == kinds(read(run))


def test_reading_on_is_reading_at_once(run):
    """Entry by entry, as the journal grows."""
    timeline = Timeline()
    for number in range(4):
        find(run, "L01", number * 100)
        change(run, "L01", number * 100, number=number)
        read(run, timeline)
        judge(run, "L01", number * 100 + 50, "kept", number=number)
        read(run, timeline)

    assert read(run).marks() == timeline.marks()
    assert read(run).rows == timeline.rows


def test_a_long_run_keeps_a_bounded_number(run):
    """Neighbouring marks become one, that counts; of the rows the newest stay."""
    for step in range(3 * MOST_MARKS):
        run.journal.append("quarantine", index=step, fault="raises", reason="OSError", step=step)
        find(run, "L01", step)
    found = read(run)

    assert len(found.marks()) <= 2 * MOST_MARKS
    assert 3 * MOST_MARKS == sum(mark.count for mark in found.marks() if mark.kind == "skipped")
    assert MOST_ROWS == len(found.rows)


@pytest.mark.parametrize("kind", ["finding", "change", "outcome", "resume", "quarantine", "save", "note", "unheard of"])
def test_a_damaged_entry_is_passed_over(run, kind):
    """The file may have been edited."""
    run.journal.append(kind, step="x", code=["?"])
    find(run, "L01", 10)

    assert "L01" == read(run).rows[-1].code
