"""Which modules of a model can be listened to."""

from collections.abc import Iterator

import torch
from torch import nn


def hookable(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield (name, module) of all modules that take hooks; scripted ones refuse most kinds."""
    for name, module in model.named_modules():
        if not isinstance(module, torch.jit.ScriptModule):
            yield name, module
