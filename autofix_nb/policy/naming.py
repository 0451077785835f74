"""What a race tells of the illness besides who won it, and what is written down and said of it.

Symptoms are shared by many illnesses, remedies less so: what helped is known to have been missing. So does the run as
it was, on the side, show what no step of its own could.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from autofix_nb.detectors.exploding_gradients import ExplodingGradients
from autofix_nb.detectors.hot import USUAL_SGD
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import Change
from autofix_nb.policy.candidates import Candidate
from autofix_nb.policy.races import Race, score_of

if TYPE_CHECKING:
    from autofix_nb.policy.policy import Policy

TOO_HIGH, TOO_LOW = ("L01", "Learning rate too high"), ("L02", "Learning rate too low")

FAR_OFF = 10.0
"""How many times a usual rate one must be, or it that one, to be what ailed the run."""

CURES = {
    "standardise": ("D02", "Features on very different scales"),
    "scale_pixels": ("B03", "Inputs unscaled"),
    "class_weights": ("D01", "Class imbalance"),
    "join_optimizer": ("G04", "A component does not train"),
    "unfreeze": ("G04", "A component does not train"),
    "rebalance_losses": ("G05", "Loss components out of balance"),
    "shuffle": ("D09", "Ordered and not shuffled"),
    "drop_outliers": ("D03", "Outliers"),
    "scale_targets": ("B08", "The targets are in units far from the model's"),
    "mend_output": ("B08", "The loss does not fit the outputs"),
}
"""What a fix that won against others and against going on says of the illness; `scale_lr` says it by its direction."""

EXPLODING = ExplodingGradients.severe
"""Gradient norm that counts as severe, here as there."""

TIMES_AS_LARGE = 100.0
"""How many times that of the winner it must be: losses in large units have large gradients, and are no worse for it."""


def name_by_what_helped(policy: "Policy", chosen: Candidate, race: Race, run: Any) -> None:
    """Note the illness that the winner cures, where it was not named yet: symptoms are shared, remedies less so."""
    for _, change in chosen.fixes:
        code, title = CURES.get(change.fix, ("", ""))
        if change.fix == "scale_lr":
            up = change.after["lr_scale"] > change.before["lr_scale"]
            code, title = TOO_LOW if up else TOO_HIGH
        if change.fix == "swap_optimizer":
            code, title = _of_another_rate(change, run)
        if change.fix == "set_dropout" and change.after["dropouts"] and not any(change.after["dropouts"].values()):
            code, title = "L05", "Underfitting"  # what held the model back
        if change.after.get("silent"):
            code, title = "G07", "Dead units"  # of the last layer
        if not code or code in policy.ignore or any(finding.code == code for finding in policy.findings):
            continue
        control, one = race.controls[race.best], race.scores[race.best]
        policy.note(
            Finding(
                code=code,
                title=title,
                severity=Severity.WARNING,
                step=run.step_count,
                measured=one.loss,
                limit=control.loss,
                says=f"known by what helped: with {change.fix} it came to {score_of(one)} in {race.steps} steps, "
                f"without to {score_of(control)}",
            )
        )


def _of_another_rate(change: Change, run: Any) -> tuple[str, str]:
    """Return what an optimizer of the same sort at a usual rate says of the rate before; empty where it says nothing.

    Rates of those that divide by the size of the gradients have no unit, and can be compared.
    """
    users = getattr(getattr(run, "stepper", None), "users_optimizer", None)
    groups = [] if users is None else users.param_groups
    if change.after["optimizer"]["kind"] == "AdamW" and type(users).__name__ == "SGD":
        summed = max(float(group["lr"]) / (1 - float(group.get("momentum") or 0.0)) for group in groups)
        return TOO_HIGH if summed * change.before.get("lr_scale", 1.0) >= FAR_OFF * USUAL_SGD else ("", "")
    if change.after["optimizer"]["kind"] != "AdamW" or not any({"betas", "alpha"} & set(group) for group in groups):
        return "", ""
    before = max(float(group["lr"]) for group in groups) * change.before.get("lr_scale", 1.0)
    times = before / change.after["optimizer"]["lr"]
    return TOO_HIGH if times >= FAR_OFF else TOO_LOW if times <= 1 / FAR_OFF else ("", "")


def name_by_what_the_control_did(policy: "Policy", race: Race, run: Any) -> None:
    """Note that the run as it was came to numbers that are not finite, where no step of its own could show that."""
    control = race.controls[race.best]
    said = policy.ignore | {finding.code for finding in policy.findings}
    if "numbers went bad" not in control.failed or "G03" in said:
        return
    policy.note(
        Finding(
            code="G03",
            title="NaN or Inf",
            severity=Severity.WARNING,
            step=run.step_count,
            measured=float("nan"),
            limit=0.0,
            says=f"on the side, as it was, {control.failed}; what was changed trains on finite ones",
        )
    )


def name_by_its_gradients(policy: "Policy", race: Race, run: Any) -> None:
    """Note that the gradients of the run as it was exploded, where its first steps show it and the winner's do not."""
    control, one = race.controls[race.best], race.scores[race.best]
    said = policy.ignore | {finding.code for finding in policy.findings}
    explodes = control.first_norm > EXPLODING and control.first_norm > TIMES_AS_LARGE * one.first_norm
    if "G01" in said or not explodes:
        return
    policy.note(
        Finding(
            code="G01",
            title="Exploding gradients",
            severity=Severity.WARNING,
            step=run.step_count,
            measured=control.first_norm,
            limit=EXPLODING,
            says=f"the gradient norm is {control.first_norm:.3g} within the first steps as it was (limit "
            f"{EXPLODING:g}), and {one.first_norm:.3g} with what was changed",
        )
    )


def raced_unasked(
    policy: "Policy",
    run: Any,
    finding: Finding,
    candidates: Sequence[Candidate],
    *,
    steps: int,
    most: int,
    winner: Callable[[Race], int | None],
) -> Race | None:
    """Race candidates that no illness asked for, and write the race down; None where nothing can be tried here.

    Its `best` is -1 where nobody won. It uses up no race of the finding's code.
    """
    race = run.race(candidates, steps, most, fresh=False, winner=winner)
    if race is None:
        return None
    won = winner(race)
    race.best = -1 if won is None else won
    policy.races.note(finding, race, won=won is not None, is_due=False)
    write_down(policy, finding, race)
    return race


def write_down(policy: "Policy", finding: Finding, race: Race) -> None:
    """Write down what a race came to."""
    policy.journal.append(
        "race",
        code=finding.code,
        step=finding.step,
        steps=race.steps,
        taken=race.taken,
        start=race.start.to_dict(),
        control=race.control.to_dict(),
        candidates=[
            {
                "fixes": [change.fix for _, change in one.fixes],
                "fresh": one.fresh,
                "says": one.says,
                **score.to_dict(),
                "won": place == race.best,
            }
            for place, (one, score) in enumerate(zip(race.raced, race.scores, strict=True))
        ],
    )


def outcome_of(race: Race) -> str:
    """Return in words what the winner came to beside the control."""
    return (
        f"after {race.steps} steps on the side: {score_of(race.scores[race.best])}, as it was: {score_of(race.control)}"
    )
