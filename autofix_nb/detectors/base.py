"""What every detector is: a few thresholds and one question asked of the history."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import nan
from typing import ClassVar, Literal

import numpy as np

from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class Detector(ABC):
    """Base class. A subclass fills in the class variables and writes `check`.

    Fields are thresholds, and thresholds only: all that changes during a run is in the `History`. So one
    detector may judge a live run, a resumed run or one read from disk, and gives the same answer each time.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    when: ClassVar[Literal["step", "epoch", "both"]]
    """`step`: asked after every hand-over of signals; `epoch`: asked after every epoch; or both."""

    reads: ClassVar[tuple[str, ...]]
    """Signals or columns of the epoch table that it needs; the first one dates the finding."""

    shows: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """What makes the finding plain to the eye: for each plot, the signals or columns in it. `{where}` in a name stands
    for each place that a finding names. Empty where there is nothing to see."""

    fixes: ClassVar[tuple[str, ...]]
    """Names of the fixes worth trying, gentlest first."""

    why: ClassVar[str] = ""
    """One or two sentences: why it matters."""

    how: ClassVar[str] = ""
    """How it is detected, in words."""

    @abstractmethod
    def check(self, history: History) -> Finding | None:
        """Return a finding, or None when the run looks well.

        Raises:
            NotApplicable: when a signal is missing or too short to judge.
        """

    def finite(self, history: History, name: str, count: int) -> np.ndarray:
        """Return the newest `count` finite values of a signal in the present chapter, oldest first.

        Steps that were skipped for NaN or Inf leave such a value behind; they are no part of what is usual.
        """
        values = history.now(name, 2 * count)
        values = values[np.isfinite(values)][-count:]
        if len(values) < count:
            raise NotApplicable(f"`{name}`: {len(values)} of {count} values recorded")
        return values

    def found(
        self,
        history: History,
        says: str,
        *,
        severity: Severity,
        measured: float = nan,
        limit: float = nan,
        judged: str = "",
        where: tuple[str, ...] = (),
        step: int | None = None,
        fixes: tuple[str, ...] | None = None,
    ) -> Finding:
        """Fill in the parts of a finding that are the same for every detector."""
        return Finding(
            code=self.code,
            title=self.title,
            severity=severity,
            step=history.step(self.reads[0]) if step is None else step,
            measured=measured,
            limit=limit,
            judged=judged,
            says=says,
            where=where,
            fixes=self.fixes if fixes is None else fixes,
        )
