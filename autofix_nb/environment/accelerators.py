"""Which accelerators torch can use here, and which are in the machine although it cannot.

`/dev/nvidia0` says that this process may use a card; a card on the PCI bus alone may belong to others, as in a
container that was started without it.
"""

from __future__ import annotations

import importlib
import re
import warnings
from pathlib import Path

NVIDIA = "0x10de"
DISPLAY_CLASS = "0x03"


def usable_accelerators() -> tuple[str, ...]:
    """The kinds of device that torch can train on besides the CPU: `cuda` (also for AMD's cards), `mps`, `xpu`."""
    torch = importlib.import_module("torch")
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # says why there is none; `cuda_error` asks for that
        for name, module in (("cuda", torch.cuda), ("mps", torch.backends.mps), ("xpu", getattr(torch, "xpu", None))):
            if module is not None and module.is_available():
                found.append(name)
    return tuple(found)


def accelerator_name(kind: str) -> str:
    """What the accelerator calls itself."""
    torch = importlib.import_module("torch")
    if kind == "cuda":
        return torch.cuda.get_device_name()
    return {"mps": "Apple GPU", "xpu": "Intel GPU"}.get(kind, kind)


def device_memory_free(kind: str) -> int | None:
    """Bytes free on the present CUDA device; None for others, which do not tell."""
    if kind != "cuda":
        return None
    return importlib.import_module("torch").cuda.mem_get_info()[0]


def built_for() -> str | None:
    """What this torch was built for: `CUDA 12.8`, `ROCm 6.4`; None if for CPUs alone."""
    version = importlib.import_module("torch").version
    if getattr(version, "cuda", None):
        return f"CUDA {version.cuda}"
    return f"ROCm {version.hip}" if getattr(version, "hip", None) else None


def cuda_error() -> str:
    """Why torch cannot use CUDA, in its own words; empty where it can."""
    torch = importlib.import_module("torch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.cuda.init()
    except Exception as error:  # noqa: BLE001 - the words are all that is wanted
        return " ".join(str(error).split())
    return ""


def nvidia_card(root: Path = Path("/")) -> str | None:
    """How an NVIDIA card is known to be here: `device` (this process may use it), `bus`; None without one."""
    # Below WSL the card is a DirectX device, and NVIDIA's library lies beside it.
    below_wsl = (root / "dev/dxg").exists() and (root / "usr/lib/wsl/lib/libcuda.so.1").exists()
    has_windows_driver = (root / "Windows/System32/nvcuda.dll").exists()
    if below_wsl or has_windows_driver or any((root / "dev").glob("nvidia[0-9]*")):
        return "device"
    for device in sorted((root / "sys/bus/pci/devices").glob("*")):
        try:
            vendor, kind = ((device / name).read_text("ascii").strip() for name in ("vendor", "class"))
        except OSError:
            continue
        if vendor == NVIDIA and kind.startswith(DISPLAY_CLASS):
            return "bus"
    return None


def driver_version(root: Path = Path("/")) -> str:
    """The version of NVIDIA's driver; empty where there is none."""
    try:
        text = (root / "proc/driver/nvidia/version").read_text("utf-8", "replace")
    except OSError:
        return ""
    found = re.search(r"\b(\d{3}\.\d+(?:\.\d+)?)\b", text)
    return found[1] if found else ""
