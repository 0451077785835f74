"""Call a model on the side of its training, and leave it and the random streams as they were."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from autofix_nb.checkpoints import random_state, set_random_state
from autofix_nb.objective import hookable


@contextmanager
def left_as_it_was(model: nn.Module, *, weights: bool = False) -> Iterator[None]:
    """Context after which the buffers of a model are what they were before, and with `weights` its parameters, too."""
    streams = random_state()
    parts = [*model.buffers(), *(model.parameters() if weights else ())]
    kept = [(part, part.detach().clone()) for part in parts]
    places = [(module._buffers, dict(module._buffers)) for _, module in hookable(model)]
    try:
        yield
    finally:
        for held, before in places:
            held.update(before)  # a forward pass may put another tensor in a buffer's place
        with torch.no_grad():
            for part, before in kept:
                part.copy_(before)
        set_random_state(streams)
