"""The install part: what it declares in two places agrees, and `fix_environment.sh` does what it says."""

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

from autofix_nb.environment import installed_folders, unmet_requirements
from autofix_nb.environment.modules import MODULES

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
OUTSIDE = ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "KAGGLE_KERNEL_RUN_TYPE", "COLAB_RELEASE_TAG")

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="fix_environment.sh needs bash")


def run(*arguments: str, root: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `fix_environment.sh` with no environment active but the one given."""
    around = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    around["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), around["PATH"]])
    command = ["bash", str(root / "fix_environment.sh"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=around | environ, check=False)


def test_environment_yml_equals_pyproject():
    """conda's list is pyproject's for conda's Python, plus the project itself."""
    [python] = [entry.removeprefix("python=") for entry in CONDA["dependencies"] if str(entry).startswith("python=")]
    [listed] = [entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict)]
    numbers = tuple(map(int, python.split(".")))
    expected = unmet_requirements(PROJECT["dependencies"], {}, numbers)

    assert [*expected.values(), "-e ."] == listed
    assert PROJECT["name"] == CONDA["name"]


def test_every_requirement_can_be_read():
    """`fix_environment.sh` reads pyproject.toml without pip's help, on each Python that is supported."""
    everything = [*PROJECT["dependencies"], *chain.from_iterable(PROJECT["optional-dependencies"].values())]

    for minor in range(11, 15):
        unmet = unmet_requirements(everything, {}, (3, minor))

        assert ("numpy<2" if minor < 12 else "numpy>=1.26") == unmet["numpy"]


def test_what_must_import_is_declared():
    """Each module that is checked comes from a dependency; torchvision is brought by timm."""
    declared = unmet_requirements(PROJECT["dependencies"], {}, (3, 11))

    assert set(MODULES) == set(declared) | {"torchvision", "autofix-nb"}


@pytest.mark.parametrize("name", ["fix_environment.sh", "scripts/test", ".ci/run"])
def test_scripts_are_strict_and_executable(name):
    """A step that fails ends the script."""
    text = (ROOT / name).read_text("utf-8")

    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text
    assert os.access(ROOT / name, os.X_OK)


@needs_bash
def test_help():
    """The help names every option and the places where nothing of the notebook is touched."""
    done = run("--help")

    assert done.returncode == 0
    for word in ("--extras", "--check", "--print-python", "Colab", "Kaggle", ".venv"):
        assert word in done.stdout


@needs_bash
def test_an_unknown_option_is_named():
    """A mistyped option changes nothing."""
    done = run("--chekc")

    assert (1, "") == (done.returncode, done.stdout)
    assert "`--chekc`" in done.stderr


@pytest.fixture
def clone(tmp_path):
    """A copy of what installing needs, with no environment in it."""
    for name in ("fix_environment.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    group = Path("autofix_nb", "environment")
    shutil.copytree(ROOT / group, tmp_path / group, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@needs_bash
def test_check_of_a_fresh_clone_changes_nothing(clone):
    """Without an environment, `.venv` is announced and not made."""
    done = run("--check", root=clone)

    assert done.returncode == 1
    assert "Will change: .venv is made" in done.stdout
    assert not (clone / ".venv").exists()


@needs_bash
def test_conda_base_is_left_alone(clone):
    """conda lives in `base`: an environment beside it is made instead."""
    done = run("--check", root=clone, CONDA_PREFIX=sys.prefix, CONDA_DEFAULT_ENV="base")

    assert "Will change: .venv is made" in done.stdout


class FakePython:
    """An environment whose Python answers with given plans, one a round, and notes what pip is asked for.

    Its pip does not know the package `nowhere`.
    """

    def __init__(self, folder: Path, *plans: str) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        for round_, plan in enumerate(plans):
            (folder / f"plan{round_}").write_text(plan, "utf-8")
        (folder / "count").write_text("0", "utf-8")
        self.path = folder / "bin" / "python"
        self.path.write_text(
            '#!/usr/bin/env bash\ncd "$(dirname "$0")/.."\n'
            'case "$*" in\n'
            '  *" plan "*) n="$(<count)"; echo $((n + 1)) >count; cat "plan$n" ;;\n'
            '  "-m pip --version") ;;\n'
            '  "-m pip "*) shift 2; args="$*"; [[ "$args" == *--constraint* ]] && cat "${@: -1}" >kept; '
            'echo "$args" >>pip; echo "Collecting"; if [[ "$args" == *nowhere* ]]; then '
            'echo "ERROR: No matching distribution" >&2; exit 1; fi ;;\n'
            "esac\n",
            "utf-8",
        )
        self.path.chmod(0o755)

    @property
    def asked_of_pip(self) -> list[str]:
        noted = self.folder / "pip"
        return noted.read_text("utf-8").splitlines() if noted.exists() else []


CHANGE = "change\ttwo do not fit\npip\tinstall\ttorch==2.2.2\ttorchvision==0.17.2\n"
FINE = "summary\tPython 3.11.7\n"


@needs_bash
def test_what_changes_is_said_then_done_then_checked(tmp_path):
    """The sentence comes before pip, pip gets its arguments, and the next look finds nothing."""
    fake = FakePython(tmp_path / "environment", CHANGE, FINE)

    done = run(VIRTUAL_ENV=str(fake.folder))

    assert (0, "") == (done.returncode, done.stderr)
    assert ["install --quiet --progress-bar off torch==2.2.2 torchvision==0.17.2"] == fake.asked_of_pip
    assert "Collecting" not in done.stdout
    assert done.stdout.index("2 to 4 minutes") < done.stdout.index("Running: pip install")
    assert done.stdout.index("Will change: two do not fit") < done.stdout.index("Running: pip install")
    assert done.stdout.endswith("a tensor went from torch to NumPy and back.\nPython 3.11.7\n")


@needs_bash
def test_what_pip_said_is_shown_when_it_fails(tmp_path):
    """The reason stands above the refusal, and nothing more is installed."""
    plan = "change\tone is missing\npip\tinstall\tnowhere\npip\tinstall\ttimm\n"
    fake = FakePython(tmp_path / "environment", plan)

    done = run(VIRTUAL_ENV=str(fake.folder))

    assert (1, 1) == (done.returncode, len(fake.asked_of_pip))
    reason, refusal = done.stderr.index("ERROR: No matching distribution"), done.stderr.index("pip could not do this")
    assert reason < refusal


@needs_bash
def test_what_is_in_order_is_left_alone(tmp_path):
    """A run without a finding asks nothing of pip."""
    fake = FakePython(tmp_path / "environment", FINE)

    done = run(VIRTUAL_ENV=str(fake.folder))

    assert (0, []) == (done.returncode, fake.asked_of_pip)
    assert "Nothing to change.\nPython 3.11.7\n" in done.stdout


@needs_bash
def test_check_tells_and_does_not(tmp_path):
    """`--check` says what would change, fails, and asks nothing of pip."""
    fake = FakePython(tmp_path / "environment", CHANGE)

    done = run("--check", VIRTUAL_ENV=str(fake.folder))

    assert (1, []) == (done.returncode, fake.asked_of_pip)
    assert "Will change: two do not fit" in done.stdout


@needs_bash
def test_print_python_prints_the_path_alone(tmp_path):
    """Scripts read the path from the output; what is said for people goes elsewhere."""
    fake = FakePython(tmp_path / "environment", CHANGE, FINE)

    done = run("--print-python", VIRTUAL_ENV=str(fake.folder))

    assert f"{fake.path}\n" == done.stdout
    assert "Will change: two do not fit" in done.stderr


@needs_bash
def test_what_colab_runs_on_is_held(tmp_path):
    """On a notebook host pip is held to the versions that are there, and a restart is asked for."""
    fake = FakePython(tmp_path / "environment", CHANGE + "keep\tipykernel==6.17.1\n", FINE)
    shutil.copy(fake.path, fake.path.with_name("python3"))
    path = os.pathsep.join([str(fake.path.parent), os.environ["PATH"]])

    done = run(VIRTUAL_ENV=str(fake.folder), COLAB_RELEASE_TAG="x", PATH=path)

    assert done.returncode == 0
    assert "the Python that runs the notebook" in done.stdout
    assert "ipykernel==6.17.1\n" == (fake.folder / "kept").read_text("utf-8")
    assert "Restart the notebook's session" in done.stdout


@needs_bash
def test_a_problem_without_repair_is_told(tmp_path):
    """What cannot be repaired is not called repaired."""
    fake = FakePython(tmp_path / "environment", "problem\tautofix-nb 0.1.0 does not work: SyntaxError\n")

    done = run(VIRTUAL_ENV=str(fake.folder))

    assert (1, []) == (done.returncode, fake.asked_of_pip)
    assert "Problem: autofix-nb 0.1.0 does not work: SyntaxError" in done.stdout


@needs_bash
def test_repairs_that_do_not_help_end(tmp_path):
    """After four rounds the way out is named."""
    fake = FakePython(tmp_path / "environment", *[CHANGE] * 5)

    done = run(VIRTUAL_ENV=str(fake.folder))

    assert (1, 4) == (done.returncode, len(fake.asked_of_pip))
    assert "Make a fresh environment" in done.stderr


@needs_bash
@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="the tests do not run in a virtual environment")
def test_check_of_this_environment():
    """The verdict and the status agree, and nothing is installed by looking."""
    before = installed_folders()
    start = time.perf_counter()

    done = run("--check", VIRTUAL_ENV=sys.prefix)

    print(f"fix_environment.sh --check took {time.perf_counter() - start:.1f} s")

    assert done.returncode in (0, 1), done.stderr
    assert (done.returncode == 0) == ("Nothing to change." in done.stdout), done.stdout + done.stderr
    assert before == installed_folders()


@needs_bash
@pytest.mark.slow
def test_a_fresh_environment_is_made_broken_and_made_whole(clone):
    """For real: make `.venv`, run again, break it in the ways that need no second torch, see it repaired."""
    if shutil.disk_usage(clone).free < 12 * 2**30:
        pytest.skip("needs 12 GB of disk")
    (clone / "autofix_nb" / "__init__.py").write_text("", "utf-8")
    shutil.copy(ROOT / "LICENSE", clone)
    made = run(root=clone)
    if made.returncode and re.search("No matching distribution|NewConnectionError|Could not fetch", made.stderr):
        pytest.skip("the package index cannot be reached")

    assert made.returncode == 0, made.stderr
    assert "Nothing to change." in run(root=clone).stdout

    python = str(clone / ".venv" / "bin" / "python")
    [site] = (clone / ".venv" / "lib").glob("python*/site-packages")
    shutil.rmtree(site / "tqdm")
    subprocess.run([python, "-m", "pip", "install", "--no-deps", "torchvision==0.28.0"], check=True)
    numpy_2 = ["numpy>=2"] if sys.version_info < (3, 12) else []
    subprocess.run([python, "-m", "pip", "install", "--no-deps", "timm", *numpy_2], check=True)
    repaired = run(root=clone)

    assert repaired.returncode == 0, repaired.stderr
    assert "tqdm 4" in repaired.stdout
    assert "torchvision 0.28.0 was made for another torch" in repaired.stdout
    assert "Nothing to change." in run(root=clone).stdout
