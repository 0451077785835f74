"""What was looked at, in a few plain values for the head of the report."""

from collections.abc import Sequence
from typing import Any

from autofix_nb.checks import Asked
from autofix_nb.environment import snapshot
from autofix_nb.evidence import Subject
from autofix_nb.finding import NotApplicable


def about(subject: Subject, asked: Sequence[Asked], preset: str) -> dict[str, Any]:
    """Return model, samples, device and time; sides that were not looked at are left out."""
    model = subject.original
    facts: dict[str, Any] = {
        "device": str(subject.device),
        "seconds": subject.clock.spent,
        "budget_seconds": subject.clock.budget_seconds,
        "deep": subject.deep,
        "preset": preset,
        "questions": len(asked),
        "machine": snapshot().to_dict(),
    }
    if model is None and subject.train is None:  # then the machine is what was looked at
        facts["environment"] = str(snapshot()).replace("\n", " · ")
    if model is not None:
        facts["model"] = type(model).__name__
        facts["parameters"] = subject.parameter_count
        facts["copied"] = subject.copied
    for side, scan in subject.scans.items():
        facts[side] = {
            "samples": scan.samples,
            "seen": scan.seen,
            "looked_at": scan.share,
            "kind": scan.kind,
            "seconds": scan.seconds,
        }
    try:
        facts["batch_rows"] = subject.batch_rows if subject.train is not None else None
    except NotApplicable:
        facts["batch_rows"] = None
    return facts
