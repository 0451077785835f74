"""The command `autofix-nb`: `diagnose` looks before a training begins; `report` and `runs` tell what came of it."""

import argparse
import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from autofix_nb.errors import AutofixError, ConfigurationError
from autofix_nb.journal import plain
from autofix_nb.preflight import Preflight, preflight
from autofix_nb.report.preflight import to_text
from autofix_nb.run import open_run
from autofix_nb.runs import runs as list_runs

USAGE_ERROR = 3
"""Exit status when there was nothing to look at: 1 and 2 say what a look has found."""

PARTS = ("model", "train", "val", "loss", "step", "optimizer", "device")
"""What the user's function may return, by name; without names, model and loaders in this order."""

ABOUT = """\
Looks before a training and says what is wrong, how that was measured and what to type. Changes nothing.

Without TRAINING: the environment alone. TRAINING is `module:function` or `path/to/file.py:function`; the function
takes no arguments and returns (model, train), (model, train, val), or a dict with some of model, train, val, loss,
step, optimizer and device.

Exit status: 0 clean, 1 warnings, 2 errors, 3 nothing could be looked at.
"""


class _Parser(argparse.ArgumentParser):
    """2 means errors that were found, so a wrong argument must end with something else."""

    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    chosen = _parser().parse_args(arguments)
    if chosen.command != "diagnose":
        return _afterwards(chosen)
    try:
        _check_page(chosen.html)
        # What the user's code prints is no JSON.
        with redirect_stdout(sys.stderr) if chosen.json else nullcontext():
            report = _look(chosen)
        if chosen.html:
            _write(chosen.html, report.to_html())
    except AutofixError as error:
        print(f"autofix-nb: {error}", file=sys.stderr)
        return USAGE_ERROR
    if chosen.json:
        print(report.to_json())
    else:
        _print(str(report), to_text(report.facts, ascii=True))
    return report.exit_status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="autofix-nb", description="Train PyTorch models without losing an afternoon.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    diagnose = commands.add_parser(
        "diagnose",
        help="look at the environment, or at a whole training, before it begins",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    diagnose.add_argument("training", nargs="?", metavar="TRAINING", help="module:function that returns the training")
    diagnose.add_argument(
        "--deep", action="store_true", help="also learn one batch by heart, try memory, look closer at labels"
    )
    diagnose.add_argument("--budget-seconds", type=float, default=60.0, metavar="S", help="time to look (60)")
    diagnose.add_argument("--preset", default="default", help="thresholds: `default` or `design`")
    diagnose.add_argument("--ignore", action="append", default=[], metavar="CODE", help="leave a check out; repeatable")
    diagnose.add_argument("--device", default="auto", help="`auto`, `cpu`, `cuda`, `mps`")
    diagnose.add_argument("--json", action="store_true", help="print JSON and nothing else")
    diagnose.add_argument("--html", metavar="FILE", help="write the report as one HTML page too")
    report = commands.add_parser(
        "report", help="tell what happened in a run", description="Tells what happened in a run."
    )
    report.add_argument("folder", metavar="FOLDER", help="the folder of a run, such as runs/leaves")
    form = report.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="print it as text (what it does anyway)")
    form.add_argument("--json", action="store_true", help="print JSON and nothing else")
    form.add_argument("--html", metavar="FILE", help="write it as one HTML page, and print one line")
    runs = commands.add_parser("runs", help="list the runs of a store", description="Lists the runs of a store.")
    runs.add_argument("store", nargs="?", metavar="STORE", help="a folder (./runs), `drive`, or an address")
    runs.add_argument("--json", action="store_true", help="print JSON and nothing else")
    return parser


def _afterwards(chosen: argparse.Namespace) -> int:
    """Tell of runs that are there; 0 when there was something to tell."""
    try:
        if chosen.command == "runs":
            found = list_runs(chosen.store)
            _print(json.dumps(plain(found.to_dicts()), indent=2) if chosen.json else repr(found))
            return 0
        _check_page(chosen.html)
        report = open_run(chosen.folder).report()
        if chosen.html:
            _write(chosen.html, report.to_html())
            _print(f"{report.facts['health']['says']} The report is in {chosen.html}.")
        else:
            _print(report.to_json() if chosen.json else str(report))
    except AutofixError as error:
        print(f"autofix-nb: {error}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def _check_page(file: str | None) -> None:
    """Raise before a long look rather than after it where the page cannot be written."""
    if file is not None and (Path(file).is_dir() or not Path(file).parent.is_dir()):
        raise ConfigurationError(f"`--html` is {file!r}, wanted a file in a folder that exists")


def _write(file: str, page: str) -> None:
    try:
        Path(file).write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"`--html` {file!r} cannot be written: {error}") from error


def _look(chosen: argparse.Namespace) -> Preflight:
    options: dict[str, Any] = {
        "deep": chosen.deep,
        "budget_seconds": chosen.budget_seconds,
        "preset": chosen.preset,
        "ignore": tuple(chosen.ignore),
        "device": chosen.device,
    }
    parts = {"model": None, "train": None} if chosen.training is None else _parts(chosen.training)
    if chosen.device == "auto" and "device" in parts:
        options["device"] = parts.pop("device")
    parts.pop("device", None)
    return preflight(parts.pop("model", None), parts.pop("train", None), parts.pop("val", None), **parts, **options)


def _parts(training: str) -> dict[str, Any]:
    """Call the user's function and name what it returns.

    Raises:
        ConfigurationError: when there is no such function, it raises, or returns something else.
    """
    where, colon, name = training.rpartition(":")
    if not colon or not where or not name:
        raise ConfigurationError(
            f"`TRAINING` must be `module:function` or `file.py:function`, got {training!r}; give for instance "
            "`train.py:setup`"
        )
    function = getattr(_module(where), name, None)
    if not callable(function):
        raise ConfigurationError(f"`{where}` has no function `{name}`")
    try:
        given = function()
    except SystemExit as error:
        raise ConfigurationError(f"`{training}` ended the program (`sys.exit`, {error.code!r})") from error
    except Exception as error:
        # The user's own traceback, from the user's own function on.
        frames = traceback.TracebackException.from_exception(error)
        frames.stack[:] = frames.stack[1:]
        print("".join(frames.format()), file=sys.stderr, end="")
        raise ConfigurationError(f"`{training}` raised {type(error).__name__}: {error}") from error
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in PARTS]
        if unknown:
            raise ConfigurationError(f"`{training}` returned a dict with {unknown[0]!r}; wanted some of {list(PARTS)}")
        return dict(given)
    if isinstance(given, tuple | list) and len(given) in (2, 3):
        return dict(zip(PARTS, given, strict=False))
    raise ConfigurationError(
        f"`{training}` returned a {type(given).__name__}, wanted (model, train), (model, train, val), or a dict "
        f"with some of {list(PARTS)}"
    )


def _module(where: str) -> Any:
    """Import the user's module, by its path or by its name from the present folder."""
    try:
        if where.endswith(".py"):
            path = Path(where).resolve()
            if not path.is_file():
                raise ConfigurationError(f"`{where}` does not exist")
            sys.path.insert(0, str(path.parent))
            spec = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[path.stem] = module  # workers and pickles look it up by its name
            spec.loader.exec_module(module)
            return module
        sys.path.insert(0, os.getcwd())
        return importlib.import_module(where)
    except AutofixError:
        raise
    except SystemExit as error:
        raise ConfigurationError(
            f"`{where}` ends the program when it is imported (`sys.exit`, {error.code!r}); keep what a script does "
            'under `if __name__ == "__main__":`'
        ) from error
    except Exception as error:
        raise ConfigurationError(f"`{where}` cannot be imported: {type(error).__name__}: {error}") from error


def _print(text: str, simple: str | None = None) -> None:
    """Print also where the terminal's encoding knows no check marks; `simple` is the same without them."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = (text if simple is None else simple).encode(encoding, errors="replace").decode(encoding)
    print(text)


def diagnose(arguments: Sequence[str] | None = None) -> int:
    """Run `autofix-nb diagnose` with these arguments: what `scripts/training_diagnostics.py` calls."""
    return main(["diagnose", *(sys.argv[1:] if arguments is None else arguments)])


def run() -> None:
    """Entry point of the installed command."""
    sys.exit(main())
