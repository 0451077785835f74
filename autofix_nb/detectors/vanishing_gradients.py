"""Vanishing gradients: the first layers get next to no gradient, and nothing is learnt.

The gradient norm of the first component that gets any is compared with the largest of the last ones. Published
rules take a ratio below 1e-3 together with a norm below 1e-4 (AUTOTRAINER), or a gradient below 1e-6
(TheDeepChecker) or 1e-7 (SageMaker Debugger). Healthy deep nets are often below the first of these in their first
steps, so it must last for a while, must not be growing, and the run must not learn. A gradient of exactly 0 is
another illness: dead units, or a part that is cut off.

A recurrent layer hides it: its gradient norm is that of the newest steps of the sequence. Where most of its gates have
stood at their bounds since the first step, next to nothing comes through from the steps before (Pascanu, Mikolov,
Bengio 2013, https://arxiv.org/abs/1211.5063); in layers as they are usually drawn none do, and a twentieth later on.
What does not come through forward brings no gradient back: weak_signals.py.

Reference: Zhang et al. (2021), AUTOTRAINER, https://doi.org/10.1109/ICSE43902.2021.00043; Glorot and Bengio (2010),
https://proceedings.mlr.press/v9/glorot10a.html
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.learning import is_learning, median
from autofix_nb.detectors.weak_signals import (
    BEHIND,
    HEARD,
    MUTED,
    deaf_layer,
    is_high,
    muted,
    spoilt_by_its_weights,
)
from autofix_nb.evidence.odd_weights import TIMES
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class VanishingGradients(Detector):
    """The gradient of the first layers is tiny, in itself and beside that of the last ones, and nothing is learnt."""

    code: ClassVar = "G02"
    title: ClassVar = "Vanishing gradients"
    when: ClassVar = "step"
    reads: ClassVar = ("grad_norm", "loss")
    shows: ClassVar = (("grad_norm", "grad_norm/{where}"), ("loss",))
    fixes: ClassVar = ("swap_activations", "insert_norm", "reinitialise", "swap_optimizer")
    why: ClassVar = (
        "The first layers get no usable signal from the loss. They stay as they were drawn, and all that comes after "
        "them works on noise."
    )
    how: ClassVar = (
        "The run does not learn, and the gradient norm of the first layers is tiny in itself and beside that of the "
        "last ones, and does not grow; or the whole gradient is. Or most gates of a recurrent layer have stood at "
        "their bounds since the first step, and the loss stays high. Or nothing of the beginning of its sequences is "
        "left in the last state of one, the answers hardly differ from row to row while the first layers hardly hear "
        "of the loss, or weights are many times outside of the sizes that they are drawn with."
    )

    newest: int = 10
    """Steps whose median is judged."""

    ratio: float = 1e-3
    """Norm of the first layers, as a share of the last ones', below which it counts as vanishing."""

    small: float = 1e-4
    """Norm of the first layers that it must be below as well."""

    tiny_ratio: float = 1e-5
    """Share below which no waiting is needed."""

    tiny: float = 1e-6
    """Norm, of the first layers or of all together, below which it is critical, and no waiting is needed."""

    least: float = 1e-5
    """Norm of all gradients together below which nothing moves."""

    patience: int = 150
    """Steps before a gradient that is small but not tiny is judged."""

    window: int = 200
    """Steps within which a gradient may grow."""

    grows: float = 3.0
    """How many times its earlier size shows that a gradient comes to life."""

    saturated: float = 0.5
    """Share of a recurrent layer's gates at their bounds from which next to nothing comes through the sequence."""

    looks: int = 3
    """Close looks, the first one among them, in all of which it must be so."""

    high_loss: float = 0.5
    """Share of the loss of a constant answer, else of the run's start, that the loss must be above for that."""

    def check(self, history: History) -> Finding | None:
        return (
            self._shut_gates(history)
            or self._deaf(history)
            or self._muted(history)
            or self._odd(history)
            or self._judge(history)
        )

    def _deaf(self, history: History) -> Finding | None:
        """Return that nothing of the beginning of its sequences is left in the last state of a recurrent layer."""
        found = deaf_layer(history)
        if found is None or not is_high(history, self.high_loss):
            return None
        name, reach, odd = found
        because = f", and `{odd[0]}` is many times smaller than any rule draws it" if odd else ""
        return self.found(
            history,
            f"the first quarter of its sequences changes the last state of the recurrent layer `{name}` {reach:.1g} "
            f"times as much as the last quarter does, limit {HEARD:g}{because}: no gradient comes back to it, and "
            "nothing is learnt",
            severity=Severity.CRITICAL if odd and is_learning(history) is False else Severity.WARNING,
            measured=reach,
            limit=HEARD,
            where=(name,),
            fixes=("reinitialise", "swap_optimizer"),
        )

    def _shut_gates(self, history: History) -> Finding | None:
        """Return that a recurrent layer was drawn so that its gates stand at their bounds."""
        shares = {name: history.now(f"saturated/{name}") for name in history.facts.get("recurrent", ())}
        lowest = {name: float(own.min()) for name, own in shares.items() if len(own) >= self.looks}
        shut = sorted((name for name in lowest if lowest[name] >= self.saturated), key=lambda name: -lowest[name])
        losses = history.now("loss")
        losses = losses[np.isfinite(losses)]
        if not shut or not len(losses):
            return None
        chance, level = history.last("chance"), median(losses[-self.newest :])
        ceiling = chance if np.isfinite(chance) and chance > 0 else median(losses[: self.newest])
        if not level > self.high_loss * ceiling > 0:
            return None
        return self.found(
            history,
            f"{lowest[shut[0]]:.0%} of the gates of the recurrent layer `{shut[0]}` have stood at their bounds since "
            f"the first step, limit {self.saturated:.0%}: next to no gradient comes through the sequence, and the loss "
            f"is {level:.4g}",
            severity=Severity.WARNING,
            measured=lowest[shut[0]],
            limit=self.saturated,
            where=tuple(shut),
            fixes=("reinitialise", "swap_optimizer"),
        )

    def _muted(self, history: History) -> Finding | None:
        """Return that signals shrink on their way forward, and gradients on their way back, and nothing is learnt."""
        found = muted(history, _norms(history, self.newest))
        if found is None or _is_cut_off(history):
            return None
        quiet = f"the answers differ across rows by {found.spread:.2g} of their size (limit {MUTED:g})"
        return self.found(
            history,
            f"{quiet}, the gradient norm of the first layers is {found.ratio:.1g} of that of the last ones (limit "
            f"{BEHIND:g}), and nothing is learnt",
            severity=Severity.CRITICAL if found.spread < self.ratio else Severity.WARNING,
            measured=found.ratio,
            limit=BEHIND,
            where=(found.where,),
        )

    def _odd(self, history: History) -> Finding | None:
        """Return that weights were drawn as no rule draws them, and that the run shows it."""
        found = spoilt_by_its_weights(history)
        if found is None or not is_high(history, self.high_loss):
            return None
        name, times = found
        what = f"{1 / times:.3g} times smaller" if times > 0 else "0, far below"
        what = f"{times:.3g} times larger" if times > 1 else what
        return self.found(
            history,
            f"`{name}` is {what} than any rule draws such weights (limit {TIMES:g} times), so that signals and "
            "gradients come to nothing or stand at their bounds on the way, and little is learnt",
            severity=Severity.WARNING,
            measured=times,
            limit=TIMES,
            where=(name.rpartition(".")[0],) if "." in name else (),
            fixes=("reinitialise", "insert_norm", "swap_activations"),
        )

    def _judge(self, history: History) -> Finding | None:
        total = median(self.finite(history, "grad_norm", self.newest))
        norms = _norms(history, self.newest)
        if total == 0:
            return None  # dead units or a loss that is cut off
        names = [name for name, norm in norms.items() if norm > 0]
        early, first = (norms[names[0]], names[0]) if len(names) > 1 else (total, "")
        last = max(norms[name] for name in names[len(names) // 2 :]) if len(names) > 1 else total
        vanishes = early < min(self.small, self.ratio * last)
        if not vanishes and total >= self.least:
            return None
        if is_learning(history) is not False or _is_cut_off(history):
            return None
        surely = early < min(self.small, self.tiny_ratio * last) or min(early, total) < self.tiny
        if not surely and history.now("loss").size < self.patience:
            raise NotApplicable(f"`grad_norm`: small, but fewer than {self.patience} steps recorded")
        if self._comes_to_life(history, f"grad_norm/{first}" if first else "grad_norm"):
            return None
        if not vanishes or not first:
            says = f"gradient norm {total:.2g} over all weights, limit {self.least:.0e}"
            measured, limit, where = total, self.least, ()
        else:
            says = (
                f"gradient norm {early:.2g} in the first layers and {last:.2g} in the last ones, a ratio of "
                f"{early / last:.1e}, limit {self.ratio:.0e}"
            )
            measured, limit = early / last, self.ratio
            where = tuple(name for name in names if norms[name] < self.ratio * last)
        return self.found(
            history,
            f"{says}, and nothing is learnt",
            severity=Severity.CRITICAL if surely else Severity.WARNING,
            measured=measured,
            limit=limit,
            where=where,
            judged="" if where else "grad_norm",
        )

    def _comes_to_life(self, history: History, name: str) -> bool:
        """Tell a slow start, in which the gradient grows from step to step, from one that never comes."""
        values = history.now(name, self.window)
        values = values[np.isfinite(values)]
        if len(values) < 3 * self.newest:
            return False
        return median(values[-self.newest :]) > self.grows * median(values[: self.newest])


def _norms(history: History, count: int) -> dict[str, float]:
    """Return the usual gradient norm of each component, in the model's order."""
    norms = {}
    for name in history.names():
        if name.startswith("grad_norm/"):
            values = history.now(name, count)
            values = values[np.isfinite(values)]
            if len(values):
                norms[name.removeprefix("grad_norm/")] = median(values)
    known = [name for name in history.facts.get("components", ()) if name in norms]
    return {name: norms[name] for name in (*known, *(name for name in norms if name not in known))}


def _is_cut_off(history: History) -> bool:
    """Tell whether units that are all off explain it: an activation without bounds that is the same for all rows."""
    dead = [name for name in history.names() if name.startswith("dead/")]
    unbounded = [name for name in dead if f"saturated/{name.removeprefix('dead/')}" not in history]
    return any(history.last(name) >= 0.95 for name in unbounded)
