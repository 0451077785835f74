"""`autofix-nb diagnose`: exit statuses, JSON, and words instead of tracebacks of ours."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from autofix_nb import cli
from autofix_nb.journal import Journal
from tests.scripts.here import run_here

ROOT = Path(__file__).resolve().parent.parent
SETUP = """
import torch
from tests.cases import digits, digits_loaders, mlp
from torch.utils.data import DataLoader, TensorDataset

def clean():
    train, val = digits_loaders()
    return mlp(), train, val

def named():
    train, val = digits_loaders()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters())
    return {"model": model, "train": train, "val": val, "loss": torch.nn.CrossEntropyLoss(), "optimizer": optimizer}

def warnings():
    model = mlp()
    return {"model": model, "train": digits_loaders()[0], "optimizer": torch.optim.Adam(model[0].parameters())}

def errors():
    inputs, targets = digits()
    return mlp(), DataLoader(TensorDataset(inputs, targets + 1), batch_size=32, shuffle=True)

def raises():
    raise FileNotFoundError("no leaves.csv here")

def odd():
    return 7

def misspelt():
    return {"modell": 1}

def ends():
    raise SystemExit(5)

def talks():
    print("making it")
    model = mlp()
    model.register_forward_hook(lambda *_: print("called"))
    return model, digits_loaders()[0]
"""


@pytest.fixture
def setup_file(tmp_path):
    """Write a file of functions that return trainings."""
    path = tmp_path / "my_setup.py"
    path.write_text(SETUP)
    return path


@pytest.mark.parametrize(
    ("function", "status"), [("clean", 0), ("named", 0), ("warnings", 1), ("errors", 2)], ids=lambda value: str(value)
)
def test_the_exit_status_says_what_was_found(setup_file, capsys, function, status):
    """0 clean, 1 warnings, 2 errors."""
    assert status == cli.main(["diagnose", f"{setup_file}:{function}", "--device", "cpu"])
    assert capsys.readouterr().out.strip()


def test_json_is_json_and_nothing_else(setup_file, capsys):
    """For programs: standard output holds nothing but the report."""
    cli.main(["diagnose", f"{setup_file}:errors", "--json"])
    report = json.loads(capsys.readouterr().out)

    assert report["exit_status"] == 2
    assert "B04" in [row["code"] for row in report["rows"]]


def test_what_the_users_code_prints_is_no_json(setup_file, capsys):
    """It goes where progress goes."""
    cli.main(["diagnose", f"{setup_file}:talks", "--json", "--device", "cpu"])
    said = capsys.readouterr()

    assert json.loads(said.out)["rows"] is not None
    assert "making it" in said.err
    assert "called" in said.err


def test_a_page_that_cannot_be_written_is_told_before_the_look(setup_file, tmp_path, capsys):
    """Nobody should wait a minute for that."""
    status = cli.main(["diagnose", f"{setup_file}:raises", "--html", str(tmp_path / "absent" / "page.html")])

    assert cli.USAGE_ERROR == status
    assert "wanted a file in a folder that exists" in capsys.readouterr().err


def test_a_script_that_ends_the_program_is_told(tmp_path, capsys):
    """Its exit status would read as errors that were found."""
    (tmp_path / "a_script.py").write_text("import sys\nsys.exit(2)\n")
    status = cli.main(["diagnose", f"{tmp_path / 'a_script.py'}:setup"])

    assert cli.USAGE_ERROR == status
    assert '`if __name__ == "__main__":`' in capsys.readouterr().err


def test_without_a_training_the_environment_is_looked_at(capsys):
    """And the questions about model and data are not applicable."""
    status = cli.main(["diagnose", "--json"])
    report = json.loads(capsys.readouterr().out)

    assert status == 0
    assert {"E01", "E02"} <= {row["code"] for row in report["fine"]}
    assert {"B06", "D06"} <= {row["code"] for row in report["not_applicable"]}


def test_the_page_is_written(setup_file, tmp_path):
    """One self-contained file."""
    cli.main(["diagnose", f"{setup_file}:clean", "--html", str(tmp_path / "page.html")])

    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("training", "says"),
    [
        ("nothing", "must be `module:function`"),
        ("absent.py:setup", "`absent.py` does not exist"),
        ("no_such_module_here:setup", "cannot be imported: ModuleNotFoundError"),
        ("{file}:absent", "has no function `absent`"),
        ("{file}:raises", "raised FileNotFoundError: no leaves.csv here"),
        ("{file}:odd", "returned a int, wanted"),
        ("{file}:misspelt", "returned a dict with 'modell'"),
        ("{file}:ends", "ended the program (`sys.exit`, 5)"),
    ],
)
def test_what_cannot_be_looked_at_ends_with_3_and_a_sentence(setup_file, capsys, training, says):
    """2 would mean that errors were found."""
    status = cli.main(["diagnose", training.format(file=setup_file)])

    assert status == cli.USAGE_ERROR
    assert says in capsys.readouterr().err


def test_a_traceback_is_the_users_own(setup_file, capsys):
    """It begins at the user's function."""
    cli.main(["diagnose", f"{setup_file}:raises"])
    said = capsys.readouterr().err

    assert "my_setup.py" in said
    assert "cli.py" not in said


@pytest.mark.parametrize("arguments", [["--no-such-flag"], ["--budget-seconds", "soon"], ["--preset", "x"]])
def test_wrong_arguments_end_with_3(arguments, capsys):
    """argparse's own 2 is taken."""
    try:
        status = cli.main(["diagnose", *arguments])
    except SystemExit as ended:
        status = ended.code

    assert status == cli.USAGE_ERROR


def test_the_script_does_the_same(setup_file, capsys):
    """`scripts/training_diagnostics.py`, for a clone that was not installed."""
    ended = run_here(capsys, "training_diagnostics.py", f"{setup_file}:errors", "--json")

    assert ended.status == 2, ended.err
    assert json.loads(ended.out)["verdict"] == "errors"


def test_the_script_says_what_to_do_where_torch_does_not_import(tmp_path):
    """Which the installed command cannot."""
    broken = tmp_path / "torch"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('libtorch_cpu.so: cannot open shared object file')")
    command = [sys.executable, str(ROOT / "scripts" / "training_diagnostics.py")]
    environment = {"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert ended.returncode == 2
    assert "does not import here (ImportError: libtorch_cpu.so" in ended.stdout
    assert "fix_environment.sh" in ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_terminal_without_check_marks_still_prints(setup_file, monkeypatch):
    """An old Windows console, a log in ASCII."""
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", shown)

    assert 0 == cli.main(["diagnose", f"{setup_file}:clean"])
    shown.flush()
    assert shown.buffer.getvalue().decode("ascii").strip()


@pytest.fixture
def store(tmp_path):
    """Return a store with one run in it, as a short training left it."""
    folder = tmp_path / "runs" / "leaves"
    folder.mkdir(parents=True)
    journal = Journal(folder / "journal.jsonl")
    journal.append("start", epochs=1, seed=0)
    journal.append("end", status="finished", step=3)
    (folder / "run.json").write_text('{"name": "leaves"}')
    (folder / "summary.json").write_text('{"status": "finished", "steps": 3, "seconds": 1.5}')
    return folder.parent


def test_report_tells_what_happened(store, capsys):
    """As text, with the verdict first."""
    assert 0 == cli.main(["report", str(store / "leaves")])
    assert capsys.readouterr().out.startswith("It ran well.\nleaves: finished after 0 epochs, 3 steps, 1.5 s.\n")


def test_report_as_json_is_json_alone(store, capsys):
    """For programs."""
    assert 0 == cli.main(["report", str(store / "leaves"), "--json"])
    assert "leaves" == json.loads(capsys.readouterr().out)["name"]


def test_report_as_a_page(store, tmp_path, capsys):
    """One line says where it is."""
    page = tmp_path / "page.html"

    assert 0 == cli.main(["report", str(store / "leaves"), "--html", str(page)])
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert f"It ran well. The report is in {page}.\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["report", "nowhere"], "is not that of a run", id="no-run"),
        pytest.param(
            ["report", "nowhere", "--html", "no/such/folder.html"], "wanted a file in a folder", id="no-place"
        ),
        pytest.param(["runs", "file"], "`store`", id="a-file-is-no-store"),
    ],
)
def test_what_cannot_be_told_is_an_error_in_words(arguments, said, tmp_path, monkeypatch, capsys):
    """No traceback, and the exit status for nothing to look at."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")

    assert cli.USAGE_ERROR == cli.main(arguments)
    assert said in capsys.readouterr().err


def test_runs_are_listed(store, capsys):
    """As a table, or as JSON."""
    assert 0 == cli.main(["runs", str(store)])
    table = capsys.readouterr().out
    assert 0 == cli.main(["runs", str(store), "--json"])

    assert "leaves" in table
    assert ["leaves"] == [row["name"] for row in json.loads(capsys.readouterr().out)]


def test_a_terminal_that_knows_few_characters_gets_the_text(store, monkeypatch):
    """A run's name may be in any language; no error hides the report."""
    (store / "leaves" / "run.json").write_text('{"name": "Bl\\u00e4tter \\u2713"}', encoding="utf-8")
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", shown)

    assert 0 == cli.main(["report", str(store / "leaves")])
    shown.flush()
    assert b"Bl?tter ?: finished" in shown.buffer.getvalue()
