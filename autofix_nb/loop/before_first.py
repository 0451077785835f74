"""Before the first step: what a look finds, which rate to begin with, what is tried about both; each once in a run."""

from collections.abc import Callable, Sequence
from typing import Any

from autofix_nb.finding import Finding, Severity
from autofix_nb.loop.casting import cast_inputs
from autofix_nb.loop.finding_rates import rates_tested
from autofix_nb.loop.first_state import FirstState
from autofix_nb.loop.pulse import Phase
from autofix_nb.loop.range_test import FEWEST_STEPS, SHARE, RangeTest
from autofix_nb.loop.reference import reference_of
from autofix_nb.loop.side_deaths import is_left_out
from autofix_nb.policy import treat_before, treat_far_start, treat_few_steps, treat_odd_start


class BeforeFirst:
    """Mixed into the guard. A turn that was ended in it goes on with what was not done yet."""

    def note_findings(self, look: Callable[[], Sequence[Finding]]) -> None:
        """Write down and say what `look` finds before the first step; a resumed run has looked already."""
        if self.status != "running" or self.step_count or not self.begins("look"):
            return
        with self.hearing(), self.aside(Phase.LOOK, "looking before the training"):
            self.heed()
            found = list(look())
            self.done_before.add("look")
            self._note_found(found)

    def _note_found(self, found: Sequence[Finding]) -> None:
        self.history.facts["found_before"] = list(
            dict.fromkeys(one.code for one in found if one.severity > Severity.NOTE)
        )
        for finding in found:
            self.found_before.append(finding)
            self.policy.note(finding)
            if finding.severity > Severity.NOTE:
                self.progress.found(f"Before training: {finding.code} {finding.title}: {finding.says}.")

    def look_at_simple_models(self, train: Any) -> None:
        """Before the first step: ask how far simple models get on the same rows, for detectors to compare with."""
        if self.status != "running" or self.step_count or not self.begins("reference"):
            return
        with self.hearing(), self.aside(Phase.LOOK, "asking simple models"):
            reference = reference_of(self, train)
            self.history.facts |= {"reference": reference} if reference else {}
            self.done_before.add("reference")

    def answer_what_was_found(self) -> None:
        """Before the first step: try on the side what could be done about what was found before it."""
        if self.status == "running" and not self.step_count and self.begins("races"):
            with self.hearing():
                cast_inputs(self)
                treat_few_steps(self.policy, self)
                if self.found_before:
                    treat_before(self.policy, self)
                treat_odd_start(self.policy, self)
                treat_far_start(self.policy, self)
                self.done_before.add("races")

    def begins(self, what: str) -> bool:
        """Tell whether this is to be done before the first step, unless it was, has killed twice, or the run ends."""
        if what in ("look", "reference") and is_left_out(self, Phase.LOOK):
            return False
        return what not in self.done_before and self.controls.stop is None

    def search_rate(self) -> None:
        """Before the first step, where nobody gave a rate: find one on the side, if the run is long enough for that."""
        steps = int(SHARE * (self.history.facts.get("planned_steps") or 0))
        if self.status != "running" or self.step_count or self.scheduler is not None or steps < FEWEST_STEPS:
            return
        if not self.begins("rate") or self.first is None or not self._may_train_aside():
            return
        with self.hearing():
            self._take_rate(rates_tested(self, steps, fresh=False))
            self.done_before.add("rate")

    def _take_rate(self, found: RangeTest | None) -> None:
        """Begin with the rate that was found."""
        if found is None or found.suggestion is None:
            return
        for group in self.optimizer.param_groups:
            group["lr"] = found.suggestion
        self.history.facts["lr"] = found.suggestion
        self.first = FirstState.of(self)
        self._write_down(found)
        self.progress.say(f"Learning rate {found.suggestion:.3g}, by a range test of {len(found.rates)} steps.")
