"""Loss components out of balance: the gradient of one drowns that of the others, which are not learnt.

A small gradient alone is no illness: penalties are small on purpose, and a divergence that is at its minimum has
none. So a part counts as drowned only when its gradient is below 1 % of the largest in every look, it neither falls
nor rises, and it varies from batch to batch, as what depends on the data does and a penalty on the weights does
not.

Where it is known what the training is for (see `aims.py`), more can be said: that part is drowned also while it falls,
and where it knows nothing of the targets in every look while the rest of the loss comes down, the rest has taken over.
Parts that are all learnt from the targets are told of by themselves (see `uneven.py`).

Reference: Chen et al. (2018), GradNorm, https://arxiv.org/abs/1711.02257; Yu et al. (2020), Gradient Surgery for
Multi-Task Learning, https://arxiv.org/abs/2001.06782
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.aims import aimed_gains, aimed_losses, aims_of, parts_of
from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.learning import FIRST_LOSSES, LEARNT, loss_falls, median
from autofix_nb.detectors.opposing_loss import OpposingLoss
from autofix_nb.detectors.uneven import TIMES, drowned_parts
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History

AGAINST = OpposingLoss.cosine
"""Cosine below which a part works against the others."""


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
        "and neither falls nor rises. Where gradients cannot be told apart, the sizes are compared, and it is a note. "
        "Of the part that the training is for it is enough that its gradient is so small, or that it explains nothing "
        "of the targets at three looks while the rest of the loss pulls harder or has come down. Of parts that change "
        "with the targets a gradient 3,000 times as long as another's, at the first two looks and now, is enough."
    )

    ratio: float = 100.0
    """How many times the gradient of another part makes it drown."""

    looks: int = 2
    """Looks at the gradients of the parts that must agree."""

    newest: int = 50
    """Losses of a part whose variation and size are judged."""

    aimed_looks: int = 3
    """Looks that must agree where it is known what the training is for."""

    fall: float = 0.2
    """Share of the whole loss by which the rest has come down where it has taken over."""

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
        unheard = self._unheard(history, sizes) if looked else None
        if unheard is not None:
            return unheard
        aims = aims_of(history)
        if aims and looked:
            return self._of_aims(history, aims, sizes)
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

    def _unheard(self, history: History, sizes: dict[str, np.ndarray]) -> Finding | None:
        """Return what is said of parts that are learnt from the targets, and too quiet to be heard, now as at first."""
        quiet, loudest = drowned_parts(history)
        quiet = [part for part in quiet if sizes.get(loudest, np.zeros(1))[-1] > TIMES * sizes[part][-1]]
        if not quiet:
            return None
        times = median(sizes[loudest]) / max(median(sizes[quiet[0]]), 1e-300)
        return self.found(
            history,
            f"the gradient of `{loudest}` is {times:.3g} times that of `{quiet[0]}`, limit {TIMES:,.0f}: both are "
            f"learnt from the targets, and `{quiet[0]}` is not heard",
            severity=Severity.WARNING,
            measured=times,
            limit=TIMES,
            where=(*quiet, loudest),
        )

    def _of_aims(self, history: History, aims: tuple[str, ...], sizes: dict[str, np.ndarray]) -> Finding | None:
        """Return what speaks for the aims being drowned, or left behind, by the other parts."""
        own, others = ([sizes[part] for part in sizes if (part in aims) is mine] for mine in (True, False))
        count = min((len(one) for one in (*own, *others)), default=0)
        if not own or not others or count < self.aimed_looks:
            return None
        own_L, others_L = (np.max([one[-count:] for one in those], axis=0) for those in (own, others))
        name, largest = (
            " + ".join(aims),
            max((part for part in sizes if part not in aims), key=lambda one: sizes[one][-1]),
        )
        times = median(others_L) / max(median(own_L), 1e-300)
        gains = aimed_gains(history, aims)[-self.aimed_looks :]
        if (others_L > self.ratio * own_L).all():
            says = f"the gradient of `{largest}` is {times:.3g} times that of `{name}`, limit {self.ratio:.0f}, and "
            says += f"`{name}` is what the training is for"
        elif (
            len(gains) == self.aimed_looks
            and median(gains) < LEARNT
            and self._takes_over(history, aims, own_L, others_L)
        ):
            if median(history.now(f"part_cosine/{largest}", self.aimed_looks)) < AGAINST:
                return None  # that is more than being loud: L11
            says = f"`{name}`, which the training is for, explains {max(0.0, median(gains)):.1%} of the targets after "
            says += f"{history.step(self.reads[0])} steps (limit {LEARNT:.0%}), and the rest of the loss has taken over"
        else:
            return None
        return self.found(
            history,
            says,
            severity=Severity.WARNING,
            measured=times,
            limit=self.ratio,
            where=(*aims, largest),
        )

    def _takes_over(self, history: History, aims: tuple[str, ...], own_L: np.ndarray, others_L: np.ndarray) -> bool:
        """Tell whether the rest of the loss pulls harder than the aims at each look, or has come down by much."""
        if (others_L > own_L).all():
            return True
        rest = aimed_losses(history, tuple(part for part in parts_of(history) if part not in aims))
        whole = history.now("loss")
        rest, whole = rest[np.isfinite(rest)], whole[np.isfinite(whole)]
        if min(len(rest), len(whole)) < 2 * FIRST_LOSSES:
            return False
        fallen = median(rest[:FIRST_LOSSES]) - median(rest[-FIRST_LOSSES:])
        return fallen > self.fall * abs(median(whole[:FIRST_LOSSES]))

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
