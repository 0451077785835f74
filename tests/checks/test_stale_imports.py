"""E06: what the kernel holds against what lies on the disk, and a restart that nobody loops in."""

import pytest

from autofix_nb.checks.stale_imports import StaleImports
from autofix_nb.evidence import Machine
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, subject, why_not


def machine(loaded, on_disk, host="colab", vanished=()) -> Machine:
    """A kernel that runs some versions while others are installed."""
    return Machine(loaded=loaded, on_disk=on_disk, host=host, vanished=vanished)


@pytest.mark.parametrize(
    ("severity", "name"),
    [
        (Severity.CRITICAL, "numpy"),
        (Severity.CRITICAL, "torch"),
        (Severity.CRITICAL, "torchvision"),
        (Severity.WARNING, "timm"),
        (Severity.WARNING, "autofix-nb"),
    ],
)
def test_another_version_is_installed(severity, name):
    """Those that others are built on are critical."""
    finding = answer_of(StaleImports(), subject(machine=machine({name: "1.0.0"}, {name: "1.0.1"}))).findings[0]

    assert (severity, (name,)) == (finding.severity, finding.where)


@pytest.mark.parametrize(
    ("host", "how"),
    [
        ("colab", "restart the kernel once (Runtime > Restart session), then run the cells from the top"),
        ("kaggle", "restart the kernel once (Run > Restart & clear cell outputs), then run the cells from the top"),
        ("vscode", "restart the kernel once (Restart, above the notebook), then run the cells from the top"),
        ("jupyter", "restart the kernel once (Kernel > Restart Kernel), then run the cells from the top"),
        ("terminal", "end this process and start it again; do not install anything again"),
    ],
)
def test_the_way_to_restart_is_that_of_the_host(host, how):
    """With both versions, and that nothing is to be installed again."""
    told = machine({"numpy": "1.26.4"}, {"numpy": "2.1.3"}, host=host)

    says = answer_of(StaleImports(), subject(machine=told)).findings[0].says

    assert says.startswith(f"`numpy` 2.1.3 is installed, this kernel still runs 1.26.4: {how}")
    assert "again" in says


def test_the_worst_is_named_first():
    """And all of them stand in the evidence."""
    told = machine({"pandas": "2.1", "numpy": "1.26.4"}, {"pandas": "2.2", "numpy": "2.1.3"})

    finding = answer_of(StaleImports(), subject(machine=told)).findings[0]

    assert (("numpy", "pandas"), Severity.CRITICAL) == (finding.where, finding.severity)
    assert "(and 1 more)" in finding.says
    assert "`pandas` 2.2 is installed, this kernel still runs 2.1" in finding.evidence


def test_files_that_are_gone():
    """Uninstalled under the kernel: it is to be installed again, and that is said."""
    told = machine({"timm": "1.0.3"}, {}, vanished=("timm",))

    says = answer_of(StaleImports(), subject(machine=told)).findings[0].says

    assert says.startswith("`timm` 1.0.3 is loaded, but its files are gone from the disk: install it again if")


@pytest.mark.parametrize(
    ("loaded", "on_disk"),
    [
        pytest.param({"torch": "2.15.0+cu132"}, {"torch": "2.15.0"}, id="the-registrys-wheel-names-no-build"),
        pytest.param({"torch": "2.11.0+cu128", "timm": "1.0.3"}, {"torch": "2.11.0+cu128"}, id="one-unknown"),
        pytest.param({"pandas": "2.1"}, {"pandas": "2.1.0"}, id="another-spelling"),
    ],
)
def test_nothing_has_changed(loaded, on_disk):
    """Spelling and builds that are not named are no change."""
    assert () == answer_of(StaleImports(), subject(machine=machine(loaded, on_disk))).findings


def test_another_build_of_the_same_version():
    """A torch for CUDA installed over one for CPUs needs the restart too."""
    told = machine({"torch": "2.11.0+cpu"}, {"torch": "2.11.0+cu128"})

    assert Severity.CRITICAL == answer_of(StaleImports(), subject(machine=told)).findings[0].severity


def test_nothing_can_be_compared():
    """Packages run from source folders alone."""
    told = machine({"torch": "2.11.0a0+git1234"}, {})

    assert "none of the loaded packages says which version of it is installed" == why_not(
        StaleImports(), subject(machine=told)
    )


def test_here_nothing_has_changed():
    """On the machine that runs this."""
    assert () == answer_of(StaleImports(), subject()).findings
