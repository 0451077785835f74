"""`af.runs`: what a store holds, whatever state its folders are in."""

import json
import os
import time
from html.parser import HTMLParser

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.environment.process import here, machine, start_time
from autofix_nb.errors import StoreError

pytestmark = pytest.mark.usefixtures("fast_reports")


def train(store, name, *, epochs=2, broken=False, val=True):
    """Train for two epochs, or until the loss raises."""
    data = DataLoader(TensorDataset(torch.randn(24, 4), torch.arange(24) % 3), batch_size=8)
    model = nn.Linear(4, 3)

    def cross_entropy(outputs, targets):
        if broken and torch.is_grad_enabled():
            raise ZeroDivisionError("<script>alert(1)</script>")
        return nn.functional.cross_entropy(outputs, targets)

    usual = {"optimizer": torch.optim.SGD(model.parameters(), lr=0.1), "loss": cross_entropy, "show": "none"}
    return af.fit(model, data, data if val else None, epochs=epochs, store=store, name=name, preflight=False, **usual)


def journal(folder, *kinds, at="2026-01-02T03:04:05+00:00"):
    """Write a folder that looks like a run's."""
    folder.mkdir(parents=True)
    lines = [{"n": n, "time": at, "kind": kind, "epochs": 4, "step": 0} for n, kind in enumerate(kinds, start=1)]
    (folder / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def lease(folder, *, pid, started, host=None, heartbeat=0.0):
    """Write who trains there."""
    plain = {"host": host or here(), "machine": machine() if host is None else "another", "pid": pid}
    plain |= {"started": started, "token": "t", "since": "now", "heartbeat": heartbeat}
    (folder / "lease.json").write_text(json.dumps(plain))


def test_each_run_has_a_row_newest_first(tmp_path):
    """Name, state, epochs, best goal, step, size and folder; nothing is written by looking."""
    train(tmp_path, "first")
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, "broken", broken=True)
    train(tmp_path, "last", val=False)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    found = af.runs(tmp_path)

    assert ["last", "broken", "first"] == [row.name for row in found]
    assert ["finished", "failed", "finished"] == [row.state for row in found]
    first = found[2]
    assert (2, 2, 6, "val/accuracy") == (first.epoch, first.epochs, first.step, first.goal_name)
    assert 0 <= first.best <= 1
    assert first.best_epoch in (1, 2)
    assert sum(path.stat().st_size for path in (tmp_path / "first").rglob("*") if path.is_file()) == first.bytes
    assert str(tmp_path / "first") == first.where
    assert (0, 2, None) == (found[1].epoch, found[1].epochs, found[1].best)
    assert (2, None) == (found[0].epoch, found[0].best)
    assert [row.name for row in found] == [row["name"] for row in found.to_dicts()]
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_running_died_and_never_begun_are_told_apart_by_the_lease(tmp_path):
    """A run without an end goes on where its process lives, and died where it does not."""
    for name in ("here", "recycled", "elsewhere", "silent", "alone"):
        journal(tmp_path / name, "start", "epoch")
    journal(tmp_path / "resumed", "start", "end", "resume")
    journal(tmp_path / "refused", "note")
    lease(tmp_path / "here", pid=os.getpid(), started=start_time(os.getpid()))
    lease(tmp_path / "recycled", pid=os.getpid(), started="another time")
    lease(tmp_path / "elsewhere", pid=7, started="", host="colab-1", heartbeat=time.time())
    lease(tmp_path / "silent", pid=7, started="", host="colab-1", heartbeat=time.time() - 1_000)

    states = {row.name: row.state for row in af.runs(tmp_path)}

    assert {
        "here": f"running in process {os.getpid()}",
        "recycled": "died",
        "elsewhere": "running in process 7 on colab-1",
        "silent": "died",
        "alone": "died",
        "resumed": "died",
        "refused": "nothing trained yet",
    } == states


def test_foreign_and_damaged_folders_are_named_and_passed_over(tmp_path):
    """One of them must not hide the runs beside it."""
    train(tmp_path, "good")
    (tmp_path / "photos").mkdir()
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / ".hidden").mkdir()
    journal(tmp_path / "unreadable")
    journal(tmp_path / "no time", "start", at="yesterday")
    journal(tmp_path / "a folder for a file", "start")
    (tmp_path / "a folder for a file" / "history.jsonl").mkdir()
    journal(tmp_path / "half", "start")
    for name in ("run.json", "summary.json", "lease.json", "facts.json"):
        (tmp_path / "half" / name).write_text('{"a": ')
    (tmp_path / "half" / "history.jsonl").write_text('{"epoch": 1, "goal": "nan"}\n{"epoch": "x"}\n[1]\n{"epo')
    (tmp_path / "half" / "signals.npz").write_bytes(b"PK\x03\x04")

    found = af.runs(tmp_path)

    assert {"good", "half"} == {row.name for row in found}
    why = dict(found.passed_over)
    assert {"photos", "unreadable", "no time", "a folder for a file"} == set(why)
    assert "journal.jsonl" in why["photos"]
    assert all(why[name].startswith("damaged: ") for name in ("no time", "a folder for a file", "unreadable"))
    for name in why:
        assert f"Passed over: {name}: " in repr(found)


class Scripts(HTMLParser):
    """Collects what a browser would run, and the text that it would show."""

    def __init__(self, html):
        super().__init__()
        self.found, self.text, self.tags = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "script" or any(name.startswith("on") for name, _ in attributes):
            self.found.append(tag)

    def handle_data(self, data):
        self.text += data


def test_names_full_of_markup_are_shown_and_not_run(tmp_path):
    """Folders may have been named by anybody, and hold what anybody wrote."""
    wild = "<script>alert(1)<&script><img src=x onerror=alert(1)>"
    journal(tmp_path / wild, "start")
    row = {"epoch": 1, "goal": 0.5, "is_best": True, "goal_name": wild}
    (tmp_path / wild / "history.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / f"{wild} foreign").mkdir()
    journal(tmp_path / "turned\u202earound\x1b[2J", "start")

    found = af.runs(tmp_path)
    page = Scripts(found._repr_mimebundle_()["text/html"])

    assert [] == page.found
    assert "img" not in page.tags
    assert 4 <= page.text.count(wild)
    assert not {"\u202e", "\x1b"} & set(repr(found) + page.text)


def test_the_table_is_text_and_html(tmp_path):
    """A head, a line for each run; HTML takes its colours from the page."""
    journal(tmp_path / "old", "start", at="2020-01-01T00:00:00+00:00")
    train(tmp_path, "new")

    found = af.runs(tmp_path)
    bundle = found._repr_mimebundle_()
    lines = bundle["text/plain"].splitlines()

    assert f"{tmp_path} holds 2 runs" == lines[0]
    assert lines[1].split() == ["run", "state", "epoch", "best", "age", "size", "where"]
    assert lines[2].startswith("new  finished  2 of 2  val/accuracy 0")
    assert lines[3].startswith("old  died      0 of 4")
    assert " d " in lines[3]
    assert 3 == bundle["text/html"].count("<tr>")
    assert "color:#" not in bundle["text/html"]
    assert found[0] is next(iter(found))
    assert 1 == len(found[1:])


def test_a_store_that_is_empty_or_none_is_said_to_be(tmp_path, monkeypatch):
    """`./runs` by default; a store that is not there yet holds nothing, a file is no store."""
    monkeypatch.chdir(tmp_path)

    assert "runs holds no runs" == repr(af.runs())
    assert [] == list(af.runs(tmp_path / "nothing"))
    train("runs", "one")
    assert ["one"] == [row.name for row in af.runs()]
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be listed"):
        af.runs(tmp_path / "file")


def test_a_run_with_more_epochs_says_how_many(tmp_path):
    """What is asked for now, and not what was asked for first."""
    torch.manual_seed(0)
    data = DataLoader(TensorDataset(torch.zeros(24, 4), torch.arange(24) % 3), batch_size=8)
    for epochs in (1, 3):
        model = nn.Linear(4, 3)
        af.fit(model, data, epochs=epochs, lr=0.1, store=tmp_path, name="more", show="none", preflight=False)

    assert [(3, 3)] == [(row.epoch, row.epochs) for row in af.runs(tmp_path)]


def test_the_best_of_a_killed_run_is_the_newest_one(tmp_path):
    """The table of epochs lags behind by seconds; what the journal has of later ones counts."""
    torch.manual_seed(1)
    run = train(tmp_path, "killed", epochs=3)
    whole = next(iter(af.runs(tmp_path)))
    table = run.folder / "history.jsonl"
    table.write_text(table.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    late = next(iter(af.runs(tmp_path)))

    assert (whole.best, whole.best_epoch, whole.epoch) == (late.best, late.best_epoch, late.epoch)
    assert late.best_epoch > 1
