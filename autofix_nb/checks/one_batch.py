"""One batch learnt by heart: a model that cannot do that has a bug, and will learn nothing else either.

A copy is trained on a few rows of the first batch with a fresh AdamW, dropout off, at several learning rates, until the
loss is a tenth of the first one or each row is predicted right. Rows with the same input and another label make that
impossible, and are told first.

Reference: Karpathy (2019), A Recipe for Training Neural Networks: "overfit one batch".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from autofix_nb.checks.base import Answer, Check, Curve
from autofix_nb.data import structure
from autofix_nb.evidence import Subject
from autofix_nb.evidence.learning import Attempt, learn_by_heart
from autofix_nb.evidence.parameters import size_of
from autofix_nb.finding import Finding, NotApplicable, Severity

OFTEN = (
    "often: an activation after the last layer, most layers frozen or cut off, inputs without information, outputs "
    "that do not belong to the targets' rows"
)
"""What is behind it, most of the time."""

LARGE = 3.0
"""Root mean square of targets that are more than standardised ones would be."""


@dataclass(frozen=True, kw_only=True)
class OneBatch(Check):
    """Can a copy of the model learn a few rows by heart?"""

    code: ClassVar = "B09"
    title: ClassVar = "One batch cannot be learnt by heart"
    needs: ClassVar = frozenset({"model", "train"})
    deep: ClassVar = True
    takes_time: ClassVar = True

    most_rows: int = 16
    """Rows of the first batch that are learnt."""

    values_per_answer: int = 2
    """Trainable values that there must be for each output of a row."""

    least_rows: int = 2
    """Rows below which nothing is learnt by heart."""

    fewest_rows: int = 4
    """Rows down to which a slow model may be asked."""

    most_steps: int = 200
    """Steps at each learning rate."""

    fewest_steps: int = 40
    """Steps that must fit into the time for the question to make sense."""

    rates: tuple[float, ...] = (3e-3, 1e-3, 3e-2, 1e-4)
    """Learning rates that are tried, one after the other."""

    enough: float = 0.1
    """Share of the first loss at which the rows are learnt by heart."""

    least_fall: float = 0.1
    """Share by which a loss of unknown kind must fall; how low it can get nobody knows."""

    most_share: float = 0.25
    """Share of the time budget that it may take."""

    def look(self, subject: Subject) -> Answer:
        trial = subject.trial
        if trial.error is not None:
            raise NotApplicable(f"the trial step raises {type(trial.error).__name__} (see B06)")
        if not trial.gradients:
            raise NotApplicable("no gradient reaches the model that is given (see B07)")
        a_row = (trial.forward_seconds + trial.backward_seconds) / trial.rows
        seconds = min(self.most_share * subject.clock.budget_seconds, subject.clock.left)
        rows = min(self.most_rows, trial.rows, self._learnable(subject, trial))
        while rows > self.fewest_rows and rows * a_row * self.fewest_steps > seconds:
            rows //= 2
        needed = rows * a_row * self.fewest_steps
        if needed > seconds:
            raise NotApplicable(
                f"no time left: learning {rows} rows by heart takes {needed:.0f} s or more, it may take {seconds:.0f} s"
            )
        rates = (*self.rates, *_for_large_targets(subject))
        attempts = learn_by_heart(subject, rows, rates, self.most_steps, seconds, self.enough)
        best = min(attempts, key=lambda attempt: (not attempt.learnt, attempt.left))
        picture = Curve(
            title="One batch learnt by heart",
            values=best.losses,
            level=self.enough * best.losses[0],
            level_label="learnt",
        )
        evidence = [_line(attempt) for attempt in attempts]
        if best.learnt:
            ended = "" if best.right is None else f", {best.right:.0%} right"
            return self.fine(
                f"{_count(rows, 'row')} learnt by heart in {_count(len(best.losses) - 1, 'step')} (loss "
                f"{best.losses[0]:.3g} to {best.losses[-1]:.3g}{ended}; a copy, dropout off, AdamW at {best.rate:g})",
                evidence=evidence,
                pictures=[picture],
            )
        if not best.moved:
            return self.bad(self._still(best, rows), evidence=evidence, pictures=[picture])
        contradictions = _contradictions(subject, rows)
        if contradictions:
            return self.bad(self._impossible(contradictions, best, rows), evidence=evidence, pictures=[picture])
        known = self._ends_at_zero(subject)
        if not known and 1 - best.left >= self.least_fall:
            return self.fine(
                f"the loss of {rows} rows falls from {best.losses[0]:.3g} to {min(best.losses):.3g} in "
                f"{len(best.losses) - 1} steps; how low it can get is not known",
                evidence=evidence,
                pictures=[picture],
            )
        if any(attempt.out_of_time for attempt in attempts):
            raise NotApplicable(
                f"no time left: after {len(best.losses) - 1} steps the loss of {rows} rows went from "
                f"{best.losses[0]:.3g} to {min(best.losses):.3g}"
            )
        return self.bad(self._not_learnt(best, attempts, rows, known), evidence=evidence, pictures=[picture])

    def _learnable(self, subject: Subject, trial: Any) -> int:
        """Return how many rows the model has parameters for: a linear one learns as many as it has inputs."""
        values = sum(map(size_of, (part for part in subject.model.parameters() if part.requires_grad)))
        width = max((part.shape[1:].numel() for _, part in structure.tensors(trial.outputs) if part.dim()), default=1)
        rows = values // (self.values_per_answer * max(1, width))
        if rows < min(self.least_rows, trial.rows):
            raise NotApplicable(
                f"{values:,} trainable values for {width:,} outputs a row are too few to learn by heart"
            )
        return rows

    def _ends_at_zero(self, subject: Subject) -> bool:
        if subject.step is not None:
            return False
        try:
            return subject.task.kind != "custom"
        except NotApplicable:
            return False

    def _still(self, best: Attempt, rows: int) -> Finding:
        return self.found(
            f"the loss of {rows} rows stays at {best.losses[0]:.4g} over {len(best.losses) - 1} steps, wanted a fall "
            f"to {self.enough:.0%} of it: what is updated has no influence on the loss",
            severity=Severity.CRITICAL,
            measured=1.0,
            limit=self.enough,
        )

    def _impossible(self, contradictions: Sequence[str], best: Attempt, rows: int) -> Finding:
        return self.found(
            f"{len(contradictions)} of {rows} rows have the same input as another one and another label, wanted 0: "
            f"they cannot be learnt by heart, the loss fell to {best.left:.0%} of the first (limit {self.enough:.0%})",
            severity=Severity.WARNING,
            measured=best.left,
            limit=self.enough,
            where=contradictions,
        )

    def _not_learnt(self, best: Attempt, attempts: Sequence[Attempt], rows: int, known: bool) -> Finding:
        right = "" if best.right is None else f" and {best.right:.0%} of them are right"
        tried = ", ".join(f"{attempt.rate:g}" for attempt in attempts)
        limit = self.enough if known else 1 - self.least_fall
        return self.found(
            f"{rows} rows cannot be learnt by heart: after {len(best.losses) - 1} steps the loss is {best.left:.0%} of "
            f"the first one{right}, limit {limit:.0%} (learning rates {tried})",
            severity=Severity.WARNING,
            measured=best.left,
            limit=limit,
            evidence=[OFTEN],
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _line(attempt: Attempt) -> str:
    return (
        f"learning rate {attempt.rate:g}: loss {attempt.losses[0]:.4g} to {attempt.losses[-1]:.4g} in "
        f"{len(attempt.losses) - 1} steps{', then the time was over' if attempt.out_of_time else ''}"
    )


def _for_large_targets(subject: Subject) -> tuple[float, ...]:
    """Return a learning rate that fits targets which were not standardised; that they were not is another question."""
    if subject.step is not None:
        return ()
    targets = subject.parts[1]
    if not isinstance(targets, torch.Tensor) or not targets.is_floating_point():
        return ()
    size = float(targets.float().square().mean().sqrt())
    return (0.03 * size,) if size > LARGE else ()


def _contradictions(subject: Subject, rows: int) -> list[str]:
    """Return the samples among the rows whose input another one has, with another target."""
    if subject.step is not None:
        return []
    inputs, targets = subject.parts
    try:
        keys = [_bits(structure.take(inputs, [row], subject.batch_rows)) for row in range(rows)]
        wanted = [_bits(structure.take(targets, [row], subject.batch_rows)) for row in range(rows)]
    except structure.NotSliceable:
        return []
    indices = subject.batch.indices or list(range(rows))
    return [
        f"sample {indices[row]}"
        for row in range(rows)
        if any(keys[row] == keys[other] and wanted[row] != wanted[other] for other in range(rows))
    ]


def _bits(data: Any) -> bytes:
    return b"|".join(
        tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        for _, tensor in structure.tensors(data)
    )
