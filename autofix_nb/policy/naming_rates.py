"""That the rate was too high, known by what came of a lower one: numbers that go bad have many causes.

What is not finite is said first where it shows, in an output or a gradient. Whether the steps that led there were too
large is found out by taking smaller ones: where those train and the run as it was does not, nothing else need be wrong.
"""

from typing import TYPE_CHECKING, Any

from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import Change
from autofix_nb.policy.candidates import OF_THE_RATE, Candidate
from autofix_nb.policy.races import Race, score_of
from autofix_nb.policy.verdict import is_decisively_better

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

CODE, TITLE = "L01", "Learning rate too high"

BLEW_UP = 3.0
"""How many times the loss that it began with the run as it was must come to, where its numbers stay finite."""


def name_by_smaller_steps(policy: "Policy", chosen: Candidate, race: Race, run: Any) -> None:
    """Note a rate that is too high, where a lower one alone trained and the run as it was fell apart.

    Only where the winner changes the steps, too: what was mended else may have been all.
    """
    control, start = race.controls[race.best], race.start
    fell_apart = not control.is_sound or control.loss > BLEW_UP * start.loss > 0
    if _is_said(policy) or not fell_apart or not any(change.fix in OF_THE_RATE for _, change in chosen.fixes):
        return
    for one, score in zip(race.raced, race.scores, strict=True):
        changes = [change for _, change in one.fixes]
        if all(map(_lowers, changes)) and is_decisively_better(score, start, learnt=False):
            says = f"{changes[0].says}: then it came to {score_of(score)}, as it was to {score_of(control)}"
            _note(policy, run.step_count, says, score.loss, start.loss)
            return


def name_by_a_lowered_rate(policy: "Policy", change: Change, finding: Finding, step: int, loss: float) -> None:
    """Note a rate that is too high, where numbers went bad more than once and stayed sound at a lower one."""
    if finding.code == "G03" and _lowers(change) and not _is_said(policy):
        _note(policy, step, f"{change.says}: since then the numbers are sound, and the loss is {loss:.4g}", loss)


def _lowers(change: Change) -> bool:
    return change.fix == "scale_lr" and change.after["lr_scale"] < change.before["lr_scale"]


def _is_said(policy: "Policy") -> bool:
    return CODE in policy.ignore or any(one.code == CODE and one.severity > Severity.NOTE for one in policy.findings)


def _note(policy: "Policy", step: int, says: str, measured: float, limit: float = float("nan")) -> None:
    policy.note(
        Finding(
            code=CODE,
            title=TITLE,
            severity=Severity.WARNING,
            step=step,
            measured=measured,
            limit=limit,
            says=f"known by what helped: {says}",
        )
    )
