"""Trials: changes that are being watched, and what is decided when their time is over.

A raced change is judged by the rows and the loss of its race; any other by the loss of the last steps. It is kept,
undone, lifted where it was a precaution, or followed by the next remedy.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from autofix_nb.finding import Finding
from autofix_nb.fixes import FIXES, Change, Fix, Trainee
from autofix_nb.history import History
from autofix_nb.journal import plain
from autofix_nb.policy.candidates import Candidate
from autofix_nb.policy.daring import dare_more
from autofix_nb.policy.mended import ask_again
from autofix_nb.policy.naming import outcome_of
from autofix_nb.policy.naming_rates import name_by_a_lowered_rate
from autofix_nb.policy.races import Race
from autofix_nb.policy.verdict import Score, has_gained, is_worse

HORIZON_STEPS = 50
"""Steps a change is watched before the verdict."""

PROBATION_STEPS = 500
"""A rate lowered after numbers went bad goes back when its trial is over, unless it happened twice within so many
steps: numbers that go bad once (a bad kernel, a cosmic ray) say nothing about the rate."""


PROVEN_AT_ONCE = frozenset({"quarantine", "skip_batch", "early_stop", "tune_threshold", "split_batch", "train_longer"})
"""Fixes that show at once whether they helped, and are not watched."""


@dataclass(slots=True)
class Trial:
    """One change being watched."""

    change: Change
    fix: Fix
    finding: Finding
    until: int
    loss_before: float
    beside: Score | None = None
    """What the control of its race came to; None where it was not raced."""

    number: int = -1
    """Place of the change among the run's."""

    must_gain: bool = False
    """Whether it stays only if the run has learnt something by then; else it stays unless the run has lost."""

    rewinds: bool = False
    """Whether the weights go back with it, as those of a race's control do by themselves."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        return {
            "change": plain(asdict(self.change)),
            "finding": self.finding.to_dict(),
            "until": self.until,
            "loss_before": self.loss_before,
            "beside": None if self.beside is None else asdict(self.beside),
            "number": self.number,
            "must_gain": self.must_gain,
            "rewinds": self.rewinds,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], fixes: Mapping[int, Fix]) -> "Trial":
        """Return the trial that `to_dict` wrote; `fixes` are those in force, by the number of their change."""
        beside = values.get("beside")
        if beside is not None:
            beside = Score(**{**beside, "losses": tuple(beside["losses"]), "gains": tuple(beside["gains"])})
        number = values.get("number", -1)
        return cls(
            change=Change(**values["change"]),
            fix=fixes.get(number) or FIXES[values["change"]["fix"]](),
            finding=Finding.from_dict(values["finding"]),
            until=values["until"],
            loss_before=values["loss_before"],
            beside=beside,
            number=number,
            must_gain=values.get("must_gain", False),
            rewinds=values.get("rewinds", False),
        )


class Trials:
    """Mixed into the policy, whose journal, changes and standing fixes it uses."""

    def take_note(self, chosen: Candidate, finding: Finding, race: Race) -> None:
        """The winner of a race was taken over: write it down, and watch whether it keeps what it promised."""
        until = finding.step + max(HORIZON_STEPS, race.steps)
        self.watch(chosen, finding, until, race.controls[race.best], outcome_of(race))

    def watch(
        self,
        chosen: Candidate,
        finding: Finding,
        until: int,
        beside: Score | None,
        says: str,
        *,
        must_gain: bool = False,
        rewinds: bool = False,
    ) -> None:
        """Write down the changes of a candidate that was put to work; they are judged at step `until`, by a score."""
        for fix, change in chosen.fixes:
            number = self._keep_book(change, finding, fix)
            self.trials.append(
                Trial(
                    change,
                    fix,
                    finding,
                    until,
                    float("nan"),
                    beside,
                    number=number,
                    must_gain=must_gain,
                    rewinds=rewinds,
                )
            )
        self._fired.clear()
        self._silent.clear()
        self._waiting.clear()
        self._say(f"{finding.code} at step {finding.step}: {finding.says}. Done: {chosen.says} ({says}).")

    def _apply(self, fix: Fix, change: Change, finding: Finding, run: Trainee, before: float | None = None) -> None:
        """Apply a change and begin its trial; `before` is the loss to beat, by default that of the last steps."""
        if before is None:
            # What explodes has spoilt the newest losses already: the best of three stretches is what was usual.
            before = usual_loss(run.history)
        fix.apply(change, run)
        outdate_snapshot(fix, change, run)
        number = self._keep_book(change, finding, fix)
        self._tell(change, finding)
        if change.fix in PROVEN_AT_ONCE:
            return
        self.trials.append(Trial(change, fix, finding, finding.step + HORIZON_STEPS, before, number=number))

    def judge(self, run: Trainee, step: int) -> None:
        raced = [trial for trial in self.trials if trial.beside is not None and step >= trial.until]
        for _, together in groupby(reversed(raced), lambda one: (one.until, one.finding.code, one.beside.losses)):
            self._judge_raced(list(together), run, step)
        for trial in list(self.trials):
            if step < trial.until:
                continue
            self.trials.remove(trial)
            after = run.history.values("loss", HORIZON_STEPS // 2)
            finite = after[np.isfinite(after)]
            loss_after = float(np.median(finite)) if len(finite) else float("nan")
            # NaN before means that the run had no sound loss to compare with: a finite one is better.
            worst = trial.loss_before + 0.5 * abs(trial.loss_before) + 1e-12
            better = bool(len(finite)) and not loss_after > worst
            if better and self._happened_once(trial, step):
                self._lift(trial, run, step, loss_after)
            else:
                self._close(trial, run, step, kept=better, loss_after=loss_after)

    def _judge_raced(self, together: list[Trial], run: Trainee, step: int) -> None:
        """The winner of a race has been in force for a while: it must not have fallen behind the control.

        `together` are all of its changes, the newest first.
        """
        now: Score | None = run.judge()
        before = together[0].beside
        kept = now is None or before is None or not is_worse(now, before)
        if together[0].must_gain:
            # What could not be trained at all before is no place to go back to.
            kept = now is not None and now.is_sound and (has_gained(now, before) or not before.is_sound)
            # Nor is one that throws the weights about: it would do so again.
            kept |= together[0].finding.judged == "update_ratio" and now is not None and not is_worse(now, before)
            if not kept and dare_more(self, together, now, run, step):
                return
        for trial in together:
            self.trials.remove(trial)
            self.journal.append(
                "outcome",
                **self._about(trial),
                verdict="kept" if kept else "undone",
                step=step,
                loss_before=float("nan") if before is None else before.loss,
                loss_after=float("nan") if now is None else now.loss,
                goal_before=float("nan") if before is None else before.goal,
                goal_after=float("nan") if now is None else now.goal,
            )
        if kept:
            if self.mode == "auto" and hasattr(run, "race"):
                ask_again(self, together[0].finding, run)
            return
        for trial in together:
            self._say(f"{trial.change.fix} did not keep what it promised: {trial.change.says}. It is undone.")
            trial.fix.undo(trial.change, run)
            outdate_snapshot(trial.fix, trial.change, run)
            self._fell(trial)
        if together[0].rewinds:
            self._rewind(run, step)
        run.follow_controls()

    def give_up(self, code: str, run: Trainee, step: int, why: str) -> None:
        """Close the running trials of an illness that came back before their time was over."""
        for trial in [trial for trial in self.trials if trial.finding.code == code]:
            self.trials.remove(trial)
            # Undoing would bring the illness back: the next, stronger remedy is put on top of this one.
            self.journal.append("outcome", **self._about(trial), verdict="did not help", step=step, why=why)
            self._let_go(trial)

    def _let_go(self, trial: Trial) -> None:
        """A change stays. What it made of the model may yet be undone, where the best weights are older than it."""
        if trial.change.touches != "model":
            trial.fix.forget()

    def _happened_once(self, trial: Trial, step: int) -> bool:
        if (trial.finding.code, trial.change.fix) != ("G03", "scale_lr"):
            return False
        since = trial.finding.step - PROBATION_STEPS
        lowered = self.journal.entries("change", code="G03", fix="scale_lr")
        # Steps and not entries: what a killed kernel had done after its last save stands in the journal twice.
        return 1 == len({entry["step"] for entry in lowered if since <= entry["step"] <= step})

    def _lift(self, trial: Trial, run: Trainee, step: int, loss_after: float) -> None:
        """The precaution is over: the numbers stayed sound, and nothing says that the rate was to blame."""
        trial.fix.undo(trial.change, run)
        self._fell(trial)
        self.journal.append(
            "outcome",
            **self._about(trial),
            verdict="lifted",
            step=step,
            loss_before=trial.loss_before,
            loss_after=loss_after,
        )
        self._say(f"The numbers stayed sound for {HORIZON_STEPS} steps: the learning rate goes back to what it was.")

    def _close(self, trial: Trial, run: Trainee, step: int, *, kept: bool, loss_after: float) -> None:
        name = trial.change.fix
        # Undoing a rollback would bring the bad numbers back, and raising the rate again a loss that rises already.
        stays = {"rollback": "did not help", "scale_lr": "not enough"}
        verdict = "kept" if kept else stays.get(name, "undone")
        self.journal.append(
            "outcome",
            **self._about(trial),
            verdict=verdict,
            step=step,
            loss_before=trial.loss_before,
            loss_after=loss_after,
        )
        if kept:
            self._let_go(trial)
            name_by_a_lowered_rate(self, trial.change, trial.finding, step, loss_after)
            return
        numbers = f"the loss is {loss_after:.4g}, it was {trial.loss_before:.4g}"
        self._say(f"{name} did not help: {numbers}.{' It is undone.' if verdict == 'undone' else ''}")
        if verdict == "undone":
            trial.fix.undo(trial.change, run)
            outdate_snapshot(trial.fix, trial.change, run)
            self._fell(trial)
        else:
            self._let_go(trial)
        self._rewind(run, step)
        fixes = trial.finding.fixes
        rest = fixes[fixes.index(name) + 1 :] if name in fixes else ()
        for following in ("scale_lr",) if name == "scale_lr" else rest:
            if any(other.change.fix == following for other in self.trials):
                continue  # it is being watched already, or is due after this one
            fix = FIXES[following]()
            change = fix.plan(trial.finding, run) if self.may(following) else None
            if change is not None:
                self._apply(fix, change, replace(trial.finding, step=step), run, trial.loss_before)
                return
        if not self.trials:
            text = f"Nothing helped against {trial.finding.code} {trial.finding.title.lower()}: {trial.finding.says}."
            self.journal.append("note", step=step, code=trial.finding.code, text=text)
            self._say(text)

    def _rewind(self, run: Trainee, step: int) -> None:
        """Go back to the last good state: what a failed trial did to the weights must not stay."""
        if run.snapshot is None or not self.may("rollback"):
            return
        run.snapshot.restore()
        self.journal.append("rewind", step=step, to=run.snapshot.step)

    def _about(self, trial: Trial) -> dict[str, Any]:
        return {"code": trial.finding.code, "fix": trial.change.fix, "number": trial.number}


def outdate_snapshot(fix: Fix, change: Change, run: Trainee) -> None:
    """The last good state does not fit a model or optimizer that was changed; the loop soon takes another one."""
    if fix.is_built_in(change):
        run.snapshot = None


def usual_loss(history: History, stretches: int = 3) -> float:
    """Return the smallest median of the loss over the last stretches of `HORIZON_STEPS` steps each, else NaN."""
    losses = history.values("loss", stretches * HORIZON_STEPS)
    pieces = [losses[max(0, stop - HORIZON_STEPS) : stop] for stop in range(len(losses), 0, -HORIZON_STEPS)]
    medians = [float(np.median(piece[np.isfinite(piece)])) for piece in pieces if np.isfinite(piece).any()]
    return min(medians, default=float("nan"))
