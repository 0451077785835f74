"""E02: torch, torchvision and timm, by importing them and by their versions."""

import pytest

from autofix_nb.checks.package_fit import PackageFit
from autofix_nb.evidence import Machine
from autofix_nb.finding import Severity
from tests.cases import mlp
from tests.checks.subjects import answer_of, subject, why_not

NMS = "RuntimeError: operator torchvision::nms does not exist"


def machine(torch="2.11.0", torchvision="0.26.0", timm="1.0.28", host="jupyter", **facts) -> Machine:
    """A machine with these versions; None for what is not installed."""
    versions = {"torch": torch, "torchvision": torchvision, "timm": timm}
    return Machine(installed={name: text for name, text in versions.items() if text}, host=host, **facts)


@pytest.mark.parametrize(
    ("to_type", "facts"),
    [
        pytest.param(
            '%pip install --force-reinstall --no-deps "torch==2.11.0" "torchvision==0.26.0" '
            "--index-url https://download.pytorch.org/whl/cpu",
            {"torch": "2.11.0+cpu"},
            id="torch-for-cpus-beside-the-registrys-torchvision",
        ),
        pytest.param(
            '%pip install --force-reinstall --no-deps "torch==2.11.0" "torchvision==0.26.0" '
            "--index-url https://download.pytorch.org/whl/cu128",
            {"torch": "2.11.0+cu128", "host": "colab"},
            id="colabs-torch",
        ),
        pytest.param(
            'pip install --force-reinstall --no-deps "torch==2.15.0" "torchvision>=0.29"',
            {"torch": "2.15.0", "torchvision": "0.29.2", "host": "terminal"},
            id="the-registrys-torch",
        ),
        pytest.param(
            '%pip install "torch==2.11.0" "torchvision==0.26.0"', {"torchvision": "0.25.0"}, id="versions-do-not-fit"
        ),
        pytest.param(
            '%pip install "torch==2.11.0+cu128" "torchvision==0.26.0" '
            "--extra-index-url https://download.pytorch.org/whl/cu128",
            {"torch": "2.11.0+cu128", "torchvision": "0.25.0"},
            id="versions-do-not-fit-and-the-build-stays",
        ),
    ],
)
def test_the_missing_operator_is_critical(to_type, facts):
    """With the exact pair, from one index."""
    told = machine(**facts, import_errors={"torchvision": NMS, "timm": NMS})

    findings = answer_of(PackageFit(), subject(machine=told)).findings

    assert [(Severity.CRITICAL, to_type, ("torchvision", "timm"))] == [
        (finding.severity, finding.to_type, finding.where) for finding in findings
    ]


@pytest.mark.parametrize(
    ("to_type", "errors"),
    [
        ("%pip install pillow", {"torchvision": "ModuleNotFoundError: No module named 'PIL'"}),
        ("%pip install pyyaml", {"timm": "ModuleNotFoundError: No module named 'yaml'"}),
        ("%pip install --upgrade --no-deps timm", {"timm": "ImportError: cannot import name 'x' from 'y'"}),
    ],
)
def test_another_import_that_fails(to_type, errors):
    """What is lacking is installed, else the package anew."""
    finding = answer_of(PackageFit(), subject(machine=machine(import_errors=errors))).findings[0]

    assert (Severity.CRITICAL, to_type) == (finding.severity, finding.to_type)


def test_versions_that_do_not_fit_and_import():
    """A warning with the pair."""
    finding = answer_of(PackageFit(), subject(machine=machine(torchvision="0.27.1"))).findings[0]

    assert (
        "torchvision 0.27.1 was made for another torch than 2.11.0, which goes with torchvision 0.26.0; it imports, "
        "yet parts of it may fail later"
    ) == finding.says
    assert Severity.WARNING == finding.severity


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({}, id="a-pair"),
        pytest.param({"torch": "2.11.0+cu128", "torchvision": "0.26.0+cu128"}, id="colab"),
        pytest.param({"torch": "2.11.1", "torchvision": "0.26.0"}, id="another-patch"),
        pytest.param({"torch": "2.15.0", "torchvision": "0.29.2"}, id="no-pairs-any-more"),
        pytest.param({"torch": "2.6.0a0+ecf3bae40a.nv25.01", "torchvision": "0.20.0a0"}, id="a-container-of-nvidia"),
        pytest.param({"torchvision": None}, id="timm-alone"),
        pytest.param({"timm": None}, id="torchvision-alone"),
    ],
)
def test_what_fits_is_fine(facts):
    """Versions that belong together, or come from between releases."""
    assert () == answer_of(PackageFit(), subject(machine=machine(**facts))).findings


def test_neither_is_installed():
    """Then there is nothing to ask."""
    told = machine(torchvision=None, timm=None)

    assert "neither torchvision nor timm is installed, and nothing here needs them" == why_not(
        PackageFit(), subject(machine=told)
    )


def test_a_torch_that_changed_under_the_kernel_asks_for_a_restart():
    """The import fails because of that, and no installation mends it."""
    told = machine(
        import_errors={"torchvision": NMS}, loaded={"torch": "2.10.0"}, on_disk={"torch": "2.11.0"}, builds={}
    )

    assert "torch changed under this kernel: restart it first (see E06)" == why_not(PackageFit(), subject(machine=told))


@pytest.mark.parametrize(
    ("expected", "facts"),
    [
        pytest.param([], {"builds": {"torch": "12.8", "torchvision": "12.6"}}, id="nothing-odd"),
        pytest.param(
            ["torchvision", "timm"], {"builds": {"torch": None, "torchvision": "12.8"}}, id="torch-for-cpus-only"
        ),
        pytest.param(["torchvision", "timm"], {"torchvision": "0.25.0", "builds": {}}, id="odd-versions"),
    ],
)
def test_what_is_not_needed_is_imported_only_if_it_looks_odd(expected, facts, monkeypatch):
    """Importing takes seconds."""
    told = machine(loaded={}, **facts)
    tried = []
    monkeypatch.setattr(told, "import_error", tried.append)

    answer_of(PackageFit(), subject(mlp(), machine=told))

    assert expected == tried


def test_here_it_fits():
    """On the machine that runs this, with a model that needs neither."""
    assert () == answer_of(PackageFit(), subject(mlp())).findings
