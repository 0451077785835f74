"""Points from 0 to 100 that a model gets on the validation rows. What is not finite is a wrong answer."""

import torch
from torch import nn

from tests.gauntlet.data import Data


def classes(data: Data) -> torch.Tensor:
    """Return the class numbers of the validation rows, also where they are one-hot."""
    return data.val_targets.argmax(1) if data.val_targets.is_floating_point() else data.val_targets


def answers(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return the outputs in eval mode; the model's mode stays as it was."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return model(inputs)
    finally:
        model.train(was_training)


def accuracy(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of right classes: outputs (N, K) and class numbers."""
    outputs = answers(model, data.val_inputs)
    right = (outputs.argmax(1) == classes(data)) & outputs.isfinite().all(1)
    return 100 * float(right.float().mean())


def balanced(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Mean of the shares of right answers in each class."""
    outputs = answers(model, data.val_inputs)
    right = (outputs.argmax(1) == classes(data)) & outputs.isfinite().all(1)
    shares = [right[classes(data) == label].float().mean() for label in range(outputs.shape[1])]
    return 100 * float(torch.stack(shares).mean())


def yes_no(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of right yes or no, of all labels: the outputs are logits, or probabilities if the model ends in a sigmoid.

    A net whose output is mended (a sigmoid put in or taken out) is judged by what it gives then.
    """
    outputs = answers(model, data.val_inputs).reshape(data.val_targets.shape)
    right = (probabilities(model, outputs) > (threshold or 0.5)) == (data.val_targets > 0.5)
    return 100 * float((right & outputs.isfinite()).float().mean())


def f1(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """F1 of yes, at the threshold."""
    outputs = answers(model, data.val_inputs).reshape(data.val_targets.shape)
    said, true = probabilities(model, outputs) > (threshold or 0.5), data.val_targets > 0.5
    if not outputs.isfinite().all() or not said.any():
        return 0.0
    return 100 * 2 * float((said & true).sum()) / float(said.sum() + true.sum())


def fit(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of the variance that is explained (R²), at least 0."""
    outputs = answers(model, data.val_inputs).reshape(data.val_targets.shape)
    left = (outputs - data.val_targets).double().square().mean()
    explained = 1 - float(left / data.val_targets.double().var(correction=0))
    return 100 * max(0.0, explained) if explained == explained else 0.0


def probabilities(model: nn.Module, outputs: torch.Tensor) -> torch.Tensor:
    """Return outputs as probabilities, by what the model ends in now."""
    bounded = bool(((outputs >= 0) & (outputs <= 1)).all())
    last = [module for module in model.modules() if not list(module.children())][-1]
    return outputs if bounded and isinstance(last, nn.Sigmoid | nn.Softmax) else outputs.sigmoid()
