"""Loss components out of balance: the gradient of one drowns that of the others, which are not learnt.

A small gradient alone is no illness: penalties are small on purpose, and a divergence that is at its minimum has
none. So a part counts as drowned only when its gradient is below 1 % of the largest in every look, it neither falls
nor rises, and it varies from batch to batch, as what depends on the data does and a penalty on the weights does
not.

Reference: Chen et al. (2018), GradNorm, https://arxiv.org/abs/1711.02257; Yu et al. (2020), Gradient Surgery for
Multi-Task Learning, https://arxiv.org/abs/2001.06782
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.learning import loss_falls, median
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class UnbalancedLosses(Detector):
    """One part of the loss has a gradient more than 100 times that of another, which does not fall."""

    code: ClassVar = "G05"
    title: ClassVar = "Loss components out of balance"
    when: ClassVar = "step"
    reads: ClassVar = ("loss",)
    shows: ClassVar = (("loss/{where}",), ("part_norm/{where}",))
    fixes: ClassVar = ("rebalance_losses",)
    why: ClassVar = (
        "A step goes where the largest gradient points. What a much smaller part of the loss asks for is not heard, "
        "however often it is asked."
    )
    how: ClassVar = (
        "In every look the gradient of one part is more than 100 times that of another part that depends on the data "
        "and neither falls nor rises. Where gradients cannot be told apart, the sizes are compared, and it is a note."
    )

    ratio: float = 100.0
    """How many times the gradient of another part makes it drown."""

    looks: int = 2
    """Looks at the gradients of the parts that must agree."""

    newest: int = 50
    """Losses of a part whose variation and size are judged."""

    varies: float = 0.003
    """Variation from batch to batch, as a share of its size, from which a part depends on the data."""

    def check(self, history: History) -> Finding | None:
        parts = [name.removeprefix("loss/") for name in history.names() if name.startswith("loss/")]
        if len(parts) < 2:
            raise NotApplicable(f"`loss`: {len(parts)} parts recorded, at least 2 are needed")
        sizes, looked = self._gradients(history, parts), True
        if len(sizes) < 2:
            sizes, looked = self._sizes(history, parts), False
        if len(sizes) < 2:
            raise NotApplicable(f"`part_norm`: not recorded, and fewer than {self.newest} steps are")
        largest = max(sizes, key=lambda part: median(sizes[part]))
        drowned = [part for part in sizes if part != largest and self._is_drowned(history, part, sizes, largest)]
        if not drowned:
            return None
        worst = min(drowned, key=lambda part: median(sizes[part]))
        times = median(sizes[largest]) / max(median(sizes[worst]), 1e-300)
        what = "gradient" if looked else "value"
        return self.found(
            history,
            f"the {what} of `{largest}` is {times:.3g} times that of `{worst}`, limit {self.ratio:.0f}, and `{worst}` "
            "does not fall",
            severity=Severity.WARNING if looked else Severity.NOTE,
            measured=times,
            limit=self.ratio,
            where=(*drowned, largest),
            fixes=None if looked else (),
        )

    def _is_drowned(self, history: History, part: str, sizes: dict[str, np.ndarray], largest: str) -> bool:
        count = min(len(sizes[part]), len(sizes[largest]))
        if not (sizes[largest][-count:] > self.ratio * sizes[part][-count:]).all():
            return False
        losses = history.now(f"loss/{part}", self.newest)
        losses = losses[np.isfinite(losses)]
        size = median(np.abs(losses))
        if not size > 0 or median(np.abs(np.diff(losses))) < self.varies * size:
            return False
        return loss_falls(history, f"loss/{part}") is False and not _rises(history, f"loss/{part}")

    def _gradients(self, history: History, parts: list[str]) -> dict[str, np.ndarray]:
        found = {}
        for part in parts:
            norms = history.now(f"part_norm/{part}")
            norms = norms[np.isfinite(norms)]
            if len(norms) >= self.looks:
                found[part] = norms
        return found

    def _sizes(self, history: History, parts: list[str]) -> dict[str, np.ndarray]:
        found = {}
        for part in parts:
            losses = history.now(f"loss/{part}", self.newest)
            losses = np.abs(losses[np.isfinite(losses)])
            if len(losses) >= self.newest:
                found[part] = losses
        return found


def _rises(history: History, name: str) -> bool:
    """Tell whether a part rises, as a divergence does that was at its minimum when it began."""
    risen = History()
    risen.since = history.since
    steps, values = history.now_series(name)
    risen.extend(name, steps, -values)
    return bool(loss_falls(risen, name))
