"""Draws what a check wants to be seen."""

from autofix_nb.checks import Curve, Shown
from autofix_nb.evidence import Subject
from autofix_nb.report.preflight.contact_sheet import contact_sheet
from autofix_nb.report.preflight.curve import curve


def draw(picture: Shown | Curve, subject: Subject) -> bytes | None:
    """Return it as a PNG; None where there is nothing to be seen. Nothing is raised."""
    try:
        if isinstance(picture, Shown):
            return contact_sheet(picture, subject) if picture.indices else None
        return curve(picture)
    except Exception:  # noqa: BLE001 - a report without a picture is better than none
        return None
