"""What a check or detector says when it sees something: one frozen record, one line of text."""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Self


class NotApplicable(Exception):
    """The question cannot be asked here, or not yet; the message says why."""


class Severity(IntEnum):
    """How soon somebody should look. Ordered, so that findings sort by it."""

    NOTE = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One illness, seen once, with the numbers that made it one."""

    code: str
    """Address of the check or detector, such as `G03`; never reused."""

    title: str
    severity: Severity
    step: int
    """Optimizer steps taken when it was seen; 0 before training."""

    measured: float
    limit: float
    says: str
    """One sentence with the measured number and the limit in it, without a full stop."""

    where: tuple[str, ...] = ()
    """Names of the samples, modules, parameters or classes concerned, first or worst first."""

    fixes: tuple[str, ...] = ()
    """Names of the fixes worth trying, gentlest first."""

    evidence: tuple[str, ...] = ()
    """Lines to look closer: numbers, places, how it was measured. Checks before training fill them in."""

    judged: str = ""
    """Name of the signal in whose unit `measured` and `limit` are, so that a plot of it may have the limit; empty where
    they are a count, or a ratio of their own."""

    to_type: str = ""
    """Code that mends it, ready to be typed into a cell; empty where there is none."""

    def __str__(self) -> str:
        line = f"{self.code} {self.title} at step {self.step}: {self.says}."
        if self.where:
            line += f" Where: {', '.join(self.where[:3])}."
        if self.fixes:
            line += f" Try {', '.join(self.fixes)}."
        return line

    def to_dict(self) -> dict[str, Any]:
        """Return plain values only, ready for a line of the journal."""
        return asdict(self) | {
            "severity": self.severity.name.lower(),
            "where": list(self.where),
            "fixes": list(self.fixes),
            "evidence": list(self.evidence),
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Self:
        """Rebuild a finding from `to_dict`, also after a trip through JSON."""
        fields = {name: plain[name] for name in cls.__dataclass_fields__ if name in plain}
        fields["severity"] = Severity[str(plain["severity"]).upper()]
        fields["where"] = tuple(plain.get("where", ()))
        fields["fixes"] = tuple(plain.get("fixes", ()))
        fields["evidence"] = tuple(plain.get("evidence", ()))
        fields["measured"] = float(plain["measured"])
        fields["limit"] = float(plain["limit"])
        return cls(**fields)
