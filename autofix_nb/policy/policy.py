"""Which fix for which finding, gentlest first; what the user allowed; and whether it helped.

A change is a trial: it is written down, applied, watched for `HORIZON_STEPS` steps, and then kept or undone with
the numbers before and after. Changes that prove themselves at once (a sample set aside without which the batch is
sound, a batch left out) are kept at once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from autofix_nb.detectors import DETECTORS, Detector, NotApplicable
from autofix_nb.errors import ConfigurationError
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES, Change, Fix, Trainee
from autofix_nb.journal import Journal, plain
from autofix_nb.policy.broken_off import whole_or_not
from autofix_nb.policy.daring import OF_THE_RATE, dare, is_at_a_dead_end
from autofix_nb.policy.mended import ask_later
from autofix_nb.policy.races import FROM_THE_FIRST, RACED, Races
from autofix_nb.policy.standing import Standing
from autofix_nb.policy.treating import look_into, treat, wants_race
from autofix_nb.policy.trials import Trial, Trials

Mode = Literal["auto", "suggest", "off"]
ALLOWED = frozenset({"loop", "data", "model"})

LOOP_CODES = frozenset({"B02", "G03", "R01", "R05"})
"""Findings that the loop makes itself: G03 at once at every step, with its place; detectors look every 50 steps."""

QUIET_STEPS = 200
"""A detector that fires again after so many steps of silence has found a new illness."""

REWEIGHS = frozenset({"class_weights", "focal", "mask_easy"})
"""Settings that make the training loss another number, and so cannot be judged by it."""

SERVICES = frozenset({"early_stop", "tune_threshold"})
"""What is announced and no intervention; a mere note may ask for it."""

SAMPLES_SAID = 3
"""Samples set aside that are told one by one while it trains; later ones are counted in the epoch's line."""


class Policy(Trials, Standing):
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
            "trials": [trial.to_dict() for trial in self.trials],
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
        self.trials[:] = [Trial.from_dict(trial, fixes) for trial in state["trials"]]
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
                elif finding.severity <= Severity.NOTE:
                    look_into(self, finding, run)
        if when == "step":
            self.alarmed = alarmed
        if self.trials:
            with whole_or_not(self, step, {"when": when, "number": len(self.detectors), "alarmed": alarmed}):
                self.judge(run, step)
        elif self.races.asked and self.mode == "auto":
            with whole_or_not(self, step, {"when": when, "number": len(self.detectors), "alarmed": alarmed}):
                ask_later(self, run)

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
            done = self.act(finding, run, [name for name in finding.fixes if name in SERVICES])
            return look_into(self, finding, run) or done
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
        if all(finding is not one for one in self.findings):
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

    def _is_new(self, finding: Finding) -> bool:
        """Tell an illness seen for the first time, or worse than before, from one that was said already."""
        last, was_silent = self._fired.get(finding.code), finding.code in self._silent
        self._silent.discard(finding.code)
        self._fired[finding.code] = (finding.step, max(finding.severity, last[1]) if last else finding.severity)
        if last is None or finding.severity > last[1]:
            return True
        # A share of samples only grows: saying it again at the same severity says nothing.
        return finding.code != "R02" and was_silent and finding.step - last[0] > QUIET_STEPS


def _as_set(names: Collection[str]) -> frozenset[str]:
    """A lone name is a set of one; without this it would be a set of letters."""
    return frozenset([names] if isinstance(names, str) else names)


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
