"""Changes in force: which they are, and how the model is made as it was while others were."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import takewhile

from autofix_nb.checkpoints import copied
from autofix_nb.finding import Finding
from autofix_nb.fixes import FIXES, Change, Fix, Trainee
from autofix_nb.policy.trials import Trial


class Standing:
    """Mixed into the policy, whose changes and journal it writes."""

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

    def _fell(self, trial: Trial) -> None:
        """A change is not in force any more."""
        self.standing = [(number, fix) for number, fix in self.standing if number != trial.number]
