"""Progress as text: tqdm's bar within the epoch, and one line per epoch that stays."""

import sys
import time
from typing import Any, Protocol

import torch
from tqdm import tqdm

from autofix_nb.widgets.said import log

LOSS_EVERY_SECONDS = 0.5
"""How often the bar and the loss beside it are renewed; on an accelerator, reading the loss means waiting."""

BAR_AFTER_SECONDS = 1.0
"""A shorter epoch needs no bar, and a saved notebook no traces of one."""


MOST_WORDS = 44
"""Letters of what is done beside the training; the bar beside it must fit in the line, too."""

NOT_SHOWN = {
    f"val/{name}"
    for name in ("rows", "top_share", "majority", "mean_recall", "threshold", "f1_at_half", "f1_at_threshold")
}
"""Columns of validation that detectors read; the report says what comes of them."""


class Progress(Protocol):
    """What a loop tells whoever watches it."""

    set_aside: int
    """Samples set aside that were told already, as in a run that goes on."""

    def watch(self, run: Any) -> None:
        """From now on this run is shown: a guard, of which things are read and nothing is changed."""

    def begin(self, epoch: int, epochs: int, batches: int | None, done: int) -> None:
        """Begin an epoch (counted from 1) of so many batches, the first `done` of which were done before."""

    def step(self, done: int, loss: Any) -> None:
        """So many batches of the epoch are done."""

    def aside(self, what: str, done: int, of: int | None) -> None:
        """Something is done beside the training (`what`, such as `trying a rate of 3e-4`): so many of its steps.

        Where `of` is None, it is not known of how many. What is told next of the training, or said, ends it.
        """

    def paused(self, step: int) -> None:
        """The training waits at this step until somebody lets it go on; told again and again meanwhile."""

    def epoch(self, row: dict[str, Any], epochs: int) -> None:
        """An epoch is over; `row` is its row of the epoch table."""

    def say(self, text: str) -> None:
        """Say one sentence."""

    def found(self, text: str) -> None:
        """Say one sentence on a finding, or on what was done about it; the journal has it too."""

    def close(self, text: str) -> None:
        """The training is over, or never began; `text` sums it up."""


class Silent:
    """`show="none"`. What is said is logged where somebody listens."""

    set_aside = 0

    def watch(self, run: Any) -> None: ...
    def begin(self, epoch: int, epochs: int, batches: int | None, done: int) -> None: ...
    def step(self, done: int, loss: Any) -> None: ...
    def aside(self, what: str, done: int, of: int | None) -> None: ...
    def paused(self, step: int) -> None: ...
    def epoch(self, row: dict[str, Any], epochs: int) -> None: ...

    def say(self, text: str) -> None:
        log(text)

    def found(self, text: str) -> None:
        log(text, warning=True)

    def close(self, text: str) -> None:
        if text:
            log(text)


class Text:
    """`show="text"`: a bar that goes, lines that stay. Written to standard output, in order with the user's prints."""

    def __init__(self, file: Any = None) -> None:
        self._file = file
        self._bar: tqdm | None = None
        self._about: dict[str, Any] = {}
        self._next = 0.0
        self._beside: tqdm | None = None
        self._next_beside = 0.0
        self._what = ""
        self.set_aside = 0

    def watch(self, run: Any) -> None: ...

    def begin(self, epoch: int, epochs: int, batches: int | None, done: int) -> None:
        self._end_bar()
        self._end_beside()
        self._about = {"desc": f"epoch {epoch}/{epochs}", "total": batches, "initial": done}
        self._next = time.monotonic() + BAR_AFTER_SECONDS

    def step(self, done: int, loss: Any) -> None:
        self._end_beside()
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LOSS_EVERY_SECONDS
        if self._bar is None:
            # It begins here and not at 0: the batches of the first second would make its speed.
            about = self._about | {"initial": done}
            self._bar = tqdm(leave=False, file=self._file or sys.stdout, unit="batch", ncols=88, **about)
        value = float(loss.detach()) if isinstance(loss, torch.Tensor) else float(loss)
        self._bar.set_postfix_str(f"loss {value:.4g}", refresh=False)
        self._bar.update(done - self._bar.n)

    def aside(self, what: str, done: int, of: int | None) -> None:
        now = time.monotonic()
        if not self._what:
            self._next_beside = now + BAR_AFTER_SECONDS
        if what != self._what:
            self._close_beside()
            self._what = what
        if now < self._next_beside:
            return
        self._next_beside = now + LOSS_EVERY_SECONDS
        if self._beside is None:
            self._end_bar()  # a notebook cannot show two in plain text
            desc = what if len(what) <= MOST_WORDS else f"{what[: MOST_WORDS - 1]}…"
            file = self._file or sys.stdout
            self._beside = tqdm(leave=False, file=file, unit="step", ncols=88, desc=desc, total=of, initial=done)
        self._beside.update(done - self._beside.n)

    def paused(self, step: int) -> None: ...

    def epoch(self, row: dict[str, Any], epochs: int) -> None:
        self._end_bar()
        self._end_beside()
        self.put(line_of(row, epochs, set_aside_before=self.set_aside))
        self.set_aside = row["quarantined"]

    def put(self, text: str) -> None:
        """Write a line, and log nothing."""
        tqdm.write(text, file=self._file or sys.stdout)

    def say(self, text: str) -> None:
        log(text)
        self.put(text)

    def found(self, text: str) -> None:
        log(text, warning=True)
        self.put(text)

    def close(self, text: str) -> None:
        self._end_bar()
        self._end_beside()
        if text:
            self.say(text)

    def _end_beside(self) -> None:
        if self._what:
            self._close_beside()
            self._what = ""

    def _close_beside(self) -> None:
        if self._beside is not None:
            self._beside.close()
            self._beside = None

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def line_of(row: dict[str, Any], epochs: int, *, set_aside_before: int = 0, between: str = "  ") -> str:
    """Return an epoch's row as one line, with troubles only where there are some, and `between` between its parts."""
    width = len(str(epochs))
    words = [f"epoch {row['epoch']:>{width}}/{epochs}", f"loss {row['loss']:.4f}"]
    better = row.get("is_best", True)
    for name, value in row.items():
        if name.startswith("val/") and name not in NOT_SHOWN:
            no_better = " (no better)" if not better and name == row["goal_name"] else ""
            words.append(f"{name} {value:.4f}{no_better}")
    words.append(f"lr {row['lr']:.3g}")
    words.append(f"{row['step_seconds'] + row['load_seconds']:.1f} s")
    if row["clip_share"]:
        words.append(f"{row['clip_share']:.0%} clipped")
    if row["skipped"]:
        words.append(f"{row['skipped']} batches skipped")
    if row["quarantined"] != set_aside_before:
        words.append(f"{row['quarantined']} set aside")
    return between.join(words)
