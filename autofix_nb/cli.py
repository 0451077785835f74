"""The command `autofix-nb`: `diagnose` looks at the environment, or at a whole training, before it begins."""

import argparse
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from autofix_nb.errors import AutofixError, ConfigurationError
from autofix_nb.preflight import Preflight, preflight
from autofix_nb.report.preflight import to_text

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
        _print(report)
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
    return parser


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


def _print(report: Preflight) -> None:
    """Print also where the terminal's encoding knows no check marks."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = str(report)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = to_text(report.facts, ascii=True)
    print(text)


def diagnose(arguments: Sequence[str] | None = None) -> int:
    """Run `autofix-nb diagnose` with these arguments: what `scripts/training_diagnostics.py` calls."""
    return main(["diagnose", *(sys.argv[1:] if arguments is None else arguments)])


def run() -> None:
    """Entry point of the installed command."""
    sys.exit(main())
