"""Batch norms whose statistics for validation never come to be those of the data, or jump with every batch.

In eval mode a batch norm uses running statistics, which take `momentum` of each batch's: 0.1 by default, and 0.01 or
0.0003 in published models that train for long. PyTorch's momentum is the share of what is new, Keras' that of what was
(PyTorch documentation of `BatchNorm2d`): its 0.99, brought over, makes validation hang on the last batch alone.
"""

import torch
from torch import nn

NEXT_TO_NOTHING = 1e-4
"""Momentum up to which statistics that are as made (mean 0, variance 1) stay so for thousands of steps."""

ONLY_THE_LAST = 0.9
"""Momentum from which the last batch decides."""


def odd_momenta(model: nn.Module) -> dict[str, float]:
    """Return by name the momentum of batch norms that keep next to nothing of the batches, or of all but the last."""
    return {
        name: float(module.momentum)
        for name, module in model.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and _is_odd(module)
    }


def _is_odd(module: nn.modules.batchnorm._BatchNorm) -> bool:
    mean, variance, momentum = module.running_mean, module.running_var, module.momentum
    if mean is None or variance is None or momentum is None or mean.is_meta:
        return False
    if isinstance(mean, nn.parameter.UninitializedBuffer):
        return False
    as_made = bool((mean == 0).all()) and bool((variance == torch.ones_like(variance)).all())
    return momentum >= ONLY_THE_LAST or (as_made and momentum <= NEXT_TO_NOTHING)
