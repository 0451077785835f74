"""Cards are seen in the files that the system shows."""

import pytest
import torch

from autofix_nb.environment.accelerators import (
    accelerator_name,
    built_for,
    cuda_error,
    device_memory_free,
    driver_version,
    nvidia_card,
    usable_accelerators,
)

BUS = "sys/bus/pci/devices/0000:01:00.0"


@pytest.mark.parametrize(
    ("expected", "files"),
    [
        pytest.param(None, {}, id="nothing"),
        pytest.param("device", {"dev/nvidia0": ""}, id="this-process-may-use-it"),
        pytest.param(None, {"dev/nvidiactl": ""}, id="a-driver-without-a-card"),
        pytest.param("device", {"dev/dxg": "", "usr/lib/wsl/lib/libcuda.so.1": ""}, id="wsl"),
        pytest.param(None, {"dev/dxg": ""}, id="wsl-with-another-card"),
        pytest.param("device", {"Windows/System32/nvcuda.dll": ""}, id="windows"),
        pytest.param("bus", {f"{BUS}/vendor": "0x10de\n", f"{BUS}/class": "0x030000\n"}, id="on-the-bus"),
        pytest.param(None, {f"{BUS}/vendor": "0x10de\n", f"{BUS}/class": "0x040300\n"}, id="its-sound-device"),
        pytest.param(None, {f"{BUS}/vendor": "0x8086\n", f"{BUS}/class": "0x030000\n"}, id="of-another-maker"),
    ],
)
def test_nvidia_card(expected, files, tmp_path):
    """A device file says that this process may use it, the bus only that it is there."""
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    assert expected == nvidia_card(tmp_path)


def test_driver_version(tmp_path):
    """From the line that the driver writes."""
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
    )

    assert ("535.104.05", "") == (driver_version(tmp_path), driver_version(tmp_path / "none"))


def test_torch_is_asked():
    """Which devices it can use."""
    assert torch.cuda.is_available() == ("cuda" in usable_accelerators())
    assert torch.cuda.is_available() == (cuda_error() == "")
    assert ("Apple GPU", None) == (accelerator_name("mps"), device_memory_free("mps"))


@pytest.mark.parametrize(
    ("expected", "cuda", "hip"), [("CUDA 12.8", "12.8", None), ("ROCm 6.4", None, "6.4"), (None, None, None)]
)
def test_built_for(expected, cuda, hip, monkeypatch):
    """As its files say."""
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", hip)

    assert expected == built_for()
