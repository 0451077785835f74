"""The fix family: one module, one fix. A new file here joins by itself."""

import sys

from autofix_nb.family import members_of
from autofix_nb.fixes.base import Change, Controls, Fix, SettingFix, Trainee

__all__ = ["FIXES", "Change", "Controls", "Fix", "SettingFix", "Trainee"]


FIXES = {fix.name: fix for fix in sorted(members_of(sys.modules[__name__], Fix), key=lambda fix: fix.name)}
