"""Packages changed under the running kernel: pip has changed what lies on the disk, the kernel runs what it imported.

Measured by comparing `__version__` of the loaded modules with the version that a new kernel would load. On Colab NumPy
is loaded before the first cell runs, so a new one always needs a restart (googlecolab/colabtools#5238); the symptom is
`numpy.dtype size changed, may indicate binary incompatibility`.
"""

from dataclasses import dataclass
from typing import ClassVar

from autofix_nb.checks.base import Answer, Check
from autofix_nb.environment.clicks import restart_by
from autofix_nb.evidence import Subject
from autofix_nb.finding import NotApplicable, Severity

LOAD_BEARING = ("torch", "numpy", "torchvision")
"""Halves of these do not work with each other: another version on the disk breaks the next import."""


@dataclass(frozen=True, kw_only=True)
class StaleImports(Check):
    """What is loaded is not what is installed."""

    code: ClassVar = "E06"
    title: ClassVar = "Restart needed"

    def look(self, subject: Subject) -> Answer:
        machine = subject.machine
        changed = {*machine.changed, *machine.vanished}
        names = sorted(changed, key=lambda name: (name not in LOAD_BEARING, name not in machine.changed, name))
        compared = sum(name in machine.on_disk for name in machine.loaded)
        if not names and not compared:
            raise NotApplicable("none of the loaded packages says which version of it is installed")
        if not names:
            return self.fine(f"the {compared} packages looked at are loaded in the versions that are installed")
        lines = [_line(name, machine.loaded.get(name, ""), machine.changed.get(name)) for name in names]
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        return self.bad(
            self.found(
                f"{lines[0]}{more}: {_what_to_do(machine.host, gone=not machine.changed)}",
                severity=Severity.CRITICAL if names[0] in LOAD_BEARING else Severity.WARNING,
                measured=len(names),
                limit=0,
                where=names,
                evidence=[
                    *lines,
                    f"{compared} loaded packages were compared with what a new kernel would load",
                    "if the same two versions stand here after a restart, two cells install different ones: keep one",
                ],
            )
        )


def _line(name: str, loaded: str, changed: tuple[str, str] | None) -> str:
    if changed is None:
        return f"`{name}` {loaded} is loaded, but its files are gone from the disk".replace("  ", " ")
    return f"`{name}` {changed[1]} is installed, this kernel still runs {changed[0]}"


def _what_to_do(host: str, *, gone: bool) -> str:
    if gone:
        return f"install it again if it is needed, restart once ({restart_by(host)}), then run the cells from the top"
    if host == "terminal":
        return "end this process and start it again; do not install anything again"
    return (
        f"restart the kernel once ({restart_by(host)}), then run the cells from the top; do not run the install cell "
        "again, what it brought is there"
    )
