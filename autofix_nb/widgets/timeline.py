"""What the journal tells, read as it grows: marks for the plots, and a row for each finding with what was done.

Read entry by entry and once each, so that a long journal costs no more than a short one.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from autofix_nb.journal import Entry
from autofix_nb.policy import PROVEN_AT_ONCE
from autofix_nb.report.plot import Mark
from autofix_nb.report.plot.marks import MOST_MARKS, VERDICTS

MOST_ROWS = 40
"""Newest rows that are kept."""

OF_SAMPLES = frozenset({"B02", "G03"})
"""Findings on single samples; they are told, although they are mere notes."""

ASIDE = frozenset({"quarantine", "skip_batch"})
"""Changes that take samples or batches away; they are many, and are counted."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that happened, as a line of the list."""

    step: int
    kind: str
    """Its sign, as a mark's."""

    says: str
    done: str = ""
    """What was done about it."""

    verdict: str = ""
    """What came of that: `on trial`, `kept`, `undone`, ..."""

    code: str = ""
    number: int = -1
    """Number of the change that was made."""


class Timeline:
    """Rows and marks of one run, from its journal's entries."""

    def __init__(self) -> None:
        self._taken_by = {
            "start": self._start,
            "resume": self._resume,
            "finding": self._finding,
            "change": self._change,
            "outcome": self._outcome,
            "suggestion": self._suggestion,
            "note": self._note,
            "quarantine": self._quarantine,
            "save": self._save,
            "save failed": self._save_failed,
        }
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.rows: list[Row] = []
        self.batches_skipped = 0
        self.trying: dict[int, tuple[int, Mark]] = {}
        """Changes on trial, by their number: the entry's number, and the mark."""

        self._marks: dict[str, list[tuple[int, Mark]]] = {}
        self._of_rows: list[tuple[int, Row]] = []
        self._newest: dict[str, str] = {}
        self._aside = 0
        self._read = 0

    def read(self, entries: Iterable[Entry]) -> None:
        """Take the next entries of the journal."""
        for entry in entries:
            self._read += 1
            take = self._taken_by.get(entry["kind"])
            if take is not None:
                with suppress(KeyError, TypeError, ValueError, AttributeError):  # a damaged line of a file
                    take(entry)
        self.rows = [row for _, row in self._of_rows]

    @property
    def entries_read(self) -> int:
        """How many entries of the journal were taken so far."""
        return self._read

    def marks(self) -> list[Mark]:
        """Return all marks, each kind in order of its steps."""
        kept = [mark for marks in self._marks.values() for _, mark in marks]
        return kept + [mark for _, mark in self.trying.values()]

    # --- one method a kind of entry --------------------------------------------------------------------------------

    def _start(self, entry: Entry) -> None:
        read = self._read
        self.clear()
        self._read = read

    def _resume(self, entry: Entry) -> None:
        after = entry.get("after")
        if isinstance(after, int):  # what came after that save happened again, or never
            self._of_rows = [(number, row) for number, row in self._of_rows if number <= after]
            self._marks = {
                kind: [(number, mark) for number, mark in marks if number <= after]
                for kind, marks in self._marks.items()
            }
            self.trying = {key: one for key, one in self.trying.items() if one[0] <= after}
        self._mark(entry, "resumed", f"went on from the save at step {entry['step']:,}")

    def _finding(self, entry: Entry) -> None:
        code, step, says = entry["code"], entry["step"], f"{entry['title']}: {entry['says']}"
        self._newest[code] = says
        is_note = entry["severity"] == "note"
        if code == "R05" or (is_note and code not in OF_SAMPLES):
            return
        # What is found at a step at which something was changed already was known by what helped.
        answer = self._answer_at(step)
        if answer is None and step and not is_note:
            self._mark(entry, "found", f"{code} {says}")
        self._row(entry, Row(step=step, kind=answer or "found", code=code, says=says))

    def _change(self, entry: Entry) -> None:
        fix, number = entry["fix"], entry.get("number", -1)
        if fix in ASIDE:
            self._skip(entry)
            return
        on_trial = fix not in PROVEN_AT_ONCE
        text = self._answered(entry)
        mark = Mark(kind="trying" if on_trial else "fixed", step=entry["step"], text=text)
        if on_trial:
            self.trying[number] = entry["n"], mark
        else:
            self._keep(entry["n"], mark)
        verdict = "on trial" if on_trial else "done"
        self._answer(entry, done=entry["says"], verdict=verdict, number=number, kind=mark.kind)

    def _outcome(self, entry: Entry) -> None:
        number, verdict = entry.get("number", -1), str(entry["verdict"])
        kind = VERDICTS.get(verdict, "undone")
        for place, (n, row) in enumerate(self._of_rows):
            if row.number == number and number >= 0:
                self._of_rows[place] = n, replace(row, verdict=verdict, kind=kind)
        if number in self.trying:
            n, mark = self.trying.pop(number)
            self._keep(n, replace(mark, kind=kind, text=f"{mark.text}: {verdict}"))

    def _suggestion(self, entry: Entry) -> None:
        self._answer(entry, done=f"Suggested: {entry['fix']}", verdict="not done")

    def _note(self, entry: Entry) -> None:
        if "code" in entry:
            self._answer(entry, done="Nothing helped", verdict="nothing changed")

    def _quarantine(self, entry: Entry) -> None:
        self._mark(entry, "skipped", f"sample {entry['index']} set aside, {entry['reason']}")

    def _save(self, entry: Entry) -> None:
        self._marks["saved"] = []
        self._mark(entry, "saved", "everything up to here is saved")

    def _save_failed(self, entry: Entry) -> None:
        self._row(entry, Row(step=entry["step"], kind="found", says=f"Saving failed: {entry['why']}"))

    # --- what these have in common ---------------------------------------------------------------------------------

    def _skip(self, entry: Entry) -> None:
        """Samples and batches that were taken away are one row, with the newest of them and how many times."""
        if entry["fix"] == "skip_batch":
            self.batches_skipped += 1
            self._mark(entry, "skipped", _capital(entry["says"]))
        self._answered(entry)
        self._aside += 1
        done = "Set aside, the rest of the batch went on" if entry["fix"] == "quarantine" else "Batch left out"
        done += f"; {self._aside} times so far" if self._aside > 1 else ""
        newest = self._of_rows[-1][1] if self._of_rows else None
        if newest is None or newest.done or newest.code != entry["code"]:
            return
        self._of_rows = [(n, row) for n, row in self._of_rows[:-1] if row.kind != "skipped"]
        self._row(entry, replace(newest, kind="skipped", done=done))

    def _answer_at(self, step: int) -> str | None:
        """Return the kind of the change that was made at a step, if there is one."""
        made = [mark for _, mark in [*self.trying.values(), *self._marks.get("fixed", [])] if mark.step == step]
        return made[-1].kind if made else None

    def _answered(self, entry: Entry) -> str:
        """Return what was found and what is done about it; the finding's own sign goes, the answer's takes over."""
        found, says = self._marks.get("found", []), _capital(entry["says"])
        for place in reversed(range(len(found))):
            mark = found[place][1]
            if mark.step == entry["step"] and mark.text.startswith(f"{entry['code']} ") and mark.count == 1:
                del found[place]
                return f"{mark.text}. {says}"
        return says

    def _answer(self, entry: Entry, **done: Any) -> None:
        """Write what was done beside the newest row that it answers."""
        for place in reversed(range(len(self._of_rows))):
            n, row = self._of_rows[place]
            if row.code == entry["code"]:
                if row.done and row.verdict not in ("on trial", "not done") and "number" in done:
                    break  # that one has its answer: this is a new one
                says = f"{row.done}, {done['done']}" if row.done and "number" in done else _capital(done["done"])
                self._of_rows[place] = n, replace(row, **(done | {"done": says}))
                return
        if "number" in done:
            done["done"] = _capital(done["done"])
            says = self._newest.get(entry["code"], "as before")
            self._row(entry, Row(step=entry.get("step") or 0, says=says, code=entry["code"], **done))

    def _row(self, entry: Mapping[str, Any], row: Row) -> None:
        self._of_rows = [*self._of_rows[1 - MOST_ROWS :], (int(entry.get("n", 0)), row)]

    def _mark(self, entry: Mapping[str, Any], kind: str, text: str) -> None:
        self._keep(int(entry.get("n", 0)), Mark(kind=kind, step=int(entry.get("step") or 0), text=text))

    def _keep(self, number: int, mark: Mark) -> None:
        marks = self._marks.setdefault(mark.kind, [])
        marks.append((number, mark))
        if len(marks) > MOST_MARKS:
            pairs = list(zip(marks[:-1:2], marks[1::2], strict=False))
            rest = marks[-1:] if len(marks) % 2 else []
            marks[:] = [(n, one.with_next(other)) for (n, one), (_, other) in pairs] + rest


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
