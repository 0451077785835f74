"""E01: torch and NumPy are tried on each other; the versions explain."""

import pytest

from autofix_nb.checks.numpy_fit import NumpyFit
from autofix_nb.evidence import Machine
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, subject, why_not

BROKEN = (False, "RuntimeError: Numpy is not available")
WORKS = (True, "a tensor went from torch to NumPy and back")


def machine(torch="2.2.2", numpy="2.1.3", bridge=BROKEN, **facts) -> Machine:
    """A machine with these versions."""
    return Machine(installed={"torch": torch, "numpy": numpy}, bridge=bridge, **({"host": "jupyter"} | facts))


@pytest.mark.parametrize(
    ("to_type", "facts"),
    [
        pytest.param('%pip install "numpy<2"', {"python": (3, 11)}, id="notebook"),
        pytest.param('pip install "numpy<2"', {"python": (3, 11), "host": "terminal"}, id="terminal"),
        pytest.param(
            '%pip install "torch>=2.3,!=2.2.2" torchvision', {"python": (3, 13), "host": "colab"}, id="no-numpy-1-here"
        ),
        pytest.param('%pip install "numpy<2"', {"torch": "2.4.0", "python": (3, 12)}, id="windows-wheels-of-2.4.0"),
        pytest.param(
            '%pip install --force-reinstall --no-deps "numpy==1.26.4"\n%pip install "numpy==1.26.4"',
            {"numpy": "1.26.4", "python": (3, 11)},
            id="half-a-numpy",
        ),
    ],
)
def test_a_bridge_that_fails_is_critical(to_type, facts):
    """With the line that mends it on this Python and this host."""
    finding = answer_of(NumpyFit(), subject(machine=machine(**facts))).findings[0]

    assert (Severity.CRITICAL, to_type) == (finding.severity, finding.to_type)


def test_says_what_came_through_and_why():
    """The trial, and the rule where it explains."""
    finding = answer_of(NumpyFit(), subject(machine=machine(python=(3, 11)))).findings[0]

    assert (
        "torch 2.2.2 cannot pass a tensor to NumPy 2.1.3 and back: 0 of 1 tensors came through "
        "(RuntimeError: Numpy is not available); torch takes NumPy 2 from version 2.3 on"
    ) == finding.says


def test_a_live_kernel_needs_a_restart():
    """In the words of the host; a terminal has no kernel."""
    colab = answer_of(NumpyFit(), subject(machine=machine(host="colab"))).findings[0]
    terminal = answer_of(NumpyFit(), subject(machine=machine(host="terminal"))).findings[0]

    assert any("Runtime > Restart session" in line for line in colab.evidence)
    assert not any("restart" in line for line in terminal.evidence)


def test_the_trial_decides_not_the_rule():
    """Versions that should not fit, and do, are fine."""
    answer = answer_of(NumpyFit(), subject(machine=machine(bridge=WORKS)))

    assert () == answer.findings
    assert "torch 2.2.2 and NumPy 2.1.3: a tensor went from torch to NumPy and back" == answer.says


def test_numpy_is_missing():
    """Then it is to be installed."""
    told = Machine(installed={"torch": "2.11.0"}, bridge=(False, "ModuleNotFoundError"), host="jupyter")

    assert "%pip install numpy" == answer_of(NumpyFit(), subject(machine=told)).findings[0].to_type


def test_a_numpy_that_changed_under_the_kernel_asks_for_a_restart_not_for_an_installation():
    """Else the install cell is run for ever."""
    told = machine(loaded={"torch": "2.2.2", "numpy": "2.1.3"}, on_disk={"torch": "2.2.2", "numpy": "1.26.4"})

    assert "numpy changed under this kernel: restart it first (see E06)" == why_not(NumpyFit(), subject(machine=told))


@pytest.mark.parametrize(("numpy", "severity"), [("2.1.3", Severity.WARNING), ("1.26.3", None)])
def test_what_was_installed_since_will_not_fit(numpy, severity):
    """The kernel still works; after the next restart it would not."""
    told = machine(
        bridge=WORKS,
        python=(3, 11),
        loaded={"torch": "2.2.2", "numpy": "1.26.4"},
        on_disk={"torch": "2.2.2", "numpy": numpy},
    )

    findings = answer_of(NumpyFit(), subject(machine=told)).findings

    assert [severity] * bool(severity) == [finding.severity for finding in findings]


def test_here_it_fits():
    """On the machine that runs this."""
    assert () == answer_of(NumpyFit(), subject()).findings
