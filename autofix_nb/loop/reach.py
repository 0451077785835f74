"""How far back a recurrent layer hears: what the first quarter of a sequence changes in its last state.

The first quarter is exchanged with that of another row, and in another copy the last quarter, and the recurrence is
computed by hand: the change of the last state by the one over that by the other. Next to 0 says that nothing of the
beginning is left at the end, and so that no gradient can come back to it (Bengio, Simard, Frasconi 1994, Learning
Long-Term Dependencies with Gradient Descent is Difficult).
"""

from typing import Any

import torch
from torch import nn

from autofix_nb.loop.recurrent import kind_of, last_states, times_of

FEWEST = 8
"""Steps of a sequence below which nothing is asked."""

ROWS = 16
"""Rows whose beginnings and ends are exchanged."""

PART = 4
"""The first and the last of so many parts of the sequence are exchanged."""

ALIKE = 1e-6
"""Difference of the exchanged parts, over their size, below which they are the same in all rows, as padding is."""


def reach_of(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> torch.Tensor | None:
    """Return the change by the beginning over that by the end; None where it cannot be told, NaN where all are alike.

    Not asked of cells, packed sequences and layers that read both ways: the latter hear both ends.
    """
    kind = kind_of(module)
    if kind is None or isinstance(module, nn.RNNCellBase) or module.bidirectional:
        return None
    times, batched = times_of(module, next(iter((*inputs, *named.values()))))
    if not batched or len(times) < FEWEST or len(times[0]) < 2:
        return None
    with torch.no_grad(), torch.autocast(times[0].device.type, enabled=False):
        rows = [part[:ROWS].detach().float() for part in times]
        others = [part.roll(1, 0) for part in rows]
        count = len(rows) // PART
        begins, ends = [*others[:count], *rows[count:]], [*rows[:-count], *others[-count:]]
        together = [torch.cat(three) for three in zip(rows, begins, ends, strict=True)]
        plain, begun, ended = last_states(module, kind, together).chunk(3)
        size = torch.linalg.vector_norm(torch.stack(rows))
        apart = torch.linalg.vector_norm(torch.stack(rows[:count]) - torch.stack(others[:count]))
        by_end = torch.linalg.vector_norm(ended - plain)
        share = torch.linalg.vector_norm(begun - plain) / by_end
        known = (apart > ALIKE * size) & (by_end > 0)
        return torch.where(known, share, torch.full_like(share, torch.nan))
