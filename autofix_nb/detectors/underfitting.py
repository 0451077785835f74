"""Underfitting: after a good part of the run the training loss is still close to that of a constant answer, and flat.

High bias, not noise: a model that learns a little and stops. Random labels look the same from outside, so the finding
is a warning only where something says that the model is held back: strong weight decay or dropout, or an accuracy
that label noise would not explain; elsewhere it is a note.

What there is to be learnt is told by simple models on the same rows (`behind`): a run that will end far above what
they reach is suspected, whatever ails it. That is looked into on the side, and is a warning where it bears out.

References: Goodfellow, Bengio, Courville (2016), Deep Learning, 5.2 and 7; UMLAUT, Schoop et al. (2021),
https://doi.org/10.1145/3411764.3445538, calls dropout above 0.5 too much
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.behind import MARGIN, MARGIN_MENDED, TRIED, behind
from autofix_nb.detectors.learning import FIRST_LOSSES, gain_of, is_learning
from autofix_nb.detectors.life import (
    FADES_WITHIN,
    TOO_LITTLE,
    TREND,
    absurdly_held_back,
    fades_within,
    grows,
    held_back,
    largest_update,
    median_of,
    movement,
    rate_rises,
    steps_at_rate,
    trend,
)
from autofix_nb.detectors.schedule import fall_of
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class Underfitting(Detector):
    """The model learns a little of the training data, and then no more."""

    code: ClassVar = "L05"
    title: ClassVar = "Underfitting"
    when: ClassVar = "step"
    reads: ClassVar = ("loss", "gain", "mispaired", "chance", "train/accuracy")
    shows: ClassVar = (("loss",), ("train/accuracy",))
    fixes: ClassVar = (
        "regularise",
        "set_dropout",
        "insert_activation",
        "scale_lr",
        "swap_optimizer",
        "standardise",
        "swap_activations",
        "insert_norm",
        "mend_loss",
        "mend_output",
    )
    why: ClassVar = "What the model cannot do on the data it is trained on, it will not do on others."
    how: ClassVar = (
        "The loss against that of the best constant answer, its trend over the last fifth of the planned steps, and "
        "what could hold the model back: weight decay, dropout. And where the loss will end at its present pace "
        "against what ridge regressions, straight and with a Gaussian kernel, come to on rows of the same data that "
        "they have not seen."
    )

    soonest_share: float = 0.3
    """Share of the planned steps before anything is said."""

    soonest: int = 100
    """Steps before anything is said."""

    early: int = 25
    """Steps before anything is said of a regularisation of a strength that nobody means."""

    close_to_chance: float = 0.6
    """Share of the loss of a constant answer from which the training loss is high."""

    faded: float = 0.2
    """The same where the weight decay takes most of the weights away within a few dozen steps, and where the model is
    nothing but linear layers."""

    flat: float = 0.02
    """Share of the loss of a constant answer by which it must have fallen over the stretch judged."""

    low_accuracy: float = 0.45
    """Training accuracy, corrected for the most frequent class, below which label noise is no explanation."""

    learns: float = 0.01
    """Share of the loss of wrongly paired targets from which a model learns a little; below, it is no underfitting."""

    gone: float = 1e-3
    """Share of its height below which a schedule has brought the rate to nothing: that is L02's."""

    too_high: float = 0.4
    """Share of the weights that one step changed, above which the learning rate is to blame."""

    def check(self, history: History) -> Finding | None:
        with np.errstate(all="ignore"):
            try:
                found = self._judge(history)
            except NotApplicable:
                found = self._behind(history)
                if found is None:
                    raise
            return found or self._behind(history)

    def _behind(self, history: History) -> Finding | None:
        """Return the suspicion that much more is there to be learnt: looked into on the side, and else a note."""
        why = behind(history, margin=MARGIN_MENDED if history.facts.get("mended") else MARGIN)
        if why is None or int(history.facts.get("straight") or 0) > 1:
            return None  # layers with nothing bent between them are told for certain, a little later
        return self.found(
            history,
            why.says,
            severity=Severity.NOTE,
            measured=why.measured,
            limit=why.limit,
            judged="loss",
            fixes=TRIED,
        )

    def _absurd(self, history: History) -> Finding | None:
        """Return that a regularisation of a strength that nobody means keeps the loss near a constant answer's.

        Where that is not known, near its start.
        """
        held = absurdly_held_back(history)
        steps = history.step("loss") - max(0, history.since)
        if not held or steps < self.early or rate_rises(history):
            return None
        chance = history.last("chance")
        losses = history.now("loss", self.early)
        level = median_of(losses[len(losses) // 2 :])
        limit = self.faded if fades_within(history) < FADES_WITHIN else self.close_to_chance
        ceiling = chance if np.isfinite(chance) else median_of(history.now("loss")[:FIRST_LOSSES])
        if not level > limit * ceiling > 0:
            return None
        whose = "that of a constant answer" if np.isfinite(chance) else "what it began at"
        return self.found(
            history,
            f"{' and '.join(held)}, which leaves next to nothing to learn by: after {steps} steps the training loss is "
            f"{level:.4g}, {level / ceiling:.0%} of {whose} (limit {limit:.0%})",
            severity=Severity.CRITICAL if is_learning(history) is False else Severity.WARNING,
            measured=level,
            limit=limit * ceiling,
            judged="loss",
        )

    def _judge(self, history: History) -> Finding | None:
        absurd = self._absurd(history)
        if absurd is not None:
            return absurd
        planned = int(history.facts.get("planned_steps", 0))
        held = held_back(history)
        wanted = max(self.soonest, int(self.soonest_share * planned / (2 if held else 1)))
        steps = history.step("loss") - max(0, history.since)
        if not planned or steps < wanted:
            raise NotApplicable(f"`loss`: {steps} of {wanted} steps taken")
        chance, gain = history.last("chance"), gain_of(history, newest=20)
        if gain is None or not np.isfinite(chance) or chance <= 0:
            raise NotApplicable("`gain`: unknown, so the loss cannot be compared with chance")
        losses = self.finite(history, "loss", self.soonest)
        losses = history.now("loss", max(self.soonest, planned // 5))
        losses = losses[np.isfinite(losses)]
        level = float(np.mean(losses[len(losses) // 2 :]))
        faded = fades_within(history) < FADES_WITHIN
        straight = int(history.facts.get("straight") or 0)
        limit = self.faded if faded or straight > 1 else self.close_to_chance
        if level < limit * chance or rate_rises(history):
            return None
        if not held and (
            not gain.is_sure
            or gain.share < self.learns
            or movement(history) < TOO_LITTLE
            or largest_update(history) > self.too_high
        ):
            return None  # what does not learn at all, or hardly moves, or was thrown about, is L01's and L02's
        if grows(history.now("gain", 60)) or steps_at_rate(history) < self.soonest or fall_of(history, self.gone):
            return None
        half = len(losses) // 2
        if _was_lower(history, level - 0.1 * chance):
            return None
        fall = median_of(losses[:half]) - median_of(losses[half:])
        if fall > self.flat * chance or (fall > 0 and trend(losses) < -TREND):
            return None
        score = _score(history)
        certain = bool(held) or score < self.low_accuracy or straight > 1
        accuracy = "" if np.isnan(score) else f" (accuracy {median_of(history.now('train/accuracy', 20)):.2f})"
        because = f"; {' and '.join(held)}" if held else ""
        because += f"; its {straight} linear layers have no activation between them, and are one" * (straight > 1)
        return self.found(
            history,
            f"after {steps} steps the training loss is {level:.4g}{accuracy}, {level / chance:.0%} of that of a "
            f"constant answer (limit {limit:.0%}), and no longer falls{because}",
            severity=Severity.WARNING if certain else Severity.NOTE,
            measured=level,
            limit=limit * chance,
            judged="loss",
        )


def _score(history: History) -> float:
    """Return the training accuracy between that of the most frequent class (0) and 1; NaN where unknown.

    With three classes or fewer it says too little: flipping 30 % of the labels takes most of it.
    """
    accuracy = history.now("train/accuracy", 20)
    shares = [median_of(history.now(name, 40)) for name in history.names() if name.startswith("target_share/")]
    if len(shares) < 4 or not np.isfinite(accuracy).any():
        return float("nan")
    most = max(shares)
    return (float(np.nanmean(accuracy)) - most) / max(1e-9, 1 - most)


def _was_lower(history: History, limit: float) -> bool:
    """Tell whether ten losses in a row had a median below the limit: then it can do better."""
    losses = history.now("loss")
    losses = losses[np.isfinite(losses)]
    blocks = losses[len(losses) % 10 :].reshape(-1, 10)
    return bool(np.any(np.median(blocks, axis=1) < limit))
