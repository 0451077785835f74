"""The batches that make one optimizer step: usually one, several when gradients are accumulated, parts of one when
memory is short. Every loss is weighted so that the gradient is that of the whole."""

from collections.abc import Callable
from typing import Any

from autofix_nb.data import structure
from autofix_nb.loop.stepper import Attempt, Stepper

Objective = Callable[[Any], Any]


class Window:
    """The batches of the step at hand that passed already, kept so that they can be run again."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self._passed: list[tuple[Any, Objective]] = []
        self._losses: list[float] = []
        self.began_at: int | None = None
        """Position in the epoch of the first batch of the step at hand; None between steps."""

    def __len__(self) -> int:
        return len(self._passed)

    @property
    def _weight(self) -> float:
        return 1.0 / self._stepper.accumulate

    def begin(self, position: int) -> None:
        """A batch comes; if it is the first of a step, remember how things are before it."""
        if not self._passed:
            self._stepper.before.take()
            self.began_at = position

    def attempt(self, data: Any, objective: Objective, *, again: bool = False) -> Attempt:
        """Run a batch forward and backward, on top of what was accumulated; `again` runs that anew, too."""
        if again:
            self._run_passed()
        if self._weight == 1.0 and self._stepper.controls.micro_batch is None:
            return self._stepper.attempt(data, objective, first=True)
        return self.pieces(data, objective, self._weight, first=not self._passed)

    def add(self, data: Any, objective: Objective, attempt: Attempt) -> bool:
        """Take note that a batch passed; returns whether the step is complete."""
        if self._stepper.accumulate == 1:
            return True
        self._passed.append((data, objective))
        self._losses.append(attempt.read().loss)
        return len(self._passed) == self._stepper.accumulate

    def mean(self, attempt: Attempt) -> Attempt:
        """Return the attempt that completes the step, with the mean loss of its batches."""
        if self._losses:
            attempt.loss = sum(self._losses) / len(self._losses)
        return attempt

    def close(self) -> None:
        """The optimizer has stepped."""
        self._passed.clear()
        self._losses.clear()
        self.began_at = None

    def forget_batch(self) -> None:
        """Make things as they were before the batch at hand; what was accumulated before it is kept."""
        self._stepper.optimizer.zero_grad(set_to_none=True)
        self._stepper.before.restore()
        if self._passed:
            self._run_passed()
        else:
            self.began_at = None

    def forget_step(self) -> None:
        """Make things as they were before the step at hand."""
        self._passed.clear()
        self._losses.clear()
        self.forget_batch()

    def pieces(self, data: Any, objective: Objective, weight: float, *, first: bool) -> Attempt:
        """Run data on the device forward and backward, in parts where memory asks for it."""
        most = self._stepper.controls.micro_batch
        rows = _rows(data) if most else 0
        if not most or rows <= most:
            return self._stepper.attempt(data, objective, first=first, weight=weight)
        whole = Attempt(loss=0.0)
        for start in range(0, rows, most):
            part = list(range(start, min(rows, start + most)))
            share = len(part) / rows
            piece = structure.take(data, part, rows)
            attempt = self._stepper.attempt(piece, objective, first=first and start == 0, weight=weight * share).read()
            if attempt.error is not None:
                return attempt
            whole.loss += attempt.loss * share
            for name, value in attempt.parts.items():
                whole.parts[name] = whole.parts.get(name, 0.0) + value.detach() * share
            # The gradients add up in place, so the last measure is that of the whole.
            whole.norm, whole.norms = attempt.norm, attempt.norms
            whole.owners, whole.grads = attempt.owners, attempt.grads
        return whole

    def _run_passed(self) -> None:
        for place, (data, objective) in enumerate(self._passed):
            self.pieces(data, objective, self._weight, first=place == 0)


def _rows(data: Any) -> int:
    try:
        return structure.rows(data)
    except structure.NotSliceable:
        return 0
