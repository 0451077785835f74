"""Runs a script in the process of the tests: one that would be started for each would import torch anew each time."""

import logging
import os
import runpy
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@dataclass(frozen=True)
class Ended:
    """How a script ended, and what it printed."""

    status: int | str
    """What it gave to `sys.exit`, 0 where it did not."""

    out: str
    err: str


def run_here(capsys, name, *arguments):
    """Run `scripts/name` as its own main module; arguments, paths, environment, threads and log are put back."""
    threads, level = torch.get_num_threads(), logging.root.manager.disable
    status = 0
    capsys.readouterr()
    with (
        mock.patch.object(sys, "argv", [str(SCRIPTS / name), *map(str, arguments)]),
        mock.patch.object(sys, "path", list(sys.path)),
        mock.patch.dict(os.environ),
        warnings.catch_warnings(),
    ):
        try:
            runpy.run_path(str(SCRIPTS / name), run_name="__main__")
        except SystemExit as ended:
            status = ended.code or 0
        finally:
            torch.set_num_threads(threads)
            logging.disable(level)
    printed = capsys.readouterr()
    return Ended(status, printed.out, printed.err)
