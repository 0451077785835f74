"""Facts of the machine and the environment, each looked up once and on demand."""

import importlib
import os
import re
import sys
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from autofix_nb.environment import installed_folders, numpy_bridge_works
from autofix_nb.environment.accelerators import (
    accelerator_name,
    built_for,
    cuda_error,
    device_memory_free,
    driver_version,
    nvidia_card,
    usable_accelerators,
)
from autofix_nb.environment.drive import MOUNTED_AT, Drive, look_at_drive
from autofix_nb.environment.host import host_of_script
from autofix_nb.environment.loaded import loaded_versions, same_version, vanished, versions_on_disk
from autofix_nb.environment.modules import MODULES
from autofix_nb.environment.room import disk_free, memory_available, shared_memory

_BUILD = re.compile(r"^__version__\s*=\s*['\"][^'\"+]+\+(?:cpu|cu(\d+)(\d))['\"]", re.MULTILINE)


class Machine:
    """What is known of this process, its packages and its machine.

    Each fact may be given by keyword instead of being looked up. Versions given as `installed` stand for what is
    loaded and importable too, unless that is given as well.
    """

    def __init__(self, **known: Any) -> None:
        facts = {name for name, part in vars(Machine).items() if isinstance(part, cached_property)}
        if unknown := sorted(set(known) - facts):
            raise TypeError(f"`{unknown[0]}` is no fact of a machine; there are {', '.join(sorted(facts))}")
        if "installed" in known:
            same = {"loaded": known["installed"], "on_disk": known["installed"], "import_errors": {}, "builds": {}}
            known = same | known
        # A cached property looks here before it looks anything up.
        vars(self).update(known)
        self._imports = "import_errors" not in known

    # --- where ----------------------------------------------------------------------------------------------------

    @cached_property
    def host(self) -> str:
        """`kaggle`, `colab`, `vscode`, `jupyter` or `terminal`."""
        return host_of_script()

    @cached_property
    def system(self) -> str:
        """`linux`, `win32` or `darwin`."""
        return sys.platform

    @cached_property
    def python(self) -> tuple[int, int]:
        """Major and minor version of Python."""
        return sys.version_info[:2]

    @cached_property
    def variables(self) -> dict[str, str]:
        """The environment's variables."""
        return dict(os.environ)

    # --- packages -------------------------------------------------------------------------------------------------

    @cached_property
    def installed(self) -> dict[str, str]:
        """Each installed distribution and its version, as pip describes it."""
        return {name: version for name, (version, _) in installed_folders().items()}

    @cached_property
    def loaded(self) -> dict[str, str]:
        """Each watched distribution that this kernel has imported, and the version that it runs."""
        return loaded_versions()

    @cached_property
    def on_disk(self) -> dict[str, str]:
        """The version that a new kernel would load, of those that are loaded."""
        return versions_on_disk()

    @cached_property
    def vanished(self) -> tuple[str, ...]:
        """Distributions that are loaded, and of which nothing is left on the disk."""
        return vanished()

    @cached_property
    def changed(self) -> dict[str, tuple[str, str]]:
        """Distributions that a new kernel would load in another version: what is loaded, what is installed."""
        return {
            name: (version, self.on_disk[name])
            for name, version in self.loaded.items()
            if name in self.on_disk and not same_version(version, self.on_disk[name])
        }

    def version(self, name: str) -> str | None:
        """The version that counts now: the loaded one, else the installed one."""
        return self.loaded.get(name, self.installed.get(name))

    @cached_property
    def bridge(self) -> tuple[bool, str]:
        """Whether a tensor passes from torch to NumPy and back, and in words what happened."""
        return numpy_bridge_works()

    @cached_property
    def builds(self) -> dict[str, str | None]:
        """The CUDA that torch and torchvision were built for, as their files say; None for CPUs alone."""
        found = {"torch": torch.version.cuda}
        for path in sys.path:
            try:
                text = (Path(path or ".") / "torchvision" / "version.py").read_text("utf-8", "replace")
            except OSError:
                continue
            if build := _BUILD.search(text):
                found["torchvision"] = f"{build[1]}.{build[2]}" if build[1] else None
            break
        return found

    @cached_property
    def import_errors(self) -> dict[str, str | None]:
        """What was found by `import_error`; None where it imports."""
        return {}

    def import_error(self, name: str) -> str | None:
        """What goes wrong when this distribution is imported into this process; None where nothing does.

        It is imported if it is not loaded, which takes a second or two for torchvision.
        """
        if self._imports and name in self.loaded:
            return None
        if name not in self.import_errors and self._imports:
            self.import_errors[name] = _import(MODULES.get(name, name))
        return self.import_errors.get(name)

    # --- the machine ----------------------------------------------------------------------------------------------

    @cached_property
    def accelerators(self) -> tuple[str, ...]:
        """Kinds of device that torch can train on besides the CPU: `cuda`, `mps`, `xpu`."""
        return usable_accelerators()

    @cached_property
    def accelerator_name(self) -> str:
        """What the first accelerator calls itself; empty where there is none."""
        return accelerator_name(self.accelerators[0]) if self.accelerators else ""

    @cached_property
    def built_for(self) -> str | None:
        """What torch was built for: `CUDA 12.8`; None if for CPUs alone."""
        return built_for()

    @cached_property
    def nvidia_card(self) -> str | None:
        """`device` where this process may use an NVIDIA card, `bus` where one is in the machine; else None."""
        return nvidia_card()

    @cached_property
    def driver(self) -> str:
        """Version of NVIDIA's driver; empty where it is not known."""
        return driver_version()

    @cached_property
    def cuda_error(self) -> str:
        """Why torch cannot use CUDA, in its own words; empty where it can."""
        return cuda_error()

    @cached_property
    def memory_available_bytes(self) -> int | None:
        """Memory that this process can still have; None where that is not told."""
        return memory_available()

    @cached_property
    def device_memory_free_bytes(self) -> int | None:
        """Memory free on the accelerator; None without one that tells."""
        return device_memory_free(self.accelerators[0]) if self.accelerators else None

    @cached_property
    def disk_free_bytes(self) -> int | None:
        """Room on the disk of the working folder, where `./runs` lies unless told otherwise."""
        return disk_free(".")

    @cached_property
    def shared_memory_bytes(self) -> tuple[int, int] | None:
        """Shared memory that is free and that there is; None where the system has no folder for it."""
        return shared_memory()

    # --- Google Drive ---------------------------------------------------------------------------------------------

    @cached_property
    def drive_wanted(self) -> bool:
        """Whether the run is to be kept on Drive."""
        return False

    @cached_property
    def drive(self) -> Drive:
        """What was found where Colab mounts Drive; a tiny file is written there and deleted."""
        return look_at_drive()

    @cached_property
    def drive_folder(self) -> Path:
        """Below it lies all that is on Drive, shared drives too."""
        return MOUNTED_AT.parent


def _import(module: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - whatever it is, that is the answer
        return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
    return None
