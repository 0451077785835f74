"""Windows: processes are asked by its own functions; nothing is ever sent to them."""

import ctypes
import os

import pytest

from autofix_nb.environment import process, windows_process
from autofix_nb.environment.windows_process import is_alive, start_time


class Kernel:
    """Stands for the system: processes by number, each with its start time and exit code."""

    def __init__(self, processes, error=87):
        self.processes, self.error, self.open = processes, error, 0

    def OpenProcess(self, access, inherit, pid):  # noqa: N802
        assert (0x1000, False) == (access, inherit)
        self.open += pid in self.processes
        return pid if pid in self.processes else 0

    def CloseHandle(self, handle):  # noqa: N802
        self.open -= 1

    def GetLastError(self):  # noqa: N802
        return self.error

    def GetExitCodeProcess(self, handle, code):  # noqa: N802
        ctypes.cast(code, ctypes.POINTER(ctypes.c_ulong))[0] = self.processes[handle][1]
        return 1

    def GetProcessTimes(self, handle, created, *others):  # noqa: N802
        ctypes.cast(created, ctypes.POINTER(ctypes.c_ulonglong))[0] = self.processes[handle][0]
        return 1


@pytest.mark.parametrize(
    ("pid", "started", "error", "alive"),
    [
        pytest.param(4, "133", 0, True, id="there"),
        pytest.param(4, "", 0, True, id="start-not-known"),
        pytest.param(4, "132", 0, False, id="number-given-out-again"),
        pytest.param(5, "133", 0, False, id="ended-and-held-by-somebody"),
        pytest.param(6, "133", 87, False, id="no-such-number"),
        pytest.param(6, "133", 5, True, id="somebody-elses"),
        pytest.param(6, "133", 31, None, id="no-answer"),
        pytest.param(2**40, "133", 0, None, id="no-number"),
    ],
)
def test_the_system_is_asked(pid, started, error, alive):
    """Number, start time and exit code together tell; what was opened is closed again."""
    kernel = Kernel({4: (133, 259), 5: (133, 1)}, error)

    assert alive is is_alive(pid, started, kernel)
    assert 0 == kernel.open


def test_the_start_time_is_the_systems_number():
    """Empty where there is no such process."""
    kernel = Kernel({4: (133, 259)})

    assert ["133", "", ""] == [start_time(pid, kernel) for pid in (4, 5, 0)]


def test_no_signal_is_sent_there(monkeypatch):
    """`os.kill(pid, 0)` would end the very kernel that is asked about."""
    monkeypatch.setattr(process.sys, "platform", "win32")
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("sent a signal"))
    monkeypatch.setattr(windows_process, "_kernel32", lambda: Kernel({4: (133, 259)}))

    assert process.is_alive(4, "133")
    assert not process.is_alive(9, "133")
    assert "133" == process.start_time(4)


def test_where_the_functions_are_missing_nothing_is_claimed(monkeypatch):
    """Then the sign of life in the lease decides."""
    monkeypatch.setattr(windows_process, "_kernel32", lambda: None)

    assert (None, "") == (is_alive(4, "133"), start_time(4))
