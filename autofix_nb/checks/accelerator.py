"""No accelerator though one could be had: a Colab or Kaggle machine without a GPU, a torch that cannot use the card.

Measured by what torch can use, what lies in the machine, and what device this training is meant for. A small model
trains on a CPU about as fast, so it is only noted there.
"""

from dataclasses import dataclass
from typing import ClassVar

from autofix_nb.checks.base import Answer, Check
from autofix_nb.environment import torchvision_for
from autofix_nb.environment.clicks import ACCELERATOR, pip_line, restart_by
from autofix_nb.environment.versions import exact
from autofix_nb.evidence import Machine, Subject
from autofix_nb.evidence.footprint import parameter_count
from autofix_nb.finding import NotApplicable, Severity

NOTHING = ("", "-1", "none", "void", "NoDevFiles")
"""Values of the variables that choose cards, which choose none: somebody meant it so."""


@dataclass(frozen=True, kw_only=True)
class Accelerator(Check):
    """The training is going to run on a CPU, and need not."""

    code: ClassVar = "E03"
    title: ClassVar = "No accelerator, though one could be had"

    parameters: int = 5_000_000
    """Models of at least so many parameters are slow on a CPU."""

    image_side: int = 96
    """Images of at least so many pixels on their longer side are slow on a CPU, whatever the model."""

    def look(self, subject: Subject) -> Answer:
        machine = subject.machine
        if subject.device.type != "cpu":
            name = machine.accelerator_name if subject.device.type in machine.accelerators else ""
            return self.fine(f"trains on `{subject.device}`{f' ({name})' if name else ''}")
        if machine.accelerators:
            return self._unused(subject)
        if machine.nvidia_card == "device":
            return self._unusable(subject)
        if machine.host in ACCELERATOR:
            return self._by_a_click(subject)
        if machine.nvidia_card == "bus" and machine.built_for is not None:
            return self.fine("CPU only: an NVIDIA card is in the machine, and not given to this process")
        if machine.nvidia_card == "bus":
            return self._unusable(subject)
        return self.fine("CPU only; no accelerator was found here")

    def _unused(self, subject: Subject) -> Answer:
        kind, name = subject.machine.accelerators[0], subject.machine.accelerator_name
        size, is_slow = self._job(subject)
        if subject.original is None or not is_slow:
            return self.fine(f"CPU, while `{kind}` ({name}) could be used; {size or 'no model was given'}")
        return self.bad(
            self.found(
                f"this training is set to run on the CPU, while `{kind}` ({name}) could be used, and {size} is slow "
                f"there{self._limit}",
                severity=Severity.WARNING,
                measured=parameter_count(subject.original),
                limit=self.parameters,
                evidence=[f"torch can use: {', '.join(subject.machine.accelerators)}"],
                to_type=f'device = "{kind}"',
            )
        )

    def _by_a_click(self, subject: Subject) -> Answer:
        machine = subject.machine
        size, is_slow = self._job(subject)
        if is_slow:
            why = f"and {size} is slow without one{self._limit}"
        elif size:
            why = f"which {size} can do without{self._limit}; a larger one wants"
        else:
            why = "and most models train faster on one"
        return self.bad(
            self.found(
                f"this {machine.host.capitalize()} machine has no GPU, {why}: {ACCELERATOR[machine.host]}",
                severity=Severity.WARNING if is_slow else Severity.NOTE,
                measured=0 if subject.original is None else parameter_count(subject.original),
                limit=self.parameters,
                evidence=[
                    "the change starts a new machine: what was installed and not saved is gone, so do it first",
                    f"torch {machine.version('torch')} was built for {machine.built_for or 'CPUs alone'}",
                ],
            )
        )

    def _unusable(self, subject: Subject) -> Answer:
        machine = subject.machine
        size, is_slow = self._job(subject)
        severity = Severity.WARNING if is_slow or subject.original is None else Severity.NOTE
        if machine.nvidia_card == "bus":  # it may well be meant for others
            severity = Severity.NOTE
        torch = machine.version("torch") or "torch"
        evidence = [f"an NVIDIA card is seen as: {machine.nvidia_card}", f"torch {torch}: {machine.built_for or 'CPU'}"]
        if machine.driver:
            evidence.append(f"driver {machine.driver}")
        if machine.built_for is None:
            says = f"an NVIDIA card is here, but torch {torch} is a build for CPUs alone"
            to_type = _with_cuda(machine, torch)
            if machine.host != "terminal":
                evidence.append(f"after the installation restart once: {restart_by(machine.host)}")
        elif (hidden := _hidden(machine)) is not None:
            says = f"an NVIDIA card is here, but `{hidden}={machine.variables[hidden]}` keeps it from torch"
            severity = Severity.NOTE if machine.variables[hidden] in NOTHING else severity
            to_type = f'import os; os.environ.pop("{hidden}")  # in the first cell, after a restart'
        elif "too old" in machine.cuda_error:
            driver = f"driver {machine.driver}" if machine.driver else "NVIDIA driver"
            says = (
                f"an NVIDIA card is here, but its {driver} is too old for torch {torch}, built for {machine.built_for}"
            )
            evidence.append("update the driver, or install a torch for an older CUDA: pytorch.org/get-started")
            to_type = "!nvidia-smi" if machine.host != "terminal" else "nvidia-smi"
        else:
            says = f"an NVIDIA card is here, but torch {torch} for {machine.built_for} cannot use it"
            to_type = 'import torch; torch.zeros(1, device="cuda")  # says why'
        if machine.cuda_error:
            evidence.append(f"torch says: {machine.cuda_error}")
        return self.bad(
            self.found(
                f"{says}, so {size or 'the model'} would train on the CPU{self._limit if size else ''}",
                severity=severity,
                measured=0 if subject.original is None else parameter_count(subject.original),
                limit=self.parameters,
                evidence=evidence,
                to_type=to_type,
            )
        )

    @property
    def _limit(self) -> str:
        return f" (limit {self.parameters / 1e6:g} million parameters, or images of {self.image_side} pixels)"

    def _job(self, subject: Subject) -> tuple[str, bool]:
        """The model in words, empty without one, and whether it is slow on a CPU."""
        if subject.original is None:
            return "", False
        count = parameter_count(subject.original)
        side = _image_side(subject)
        size = f"a model of {count:,} parameters" + (f" on images of {side} pixels" if side else "")
        return size, count >= self.parameters or side >= self.image_side


def _image_side(subject: Subject) -> int:
    """The longer side of the images of the first batch; 0 where it holds none."""
    try:
        inputs, _ = subject.parts
    except NotApplicable:
        return 0
    shape = getattr(inputs, "shape", ())
    return int(max(shape[-2:])) if len(shape) == 4 else 0


def _hidden(machine: Machine) -> str | None:
    """The variable that keeps the first card from torch: it is empty, or names none or another one."""
    if not machine.variables.get("CUDA_VISIBLE_DEVICES", "0").startswith(("0", "GPU", "MIG")):
        return "CUDA_VISIBLE_DEVICES"
    return "NVIDIA_VISIBLE_DEVICES" if machine.variables.get("NVIDIA_VISIBLE_DEVICES") in NOTHING else None


def _with_cuda(machine: Machine, torch: str) -> str:
    """What installs the same torch for CUDA."""
    wanted = ["install", "--force-reinstall", exact("torch", torch, other_build=True), torchvision_for(torch)]
    if machine.system != "win32":
        return pip_line(machine.host, *wanted)
    # The registry's wheels for Windows are for CPUs.
    line = pip_line(machine.host, *wanted, "--index-url", "https://download.pytorch.org/whl/cu126")
    return f"{line}  # or for another CUDA: pytorch.org/get-started"
