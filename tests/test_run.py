"""What `fit` returns, and that `open_run` says the same of it."""

import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from torch import nn

import autofix_nb as af
from autofix_nb.checkpoints import Store
from autofix_nb.data import Quarantine
from autofix_nb.errors import StoreError
from autofix_nb.journal import Journal
from autofix_nb.run import Report, Run
from tests.cases import digits_loaders, mlp, same_weights
from tests.report.test_build import change
from tests.runs import finding


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """A run that had bad samples, stopped and went on; its best epoch is not the last one."""
    train, val = digits_loaders(batch_size=64, raising=[3], nan=[5, 8])
    options = {"store": tmp_path_factory.mktemp("runs"), "name": "leaves", "seed": 3, "show": "none"}
    scores = iter([0.1, 0.5, 0.25, 0.25])
    metrics = {"score": lambda outputs, targets: next(scores)}
    model = mlp()
    for epochs in (2, 4):
        optimizer = torch.optim.Adam(model.parameters())
        run = af.fit(model, train, val, epochs=epochs, metrics=metrics, optimizer=optimizer, **options)
    return run


@pytest.fixture
def copied(live, tmp_path):
    """Return a copy of the run's folder, to damage."""
    return shutil.copytree(live.folder, tmp_path / "leaves")


def said(run):
    """Return everything that a run says."""
    return {
        "status": run.status,
        "headline": run.headline(),
        "findings": [str(one) for one in run.findings],
        "fixes": [(one.fix, one.says, one.after) for one in run.fixes],
        "quarantine": list(run.quarantine),
        "epochs": run.history.epochs,
        "signals": {name: [part.tolist() for part in run.history.series(name)] for name in run.history.names()},
        "report": json.loads(run.report().to_json()),
    }


def test_open_run_says_the_same_as_the_live_run(live):
    """Status, findings, fixes, quarantine, epochs, signals and the whole report."""
    expected, actual = said(live), said(af.open_run(live.folder))

    for what, value in expected.items():
        assert value == actual[what], what
    assert {"B02", "G03", "R05"} <= {one.code for one in live.findings}
    assert [3, 5, 8] == sorted(live.quarantine.indices())


def test_opening_changes_nothing(live):
    """Reading is reading: every file has the bytes it had, and no folder is made."""

    def bits():
        return {path: path.read_bytes() for path in live.folder.rglob("*") if path.is_file()}

    before = bits()
    run = af.open_run(live.folder)
    run.report()
    assert run.best_weights

    assert before == bits()


def test_the_best_weights_are_put_back_and_the_last_ones_are_kept(live):
    """The best epoch was the second of four."""
    assert same_weights(live.best_weights, live.model.state_dict())
    assert not same_weights(live.best_weights, live.last_weights)
    assert live.last_weights.keys() == live.model.state_dict().keys()
    assert "Best val/score 0.5000 in epoch 2, whose weights were put back." in live.headline()
    assert None is af.open_run(live.folder).model


def test_without_validation_there_are_no_best_weights(tmp_path, fast_reports):
    """And the model has the last ones."""
    train, _ = digits_loaders(batch_size=200)
    model = mlp()
    run = af.fit(model, train, epochs=1, store=tmp_path, name="a", show="none")

    assert None is run.best_weights
    assert same_weights(run.last_weights, model.state_dict())


def test_weights_of_a_folder_without_checkpoints(copied):
    """None, or a refusal that names what is missing; nothing is made."""
    shutil.rmtree(copied / "checkpoints")
    run = af.open_run(copied)

    assert None is run.best_weights
    with pytest.raises(StoreError, match=r"checkpoints` holds no whole checkpoint: nothing was saved here"):
        run.last_weights  # noqa: B018
    assert not (copied / "checkpoints").exists()


def test_the_epoch_table_as_a_frame(live):
    """One row an epoch, as pandas has it."""
    frame = live.to_frame()

    assert isinstance(frame, pandas.DataFrame)
    assert [1, 2, 3, 4] == frame["epoch"].tolist()
    assert [0.1, 0.5, 0.25, 0.25] == frame["val/score"].tolist()


def test_without_pandas_the_way_out_is_said(live, monkeypatch):
    """The rows are there without it."""
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ImportError, match=r"`pip install pandas`\. `run\.history\.epochs` has the same rows"):
        live.to_frame()


FILES = ("signals.npz", "history.jsonl", "summary.json", "run.json", "quarantine/samples.jsonl", "report.html")


def remove(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage(path):
    path.write_bytes(bytes(range(256)) * 20)


def other_json(path):
    path.write_text("[1, 2]\n3\nnull\n")


@pytest.mark.parametrize("damage", [remove, empty, cut, garbage, other_json])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_costs_only_what_was_in_it(copied, name, damage, fast_reports):
    """The run opens, reports, and knows what the other files know."""
    damage(copied / name)
    run = af.open_run(copied)

    assert "leaves" in run.report().to_html() or name == "run.json"
    assert {"B02", "G03"} <= {one.code for one in run.findings}
    assert (name == "signals.npz") == (run.history.count("loss") == 0)
    assert (4 if name != "history.jsonl" else len(run.history.epochs)) == len(run.history.epochs)
    assert json.loads(run.report().to_json())


def test_a_torn_line_of_the_journal_costs_that_line(copied):
    """As a crash leaves it."""
    path = copied / "journal.jsonl"
    path.write_bytes(path.read_bytes() + b'{"n": 99, "kind": "find')
    run = af.open_run(copied)

    assert 1 == run.journal.damaged_lines
    assert run.findings


@pytest.mark.parametrize("where", ["{runs}", "{runs}/leavs", "{runs}/leaves/checkpoints"])
def test_a_wrong_folder_names_the_runs_nearby(live, where):
    """The folder above, and a name with a typing error."""
    folder = where.format(runs=live.folder.parent)
    near = "" if folder.endswith("checkpoints") else r".* holds the runs \['leaves'\]"

    with pytest.raises(StoreError, match=rf"'{folder}' is not that of a run \(it has no journal.jsonl\){near}$"):
        af.open_run(folder)


def written(folder, *entries, summary=None):
    journal = Journal(folder / "journal.jsonl")
    for kind, fields in entries:
        journal.append(kind, **fields)
    if summary is not None:
        (folder / "summary.json").write_text(json.dumps(summary))
    return af.open_run(folder)


START, SAVE_50, RESUME_50 = ("start", {}), ("save", {"step": 50, "after": 2}), ("resume", {"step": 50, "after": 2})


def found(step):
    return "finding", finding(step=step).to_dict()


@pytest.mark.parametrize(
    ("entries", "steps"),
    [
        pytest.param([START, found(40), SAVE_50, found(60), RESUME_50, found(60)], [40, 60], id="happened-again"),
        pytest.param([START, found(40), found(60), SAVE_50, RESUME_50], [40], id="while-it-was-being-written"),
        pytest.param([START, found(40), found(60), RESUME_50, found(60)], [40, 60], id="killed-before-it-was-noted"),
        pytest.param([START, found(50), SAVE_50, found(50), RESUME_50], [50], id="not-again"),
        pytest.param([START, START, SAVE_50, found(60), ("save", {"step": 70}), RESUME_50], [], id="an-older-was-used"),
        pytest.param([START, found(40), ("resume", {"step": 50}), found(60)], [40, 60], id="save-unknown"),
        pytest.param([START, START, SAVE_50, RESUME_50, found(60), RESUME_50, found(60)], [60], id="killed-twice"),
    ],
)
def test_what_a_killed_kernel_saw_after_its_last_save_is_not_told_twice(tmp_path, entries, steps):
    """The run went on from the save; the journal keeps both lives."""
    run = written(tmp_path, *entries, summary=None)

    assert steps == [one.step for one in run.findings]


@pytest.mark.parametrize(
    ("entries", "status", "steps"),
    [
        pytest.param([START, SAVE_50], "running", 50, id="killed"),
        pytest.param([START], "running", 0, id="killed-before-the-first-save"),
        pytest.param([START, SAVE_50, ("end", {})], "finished", 44, id="finished"),
        pytest.param([START, SAVE_50, ("end", {}), RESUME_50], "running", 50, id="goes-on-after-an-end"),
        pytest.param([START, SAVE_50, ("error", {"error": "E"}), RESUME_50, ("end", {})], "finished", 44, id="mended"),
    ],
)
def test_a_summary_of_an_earlier_turn_is_not_believed(tmp_path, entries, status, steps):
    """Only that of the turn that ended last; else the steps are those of the last save."""
    run = written(tmp_path, *entries, summary={"status": "finished", "steps": 44, "seconds": 1.0})

    assert (status, steps) == (run.status, run.report().facts["steps"])


def test_facts_and_the_present_chapter_come_back(tmp_path):
    """Detectors asked again of a run read from disk know as much as they did while it trained."""
    (tmp_path / "facts.json").write_text('{"since": 44, "facts": {"planned_steps": "inf", "frozen": ["a"]}}')
    run = written(tmp_path, START)

    assert (44, {"planned_steps": math.inf, "frozen": ["a"]}) == (run.history.since, run.history.facts)


def test_changes_come_back_with_their_values(tmp_path):
    """What older versions wrote without saying what it touches is none."""
    clipped = change(before={"clip_norm": None}, after={"clip_norm": 6.0})
    run = written(tmp_path, clipped, ("change", {"fix": "split_batch", "says": "x"}))

    assert [("clip_gradients", {"clip_norm": None}, {"clip_norm": 6.0})] == [
        (one.fix, one.before, one.after) for one in run.fixes
    ]


def test_numbers_that_are_none_come_back(tmp_path):
    """JSON has them as text."""
    (tmp_path / "history.jsonl").write_text('{"loss": "nan", "a": "-inf", "goal_name": "x"}\nnot json\n')
    row = written(tmp_path, START).history.epochs[0]

    assert math.isnan(row["loss"])
    assert (-math.inf, "x") == (row["a"], row["goal_name"])


def test_a_report_has_all_its_faces():
    """Text, HTML, a page, a dict and strictly valid JSON."""
    facts = bare().report().facts | {"table": [{"loss": math.nan, "best": np.float32(1.0)}]}
    report = Report(facts, None)

    assert facts is report.to_dict()
    assert {"loss": "nan", "best": 1.0} == json.loads(report.to_json(), parse_constant=pytest.fail)["table"][0]
    assert str(report) == repr(report)
    assert str(report).splitlines()[0] in report._repr_html_()
    assert report.to_html().startswith("<!doctype html>")


def bare():
    return Run(Path("nowhere"), model=nn.Linear(1, 1), journal=Journal(), quarantine=Quarantine())


def test_a_run_introduces_itself():
    """How it went, where it is kept, and what to type."""
    assert repr(bare()).endswith("Kept in nowhere. `run.report()` tells everything.")


def test_the_picture_of_a_cell_is_not_shown_in_it_again(monkeypatch):
    """A cell that ends in a bare `fit(...)` has the live view's; the next cell, and a report, have one of their own."""
    monkeypatch.setattr("autofix_nb.run.reporting.to_png", lambda *_: b"png")
    run, here = bare(), iter([7, 7, 8, None])
    monkeypatch.setattr("autofix_nb.run.cell", lambda: next(here))
    first = run._repr_html_()
    run.shown_in = 7
    again, later, no_notebook = run._repr_html_(), run._repr_html_(), run._repr_html_()

    assert [True, False, True, True] == ["cG5n" in html for html in (first, again, later, no_notebook)]
    assert "cG5n" in run.report()._repr_html_()


EVIL = "<script>alert('x')</script>\""


def test_an_exception_with_html_in_it_is_escaped_in_the_kept_report(tmp_path, fast_reports):
    """Run's name, sample's error, training's error: none becomes a tag in `report.html`."""
    train, _ = digits_loaders(raising=[3], error=lambda index: ValueError(EVIL))
    calls = []

    def fail_late(outputs, targets):
        calls.append(1)
        if len(calls) > 60:
            raise TypeError(EVIL)
        return nn.functional.cross_entropy(outputs, targets)

    with pytest.raises(TypeError):
        af.fit(mlp(), train, epochs=3, loss=fail_late, store=tmp_path, name="it's & so on", show="none")
    page = (tmp_path / "it's & so on" / "report.html").read_text()

    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 2
    assert "it&#x27;s &amp; so on: failed after" in page
    assert "It ended early: TypeError: &lt;script" in page


def test_a_report_that_cannot_be_drawn_does_not_cost_the_run(tmp_path, monkeypatch):
    """The training is over and saved; the journal says what happened."""
    monkeypatch.setattr("autofix_nb.run.reporting.to_png", lambda *_: 1 / 0)
    train, _ = digits_loaders(batch_size=200)
    run = af.fit(mlp(), train, epochs=1, store=tmp_path, name="a", show="none")

    assert "finished" == run.status
    assert "report could not be written: ZeroDivisionError" in run.journal.last("note")["text"]
    assert "finished" == Store(run.folder / "checkpoints").whole().about["status"]
