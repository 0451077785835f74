"""Which fix for which finding, gentlest first; what the user allowed; and whether it helped.

A change is a trial: it is written down, applied, watched for `HORIZON_STEPS` steps, and then kept or undone with
the numbers before and after. Changes that prove themselves at once (a sample set aside without which the batch is
sound, a batch left out) are kept at once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby, takewhile
from typing import Any, Literal

import numpy as np

from autofix_nb.checkpoints import copied
from autofix_nb.detectors import DETECTORS, Detector, NotApplicable
from autofix_nb.errors import ConfigurationError
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES, Change, Fix, Trainee
from autofix_nb.history import History
from autofix_nb.journal import Journal, plain
from autofix_nb.policy.broken_off import whole_or_not
from autofix_nb.policy.candidates import Candidate
from autofix_nb.policy.daring import OF_THE_RATE, dare, dare_more, is_at_a_dead_end
from autofix_nb.policy.races import FROM_THE_FIRST, RACED, Race, Races
from autofix_nb.policy.treating import ask_again, outcome_of, treat, wants_race
from autofix_nb.policy.verdict import Score, has_gained, is_worse

Mode = Literal["auto", "suggest", "off"]
ALLOWED = frozenset({"loop", "data", "model"})

LOOP_CODES = frozenset({"B02", "G03", "R01", "R05"})
"""Findings that the loop makes itself: G03 at once at every step, with its place; detectors look every 50 steps."""

HORIZON_STEPS = 50
"""Steps a change is watched before the verdict."""

QUIET_STEPS = 200
"""A detector that fires again after so many steps of silence has found a new illness."""

PROBATION_STEPS = 500
"""A rate lowered after numbers went bad goes back when its trial is over, unless it happened twice within so many
steps: numbers that go bad once (a bad kernel, a cosmic ray) say nothing about the rate."""

PROVEN_AT_ONCE = frozenset({"quarantine", "skip_batch", "early_stop", "tune_threshold", "split_batch", "train_longer"})
"""Fixes that show at once whether they helped, and are not watched."""

REWEIGHS = frozenset({"class_weights", "focal", "mask_easy"})
"""Settings that make the training loss another number, and so cannot be judged by it."""

SERVICES = frozenset({"early_stop", "tune_threshold"})
"""What is announced and no intervention; a mere note may ask for it."""

SAMPLES_SAID = 3
"""Samples set aside that are told one by one while it trains; later ones are counted in the epoch's line."""


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


class Policy:
    """Decides on findings, and keeps the book of trials."""

    def __init__(
        self,
        journal: Journal,
        *,
        mode: Mode = "auto",
        allow: Collection[str] = ALLOWED,
        ignore: Collection[str] = (),
        detectors: Sequence[Detector] = (),
        fixes: Collection[str] | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`say` is told, in one sentence each, what was changed and what came of it."""
        allow, ignore = _as_set(allow), _as_set(ignore)
        fixes = None if fixes is None else _as_set(fixes)
        if mode not in ("auto", "suggest", "off"):
            raise ConfigurationError(f"`autofix` must be 'auto', 'suggest' or 'off', got {mode!r}")
        if not set(allow) <= ALLOWED:
            raise ConfigurationError(f"`allow` must be some of {sorted(ALLOWED)}, got {sorted(allow)}")
        known = LOOP_CODES | {kind.code for kind in DETECTORS} | {detector.code for detector in detectors}
        if not set(ignore) <= known:
            raise ConfigurationError(f"`ignore` names {sorted(set(ignore) - known)}, wanted some of {sorted(known)}")
        unknown = set(fixes or ()) - set(FIXES)
        if unknown:
            raise ConfigurationError(f"`fixes` names {sorted(unknown)}, which do not exist; there are {sorted(FIXES)}")
        self.journal = journal
        self.mode = mode
        self.allow = frozenset(allow)
        self.ignore = frozenset(ignore)
        self.findings: list[Finding] = []
        self.changes: list[Change] = []
        self.trials: list[Trial] = []
        self.detectors = tuple(detectors)
        self.races = Races()
        self.standing: list[tuple[int, Fix]] = []
        """The changes in force, by their place in `changes`, oldest first; each with the fix that can undo it."""

        self.say = self._say = say
        self._samples_said = 0
        self._fixes = frozenset(FIXES if fixes is None else fixes)
        self._fired: dict[str, tuple[int, Severity]] = {}
        self.alarmed = False
        """Whether a detector that looks at steps saw something worse than a note when it was asked last."""

        self.refused: set[str] = set()
        """Fixes that the user took back by hand: they are not made again."""

        self._waiting: set[str] = set()
        """Codes of findings that came while the winner of a race was watched: they are raced after that."""

        self._silent: set[str] = set()
        """Codes of detectors that were asked since they last fired, and had nothing to say."""

        self.broken_off: dict[str, Any] | None = None
        """Where to begin again in a look that was broken off, as plain values; None where none was."""

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint: what was found and changed, and the trials that are running."""
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "changes": [plain(asdict(change)) for change in self.changes],
            "trials": [
                {
                    "change": plain(asdict(trial.change)),
                    "finding": trial.finding.to_dict(),
                    "until": trial.until,
                    "loss_before": trial.loss_before,
                    "beside": None if trial.beside is None else asdict(trial.beside),
                    "number": trial.number,
                    "must_gain": trial.must_gain,
                }
                for trial in self.trials
            ],
            "races": self.races.state(),
            "standing": [number for number, _ in self.standing],
            "fired": [[code, step, int(severity)] for code, (step, severity) in self._fired.items()],
            "silent": sorted(self._silent),
            "waiting": sorted(self._waiting),
            "broken_off": self.broken_off,
            "refused": sorted(self.refused),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `state` returned."""
        self.findings[:] = [Finding.from_dict(finding) for finding in state["findings"]]
        self.changes[:] = [Change(**change) for change in state["changes"]]
        self.standing = [(number, FIXES[self.changes[number].fix]()) for number in state.get("standing", ())]
        fixes = dict(self.standing)
        self.trials[:] = [
            Trial(
                change=Change(**trial["change"]),
                fix=fixes.get(trial.get("number", -1)) or FIXES[trial["change"]["fix"]](),
                finding=Finding.from_dict(trial["finding"]),
                until=trial["until"],
                loss_before=trial["loss_before"],
                beside=_score(trial.get("beside")),
                number=trial.get("number", -1),
                must_gain=trial.get("must_gain", False),
            )
            for trial in state["trials"]
        ]
        if "races" in state:
            self.races.restore(state["races"])
        self._fired = {code: (int(step), Severity(severity)) for code, step, severity in state["fired"]}
        self._silent = set(state["silent"])
        self._waiting = set(state["waiting"])
        self.broken_off = state.get("broken_off")
        self.refused = set(state.get("refused", ()))

    def may(self, fix: str, change: Change | None = None) -> bool:
        """Tell whether a fix, or one change that it would make, may be made without asking."""
        touches = {FIXES[fix].touches} | ({change.touches} if change else set())
        return self.mode == "auto" and fix in self._fixes - self.refused and touches <= self.allow

    def look(self, run: Trainee, when: Literal["step", "epoch"], step: int) -> None:
        """Ask the detectors, act on what they say, and judge the trials that are due.

        Broken off in an answer or a verdict, the next look of the same kind goes on with that one.
        """
        begun = self.goes_on_from(when)
        alarmed = bool(begun.get("alarmed"))
        for number, detector in enumerate(self.detectors):
            if detector.when not in (when, "both") or detector.code in self.ignore | LOOP_CODES:
                continue
            if number < begun.get("number", 0):
                continue  # it was answered before the look was broken off
            try:
                finding = detector.check(run.history)
            except NotApplicable:
                finding = None
            alarmed |= finding is not None and finding.severity > Severity.NOTE and finding.code[0] != "R"
            if finding is None:
                self._silent.add(detector.code)
                continue
            with whole_or_not(self, step, {"when": when, "number": number, "alarmed": alarmed}):
                if self._is_new(finding):
                    self.answer(finding, run)
                elif finding.code in self._waiting and wants_race(self, finding, run):
                    treat(self, finding, run)
        if when == "step":
            self.alarmed = alarmed
        if self.trials:
            with whole_or_not(self, step, {"when": when, "number": len(self.detectors), "alarmed": alarmed}):
                self._judge(run, step)

    def goes_on_from(self, when: str) -> dict[str, Any]:
        """Return where a look of this kind was broken off, once; empty where none was."""
        begun = self.broken_off or {}
        if begun.get("when") != when:
            return {}
        self.broken_off = None
        return begun

    def note(self, finding: Finding) -> None:
        """Write a finding down without acting on it."""
        self.findings.append(finding)
        self.journal.append("finding", **finding.to_dict(), text=str(finding))

    def answer(self, finding: Finding, run: Trainee) -> bool:
        """Write a finding down and do what is done about it: a race of what could help, or the first fix that fits."""
        if finding.severity <= Severity.NOTE:
            return self.act(finding, run, [name for name in finding.fixes if name in SERVICES])
        if wants_race(self, finding, run):
            self.note(finding)
            return treat(self, finding, run)
        if finding.code in (FROM_THE_FIRST | OF_THE_RATE) & RACED and is_at_a_dead_end(self, finding, run):
            self.note(finding)
            return dare(self, finding, run)
        raced = finding.code in RACED and self.mode == "auto" and hasattr(run, "race")
        if any(trial.beside is not None for trial in self.trials):
            self._waiting.add(finding.code)
        if raced and any(self.may(name) for name in finding.fixes if name not in SERVICES):
            # What only a race could prove is not done without one.
            return self.act(finding, run, [name for name in finding.fixes if name in SERVICES])
        return self.act(finding, run)

    def take_down(self, finding: Finding, change: Change) -> None:
        """The loop had to change something by itself: write it down, and say it, like any other change."""
        self.note(finding)
        self._keep_book(change, finding, FIXES[change.fix]())
        self._tell(change, finding)

    def at_the_end(self, run: Trainee, step: int) -> None:
        """The planned epochs are over: a run that was mended, and still gets better, goes on for a while."""
        raced = any(trial.beside is not None for trial in self.trials) or self.races.won
        if not raced or not self.may("train_longer"):
            return
        fix = FIXES["train_longer"]()
        finding = Finding(
            code="L05",
            title="Underfitting",
            severity=Severity.NOTE,
            step=step,
            measured=float(len(run.history.rows())),
            limit=float(run.history.facts.get("planned_epochs") or 0),
            says="the run was mended on its way, and its goal still gets better at the planned end",
        )
        change = fix.plan(finding, run)
        if change is None:
            return
        each = int(run.history.facts["steps_per_epoch"])
        self.races.spent += each * (change.after["extra_epochs"] - change.before["extra_epochs"])
        run.history.facts.pop("ends_at", None)  # those epochs are whole ones
        self.note(finding)
        self._apply(fix, change, finding, run)

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
    ) -> None:
        """Write down the changes of a candidate that was put to work; they are judged at step `until`, by a score."""
        for fix, change in chosen.fixes:
            number = self._keep_book(change, finding, fix)
            self.trials.append(
                Trial(change, fix, finding, until, float("nan"), beside, number=number, must_gain=must_gain)
            )
        self._fired.clear()
        self._silent.clear()
        self._waiting.clear()
        self._say(f"{finding.code} at step {finding.step}: {finding.says}. Done: {chosen.says} ({says}).")

    @property
    def in_force(self) -> list[int]:
        """The numbers of the changes in force, oldest first."""
        return [number for number, _ in self.standing]

    def revert(self, run: Trainee, to: Sequence[int]) -> bool:
        """Make the model as it was while the changes of these numbers were in force, and no others.

        Returns whether that could be done.
        """
        now = [(number, fix) for number, fix in self.standing if self.changes[number].touches == "model"]
        wanted = [number for number in to if self.changes[number].touches == "model"]
        same = (number in wanted[place : place + 1] for place, (number, _) in enumerate(now))
        stay = sum(takewhile(bool, same))
        again = {number: FIXES[self.changes[number].fix]() for number in wanted[stay:]}
        weights = copied(run.model.state_dict())
        undone: list[tuple[int, Fix]] = []
        made: list[tuple[int, Fix]] = []
        try:
            for number, fix in reversed(now[stay:]):
                fix.undo(self.changes[number], run)
                undone.append((number, fix))
            for number, fix in again.items():
                fix.replay(self.changes[number], run)
                made.append((number, fix))
        except Exception:  # noqa: BLE001 - the user may have changed the model since
            for number, fix in reversed(made):
                fix.undo(self.changes[number], run)
            for number, fix in reversed(undone):
                fix.replay(self.changes[number], run)
            run.model.load_state_dict(weights)
            return False
        kept = dict(self.standing) | again
        self.standing = [(number, kept[number]) for number in to if number in kept]
        return True

    def _keep_book(self, change: Change, finding: Finding, fix: Fix) -> int:
        number = len(self.changes)
        self.changes.append(change)
        self.standing.append((number, fix))
        self.journal.append("change", code=finding.code, step=finding.step, number=number, **asdict(change))
        return number

    def _let_go(self, trial: Trial) -> None:
        """A change stays. What it made of the model may yet be undone, where the best weights are older than it."""
        if trial.change.touches != "model":
            trial.fix.forget()

    def _fell(self, trial: Trial) -> None:
        """A change is not in force any more."""
        self.standing = [(number, fix) for number, fix in self.standing if number != trial.number]

    def act(self, finding: Finding, run: Trainee, fixes: Sequence[str] | None = None, *, all_of: bool = False) -> bool:
        """Write a finding down and apply the first fix that fits and is allowed, or all of them.

        `fixes` are the names to try, by default the finding's own. Returns whether anything was applied.
        """
        self.note(finding)
        if self.mode == "off":
            self._say(f"{finding.code} at step {finding.step}: {finding.says}.")
            return False
        applied = suggested = False
        for name in finding.fixes if fixes is None else fixes:
            if any(trial.change.fix == name for trial in self.trials) and name not in ("rollback", "scale_lr"):
                continue
            fix = FIXES[name]()
            change = fix.plan(finding, run)
            if change is None:
                continue
            if not self.may(name):
                self.journal.append("suggestion", code=finding.code, step=finding.step, **asdict(change))
                if not suggested:
                    why = (
                        'autofix="auto" does it'
                        if self.mode == "suggest"
                        else "`allow` or `fixes` keeps it from being done"
                    )
                    self._say(f"{finding.code} at step {finding.step}: {finding.says}. Suggested: {name} ({why}).")
                suggested = True
                continue
            if REWEIGHS & change.after.keys():
                continue  # the loss before and after it are not in one unit: only a race can judge that
            self._apply(fix, change, finding, run)
            applied = True
            if not all_of:
                break
        return applied

    def _apply(self, fix: Fix, change: Change, finding: Finding, run: Trainee, before: float | None = None) -> None:
        """Apply a change and begin its trial; `before` is the loss to beat, by default that of the last steps."""
        if before is None:
            # What explodes has spoilt the newest losses already: the best of three stretches is what was usual.
            before = usual_loss(run.history)
        fix.apply(change, run)
        _outdate_snapshot(fix, change, run)
        number = self._keep_book(change, finding, fix)
        self._tell(change, finding)
        if change.fix in PROVEN_AT_ONCE:
            return
        self.trials.append(Trial(change, fix, finding, finding.step + HORIZON_STEPS, before, number=number))

    def _judge(self, run: Trainee, step: int) -> None:
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
            _outdate_snapshot(trial.fix, trial.change, run)
            self._fell(trial)
        run.follow_controls()

    def give_up(self, code: str, run: Trainee, step: int, why: str) -> None:
        """Close the running trials of an illness that came back before their time was over."""
        for trial in [trial for trial in self.trials if trial.finding.code == code]:
            self.trials.remove(trial)
            # Undoing would bring the illness back: the next, stronger remedy is put on top of this one.
            self.journal.append("outcome", **self._about(trial), verdict="did not help", step=step, why=why)
            self._let_go(trial)

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
            return
        numbers = f"the loss is {loss_after:.4g}, it was {trial.loss_before:.4g}"
        self._say(f"{name} did not help: {numbers}.{' It is undone.' if verdict == 'undone' else ''}")
        if verdict == "undone":
            trial.fix.undo(trial.change, run)
            _outdate_snapshot(trial.fix, trial.change, run)
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

    def _tell(self, change: Change, finding: Finding) -> None:
        more = ""
        if change.fix == "quarantine":
            self._samples_said += 1
            if self._samples_said > SAMPLES_SAID:
                return
            if self._samples_said == SAMPLES_SAID:
                more = " Later ones are counted at the end of each line."
        done = "Set aside; the rest of the batch went on" if change.fix == "quarantine" else _capital(change.says)
        self._say(f"{finding.code} at step {finding.step}: {finding.says}. {done}.{more}")

    def _about(self, trial: Trial) -> dict[str, Any]:
        return {"code": trial.finding.code, "fix": trial.change.fix, "number": trial.number}

    def _is_new(self, finding: Finding) -> bool:
        """Tell an illness seen for the first time, or worse than before, from one that was said already."""
        last, was_silent = self._fired.get(finding.code), finding.code in self._silent
        self._silent.discard(finding.code)
        self._fired[finding.code] = (finding.step, max(finding.severity, last[1]) if last else finding.severity)
        if last is None or finding.severity > last[1]:
            return True
        # A share of samples only grows: saying it again at the same severity says nothing.
        return finding.code != "R02" and was_silent and finding.step - last[0] > QUIET_STEPS


def _outdate_snapshot(fix: Fix, change: Change, run: Trainee) -> None:
    """The last good state does not fit a model or optimizer that was changed; the loop soon takes another one."""
    if fix.is_built_in(change):
        run.snapshot = None


def usual_loss(history: History, stretches: int = 3) -> float:
    """Return the smallest median of the loss over the last stretches of `HORIZON_STEPS` steps each, else NaN."""
    losses = history.values("loss", stretches * HORIZON_STEPS)
    pieces = [losses[max(0, stop - HORIZON_STEPS) : stop] for stop in range(len(losses), 0, -HORIZON_STEPS)]
    medians = [float(np.median(piece[np.isfinite(piece)])) for piece in pieces if np.isfinite(piece).any()]
    return min(medians, default=float("nan"))


def _score(plain_score: Mapping[str, Any] | None) -> Score | None:
    if plain_score is None:
        return None
    return Score(**{**plain_score, "losses": tuple(plain_score["losses"]), "gains": tuple(plain_score["gains"])})


def _as_set(names: Collection[str]) -> frozenset[str]:
    """A lone name is a set of one; without this it would be a set of letters."""
    return frozenset([names] if isinstance(names, str) else names)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
