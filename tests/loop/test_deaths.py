"""What kills the process twice at the same batch is left out the third time; real processes kill themselves."""

import multiprocessing
import os
import signal

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import autofix_nb as af
from autofix_nb.journal import Journal
from autofix_nb.loop.lease import read_lease
from tests.cases import mlp, same_weights

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

FORK = multiprocessing.get_context("fork")


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


class Rows(Dataset):
    """Rows in order; `killer` is the index whose loading kills, `parent` the process that it kills."""

    def __init__(self, killer=-1):
        self.killer, self.parent = killer, os.getpid()
        self.inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
        self.loaded = []

    def __len__(self):
        return 64

    def __getitem__(self, index):
        self.loaded.append(index)
        if index == self.killer:
            os.kill(self.parent, signal.SIGKILL)
        return self.inputs[index], int(LABELS[index])


LABELS = torch.randint(0, 3, (64,), generator=torch.Generator().manual_seed(2))
"""No two batches of eight have the same ones, so a loss knows which batch it is asked about."""


class KillsAt:
    """A loss that kills the process in the training step of one batch, counted from 0; None never."""

    __name__ = "cross_entropy"

    def __init__(self, batch=None):
        self.labels = None if batch is None else LABELS[8 * batch : 8 * batch + 8]

    def __call__(self, outputs, targets):
        if self.labels is not None and torch.is_grad_enabled() and torch.equal(targets, self.labels):
            kill()
        return nn.functional.cross_entropy(outputs, targets)


@pytest.fixture
def train(fit):
    """Train two epochs of eight batches, here or in a process of its own; returns the run or the exit code."""

    def here(loss=None, killer=-1, workers=0, **options):
        data = Rows(killer)
        loader = DataLoader(data, batch_size=8, num_workers=workers)
        optimizer = torch.optim.Adam((model := mlp(4, 3, 8)).parameters(), lr=0.01)
        return fit(model, loader, epochs=2, optimizer=optimizer, loss=loss or KillsAt(), save_every=2, **options)

    def apart(**options):
        def child():
            here(**options)
            os._exit(0)

        process = FORK.Process(target=child)
        process.start()
        process.join()
        return process.exitcode

    here.apart = apart
    return here


def placed(entries):
    return [(entry["epoch"], entry["position"], entry["phase"]) for entry in entries]


def test_a_batch_whose_step_kills_twice_is_left_out(train, tmp_path):
    """The third start gets through without batch 5 of the first epoch, and says what was done and to which samples."""
    assert -signal.SIGKILL == train.apart(loss=KillsAt(5))
    assert read_lease(tmp_path / "run") is not None
    assert -signal.SIGKILL == train.apart(loss=KillsAt(5))

    run = train()

    assert "finished" == run.status
    assert [(0, 5, "step")] * 2 == placed(run.journal.entries("died"))
    left = run.journal.entries("left out")
    assert [(0, 5, "step")] == placed(left)
    assert list(range(40, 48)) == left[0]["samples"]
    assert not left[0]["without_workers"]
    found = [one for one in run.findings if one.code == "B02"]
    assert "died 2 times at batch 5 of epoch 0, in the step" in found[0].says
    assert "sample 40" == found[0].where[0]
    assert [1, 0] == [row["skipped"] for row in run.history.epochs]
    assert 15 == run.history.step("loss")


def test_a_batch_that_kills_while_it_is_loaded_is_not_loaded_again(train, tmp_path):
    """A sample whose decoder crashes: the third start does not even touch it in that batch."""
    for _ in range(2):
        assert -signal.SIGKILL == train.apart(killer=20)

    died = af.open_run(tmp_path / "run").journal.entries("died")
    assert [(0, 2, "loading")] == placed(died)

    assert -signal.SIGKILL == train.apart(killer=20)  # through the first epoch, and killed in the second one
    run = af.open_run(tmp_path / "run")
    assert [(0, 2, "loading")] == placed(run.journal.entries("left out"))
    assert 1 == len(run.journal.entries("epoch"))

    assert -signal.SIGKILL == train.apart(killer=20)
    run = train(killer=20)

    assert "finished" == run.status
    assert [(0, 2, "loading"), (1, 2, "loading")] == placed(run.journal.entries("left out"))
    assert "sample 16 was in a batch that killed before" in run.journal.entries("finding", code="B02")[-1]["says"]


@pytest.mark.parametrize("phase", ["loading", "step"])
def test_workers_are_given_up_where_the_process_died_while_they_loaded(train, tmp_path, phase):
    """Host memory: copies in worker processes are the first thing to save on; a step needs none of them."""
    (tmp_path / "run").mkdir()
    journal = Journal(tmp_path / "run" / "journal.jsonl")
    for _ in range(2):
        journal.append("died", step=3, epoch=0, position=3, phase=phase)

    run = train(workers=2)

    assert (phase == "loading") is run.journal.entries("left out")[0]["without_workers"]
    assert (phase == "loading") is ("without worker processes" in run.journal.last("finding", code="B02")["says"])
    assert 15 == run.history.step("loss")
    assert "finished" == run.status


@pytest.mark.parametrize("batches", [(5, 3), (5, 6), (2, 7)])
def test_deaths_at_different_places_do_not_count(train, batches):
    """Kernels are killed for many reasons: every batch is trained on, and the weights are those of one that was not."""
    whole = train(name="whole")
    for batch in batches:
        assert -signal.SIGKILL == train.apart(loss=KillsAt(batch))

    run = train()

    assert 2 == len(run.journal.entries("died"))
    assert not run.journal.entries("left out")
    assert same_weights(whole.last_weights, run.last_weights)


def test_a_death_between_the_batches_costs_none(train, tmp_path):
    """Killed while validating, twice: no batch is to blame."""
    (tmp_path / "run").mkdir()
    journal = Journal(tmp_path / "run" / "journal.jsonl")
    for _ in range(2):
        journal.append("died", step=7, epoch=0, position=7, phase="between")

    run = train()

    assert not run.journal.entries("left out")
    assert 16 == run.history.step("loss")


def test_a_kill_before_the_first_save_counts_too(train, tmp_path):
    """There is nothing to resume from: the run begins anew, and remembers what killed it."""
    for _ in range(2):
        assert -signal.SIGKILL == train.apart(loss=KillsAt(0))

    run = train()

    assert [(0, 0, "step")] == placed(run.journal.entries("left out"))
    assert "finished" == run.status
    assert 15 == run.history.step("loss")


def test_what_was_left_out_stays_left_out_after_a_stop(train, tmp_path):
    """The fourth start does not try it again, although the save it goes on from was before that batch."""
    for _ in range(2):
        assert -signal.SIGKILL == train.apart(loss=KillsAt(0))
    assert -signal.SIGKILL == train.apart(loss=KillsAt(1))

    run = train()

    assert 3 == len(run.journal.entries("died"))
    assert [(0, 0, "step")] == placed(run.journal.entries("left out"))
    assert "finished" == run.status


def test_who_may_not_skip_batches_is_only_told(train):
    """`autofix="suggest"`: the finding is there, the batch is trained on."""
    for _ in range(2):
        assert -signal.SIGKILL == train.apart(loss=KillsAt(0), autofix="suggest")

    run = train(autofix="suggest")

    assert not run.journal.entries("left out")
    assert "B02" in {one.code for one in run.findings}
    assert 16 == run.history.step("loss")


def test_a_run_that_ended_by_itself_left_no_death(train, tmp_path):
    """An exception, an interrupt and a good end give the lease back."""
    with pytest.raises(KeyboardInterrupt):
        train(loss=raising(KeyboardInterrupt()))
    train()

    assert not train().journal.entries("died")


def raising(error):
    """Return a loss that raises at its fourth call."""
    calls = []

    def cross_entropy(outputs, targets):
        calls.append(1)
        if len(calls) == 4:
            raise error
        return nn.functional.cross_entropy(outputs, targets)

    return cross_entropy
