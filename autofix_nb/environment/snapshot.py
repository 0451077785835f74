"""What a run stood on: Python, packages, device, memory, disk and host."""

from __future__ import annotations

import contextlib
import html
import importlib
import os
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from autofix_nb.environment.host import host_of_script
from autofix_nb.environment.installed import installed_folders
from autofix_nb.environment.modules import MODULES

SHOWN = {"torch": "torch", "torchvision": "torchvision", "numpy": "NumPy", "timm": "timm"}


@dataclass(frozen=True)
class Environment:
    """What a run stood on."""

    python: str
    packages: dict[str, str]
    device: str  # `cuda: Tesla T4`, `mps`, `cpu`, or why torch could not say
    device_memory_bytes: int | None
    cpu_count: int
    memory_bytes: int | None
    disk_free_bytes: int
    host: str

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        versions = [f"{title} {self.packages[name]}" for name, title in SHOWN.items() if name in self.packages]
        own_memory = "" if self.device_memory_bytes is None else f", {_size(self.device_memory_bytes)}"
        machine = [f"device {self.device}{own_memory}", f"{self.cpu_count} CPU cores"]
        if self.memory_bytes is not None:
            machine.append(f"{_size(self.memory_bytes)} memory")
        machine += [f"{_size(self.disk_free_bytes)} disk free", f"host {self.host}"]
        return " · ".join([f"Python {self.python}", *versions]) + "\n" + " · ".join(machine)

    # Front ends without HTML, and the text beside it in a saved notebook, show this.
    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def snapshot(folder: str | os.PathLike[str] = ".") -> Environment:
    """Look at this process, its machine and the disk that holds `folder`."""
    device, device_memory_bytes = _device()
    folders = installed_folders()
    return Environment(
        python=platform.python_version(),
        packages={name: folders[name][0] for name in MODULES if name in folders},
        device=device,
        device_memory_bytes=device_memory_bytes,
        cpu_count=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=_memory_bytes(),
        disk_free_bytes=shutil.disk_usage(folder).free,
        host=host_of_script(),
    )


def _device() -> tuple[str, int | None]:
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # noqa: BLE001 - a broken torch may raise anything
        return f"unknown, as torch does not import ({type(error).__name__}: {error})", None
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return f"cuda: {properties.name}", properties.total_memory
    return ("mps" if torch.backends.mps.is_available() else "cpu"), None


def _memory_bytes() -> int | None:
    """The machine's memory, or the container's where that is less."""
    sizes = []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            sizes.append(int(Path(path).read_text("ascii")))
        except (OSError, ValueError):  # no such control group, or the word `max`
            continue
    with contextlib.suppress(AttributeError, ValueError, OSError):  # Windows has no `sysconf`
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(sizes, default=None)


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
