"""Work beside the training: what is under way, how far it is, and that it is broken off when the run is to end.

Races, range tests, verdicts and validations may take minutes. Between two of their steps a stop button, SIGTERM, a
file `STOP` and `stop_after` are heard, just as between two steps of the training.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autofix_nb.loop.by_hand import hear
from autofix_nb.loop.interrupt import StopButton
from autofix_nb.loop.pulse import Phase
from autofix_nb.loop.side_deaths import SAID
from autofix_nb.loop.whole_state import is_ended
from autofix_nb.widgets.questions import Questions

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


class BrokenOff(BaseException):
    """The run is to end: what is being done beside the training is given up. No error, so that none who mends hears."""


@dataclass
class Side:
    """What is being done beside the training."""

    phase: Phase
    what: str
    """In words, such as "trying 2 of 5: the learning rate times 0.3"."""

    done: int = 0
    of: int | None = None
    """Steps or batches that it takes; None where nobody knows."""

    short: str = ""
    """Its name for whoever comes after a kill."""


class Hearing:
    """Mixed into the guard: who asks the training to end is heard here, wherever it is."""

    side: Side | None = None
    """What is being done beside the training at this moment; None while it trains."""

    asked_to_end: str | None = None
    """Why this process is to end its turn; None while nobody asked."""

    _button: StopButton | None = None

    @contextmanager
    def aside(self: "Guard", phase: Phase, what: str, of: int | None = None, *, short: str = "") -> Iterator[None]:
        """Context of work beside the training; `short` names it for whoever comes after a kill."""
        outer = self.side
        try:
            self.side = Side(phase, what, 0, of, short)
            self.turn.write_aside(phase, self, short)
            self._show_side()
            yield
        finally:
            self.side = outer
            if outer is None:
                self.turn.write(Phase.BETWEEN, self, self.position)
            else:
                self.turn.write_aside(outer.phase, self, outer.short)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Context in which the second press of the stop button acts at once: all that is done in it is put back."""
        held = self._button is not None and self._button.is_held
        try:
            if held:
                self._let_the_button_go()
            yield
        finally:
            if held:
                self._hold_the_button()

    def heed(self: "Guard", done: int | None = None) -> None:
        """Between two steps beside the training: so many are done; break off if the run is to end.

        Raises:
            BrokenOff: when it is.
        """
        if self.side is not None and done is not None:
            self.side.done = done
            self._show_side()
        self.look_for_the_end()
        asked = self.asked_to_end is not None or (self.controls.stop is not None and not is_ended(self))
        if asked and not self.window:
            raise BrokenOff

    def _show_side(self: "Guard") -> None:
        show = getattr(self.progress, "aside", None)
        if show is not None and self.side is not None:
            show(self.side.what, self.side.done, self.side.of)

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Context in which work may be broken off: what it leaves behind is whole, and the training just ends.

        The second press of the stop button waits in it, but for what is done `at_once`.
        """
        self._hold_the_button()
        try:
            yield
        except BrokenOff:
            pass
        finally:
            self._let_the_button_go()

    def look_for_the_end(self: "Guard") -> None:
        """Between two batches: is there a reason to end early, and a sign of life to be given."""
        if self.asked_to_end is not None or (self.controls.stop is not None and self.side is None):
            return
        reason = self.turn.reason_to_stop(self.journal)
        if self.side is not None and reason is None:
            self.panel.look()
            reason = self.requests.stop_reason
        if reason is not None:
            self.end_early(reason)
        elif self.side is None:  # what is asked for waits for what is done beside the training
            hear(self)

    def end_early(self: "Guard", reason: str) -> None:
        """Let the training end after this step, saved."""
        self._end_turn(reason)
        self.progress.say(f"Stopping and saving: {reason}.")

    def _end_turn(self: "Guard", reason: str) -> None:
        """End after this step; what the training decided by itself, an early stop, is not taken away by it."""
        self.asked_to_end = reason
        if not is_ended(self):
            self.controls.stop = reason

    def _hold_the_button(self) -> None:
        if self._button is not None:
            self._button.hold()

    def _let_the_button_go(self) -> None:
        if self._button is not None:
            self._button.let_go()

    def _on_end_signal(self: "Guard") -> None:
        self._end_turn("the system asked the process to end (SIGTERM)")
        self.progress.say(f"SIGTERM: {self._how_it_ends()}.")

    def _on_stop_button(self: "Guard") -> None:
        self._end_turn("the stop button was pressed")
        how = self._how_it_ends()
        self.progress.say(f"{how[:1].upper()}{how[1:]}. Press stop again to interrupt at once.")

    def _on_late_stop_button(self: "Guard") -> None:
        self.progress.say("The run is being saved; the cell ends right after. Press stop again to break that off.")

    def _how_it_ends(self) -> str:
        if self.side is None:
            return "stopping after this step and saving"
        return f"stopping now and saving; {SAID[self.side.phase]} is broken off, and begun anew by the run that goes on"


class Heard(Questions):
    """The questions of a look before the training: between two of them whoever asks for the end is heard."""

    def __init__(self, guard: "Guard") -> None:
        super().__init__(0)
        self._guard = guard

    def ask(self, title: str) -> None:
        """The next question is asked.

        Raises:
            BrokenOff: when the run is to end instead.
        """
        super().ask(title)
        if self._guard.side is not None:
            self._guard.side.what = f"looking before the training: {title}"
        self._guard.heed(self._done)
