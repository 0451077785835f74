"""What the live output reads of a run, and the scene that it makes of it."""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from autofix_nb.history import History
from autofix_nb.journal import Journal
from autofix_nb.report import duration
from autofix_nb.report.numbers import roughly
from autofix_nb.widgets.controls import without_buttons
from autofix_nb.widgets.pace import Pace
from autofix_nb.widgets.page import Scene
from autofix_nb.widgets.panels import plots_of, span_of
from autofix_nb.widgets.state_sentence import State, headline, more
from autofix_nb.widgets.timeline import Row, Timeline

ENDED = frozenset({"finished", "stopped", "interrupted", "failed"})
"""What a run is that is over."""


class Watched(Protocol):
    """The part of a guard that is looked at. Nothing of it is changed."""

    name: str
    status: str
    step_count: int
    seconds: float
    goal: str | None
    """The column of validation that tells which epoch is best."""

    history: History
    journal: Journal
    policy: Any
    """Has `findings` and `alarmed`."""

    keeper: Any
    """Has `saved_seconds_ago`, `last_saved_step` and `mirror`."""

    controls: Any
    """Has `stop` and `clip_norm`."""

    quarantine: Any
    """Has a length."""

    run: Any
    """Has `folder`, and `picture`, a PNG or None, once the run is over."""

    def read_back(self) -> Any:
        """Write what the newest steps left behind to the history; waits for the device."""


@dataclass
class Place:
    """Where the loop is, as it said so itself."""

    epoch: int = 0
    epochs: int = 0
    batches: int | None = None
    done: int = 0
    aside: tuple[str, int, int | None] | None = None
    is_between: bool = False
    """Whether this epoch is over and the next has not begun."""

    def end_epoch(self, epochs: int) -> None:
        """The epoch is over, and so many are planned now."""
        self.epochs, self.is_between = epochs, True

    @property
    def share(self) -> float | None:
        """Share of the run that is done; None where its end is not known."""
        if not self.epochs:
            return None
        within = min(1.0, self.done / self.batches) if self.batches else 0.0
        within = 1.0 if self.is_between else within
        return min(1.0, (max(self.epoch, 1) - 1 + within) / self.epochs)


@dataclass
class Notes:
    """What was said so far."""

    log: list[str] = field(default_factory=list)
    """All sentences and epoch lines."""

    own: list[Row] = field(default_factory=list)
    """Sentences that the journal's findings and changes do not tell."""

    epoch_line: str = ""


def scene_of(
    run: Watched,
    place: Place,
    timeline: Timeline,
    notes: Notes,
    pace: Pace,
    *,
    seconds: float = 0.0,
    ended: str | None = None,
) -> Scene:
    """Return what is to be shown `seconds` after this turn began; `ended` sums it up, and says that it is over."""
    timeline.read(run.journal.after(timeline.entries_read))
    over = ended is not None
    state = _state(run, place, timeline, pace)
    if over and run.status not in ENDED:
        state = replace(state, status="refused")
    light, sentence = headline(state, run.history)
    return Scene(
        name=run.name,
        light=light,
        headline=sentence,
        more=more(replace(state, set_aside=0, skipped=0) if ended else state),
        summary=ended or "",
        is_over=over,
        share=1.0 if run.status == "finished" else place.share,
        aside=None if over or not place.aside or not place.aside[2] else place.aside[1] / place.aside[2],
        place=_where(run, place, None if over else pace.steps_a_second),
        time=f"took {duration(run.seconds)}" if over else f"{roughly(run.seconds + seconds)} so far",
        plots=plots_of(run.history, goal=run.goal, clip_norm=run.controls.clip_norm),
        span=span_of(run.history),
        marks=timeline.marks(),
        rows=sorted([*notes.own, *timeline.rows], key=lambda row: row.step),
        epoch_line=notes.epoch_line,
        log=notes.log if over else (),
        hint="" if over else f"After a reload it trains on, without buttons. {without_buttons(run.run.folder)}",
    )


def _state(run: Watched, place: Place, timeline: Timeline, pace: Pace) -> State:
    why = run.controls.stop or ""
    if run.status in ("failed", "interrupted"):
        error = run.journal.last("error")
        why = error["error"].strip().split("\n")[0].rstrip(": .") if error else ""
    mirror = run.keeper.mirror
    return State(
        status=run.status,
        step=run.step_count,
        why=why.rstrip("."),
        aside=place.aside,
        trying=next((row.done for row in reversed(timeline.rows) if row.number in timeline.trying), ""),
        alarm=_alarm(run) if run.policy.alarmed and not timeline.trying else "",
        set_aside=len(run.quarantine),
        skipped=timeline.batches_skipped,
        saved_ago=run.keeper.saved_seconds_ago,
        saved_step=run.keeper.last_saved_step,
        copied_ago=None if mirror is None else mirror.seconds_ago(),
        copied_to="" if mirror is None else mirror.title,
        seconds_left=pace.seconds_left,
    )


def _alarm(run: Watched) -> str:
    for finding in reversed(run.policy.findings):
        if finding.severity > 1 and finding.code[0] in "GL":
            return f"{finding.title.lower()} ({finding.code}), since step {finding.step:,}"
    return ""


def _where(run: Watched, place: Place, speed: float | None) -> str:
    parts = []
    if place.epoch:
        at_the_end = place.batches and place.done >= place.batches and not place.is_between
        validating = at_the_end and run.status == "running" and run.history.facts.get("has_val")
        parts.append(f"epoch {place.epoch:,} of {place.epochs:,}" + (", validating" if validating else ""))
    planned = run.history.facts.get("ends_at") or run.history.facts.get("planned_steps")
    if run.step_count:
        of = f" of {planned:,}" if planned and planned >= run.step_count else ""
        parts.append(f"step {run.step_count:,}{of}")
    if speed:
        parts.append(f"{speed:,.0f} steps/s" if speed >= 10 else f"{speed:.2g} steps/s")
    return " · ".join(parts)
