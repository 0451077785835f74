"""Processes told apart on Windows, by the system's own functions and without a package.

`os.kill(pid, 0)` does not ask there: every signal but two ends the process (os.kill in Python's documentation). A
process that has ended can be opened as long as anybody holds it, and answers with its exit code then (OpenProcess,
GetExitCodeProcess and GetProcessTimes in Microsoft's documentation).
"""

from __future__ import annotations

import ctypes
from typing import Any

MAY_BE_ASKED = 0x1000
"""PROCESS_QUERY_LIMITED_INFORMATION: given also for processes of others."""

STILL_ACTIVE = 259
"""The exit code of a process that has not ended."""

ACCESS_DENIED = 5
"""It is there, and nothing may be asked of it."""

INVALID_PARAMETER = 87
"""There is no process of that number."""

MOST_NUMBER = 2**32
"""Process numbers are below."""


def is_alive(pid: int, started: str, kernel: Any = None) -> bool | None:
    """Whether the process with this number and start time is there still; None where the system does not say.

    `kernel` stands in for Windows' own functions.
    """
    kernel = _kernel32() if kernel is None else kernel
    if kernel is None or not 0 < pid < MOST_NUMBER:
        return None
    handle = kernel.OpenProcess(MAY_BE_ASKED, False, pid)
    if not handle:
        return {ACCESS_DENIED: True, INVALID_PARAMETER: False}.get(kernel.GetLastError())
    try:
        code = ctypes.c_ulong()
        if kernel.GetExitCodeProcess(handle, ctypes.byref(code)) and code.value != STILL_ACTIVE:
            return False
        now = _created(kernel, handle)
        return not (started and now and now != started)
    finally:
        kernel.CloseHandle(handle)


def start_time(pid: int, kernel: Any = None) -> str:
    """When a process was started, in units of 100 ns since 1601; empty where there is none, or it may not be asked."""
    kernel = _kernel32() if kernel is None else kernel
    if kernel is None or not 0 < pid < MOST_NUMBER:
        return ""
    handle = kernel.OpenProcess(MAY_BE_ASKED, False, pid)
    if not handle:
        return ""
    try:
        return _created(kernel, handle)
    finally:
        kernel.CloseHandle(handle)


def _created(kernel: Any, handle: Any) -> str:
    created, *others = (ctypes.c_ulonglong() for _ in range(4))
    if not kernel.GetProcessTimes(handle, ctypes.byref(created), *map(ctypes.byref, others)):
        return ""
    return str(created.value)


class _Kernel32:
    """The functions by name, with the error of the last call kept where other calls do not lose it."""

    def __init__(self, library: Any) -> None:
        handle = ctypes.c_void_p  # as the default, an int, it would be cut in half
        library.OpenProcess.restype = handle
        library.OpenProcess.argtypes = (ctypes.c_ulong, ctypes.c_int, ctypes.c_ulong)
        library.CloseHandle.argtypes = (handle,)
        library.GetExitCodeProcess.argtypes = (handle, ctypes.c_void_p)
        library.GetProcessTimes.argtypes = (handle, *[ctypes.c_void_p] * 4)
        self.OpenProcess, self.CloseHandle = library.OpenProcess, library.CloseHandle
        self.GetExitCodeProcess, self.GetProcessTimes = library.GetExitCodeProcess, library.GetProcessTimes

    def GetLastError(self) -> int:  # noqa: N802 - the system's own name
        return int(ctypes.get_last_error())  # type: ignore[attr-defined]


def _kernel32() -> Any:
    try:
        return _Kernel32(ctypes.WinDLL("kernel32", use_last_error=True))  # type: ignore[attr-defined]
    except (AttributeError, OSError):  # no Windows
        return None
