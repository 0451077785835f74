"""The command behind `fix_environment.sh`: looks at the running Python and prints what to do, a row a line.

A row begins with its kind: `change` and why, `pip` and its arguments, `keep` and what pip must not move, `problem` and
what has no repair, `summary` and what the run would stand on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from autofix_nb.environment.host import NOTEBOOK_HOSTS, NOTEBOOK_STACK, host_of_script
from autofix_nb.environment.installed import installed_folders, missing_parts, needed_by
from autofix_nb.environment.modules import MODULES
from autofix_nb.environment.plan import plan_repairs
from autofix_nb.environment.probe import probe, probe_here
from autofix_nb.environment.project import Project
from autofix_nb.environment.requirements import name_of
from autofix_nb.environment.stamp import Stamp


def main(arguments: Sequence[str] | None = None) -> None:
    """`plan` prints the plan for the running Python, `probe` what imports."""
    parser = argparse.ArgumentParser(description="The part of fix_environment.sh that looks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("probe").add_argument("names", nargs="*", metavar="DISTRIBUTION")
    plan = commands.add_parser("plan")
    plan.add_argument("--extras", default="", help="names of pyproject.toml's optional dependencies, with commas")
    plan.add_argument("--remember", action="store_true", help="note a full check, so that the next one is quick")
    chosen = parser.parse_args(arguments)
    if chosen.command == "probe":
        probe_here(chosen.names)
        return
    for row in rows([name for name in chosen.extras.split(",") if name], chosen.remember):
        print(*(" ".join(part.split()) for part in row), sep="\t")


def rows(extras: Sequence[str], remember: bool) -> Iterator[tuple[str, ...]]:
    """The plan for this Python and the project that this file belongs to."""
    project = Project()
    if (unknown := project.unknown(extras)) is not None:
        yield "problem", unknown
        return
    requirements = project.requirements(extras)
    folders = installed_folders()
    installed = {name: version for name, (version, _) in folders.items()}
    incomplete = _incomplete(requirements, folders)
    # The project is never fetched by its name: whoever owns that name in an index is somebody else.
    own_fault = incomplete.pop("autofix-nb", None)

    stamp = Stamp(installed, project.text)
    remembered = stamp.read()
    answers = {} if remembered is None else {**dict.fromkeys(MODULES), "bridge": None, "summary": remembered}
    if remembered is None and not incomplete:
        answers = probe([name for name in MODULES if name in installed])
    failures = {name: error for name, error in answers.items() if name in MODULES and error is not None}
    asked = "bridge" in answers and "torch" not in failures and "numpy" not in failures

    here = host_of_script()
    repairs = plan_repairs(
        installed,
        sys.version_info[:2],
        here,
        incomplete=incomplete,
        failures=failures,
        bridge=(answers["bridge"] is None, answers["bridge"] or "") if asked else None,
        requirements=requirements,
        project=f"autofix_nb is half installed: {own_fault}" if own_fault else project.problem(folders),
        extras=extras,
    )
    for repair in repairs:
        yield "change", repair.why
        for command in repair.commands():
            yield "pip", *command

    stuck = {} if repairs else {**incomplete, **failures}
    for name, error in stuck.items():
        yield "problem", f"{name} {installed[name]} does not work: {error}"
    if remember and remembered is None and not repairs and not stuck:
        stamp.write(answers["summary"])
    if here in NOTEBOOK_HOSTS:
        kept = (NOTEBOOK_STACK | {"torch", "numpy"}) - {name for repair in repairs for name in repair.touches()}
        for name in sorted(kept & set(installed)):
            yield "keep", f"{name}=={installed[name]}"
    for line in (answers.get("summary") or "").splitlines():
        yield "summary", line


def _incomplete(requirements: Sequence[str], folders: Mapping[str, tuple[str, Path]]) -> dict[str, str]:
    """What is missing of each installed distribution that is needed."""
    wanted = [*MODULES, *(name_of(text) for text in requirements)]
    found = {name: missing_parts(folders[name][1]) for name in needed_by(wanted, folders)}
    return {name: what for name, what in found.items() if what is not None}
