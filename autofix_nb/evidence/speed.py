"""Seconds that a batch takes: to be loaded, and to be learnt from."""

import time
from dataclasses import dataclass
from statistics import median

from torch.utils.data import DataLoader

from autofix_nb.evidence.batches import first_batches, length_of
from autofix_nb.evidence.subject import Subject
from autofix_nb.evidence.trial import Trial, take_trial

FETCHED = 4
"""Batches fetched at most; the first is not counted, since files and caches are cold or warm by accident."""

SHORT_SECONDS = 0.25
"""A trial shorter than this is repeated twice, and the median counts."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds for a batch of `rows` rows, and how many there are in an epoch."""

    rows: int
    load: float
    """To fetch one batch in one process, with the transforms."""

    step: float
    """Forward and backward, without the optimizer's update."""

    workers: int
    batches: int | None
    """Batches in an epoch; None where the loader does not tell."""

    @property
    def batch(self) -> float:
        """Seconds that a batch takes with the loader as it is: one after the other, or beside each other."""
        return max(self.load / self.workers, self.step) if self.workers else self.load + self.step

    def batch_with(self, workers: int) -> float:
        """Return the seconds of a batch with so many workers."""
        return max(self.load / max(1, workers), self.step)


def speed_of(subject: Subject, seconds: float) -> Speed:
    """Measure a few batches, fetching for at most about `seconds`.

    Raises:
        NotApplicable: when there is no batch or no trial.
    """
    return Speed(
        rows=subject.batch_rows,
        load=_load_seconds(subject, seconds),
        step=_step_seconds(subject) * subject.batch_rows / subject.trial.rows,
        workers=subject.train.num_workers if isinstance(subject.train, DataLoader) else 0,
        batches=length_of(subject.train),
    )


def _load_seconds(subject: Subject, seconds: float) -> float:
    clock = time.perf_counter
    taken: list[float] = []
    began = clock()
    arriving = first_batches(subject.train, FETCHED)
    while clock() - began < seconds:
        here = clock()
        batch = next(arriving, None)
        if batch is None:
            break
        taken.append(clock() - here)
    return median(taken[1:] or taken or [0.0])


def _step_seconds(subject: Subject) -> float:
    trial = subject.trial
    taken = [trial.forward_seconds + trial.backward_seconds]
    if taken[0] < SHORT_SECONDS:
        data = subject.take(trial.rows)
        for _ in range(2):
            again = Trial(rows=trial.rows, batch_rows=trial.batch_rows, inputs=None, targets=None)
            with subject.borrowed(training=True) as model:
                take_trial(model, subject.objective(model), data, again, subject.wait)
            taken.append(again.forward_seconds + again.backward_seconds)
        taken = taken[1:]
    return median(taken)
