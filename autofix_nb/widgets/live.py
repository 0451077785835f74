"""`show="live"`: one live output in a notebook, renewed in place, that ends as a static picture of the whole run.

One display handle and updates of one bundle: that works from every front end, while the cell runs, leaves one output in
the saved notebook and needs no widget. Drawing never ends a training: what cannot be drawn is told as text.
"""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any

from autofix_nb.environment import cell
from autofix_nb.widgets.pace import Pace
from autofix_nb.widgets.page import to_html, to_text
from autofix_nb.widgets.progress import Text, line_of
from autofix_nb.widgets.said import log
from autofix_nb.widgets.throttle import Throttle
from autofix_nb.widgets.timeline import Row, Timeline
from autofix_nb.widgets.watched import ENDED, Notes, Place, Watched, scene_of

READ_SECONDS = 2.0
"""Where so much time goes by without a new value, as with slow steps, the recorder is asked for what it has; on an
accelerator that waits for the steps under way, which then has nothing to do for the few milliseconds of a launch."""

LOG_KEPT = 500
"""Newest sentences that are kept."""

OWN_ROWS = 5
"""Sentences that are kept for the list."""


def show_in_notebook(bundle: Mapping[str, str], handle: Any = None) -> Any:
    """Show a bundle as a new output, or in place of the one that `handle` stands for. Returns the handle."""
    from IPython.display import display  # there is one, where a notebook runs this

    if handle is None:
        return display(dict(bundle), raw=True, display_id=True)
    handle.update(dict(bundle), raw=True)
    return handle


class Live:
    """The live output of one run. Before a run is watched and after it, and once drawing has failed, it is text."""

    def __init__(
        self,
        show: Callable[..., Any] = show_in_notebook,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`show(bundle, handle)` puts an output where it belongs and returns its handle; `clock` gives seconds."""
        self._show = show
        self._clock = clock
        self._throttle = Throttle(clock)
        self._run: Watched | None = None
        self._handle: Any = None
        self._text: Text | None = Text()
        self._place, self._notes = Place(), Notes()
        self._timeline, self._pace = Timeline(), Pace(clock)
        self._points, self._read_at, self._began = 0, clock(), clock()
        self.set_aside = 0

    def watch(self, run: Watched) -> None:
        """Show this run from now on."""
        self._run, self._text = run, None

    def begin(self, epoch: int, epochs: int, batches: int | None, done: int) -> None:
        if self._text is not None:
            self._text.begin(epoch, epochs, batches, done)
            return
        self._place = Place(epoch=epoch, epochs=epochs, batches=batches, done=done)
        self._draw_if_due()

    def step(self, done: int, loss: Any) -> None:
        if self._text is not None:
            self._text.step(done, loss)
            return
        self._place.done = done
        if self._throttle.is_due:
            self._place.aside = None
            self._read_if_old()  # a part of the training, not of drawing: what it raises is for the loop
            self._draw()

    def epoch(self, row: dict[str, Any], epochs: int) -> None:
        if self._text is not None:
            self._text.epoch(row, epochs)
            return
        self._notes.epoch_line = line_of(row, epochs, set_aside_before=self.set_aside, between=" · ")
        self._remember(line_of(row, epochs, set_aside_before=self.set_aside))
        self.set_aside = row["quarantined"]
        self._place.end_epoch(epochs)
        self._draw_if_due()

    def say(self, text: str) -> None:
        if self._text is not None:
            self._text.say(text)
            return
        log(text)
        self._remember(text)
        self._notes.own = [*self._notes.own[1 - OWN_ROWS :], Row(step=self._run.step_count, kind="said", says=text)]
        self._draw_if_due()

    def found(self, text: str) -> None:
        if self._text is not None:
            self._text.found(text)
            return
        log(text, warning=True)
        self._remember(text)
        self._draw_if_due()

    def aside(self, what: str, done: int, of: int | None) -> None:
        if self._text is not None:
            self._text.aside(what, done, of)
            return
        self._place.aside = what, done, of
        self._pace.aside()
        self._draw_if_due()

    def paused(self, step: int) -> None:
        if self._text is None:
            self.aside(f"paused at step {step:,}; press Go on, or remove the file PAUSE", 0, None)

    def close(self, text: str) -> None:
        if self._text is not None:
            self._text.close(text)
            return
        if self._handle is not None or self._run.status in ENDED:  # else it never began, and nothing was shown
            if text:
                log(text)
            self._place.aside = None
            self._draw(text)
            self._show_picture()
        self._run, self._text = None, self._text or Text()

    # --- drawing ---------------------------------------------------------------------------------------------------

    def _draw_if_due(self) -> None:
        if self._throttle.is_due:
            self._draw()

    def _draw(self, ended: str | None = None) -> None:
        self._throttle.run(lambda: self._try(lambda: self._put(ended)))

    def _show_picture(self) -> None:
        """Show the picture of the whole run as an output of its own: the web shows PNGs, and not all of HTML."""
        run, picture = self._run, getattr(self._run.run, "picture", None)
        if self._text is None and picture:
            about = f"{run.name}: loss, goal, gradient norm and learning rate"
            self._try(lambda: self._show({"image/png": base64.b64encode(picture).decode(), "text/plain": about}))
            run.run.shown_in = cell()

    def _put(self, ended: str | None) -> None:
        run, share = self._run, self._place.share
        if share is not None and self._place.aside is None and run.step_count:
            self._pace.note(share, run.step_count, epochs=self._place.epochs)
        seconds = self._clock() - self._began
        scene = scene_of(run, self._place, self._timeline, self._notes, self._pace, seconds=seconds, ended=ended)
        self._handle = self._show({"text/html": to_html(scene), "text/plain": to_text(scene)}, self._handle)

    def _read_if_old(self) -> None:
        """Where no hand-over came for a while, as with slow steps: have what is there written to the history."""
        points, now = self._run.history.count("loss"), self._clock()
        if points != self._points:
            self._points, self._read_at = points, now
        elif now - self._read_at >= READ_SECONDS:
            self._run.read_back()
            self._points, self._read_at = self._run.history.count("loss"), self._clock()

    def _try(self, draw: Callable[[], object]) -> None:
        """Draw; where that fails, go on as text."""
        try:
            draw()
        except Exception as error:  # noqa: BLE001 - whatever a front end or a number does: it must not end a training
            if self._text is not None:
                return
            self._text, place = Text(), self._place
            self._text.begin(place.epoch, place.epochs, place.batches, place.done)
            why = f"the live view could not be drawn ({type(error).__name__}: {error}); it goes on as text"
            self._run.journal.append("note", step=self._run.step_count, text=why)
            for line in [*self._notes.log[-OWN_ROWS:], f"{why[:1].upper()}{why[1:]}."]:
                self._text.put(line)

    def _remember(self, line: str) -> None:
        self._notes.log = [*self._notes.log[1 - LOG_KEPT :], line]
