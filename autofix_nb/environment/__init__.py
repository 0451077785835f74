"""What this Python, its packages and its machine are, what does not fit, and what to install so that it fits.

`fix_environment.sh` uses this group before anything is installed: its files import the standard library and each
other alone; torch and NumPy are imported inside functions.
"""

from autofix_nb.environment.bridge import numpy_bridge_works
from autofix_nb.environment.host import cell, host, host_of_script
from autofix_nb.environment.installed import installed_folders, missing_parts
from autofix_nb.environment.plan import plan_repairs
from autofix_nb.environment.repair import Repair
from autofix_nb.environment.requirements import unmet_requirements
from autofix_nb.environment.snapshot import Environment, snapshot
from autofix_nb.environment.versions import numpy_fits, pair_fits, torchvision_for

__all__ = [
    "Environment",
    "Repair",
    "cell",
    "host",
    "host_of_script",
    "installed_folders",
    "missing_parts",
    "numpy_bridge_works",
    "numpy_fits",
    "pair_fits",
    "plan_repairs",
    "snapshot",
    "torchvision_for",
    "unmet_requirements",
]
