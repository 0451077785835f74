#!/usr/bin/env python3
"""Looks at the environment, or at a whole training, before it begins. Exit status: 0 clean, 1 warnings, 2 errors.

    scripts/training_diagnostics.py                      the environment alone
    scripts/training_diagnostics.py train.py:setup       a training; `setup()` returns (model, train, val)
    scripts/training_diagnostics.py train.py:setup --deep --json

It is the command `autofix-nb diagnose`, for a clone that was not installed. Where torch itself does not import, it says
what to install, which the installed command cannot. `--help` tells the rest.
"""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ERRORS = 2


def main() -> int:
    """Return the exit status."""
    sys.path.insert(0, str(ROOT))
    try:
        from autofix_nb import cli
    except Exception as error:  # noqa: BLE001 - a torch that is half there may raise anything
        return explain(error)
    return cli.diagnose()


def explain(error: Exception) -> int:
    """Say why nothing can be trained here, and what to install: with the standard library alone."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "autofix_nb"]:
        del sys.modules[name]
    main_file = ROOT / "autofix_nb" / "environment" / "__main__.py"
    spec = importlib.util.spec_from_file_location("autofix_nb_environment", main_file)
    starter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(starter)
    command = starter.load_command()
    print(f"✘ Not ready: autofix_nb does not import here ({type(error).__name__}: {' '.join(str(error).split())}).")
    for kind, *parts in command.rows([], False):
        if kind in ("change", "problem"):
            print(f"  {' '.join(parts)}")
        elif kind == "pip":
            print(f"    type: {sys.executable} -m pip {' '.join(parts)}")
    print("  or let ./fix_environment.sh do all of it")
    return ERRORS


if __name__ == "__main__":
    sys.exit(main())
