"""torch, torchvision and timm do not fit each other.

Measured by importing them, where they are loaded already or this training needs them; the versions are compared with
the pairs that torchvision's wheels ask for. `operator torchvision::nms does not exist` means that torchvision's library
was built for another torch than the present one: with versions that fit, for another CUDA, such as the registry's
torchvision beside a torch for CPUs (pytorch/vision#9085). Then both must come from one index.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from autofix_nb.checks.base import Answer, Check
from autofix_nb.environment import pair_fits, torchvision_for
from autofix_nb.environment.clicks import pip_line, pip_lines, restart_by
from autofix_nb.environment.modules import lacks_another
from autofix_nb.environment.versions import exact, without_build
from autofix_nb.evidence import Machine, Subject
from autofix_nb.finding import Finding, NotApplicable, Severity

PACKAGES = ("torchvision", "timm")

INDEX = "https://download.pytorch.org/whl/"
"""Where the builds of torch lie, each below its name, such as `cpu` or `cu128`."""


@dataclass(frozen=True, kw_only=True)
class PackageFit(Check):
    """torchvision or timm does not import, or was made for another torch."""

    code: ClassVar = "E02"
    title: ClassVar = "torch, torchvision and timm do not fit"

    def look(self, subject: Subject) -> Answer:
        machine = subject.machine
        present = [name for name in PACKAGES if machine.version(name) is not None]
        if not present:
            raise NotApplicable("neither torchvision nor timm is installed, and nothing here needs them")
        versions = {name: machine.version(name) or "?" for name in ("torch", *present)}
        tried = [name for name in present if _is_tried(name, subject, versions)]
        errors = {name: error for name in tried if (error := machine.import_error(name)) is not None}
        moved = {"torch", *present} & machine.changed.keys()
        if errors and moved:
            raise NotApplicable(f"{' and '.join(sorted(moved))} changed under this kernel: restart it first (see E06)")
        if "torchvision" in errors:
            return self.bad(self._torchvision_breaks(machine, versions, errors))
        if "timm" in errors:
            return self.bad(self._timm_breaks(machine, versions, errors["timm"]))
        if _pair_is_odd(versions):
            return self.bad(self._odd_pair(machine, versions))
        how = "imported" if len(tried) == len(present) else "fit by their versions, not all are loaded here"
        return self.fine(f"{', '.join(f'{name} {version}' for name, version in versions.items())}: {how}")

    def _torchvision_breaks(self, machine: Machine, versions: dict[str, str], errors: dict[str, str]) -> Finding:
        torch, torchvision, error = versions["torch"], versions["torchvision"], errors["torchvision"]
        evidence = [f"import torchvision: {error}", *_builds(machine), *_restart(machine)]
        if "timm" in errors:
            evidence.insert(1, f"import timm: {errors['timm']}")
        if lacks_another("torchvision", error):
            says = f"torchvision {torchvision} does not import: it lacks another package ({error})"
            to_type = pip_line(machine.host, "install", _lacking(error))
        elif not pair_fits(torch, torchvision):
            says = (
                f"torchvision {torchvision} does not import: it was made for another torch than {torch}, which goes "
                f"with {_in_words(torchvision_for(torch))} ({error})"
            )
            to_type = pip_line(machine.host, "install", *_pair(machine, torch))
        else:
            says = (
                f"torchvision {torchvision} does not import: its version goes with torch {torch}, but the two are "
                f"builds of different make ({error}), so both must come from one index"
            )
            to_type = _same_index(machine, torch)
        return self.found(
            says,
            severity=Severity.CRITICAL,
            measured=len(errors),
            limit=0,
            where=tuple(errors),
            evidence=evidence,
            to_type=to_type,
        )

    def _timm_breaks(self, machine: Machine, versions: dict[str, str], error: str) -> Finding:
        missing = _lacking(error) if lacks_another("timm", error) else None
        return self.found(
            f"timm {versions['timm']} does not import beside torch {versions['torch']} ({error})",
            severity=Severity.CRITICAL,
            measured=1,
            limit=0,
            where=("timm",),
            evidence=[f"import timm: {error}", *_restart(machine)],
            to_type=pip_line(machine.host, "install", *([missing] if missing else ["--upgrade", "--no-deps", "timm"])),
        )

    def _odd_pair(self, machine: Machine, versions: dict[str, str]) -> Finding:
        torch, torchvision = versions["torch"], versions["torchvision"]
        return self.found(
            f"torchvision {torchvision} was made for another torch than {torch}, which goes with "
            f"{_in_words(torchvision_for(torch))}; it imports, yet parts of it may fail later",
            severity=Severity.WARNING,
            measured=1,
            limit=0,
            where=("torchvision",),
            evidence=["the pairs are those that torchvision's wheels ask for", *_restart(machine)],
            to_type=pip_line(machine.host, "install", *_pair(machine, torch)),
        )


def _is_tried(name: str, subject: Subject, versions: dict[str, str]) -> bool:
    """Whether it is worth the seconds: it is loaded, this training needs it, or something about it is odd."""
    machine = subject.machine
    builds_differ = len({_major(build) for build in machine.builds.values()}) > 1
    needed = subject.original is None or any(
        type(part).__module__.split(".")[0] in (name, "timm") for part in subject.original.modules()
    )
    return name in machine.loaded or needed or builds_differ or _pair_is_odd(versions) or name in machine.import_errors


def _pair_is_odd(versions: dict[str, str]) -> bool:
    if "torchvision" not in versions:
        return False
    # Builds between releases come in pairs of their own, such as those of NVIDIA's containers.
    unreleased = any(re.match(r"[\d.]+(a|b|rc|dev|post)", versions[name]) for name in ("torch", "torchvision"))
    return not unreleased and not pair_fits(versions["torch"], versions["torchvision"])


def _same_index(machine: Machine, torch: str) -> str:
    """Both anew, from where this torch came: its build is named in pip's description unless it is the registry's."""
    build = machine.installed.get("torch", torch).partition("+")[2]
    requirements = [exact("torch", torch), torchvision_for(torch)]
    index = ["--index-url", INDEX + build] if re.fullmatch(r"cpu|cu\d+|rocm[\d.]+|xpu", build) else []
    first = ["install", "--force-reinstall", "--no-deps", *requirements, *index]
    return pip_lines(machine.host, [first])


def _pair(machine: Machine, torch: str) -> list[str]:
    build = machine.installed.get("torch", torch).partition("+")[2]
    index = ["--extra-index-url", INDEX + build] if re.fullmatch(r"cpu|cu\d+|rocm[\d.]+|xpu", build) else []
    # The build too: else pip is content with another one, and moves torch under the kernel.
    kept = f"torch=={without_build(torch)}+{build}" if index else exact("torch", torch)
    return [kept, torchvision_for(torch), *index]


def _builds(machine: Machine) -> list[str]:
    words = [f"{name} for {f'CUDA {cuda}' if cuda else 'CPUs'}" for name, cuda in machine.builds.items()]
    return [f"built: {', '.join(words)}"] if words else []


def _major(cuda: str | None) -> str | None:
    return cuda.split(".")[0] if cuda else None


def _in_words(requirement: str) -> str:
    return requirement.replace("==", " ").replace(">=", " from ") + (" on" if ">=" in requirement else "")


def _lacking(error: str) -> str:
    module = re.search(r"No module named '([\w.]+)'", error)[1].split(".")[0]
    return {"PIL": "pillow", "yaml": "pyyaml"}.get(module, module)


def _restart(machine: Machine) -> list[str]:
    if machine.host == "terminal":
        return []
    return [f"what is loaded stays as it is until the kernel is restarted: do so once ({restart_by(machine.host)})"]
