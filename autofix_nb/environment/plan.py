"""What to repair, in which order: halves of packages, then what does not fit, then the rest and the project itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autofix_nb.environment.host import NOTEBOOK_HOSTS, NOTEBOOK_STACK
from autofix_nb.environment.installed import NO_RECORD
from autofix_nb.environment.misfits import repair_misfits
from autofix_nb.environment.modules import lacks_another
from autofix_nb.environment.repair import Repair
from autofix_nb.environment.requirements import unmet_requirements
from autofix_nb.environment.versions import exact


def plan_repairs(
    installed: Mapping[str, str],
    python: tuple[int, int],
    host: str,
    *,
    incomplete: Mapping[str, str] | None = None,
    failures: Mapping[str, str] | None = None,
    bridge: tuple[bool, str] | None = None,
    requirements: Sequence[str] = (),
    project: str | None = None,
    extras: Sequence[str] = (),
) -> list[Repair]:
    """What to install, in order, from what is known; nothing is touched.

    `installed` maps distributions to versions, `incomplete` those with missing files to what is missing,
    `failures` those that do not import to the error. `bridge` is what `numpy_bridge_works` said, None if it
    was not asked. `requirements` are the project's, `project` says what is wrong with its own installation.
    """
    incomplete, failures = incomplete or {}, failures or {}
    on_host = host in NOTEBOOK_HOSTS
    untouchable = NOTEBOOK_STACK if on_host else frozenset()
    repairs = [_make_whole(name, installed[name], incomplete[name]) for name in incomplete if name not in untouchable]
    if repairs:  # errors of half a package tell about nothing else
        misfits = repair_misfits(installed, python, on_host, {}, None)
        return repairs + [repair for repair in misfits if not repair.touches() & set(incomplete)]
    repairs = repair_misfits(installed, python, on_host, failures, bridge)
    if repairs:  # asked for now, the project's requirements could make pip move the other one of a pair
        return repairs
    repairs = [
        _repair_import(name, installed[name], error)
        for name, error in failures.items()
        if name != "autofix-nb" and name not in untouchable
    ]
    unmet = {
        name: wanted
        for name, wanted in unmet_requirements(requirements, installed, python).items()
        if name not in untouchable
        and name not in failures
        # Under a live kernel a torch and a NumPy that work with each other stay what they are.
        and not (on_host and name in ("torch", "numpy") and name in installed)
    }
    return repairs + _repair_project(installed, unmet, project, extras, on_host)


def _make_whole(name: str, version: str, what: str) -> Repair:
    """A package of which files are missing."""
    why = f"{name} {version} is half installed: {what}"
    return Repair(name, (exact(name, version),), why, anew=True, over=what == NO_RECORD)


def _repair_import(name: str, version: str, error: str) -> Repair:
    """A package that is there and does not import: bring what it misses, else install it anew."""
    why = f"{name} {version} does not import ({error})"
    return Repair(name, (exact(name, version),), why, anew=not lacks_another(name, error))


def _repair_project(
    installed: Mapping[str, str],
    unmet: Mapping[str, str],
    project: str | None,
    extras: Sequence[str],
    on_host: bool,
) -> list[Repair]:
    """The project itself and what it asks for."""
    lacks = [
        f"`{wanted}` is wanted, {installed[name]} is installed" if name in installed else f"`{wanted}` is not installed"
        for name, wanted in unmet.items()
    ]
    if on_host:
        # Without dependencies, so that pip has no reason to move a package of the running kernel.
        repairs = [Repair(name, (unmet[name],), why) for name, why in zip(unmet, lacks, strict=True)]
        return repairs + ([Repair("autofix-nb", ("--no-deps", "--editable", "."), project)] if project else [])
    reasons = [*([project] if project else []), *lacks]
    target = f".[{','.join(extras)}]" if extras else "."
    return [Repair("autofix-nb", ("--editable", target), "; ".join(reasons))] if reasons else []
