"""Let a model begin at the best answer that is the same for all rows, where its loss is of no known kind.

Each column of the answer is shifted to that constant, and made as wide as the loss lets it move there: what the columns
mean, and in which units they are, nobody needs to know (`evidence.far_start`).
"""

from typing import Any

from autofix_nb.evidence.chance import expectation
from autofix_nb.evidence.far_start import far_start
from autofix_nb.fixes.answers import answers
from autofix_nb.fixes.base import Change


def begins_well(run: Any) -> Change | None:
    """Return the change that shifts and widens the model's answer; None where it begins near enough.

    None, too, once a step was taken: answers that ran away say nothing of how they began.
    """
    if getattr(run, "step_count", 0):
        return None
    asked = answers(run)
    if asked is None or asked.bounded or run.task.loss is None or run.controls.loss:
        return None
    if expectation(run.task.loss, asked.outputs, asked.targets).takes != "unknown":
        return None
    far = far_start(run.task.loss, asked.outputs, asked.targets)
    if far is None:
        return None
    answer = ", ".join(f"{value:.4g}" for value in far.answer)
    return Change(
        fix="scale_targets",
        touches="model",
        says=f"the model's answer begins at {answer}, which is the best one for all rows alike, and is made as wide as "
        "the loss lets it be there",
        before={"loss_scale": run.controls.loss_scale},
        after={
            "mean": far.answer,
            "std": far.widths,
            "shape": [len(far.answer)],
            "loss_scale": run.controls.loss_scale,
        },
        permanent=f"return outputs * torch.tensor({_listed(far.widths)}) + torch.tensor({_listed(far.answer)})",
    )


def _listed(values: list[float]) -> str:
    return "[" + ", ".join(f"{value:.4g}" for value in values) + "]"
