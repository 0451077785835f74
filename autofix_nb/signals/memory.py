"""How much memory is in use."""

import os
import sys

import torch


def memory_bytes(device: torch.device) -> float:
    """Return the bytes in use: the most allocated on the accelerator so far, or this process's resident memory."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    try:
        with open("/proc/self/statm", "rb") as file:
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    except OSError:  # no /proc: macOS, Windows
        return _peak_memory_bytes()


def _peak_memory_bytes() -> float:
    try:
        import resource  # not on Windows
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
