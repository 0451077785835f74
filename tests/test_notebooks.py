"""The notebooks run from top to bottom, and what is committed of them is small and opens everywhere."""

import functools
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
TWICE = {"01_quickstart"}
"""Notebooks that are run a second time, where nothing may be trained."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


class ThisPython(AsyncKernelManager):
    """Starts the Python that runs the tests, whatever kernels are registered on this machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=40"]
        # The trainings are so small that threads bring nothing, and cost much where they fight over the cores.
        return KernelSpec(argv=argv, display_name="Python 3", language="python", env={"OMP_NUM_THREADS": "1"})


@dataclass(frozen=True)
class Ran:
    """A notebook that was run in a folder of its own: each cell's source with what it printed, once or twice."""

    folder: Path
    printed: list[list[tuple[str, str]]]
    summaries: dict[str, str]
    """Text of `summary.json` after the first time, by run."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Ran]:
    """Runs a notebook once for all tests, those in `TWICE` a second time in the kernel that is there."""

    @functools.cache
    def run_once(path: Path) -> Ran:
        folder = tmp_path_factory.mktemp(path.stem)
        passes = _execute(path, folder, times=1 + (path.stem in TWICE))
        printed = [next(passes)]
        summaries = _summaries(folder)
        return Ran(folder, [*printed, *passes], summaries)

    return run_once


@each_notebook
def test_runs(path: Path, ran: Callable[[Path], Ran]) -> None:
    """No cell raises, and every training has its folder with a report."""
    folder = ran(path).folder
    runs = [open_run(journal.parent) for journal in folder.glob("runs/*/journal.jsonl")]

    assert runs
    assert {"finished"} == {run.status for run in runs}
    assert all((run.folder / "report.html").exists() for run in runs)


def test_the_quickstart_resumes(ran: Callable[[Path], Ran]) -> None:
    """The second training goes on where the first one ended."""
    quickstart = ran(ROOT / "notebooks" / "01_quickstart.ipynb")
    printed = [text for source, text in quickstart.printed[0] if "af.fit(" in source]
    run = open_run(next(quickstart.folder.glob("runs/*/journal.jsonl")).parent)
    ends = [entry["step"] for entry in run.journal.entries("end")]
    resumes = [entry["step"] for entry in run.journal.entries("resume")]

    assert "Resumed" not in printed[0]
    assert [line for line in printed[1].splitlines() if line.startswith("Resumed") and f"step {ends[0]}" in line]
    assert ends[:1] == resumes


@pytest.mark.parametrize("kernel", ["the-same-kernel", pytest.param("a-new-kernel", marks=pytest.mark.slow)])
def test_quickstart_twice(ran: Callable[[Path], Ran], kernel: str) -> None:
    """Every damaged sample is set aside and no good one, with at least 95 % accuracy; a second pass trains nothing."""
    path = ROOT / "notebooks" / "01_quickstart.ipynb"
    quickstart = ran(path)
    [again] = quickstart.printed[1:] if kernel == "the-same-kernel" else _execute(path, quickstart.folder)
    printed = "\n".join(text for _, text in again)
    run = open_run(quickstart.folder / "runs" / "quickstart")

    assert "bad samples missed: 0, good samples set aside: 0" in printed
    assert max(row["val/accuracy"] for row in run.history.epochs) >= 0.95
    assert "Nothing was trained" in printed
    assert quickstart.summaries == _summaries(quickstart.folder)


def test_the_killed_training_is_the_undisturbed_one(ran: Callable[[Path], Ran]) -> None:
    """A process was really killed, the next ones went on from its last save, and the weights are the same bits."""
    folder = ran(ROOT / "notebooks" / "03_resume_after_disconnect.ipynb").folder
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


def _execute(path: Path, folder: Path, times: int = 1) -> Iterator[list[tuple[str, str]]]:
    """Run a notebook in `folder` in a kernel of its own, fail at the first error, and give sources with their output.

    More times than once it is all cells again in the same kernel.
    """
    notebook: Any = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=120, kernel_manager_class=ThisPython, resources={"metadata": {"path": str(folder)}}
    )
    with client.setup_kernel():
        for _ in range(times):
            for place, cell in enumerate(notebook.cells):
                client.execute_cell(cell, place)
            code = [cell for cell in notebook.cells if cell.cell_type == "code"]
            yield [(cell.source, "".join(map(_text_of, cell.outputs))) for cell in code]


def _summaries(folder: Path) -> dict[str, str]:
    return {path.parent.name: path.read_text(encoding="utf-8") for path in folder.glob("runs/*/summary.json")}


def _text_of(output: Any) -> str:
    """Return what an output says: what was printed, or the lines of what was displayed."""
    data = output.get("data", {})
    lines = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]+>", "\n", data.get("text/html", ""), flags=re.DOTALL)
    return output.get("text", "") or "\n".join([data.get("text/plain", ""), unescape(lines), ""])
