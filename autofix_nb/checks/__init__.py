"""The check family: one module, one check. A new file here joins by itself."""

import sys

from autofix_nb.checks.asking import Asked, ask
from autofix_nb.checks.base import Answer, Check, Curve, Shown
from autofix_nb.family import members_of
from autofix_nb.finding import NotApplicable

__all__ = ["CHECKS", "Answer", "Asked", "Check", "Curve", "NotApplicable", "Shown", "ask"]


CHECKS = tuple(
    sorted(members_of(sys.modules[__name__], Check), key=lambda check: ("EBD".index(check.code[0]), check.code))
)
