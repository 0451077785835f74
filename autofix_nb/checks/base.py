"""What every check is: a few thresholds and one question asked of a training before it begins."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any, ClassVar, Literal

from autofix_nb.evidence import Subject
from autofix_nb.finding import Finding, Severity


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Samples to be shown on a contact sheet. Only an image data set has pictures of them."""

    title: str
    indices: tuple[Any, ...]
    captions: tuple[str, ...] = ()
    """One for each sample, or none at all."""

    side: Literal["train", "val"] = "train"
    as_the_model_sees_it: bool = False
    """Whether they are shown after the transforms, mapped back to colours, rather than as they lie on the disk."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line to be drawn: its values, and a level to compare it with."""

    title: str
    values: tuple[float, ...]
    x_label: str = "step"
    level: float | None = None
    level_label: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a check found out: what was looked at, with numbers, and what is wrong with it, worst first."""

    says: str
    """One sentence without a full stop. It is shown where nothing is wrong: `first loss 2.31, chance is 2.30`."""

    findings: tuple[Finding, ...] = ()
    evidence: tuple[str, ...] = ()
    """Lines to look closer, also where nothing is wrong."""

    pictures: tuple[Shown | Curve, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Check(ABC):
    """Base class. A subclass fills in the class variables and writes `look`.

    Fields are thresholds, and thresholds only. What is looked at is measured once, by the `Subject`, and shared by all
    checks: a check judges.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    """Of `model`, `train`, `val`, `optimizer`: what must have been given for the question to make sense."""

    deep: ClassVar[bool] = False
    """Whether it is asked with `deep=True` only, because it takes its time."""

    takes_time: ClassVar[bool] = False
    """Whether its answer may take seconds on large data or models, so that it is left out once the time is spent."""

    fixes: ClassVar[tuple[str, ...]] = ()
    """Names of the fixes worth trying, gentlest first."""

    @abstractmethod
    def look(self, subject: Subject) -> Answer:
        """Return what was found.

        Raises:
            NotApplicable: when the question does not fit this training, or cannot be answered, with the reason.
        """

    def found(
        self,
        says: str,
        *,
        severity: Severity,
        measured: float = nan,
        limit: float = nan,
        where: Sequence[str] = (),
        evidence: Sequence[str] = (),
        to_type: str = "",
        fixes: Sequence[str] | None = None,
    ) -> Finding:
        """Return a finding of this check. `says` is one sentence with the numbers in it, without a full stop."""
        return Finding(
            code=self.code,
            title=self.title,
            severity=severity,
            step=0,
            measured=measured,
            limit=limit,
            says=says,
            where=tuple(where),
            fixes=tuple(self.fixes if fixes is None else fixes),
            evidence=tuple(evidence),
            to_type=to_type,
        )

    def bad(self, *findings: Finding, evidence: Sequence[str] = (), pictures: Sequence[Shown | Curve] = ()) -> Answer:
        """Return an answer with findings, worst first."""
        ordered = tuple(sorted(findings, key=lambda finding: -finding.severity))
        return Answer(says=ordered[0].says, findings=ordered, evidence=tuple(evidence), pictures=tuple(pictures))

    def fine(self, says: str, *, evidence: Sequence[str] = (), pictures: Sequence[Shown | Curve] = ()) -> Answer:
        """Return an answer without findings: what was looked at, and that it is well."""
        return Answer(says=says, evidence=tuple(evidence), pictures=tuple(pictures))
