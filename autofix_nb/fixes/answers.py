"""What a model under way answers to one batch, and which known loss its own one is: looked at, with nothing changed."""

from dataclasses import dataclass
from math import isclose
from typing import Any

import torch

from autofix_nb.checkpoints import BeforeStep
from autofix_nb.evidence.chance import Takes, expectation, quietly
from autofix_nb.finding import NotApplicable
from autofix_nb.fixes.base import Trainee
from autofix_nb.objective import ends_linearly, evaluating, forward, last_activation, last_bounds, total_loss
from autofix_nb.objective.treatment import form_of, replaced

SAME_LOSSES: dict[Takes, str] = {
    "logits": "cross_entropy",
    "probabilities": "cross_entropy_of_probabilities",
    "yes-or-no logits": "binary_cross_entropy",
    "yes-or-no probabilities": "binary_cross_entropy_of_probabilities",
}
"""The known loss that takes the same."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Outputs of a model in eval mode for one training batch, without a graph, and the targets."""

    outputs: torch.Tensor
    targets: torch.Tensor
    ends_in: str
    """Activation that the model ends in; empty where it is none that is known."""

    linear: bool = False
    """Whether it ends in a linear layer or a sum, whose values have no bounds."""

    bounded: bool = False
    """Whether it ends in an operation whose values have bounds that are known."""

    echoes: bool = False
    """Whether the targets are the inputs themselves, as an autoencoder's are."""


def answers(run: Trainee) -> Answers | None:
    """Return what the model answers to the first sample batch; None where it cannot be asked, or answers no tensor."""
    try:
        batches = run.sample_batches(1)
        inputs, targets = run.split(batches[0])
    except Exception:  # noqa: BLE001 - no data, or a batch that only the user's own step can take apart
        return None
    before = BeforeStep(run.model, next(run.model.parameters()).device)
    before.take()
    try:
        # With a graph, since it tells which activation the model ends in.
        with evaluating(run.model), torch.enable_grad():
            outputs = forward(run.model, inputs)
            ends_in, linear = last_activation(outputs), ends_linearly(outputs)
            bounded = bool(last_bounds(outputs)[0])
    except Exception:  # noqa: BLE001 - it fails in training, too, and that is found elsewhere
        return None
    finally:
        before.restore()
    if not isinstance(outputs, torch.Tensor) or not isinstance(targets, torch.Tensor) or not outputs.dim():
        return None
    echoes = isinstance(inputs, torch.Tensor) and inputs.shape == targets.shape and torch.equal(inputs, targets)
    return Answers(
        outputs=outputs.detach(), targets=targets, ends_in=ends_in, linear=linear, bounded=bounded, echoes=echoes
    )


def weighable_loss(run: Trainee) -> str:
    """Return the name of the loss in `LOSSES` that class weights and focal exponents can work on; empty for the own.

    Raises:
        NotApplicable: when the loss of this run is none of those.
    """
    task = run.task
    if task is None or task.loss is None:
        raise NotApplicable("the loss is computed by the user's own `step`")
    named = run.controls.loss
    if form_of(replaced(named, task.loss)) is not None:
        return named
    asked = answers(run)
    if asked is None:
        raise NotApplicable("the loss is not known, and the model cannot be asked")
    name = SAME_LOSSES.get(expectation(task.loss, asked.outputs, asked.targets).takes)
    if name is None or not _are_equal(task.loss, replaced(name, task.loss), asked):
        raise NotApplicable("the loss is none whose classes can be weighed")
    return name


def _are_equal(left: Any, right: Any, asked: Answers) -> bool:
    """Tell whether two losses give the same for these answers, and for the same in another order."""
    try:
        with quietly():
            for outputs in (asked.outputs, asked.outputs.flip(0)):
                values = [float(total_loss(loss(outputs, asked.targets))[0]) for loss in (left, right)]
                if not isclose(*values, rel_tol=1e-4, abs_tol=1e-7):
                    return False
    except Exception:  # noqa: BLE001 - one of both refuses what the other takes
        return False
    return True
