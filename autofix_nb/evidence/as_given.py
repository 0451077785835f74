"""What the loaders give, with all transforms: how wide training's values lie, and those of validation.

A scan looks at samples as they are before their random transforms; what an augmentation does to them shows here alone.
"""

import torch

from autofix_nb.data.structure import tensors
from autofix_nb.evidence.subject import Subject
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import split_batch

FEWEST_ROWS = 8
"""Rows of either batch below which nothing is said."""

MOST_VALUES = 100_000
"""Values of a batch that are looked at."""

ENDS = (0.1, 0.9)
"""The shares of the values between which they lie: glitches and sparse lights count for nothing."""


def widths_as_given(subject: Subject) -> tuple[float, float]:
    """Return how wide the values of pictures or sequences lie in the first batch of training, and in validation's.

    Raises:
        NotApplicable: where there are no such values, too few, or none that differ.
    """
    found = []
    for batch in (subject.batch, subject.val_batch):
        # Of tables each column lies elsewhere; they are compared column by column.
        parts = [part for _, part in tensors(split_batch(batch.data)[0]) if part.dim() > 2 and part.is_floating_point()]
        if len(parts) != 1 or len(parts[0]) < FEWEST_ROWS:
            raise NotApplicable("the batches hold no pictures or sequences to compare")
        values = parts[0].detach().float().flatten()
        values = values[:: max(1, len(values) // MOST_VALUES)]
        low, high = torch.quantile(values[torch.isfinite(values)][:MOST_VALUES], torch.tensor(ENDS)).tolist()
        found.append(high - low)
    if min(found) <= 0:
        raise NotApplicable("nearly all values of a batch are the same")
    return found[0], found[1]
