"""NumPy and torch do not fit: a torch built for NumPy 1 imports beside NumPy 2, and fails when data passes over.

Measured by passing a tensor to NumPy and back. The rule of the versions only explains it: torch takes NumPy 2 from
2.3.0 on (pytorch/pytorch#132179), its wheels for Windows from 2.4.1 on (pytorch/pytorch#135013), and Python 3.13 has no
NumPy 1.
"""

from dataclasses import dataclass
from typing import ClassVar

from autofix_nb.checks.base import Answer, Check
from autofix_nb.environment import numpy_fits
from autofix_nb.environment.clicks import pip_lines, restart_by
from autofix_nb.environment.misfits import repair_misfits
from autofix_nb.environment.repair import Repair
from autofix_nb.evidence import Machine, Subject
from autofix_nb.finding import NotApplicable, Severity

RULE = "torch takes NumPy 2 from version 2.3 on"


@dataclass(frozen=True, kw_only=True)
class NumpyFit(Check):
    """A tensor does not come through to NumPy and back."""

    code: ClassVar = "E01"
    title: ClassVar = "NumPy and torch do not fit"

    def look(self, subject: Subject) -> Answer:
        machine = subject.machine
        works, happened = machine.bridge
        torch, numpy = machine.version("torch"), machine.version("numpy")
        moved = {"torch", "numpy"} & machine.changed.keys()
        if not works and moved:
            raise NotApplicable(f"{' and '.join(sorted(moved))} changed under this kernel: restart it first (see E06)")
        if not works:
            return self._broken(machine, torch, numpy, happened)
        if moved:
            torch, numpy = (machine.on_disk.get(name, machine.version(name)) for name in ("torch", "numpy"))
            if not numpy_fits(torch, numpy):
                return self._will_break(machine, torch, numpy)
        return self.fine(f"torch {machine.version('torch')} and NumPy {machine.version('numpy')}: {happened}")

    def _broken(self, machine: Machine, torch: str | None, numpy: str | None, happened: str) -> Answer:
        pair = f"torch {torch} cannot pass a tensor to NumPy {numpy} and back"
        if torch is None or numpy is None:
            pair = "NumPy is not installed, and torch passes data through it"
        explained = "" if torch is None or numpy is None or numpy_fits(torch, numpy) else f"; {RULE}"
        return self.bad(
            self.found(
                f"{pair}: 0 of 1 tensors came through ({happened}){explained}",
                severity=Severity.CRITICAL,
                measured=0,
                limit=1,
                evidence=[f"the trial said: {happened}", f"rule of the versions: {RULE}", *_restart(machine)],
                to_type=_to_type(machine, torch, numpy, (False, happened)),
            )
        )

    def _will_break(self, machine: Machine, torch: str, numpy: str) -> Answer:
        return self.bad(
            self.found(
                f"torch {torch} and NumPy {numpy} are what is installed by now, and will not fit after the next "
                f"restart: {RULE}",
                severity=Severity.WARNING,
                measured=0,
                limit=1,
                evidence=[
                    f"this kernel still runs torch {machine.version('torch')} and NumPy {machine.version('numpy')}",
                    *_restart(machine),
                ],
                to_type=_to_type(machine, torch, numpy, (False, RULE)),
            )
        )


def _to_type(machine: Machine, torch: str | None, numpy: str | None, bridge: tuple[bool, str]) -> str:
    repairs = []
    if torch is not None and numpy is not None:
        repairs = repair_misfits({"torch": torch, "numpy": numpy}, machine.python, False, {}, bridge)
    commands = [command for repair in repairs or [Repair("numpy", ("numpy",), "")] for command in repair.commands()]
    return pip_lines(machine.host, commands)


def _restart(machine: Machine) -> list[str]:
    if machine.host == "terminal":
        return []
    return [f"NumPy is loaded already: after the installation restart once ({restart_by(machine.host)}), then go on"]
