"""What is installed is judged, and repairs are planned, by rules alone: nothing here installs anything."""

import dataclasses
import importlib
import json
import sys
import types
from pathlib import Path

import pytest

from autofix_nb.environment import Environment, Repair, plan_repairs

# By its full name: the package passes on a function under the same name.
environment = importlib.import_module("autofix_nb.environment")
WHOLE = {
    "numpy": "1.26.4",
    "torch": "2.15.0",
    "torchvision": "0.29.2",
    "timm": "1.0.31",
    "ipywidgets": "8.1.9",
    "autofix-nb": "0.1.0",
}
COLAB = {
    **WHOLE,
    "numpy": "2.1.3",
    "torch": "2.11.0+cu128",
    "torchvision": "0.26.0+cu128",
    "ipywidgets": "7.7.1",
    "ipykernel": "6.17.1",
}
REQUIREMENTS = (
    "torch>=2.2",
    "timm",
    "ipywidgets>=7.7",
    'numpy<2; python_version < "3.12"',
    'numpy>=1.26; python_version >= "3.12"',
)
NMS = "RuntimeError: operator torchvision::nms does not exist"
NO_NUMPY = "RuntimeError: Numpy is not available"


def shell_of(module: str, name: str) -> object:
    """An object whose class looks like a running shell's."""
    return type(name, (), {"__module__": module})()


@pytest.mark.parametrize(
    ("expected", "environ", "shell"),
    [
        pytest.param("terminal", {}, None, id="no shell"),
        pytest.param(
            "terminal", {}, ("IPython.terminal.interactiveshell", "TerminalInteractiveShell"), id="ipython"
        ),
        pytest.param("jupyter", {}, ("ipykernel.zmqshell", "ZMQInteractiveShell"), id="jupyter"),
        pytest.param(
            "vscode", {"VSCODE_PID": "1"}, ("ipykernel.zmqshell", "ZMQInteractiveShell"), id="vscode"
        ),
        pytest.param(
            "terminal", {"VSCODE_PID": "1"}, None, id="a script in VS Code's terminal is no notebook"
        ),
        pytest.param("colab", {"COLAB_RELEASE_TAG": "x"}, ("google.colab._shell", "Shell"), id="colab"),
        pytest.param(
            "kaggle",
            {"KAGGLE_KERNEL_RUN_TYPE": "Interactive", "COLAB_RELEASE_TAG": "x"},
            ("ipykernel.zmqshell", "ZMQInteractiveShell"),
            id="kaggle is not taken for colab",
        ),
        pytest.param(
            "jupyter",
            {"COLAB_RELEASE_TAG": "x"},
            ("ipykernel.zmqshell", "ZMQInteractiveShell"),
            id="colab's image elsewhere is not colab",
        ),
    ],
)
def test_host(expected, environ, shell):
    """The host follows from variables and the shell's class, Kaggle before Colab."""
    actual = environment.host(environ, shell and shell_of(*shell))

    assert expected == actual


@pytest.mark.parametrize(
    ("expected", "environ"),
    [
        pytest.param("kaggle", {"KAGGLE_KERNEL_RUN_TYPE": "Batch", "COLAB_RELEASE_TAG": "x"}, id="kaggle"),
        pytest.param("colab", {"COLAB_RELEASE_TAG": "x"}, id="colab"),
        pytest.param("terminal", {}, id="elsewhere"),
    ],
)
def test_host_of_a_script(expected, environ, monkeypatch):
    """A script started from a cell has no shell to look at and goes by the variables."""
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))

    actual = environment.host_of_script(environ)

    assert expected == actual


@pytest.mark.parametrize(
    ("expected", "torch", "torchvision"),
    [
        (True, "2.2.2", "0.17.2"),
        (True, "2.11.0+cu128", "0.26.0+cu128"),
        (True, "2.13.0", "0.28.0"),
        (True, "2.14.0", "0.29.2"),
        (True, "2.15.0", "0.29.2"),
        (False, "2.2.2", "0.18.1"),
        (False, "2.13.0", "0.29.2"),
        (False, "2.15.0", "0.28.0"),
    ],
)
def test_pair_fits(expected, torch, torchvision):
    """Minor + 15 up to torch 2.13; from torchvision 0.29 on any torch from 2.14 on."""
    actual = environment.pair_fits(torch, torchvision)

    assert expected == actual


@pytest.mark.parametrize(
    ("expected", "torch", "numpy"),
    [
        (True, "2.2.2", "1.26.4"),
        (False, "2.2.2+cu121", "2.0.0"),
        (True, "2.3.0", "2.4.6"),
        (True, "2.15.0", "1.26.4"),
    ],
)
def test_numpy_fits(expected, torch, numpy):
    """torch takes NumPy 2 from 2.3 on."""
    actual = environment.numpy_fits(torch, numpy)

    assert expected == actual


def test_numpy_bridge_works_here():
    """A tensor goes to NumPy and back, and the answer says so."""
    actual = environment.numpy_bridge_works()

    assert (True, "a tensor went from torch to NumPy and back") == actual


def test_numpy_bridge_gives_the_reason(monkeypatch):
    """torch 2.2 under NumPy 2 imports, and says only on the way that NumPy is not there."""

    class Tensor:
        def numpy(self):
            raise RuntimeError("Numpy is not available")

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(arange=lambda _: Tensor()))

    actual = environment.numpy_bridge_works()

    assert (False, NO_NUMPY) == actual


@pytest.mark.parametrize(
    ("expected", "installed", "python", "host", "known"),
    [
        pytest.param([], WHOLE, (3, 11), "terminal", {}, id="healthy"),
        pytest.param(
            [], {**WHOLE, "numpy": "2.4.6"}, (3, 13), "jupyter", {}, id="NumPy 2 from Python 3.12 on"
        ),
        pytest.param([], COLAB, (3, 13), "colab", {}, id="Colab with NumPy 2 is left alone"),
        pytest.param([], COLAB, (3, 11), "colab", {}, id="an older Colab with NumPy 2 too"),
        pytest.param([], COLAB, (3, 12), "kaggle", {}, id="Kaggle too"),
        pytest.param(
            [["install", "--editable", "."]],
            {**WHOLE, "numpy": "2.4.6"},
            (3, 11),
            "terminal",
            {},
            id="NumPy 2 where the project pins NumPy 1",
        ),
        pytest.param(
            [["install", "numpy<2"]],
            {**WHOLE, "torch": "2.2.2", "torchvision": "0.17.2", "numpy": "2.4.6"},
            (3, 11),
            "terminal",
            {"bridge": (False, NO_NUMPY)},
            id="NumPy 2 under an old torch",
        ),
        pytest.param(
            [["install", "numpy<2"]],
            {**WHOLE, "torch": "2.2.2", "torchvision": "0.17.2", "numpy": "2.4.6"},
            (3, 12),
            "colab",
            {},
            id="NumPy 2 under an old torch, by the rule",
        ),
        pytest.param(
            [["install", "torch>=2.3,!=2.2.2", "torchvision"]],
            {**WHOLE, "torch": "2.2.2", "torchvision": "0.17.2", "numpy": "2.4.6"},
            (3, 13),
            "terminal",
            {},
            id="NumPy 2 under an old torch, where no NumPy 1 exists",
        ),
        pytest.param(
            [["install", "torch==2.2.2", "torchvision==0.17.2"]],
            {**WHOLE, "torch": "2.2.2", "torchvision": "0.29.2"},
            (3, 11),
            "terminal",
            {"failures": {"torchvision": NMS, "timm": NMS}},
            id="torchvision for another torch",
        ),
        pytest.param(
            [["install", "torch==2.15.0", "torchvision>=0.29"]],
            {**WHOLE, "torchvision": "0.28.0"},
            (3, 11),
            "terminal",
            {},
            id="torchvision too old",
        ),
        pytest.param(
            [
                [
                    "install",
                    "--force-reinstall",
                    "--no-deps",
                    "torch==2.13.0,!=2.13.0+cpu",
                    "torchvision==0.28.0",
                ],
                ["install", "torch==2.13.0,!=2.13.0+cpu", "torchvision==0.28.0"],
            ],
            {**WHOLE, "torch": "2.13.0+cpu", "torchvision": "0.28.0"},
            (3, 11),
            "terminal",
            {"failures": {"torchvision": NMS, "timm": NMS}},
            id="versions that fit, builds that do not",
        ),
        pytest.param(
            [
                ["install", "--force-reinstall", "--no-deps", "torchvision==0.26.0"],
                ["install", "torchvision==0.26.0"],
            ],
            COLAB,
            (3, 13),
            "colab",
            {"failures": {"torchvision": NMS}, "bridge": (True, "")},
            id="on Colab a torch that works stays",
        ),
        pytest.param(
            [["install", "--ignore-installed", "--no-deps", "numpy==1.26.4"], ["install", "numpy==1.26.4"]],
            WHOLE,
            (3, 11),
            "terminal",
            {"incomplete": {"numpy": "its RECORD is missing"}, "failures": {"torch": "ImportError: numpy"}},
            id="half installed: made whole before anything else is judged",
        ),
        pytest.param(
            [
                ["install", "--force-reinstall", "--no-deps", "tqdm==4.70.1"],
                ["install", "tqdm==4.70.1"],
                ["install", "torch==2.15.0", "torchvision>=0.29"],
            ],
            {**WHOLE, "tqdm": "4.70.1", "torchvision": "0.28.0", "numpy": "2.4.6"},
            (3, 11),
            "terminal",
            {"incomplete": {"tqdm": "2 of its files are missing"}, "failures": {"torchvision": NMS}},
            id="the project's pins wait until the pair fits",
        ),
        pytest.param(
            [],
            COLAB,
            (3, 13),
            "colab",
            {"incomplete": {"ipywidgets": "its RECORD is missing"}, "failures": {"ipywidgets": "x"}},
            id="Colab's notebook stack is not even repaired",
        ),
        pytest.param(
            [["install", "torch==2.15.0"]],
            WHOLE,
            (3, 11),
            "terminal",
            {"failures": {"torch": "ModuleNotFoundError: No module named 'sympy'"}},
            id="a dependency that is gone is brought back",
        ),
        pytest.param(
            [["install", "--force-reinstall", "--no-deps", "timm==1.0.31"], ["install", "timm==1.0.31"]],
            WHOLE,
            (3, 11),
            "terminal",
            {"failures": {"timm": "ImportError: cannot import name 'x'"}},
            id="a package that does not import",
        ),
        pytest.param(
            [],
            WHOLE,
            (3, 11),
            "terminal",
            {"failures": {"autofix-nb": "SyntaxError: x"}},
            id="an error in the project's own code is no matter of installing",
        ),
        pytest.param(
            [["install", "--editable", ".[test]"]],
            {},
            (3, 11),
            "terminal",
            {"project": "autofix_nb is not installed", "extras": ["test"]},
            id="nothing there",
        ),
        pytest.param(
            [["install", "timm"], ["install", "--no-deps", "--editable", "."]],
            {name: version for name, version in COLAB.items() if name not in ("timm", "ipywidgets")},
            (3, 13),
            "kaggle",
            {"project": "autofix_nb is not installed"},
            id="on Kaggle only what is missing, and no widgets",
        ),
    ],
)
def test_plan_repairs(expected, installed, python, host, known):
    """Each breakage has its repair, a healthy environment has none, and every repair says why."""
    repairs = plan_repairs(installed, python, host, requirements=REQUIREMENTS, **known)

    assert expected == [command for repair in repairs for command in repair.commands()]
    assert all(repair.why for repair in repairs)


def test_a_repair_names_the_versions_it_found():
    """The sentence before a change holds what was measured."""
    [repair] = plan_repairs(
        {"torch": "2.2.2", "torchvision": "0.17.2", "numpy": "2.4.6"},
        (3, 11),
        "terminal",
        bridge=(False, NO_NUMPY),
    )

    expected = Repair(
        "numpy",
        ("numpy<2",),
        "torch 2.2.2 cannot pass a tensor to NumPy 2.4.6 and back (RuntimeError: Numpy is not available); "
        "it takes NumPy 1",
    )

    assert expected == repair


@pytest.mark.parametrize(
    ("message", "requirement"),
    [
        (r"`requirements` holds 'torch @ https://x'.*write name", "torch @ https://x"),
        (r"`versions` holds '~=2\.2'.*write it as `>=2\.2`", "torch~=2.2"),
    ],
)
def test_a_requirement_that_cannot_be_read_is_refused(message, requirement):
    """A requirement is never passed over because its form is unknown."""
    with pytest.raises(ValueError, match=message):
        environment.unmet_requirements([requirement], {"torch": "2.2.2"}, (3, 11))


def install(site: Path, name: str, version: str = "1.0", requires: str = "") -> Path:
    """Write a small distribution as pip leaves it."""
    package, info = site / name, site / f"{name}-{version}.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("x = 1\n", "utf-8")
    (info / "METADATA").write_text(
        f"Name: {name}\nVersion: {version}\n{requires}\nRequires-Dist: no", "utf-8"
    )
    (info / "INSTALLER").write_text("pip\n", "utf-8")
    (info / "RECORD").write_text(
        f"{name}/__init__.py,sha256=x,6\n{name}/tests/gone.py,sha256=x,6\n../../../bin/gone.py,sha256=x,6\n"
        f"{name}/empty.pyc,,\n",
        "utf-8",
    )
    return info


def test_a_whole_distribution_is_whole(tmp_path):
    """Compiled files, scripts and tests may be missing: slim images leave them out."""
    assert environment.missing_parts(install(tmp_path, "whole")) is None


ONE_GONE = "1 of its files are missing or empty, such as half/__init__.py"


@pytest.mark.parametrize(
    ("expected", "breaking"),
    [
        pytest.param(ONE_GONE, lambda info: (info.parent / "half/__init__.py").unlink(), id="file gone"),
        pytest.param(
            ONE_GONE, lambda info: (info.parent / "half/__init__.py").write_bytes(b""), id="file empty"
        ),
        pytest.param("its RECORD is missing", lambda info: (info / "RECORD").unlink(), id="no RECORD"),
        pytest.param("its METADATA is missing", lambda info: (info / "METADATA").unlink(), id="no METADATA"),
    ],
)
def test_half_a_distribution_is_found(expected, breaking, tmp_path):
    """What an interrupted installation leaves behind is told from what is whole."""
    info = install(tmp_path, "half")
    breaking(info)

    assert expected == environment.missing_parts(info)


def test_a_distribution_of_another_installer_needs_no_record(tmp_path):
    """Debian and conda keep their own lists."""
    info = install(tmp_path, "theirs")
    (info / "INSTALLER").write_text("debian\n", "utf-8")
    (info / "RECORD").unlink()

    assert environment.missing_parts(info) is None


def test_installed_folders(tmp_path):
    """Names are normalised, the first place wins, and pip's rests (`~name`) are no installation."""
    install(tmp_path / "one", "Some_Name", "2.0")
    install(tmp_path / "one", "~rest", "1.0")
    install(tmp_path / "two", "some_name", "1.0")

    folders = environment.installed_folders([str(tmp_path / "one"), str(tmp_path / "two")])

    assert {"some-name": "2.0"} == {name: version for name, (version, _) in folders.items()}


def test_needed_by(tmp_path):
    """What is needed is followed; what only an extra needs, or what is not installed, is not."""
    install(
        tmp_path, "a", requires='Requires-Dist: B>=1\nRequires-Dist: c; extra == "more"\nRequires-Dist: d\n'
    )
    install(tmp_path, "b", requires="Requires-Dist: a\n")
    install(tmp_path, "c")

    assert ["a", "b"] == environment.needed_by(["A"], environment.installed_folders([str(tmp_path)]))


def test_a_crash_while_importing_is_an_answer(tmp_path, monkeypatch):
    """A package that ends the process is named, with the status, and this process goes on."""
    (tmp_path / "tqdm.py").write_text("import os\nos._exit(7)\n", "utf-8")
    (tmp_path / "timm.py").write_text("raise ImportError('two\\n  lines')\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    actual = environment.probe(["timm", "tqdm"])

    expected = {
        "timm": "ImportError: two lines",
        "tqdm": "the process ended while importing it, with status 7",
    }

    assert expected == actual


SMALL = Environment(
    python="3.11.7",
    packages={"torch": "2.15.0", "numpy": "1.26.4", "timm": "1.0.31"},
    device="cuda: <Tesla & T4>",
    device_memory_bytes=15 * 2**30,
    cpu_count=2,
    memory_bytes=None,
    disk_free_bytes=2**29,
    host="colab",
)


def test_snapshot_as_text():
    """Two lines, with what is known."""
    expected = (
        "Python 3.11.7 · torch 2.15.0 · NumPy 1.26.4 · timm 1.0.31\n"
        "device cuda: <Tesla & T4>, 15.0 GB · 2 CPU cores · 0.5 GB disk free · colab"
    )

    assert expected == str(SMALL)


def test_snapshot_as_html_is_escaped():
    """A device's name is text, not markup."""
    assert "&lt;Tesla &amp; T4&gt;" in SMALL._repr_html_()


def test_snapshot_is_plain_data():
    """It can be written as JSON and read back."""
    assert SMALL == Environment(**json.loads(json.dumps(SMALL.to_dict())))


def test_snapshot_here(tmp_path):
    """The running environment has a torch, a device and some room."""
    here = environment.snapshot(tmp_path)

    assert {"torch", "numpy"} <= set(here.packages)
    assert here.cpu_count >= 1
    assert here.disk_free_bytes > 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        here.python = "2.7"
