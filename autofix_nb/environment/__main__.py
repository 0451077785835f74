"""Starts the command behind `fix_environment.sh`: `python -P autofix_nb/environment/__main__.py plan`.

By its path and without `autofix_nb/__init__.py`, which needs torch: there may be none yet. `-P` keeps this folder from
`sys.path`, where its `host.py` or `plan.py` could be taken for somebody else's.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType


def load_command() -> ModuleType:
    """The module `command`, imported below a stand-in for the package."""
    stand_in = ModuleType("autofix_nb")
    stand_in.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["autofix_nb"] = stand_in
    command = importlib.import_module("autofix_nb.environment.command")
    # The probe is to import the package as it is installed, so nothing may stand in for it any longer.
    for name in [name for name in sys.modules if name.partition(".")[0] == "autofix_nb"]:
        del sys.modules[name]
    return command


if __name__ == "__main__":
    load_command().main()
