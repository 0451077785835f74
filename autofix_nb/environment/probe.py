"""Import packages in a process of their own and say what went wrong: a crash there is a finding here."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from autofix_nb.environment.bridge import numpy_bridge_works
from autofix_nb.environment.modules import MODULES
from autofix_nb.environment.snapshot import snapshot

MARK = "probe"  # begins the lines that are answers: what is imported may print too
START = Path(__file__).with_name("__main__.py")


def probe(names: Sequence[str]) -> dict[str, str | None]:
    """What went wrong with each, None if nothing did.

    The answer also holds `bridge` (None if a tensor passed) and `summary`.
    """
    command = [sys.executable, "-P", str(START), "probe", *names]
    child = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    answers: dict[str, str | None] = {}
    for line in child.stdout.splitlines():
        if line.startswith(f"{MARK}\t"):
            _, name, answer = line.split("\t", 2)
            answers[name] = json.loads(answer)
    started = next((name for name, answer in answers.items() if answer == "started"), None)
    if started is not None:
        answers[started] = f"the process ended while importing it, with status {child.returncode}"
    return answers


def probe_here(names: Sequence[str]) -> None:
    """The child's part: import each, and print what came of it before going on to the next."""
    for name in names:
        _tell(name, "started")
        try:
            importlib.import_module(MODULES[name])
        except BaseException as error:  # noqa: BLE001 - SystemExit too: it does not import
            _tell(name, f"{type(error).__name__}: {' '.join(str(error).split())}"[:300])
        else:
            _tell(name, None)
    if {"torch", "numpy"} <= set(names):
        _tell("bridge", "started")
        works, reason = numpy_bridge_works()
        _tell("bridge", None if works else reason)
    _tell("summary", str(snapshot()))


def _tell(name: str, answer: str | None) -> None:
    print(MARK, name, json.dumps(answer), sep="\t", flush=True)
