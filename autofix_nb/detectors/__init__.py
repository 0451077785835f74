"""The detector family: one module, one detector. A new file here joins by itself."""

import sys

from autofix_nb.detectors.base import Detector
from autofix_nb.family import members_of
from autofix_nb.finding import NotApplicable

__all__ = ["DETECTORS", "Detector", "NotApplicable"]


DETECTORS = tuple(sorted(members_of(sys.modules[__name__], Detector), key=lambda detector: detector.code))
