"""The notebooks run from top to bottom, and what is committed of them is small and opens everywhere."""

import functools
import json
import re
import sys
import tomllib
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

from autofix_nb import open_run

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TRAINING = r"^(run = af\.fit|\w+, \w+ = train)\("
SETTING = r'\w+ = \S+ +#@param \{type:"(number|boolean|string)"\}'
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


class ThisPython(AsyncKernelManager):
    """Starts the Python that runs the tests, whatever kernels are registered on this machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=40"]
        # The trainings are so small that threads bring nothing, and cost much where they fight over the cores.
        return KernelSpec(argv=argv, display_name="Python 3", language="python", env={"OMP_NUM_THREADS": "1"})


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], tuple[Path, list[str]]]:
    """Runs a notebook, once for all tests; gives the folder that it ran in, and what its trainings printed."""

    @functools.cache
    def run_once(path: Path) -> tuple[Path, list[str]]:
        folder = tmp_path_factory.mktemp(path.stem)
        return folder, [text for source, text in _execute(path, folder) if "af.fit(" in source]

    return run_once


@each_notebook
def test_runs(path: Path, ran: Callable[[Path], tuple[Path, list[str]]]) -> None:
    """No cell raises, and every training has its folder with a report."""
    folder, _ = ran(path)
    runs = [open_run(journal.parent) for journal in folder.glob("runs/*/journal.jsonl")]

    assert runs
    assert {"finished"} == {run.status for run in runs}
    assert all((run.folder / "report.html").exists() for run in runs)


def test_the_quickstart_resumes(ran: Callable[[Path], tuple[Path, list[str]]]) -> None:
    """The second training goes on where the first one ended."""
    folder, printed = ran(ROOT / "notebooks" / "01_quickstart.ipynb")
    run = open_run(next(folder.glob("runs/*/journal.jsonl")).parent)
    ends = [entry["step"] for entry in run.journal.entries("end")]
    resumes = [entry["step"] for entry in run.journal.entries("resume")]

    assert "Resumed" not in printed[0]
    assert [line for line in printed[1].splitlines() if line.startswith("Resumed") and f"step {ends[0]}" in line]
    assert ends[:1] == resumes


def test_quickstart_twice(ran: Callable[[Path], tuple[Path, list[str]]]) -> None:
    """Every damaged sample is set aside and no good one, with at least 95 % accuracy; a second pass trains nothing."""
    path = ROOT / "notebooks" / "01_quickstart.ipynb"
    folder, _ = ran(path)
    summary = folder / "runs" / "quickstart" / "summary.json"
    before = summary.read_text(encoding="utf-8")
    printed = "\n".join(text for _, text in _execute(path, folder))
    run = open_run(summary.parent)

    assert "bad samples missed: 0, good samples set aside: 0" in printed
    assert max(row["val/accuracy"] for row in run.history.epochs) >= 0.95
    assert "Nothing was trained" in printed
    assert before == summary.read_text(encoding="utf-8")


def test_the_killed_training_is_the_undisturbed_one(ran: Callable[[Path], tuple[Path, list[str]]]) -> None:
    """A process was really killed, the next ones went on from its last save, and the weights are the same bits."""
    folder, _ = ran(ROOT / "notebooks" / "03_resume_after_disconnect.ipynb")
    killed, whole = (open_run(folder / "runs" / name) for name in ("killed", "undisturbed"))
    died, resumed = killed.journal.entries("died"), killed.journal.entries("resume")

    assert 1 == len(died)
    assert 200 <= resumed[0]["step"] <= died[0]["step"]
    assert all(torch.equal(part, killed.last_weights[name]) for name, part in whole.last_weights.items())
    assert all(torch.equal(part, killed.best_weights[name]) for name, part in whole.best_weights.items())
    assert "finished" == open_run(folder / "elsewhere" / "copied").status


@each_notebook
def test_committed_form(path: Path) -> None:
    """Executed in order and without error, under 500 kB, no widgets, and no path of the machine it was run on."""
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in code for output in cell["outputs"]]

    assert len(text.encode()) < 500_000
    assert "widgets" not in notebook["metadata"]
    assert not [output for output in outputs if "application/vnd.jupyter.widget-view+json" in output.get("data", {})]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert not [output for output in outputs if not output.get("text") and not any(output.get("data", {}).values())]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not re.search(r"/(home|root|tmp|Users|work)/", text)


@each_notebook
def test_committed_trainings(path: Path) -> None:
    """A training cell has one live output, ended, and one picture for those who see no HTML; nothing is said twice."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    trainings = [
        cell for cell in cells if re.search(r"^run = af\.fit\(|= train\(", "".join(cell["source"]), re.MULTILINE)
    ]
    trainings = [cell for cell in trainings if "%%writefile" not in "".join(cell["source"])]
    kinds = [
        [sorted(output["data"]) for output in cell["outputs"] if output["output_type"] == "display_data"]
        for cell in trainings
    ]

    assert trainings
    assert [[["text/html", "text/plain"], ["image/png", "text/plain"]]] * len(trainings) == kinds


@each_notebook
def test_opens_in_colab(path: Path) -> None:
    """With a GPU and a table of contents; each setting of a form is a line that Colab reads."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    lines = [line for cell in notebook["cells"] for line in "".join(cell["source"]).splitlines() if "#@param" in line]

    assert "GPU" == notebook["metadata"]["accelerator"]
    assert notebook["metadata"]["colab"]["toc_visible"]
    assert lines == [
        line for line in lines if re.fullmatch(r'\w+ = \S+ +#@param \{type:"(number|boolean|string)"\}', line)
    ]


def test_one_setup_cell() -> None:
    """All notebooks begin with the same one."""
    assert 1 == len({_setup_of(path) for path in NOTEBOOKS})


@each_notebook
def test_one_address(path: Path) -> None:
    """The badge leads to this notebook in the repository that the setup cell installs from; so does the README."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    address = project["urls"]["Repository"]
    title = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    place = f"{address.removeprefix('https://')}/blob/main/notebooks/{path.name}".replace("github.com", "github", 1)

    assert f'\nREPOSITORY = "{address}"' in _setup_of(path)
    assert f"https://colab.research.google.com/{place})" in title
    assert f"git clone {address} " in (ROOT / "README.md").read_text(encoding="utf-8")


def _setup_of(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return next(text for cell in cells if "REPOSITORY" in (text := "".join(cell["source"])))


def _execute(path: Path, folder: Path) -> list[tuple[str, str]]:
    """Run a notebook in `folder`, fail at the first error, and return the source of each cell with what it printed."""
    notebook: Any = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_manager_class=ThisPython, resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [(cell.source, "".join(map(_text_of, cell.outputs))) for cell in notebook.cells if cell.cell_type == "code"]


def _text_of(output: Any) -> str:
    """Return what an output says: what was printed, or the lines of what was displayed."""
    data = output.get("data", {})
    lines = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]+>", "\n", data.get("text/html", ""), flags=re.DOTALL)
    return output.get("text", "") or "\n".join([data.get("text/plain", ""), unescape(lines), ""])
