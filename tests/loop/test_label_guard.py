"""Labels that would end a GPU are found on the CPU; a GPU that is lost is not read again. Stand-ins: no GPU is here."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from autofix_nb.data import Batch
from autofix_nb.errors import DataError
from autofix_nb.fixes import Controls
from autofix_nb.loop.guard import Guard
from autofix_nb.loop.keeper import Keeper
from autofix_nb.loop.label_guard import MOST_LABELS, likely_cause
from autofix_nb.objective import is_device_lost
from autofix_nb.signals import Recorder
from tests.cases import mlp, same_weights

ASSERTED = (
    "CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions"
)


class Rows(Dataset):
    """Labels are known when a row is loaded and not before, as where they are read from files."""

    def __init__(self, inputs, marks):
        self.inputs, self.marks = inputs, marks

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return self.inputs[index], int(self.marks[index])


def loader(**labels):
    """Return 64 rows of 3 classes in order, with some labels replaced: `row_5=7`."""
    targets = torch.arange(64) % 3
    for name, value in labels.items():
        targets[int(name.removeprefix("row_"))] = value
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    return DataLoader(Rows(inputs, targets), batch_size=8)


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Let the guard look at labels as it does where the model is on a GPU; count what reaches the model."""
    seen = []
    real = Guard._step

    class NotTheCpu:
        type = "cuda"

    def step(self, batch, objective):
        device = self.stepper.device
        self.stepper.device = NotTheCpu()
        to_device = "autofix_nb.loop.steps.structure.to_device"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(to_device, lambda data, _: seen.append(data) or data)
            try:
                return real(self, batch, objective)
            finally:
                self.stepper.device = device

    monkeypatch.setattr(Guard, "_step", step)
    return seen


def test_a_label_out_of_range_never_reaches_the_gpu(fit, as_on_a_gpu):
    """Its sample is set aside, its batch goes on with the rest; later epochs do not draw it."""
    run = fit(mlp(4, 3, 8), loader(row_15=3, row_16=-1, row_20=99), epochs=2, lr=0.01)

    assert "finished" == run.status
    assert [15, 16, 20] == sorted(run.quarantine.indices())
    assert all(int(targets.max()) < 3 and int(targets.min()) >= 0 for _, targets in as_on_a_gpu)
    assert 16 == run.history.step("loss")
    assert "label 99 is outside the model's 3 outputs" in str(run.quarantine)


def test_labels_that_do_not_count_are_let_through(fit, as_on_a_gpu):
    """-100, or whatever the loss is told to ignore."""
    run = fit(mlp(4, 3, 8), loader(row_5=7), epochs=1, lr=0.01, loss=nn.CrossEntropyLoss(ignore_index=7))

    assert not run.quarantine.indices()


def test_where_samples_may_not_be_set_aside_the_error_comes_before_the_gpu_is_lost(fit, as_on_a_gpu):
    """A plain loop would have lost the GPU here; the kernel can go on."""
    with pytest.raises(DataError, match=r"`train`: label 3 .*wanted 0 to 2.* in batch 1 of epoch 0"):
        fit(mlp(4, 3, 8), loader(row_9=3), epochs=1, lr=0.01, allow={"loop"})

    assert 1 == len(as_on_a_gpu)


def test_healthy_labels_change_nothing(fit, as_on_a_gpu):
    """The look draws no random number and touches no weight."""
    looked = fit(mlp(4, 3, 8), loader(), epochs=2, lr=0.01, name="looked")
    plain = fit(mlp(4, 3, 8), loader(), epochs=2, lr=0.01, name="plain")

    assert same_weights(looked.last_weights, plain.last_weights)


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (RuntimeError(ASSERTED), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("CUDA error: unspecified launch failure"), True),
        (RuntimeError("CUDA error: out of memory"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("illegal memory access"), False),
    ],
)
def test_errors_after_which_a_gpu_answers_no_more(error, lost):
    """Also behind another error that it was raised from."""
    outer = RuntimeError("in my model")
    outer.__cause__ = error

    assert lost is is_device_lost(error)
    assert lost is is_device_lost(outer)


def losing(at, reads=None):
    """Return a loss that raises what a lost GPU raises, at its n-th call."""

    def cross_entropy(outputs, targets):
        cross_entropy.calls += torch.is_grad_enabled()
        if cross_entropy.calls == at and torch.is_grad_enabled():
            (reads if reads is not None else []).append("lost")
            raise RuntimeError(ASSERTED)
        return nn.functional.cross_entropy(outputs, targets)

    cross_entropy.calls = 0
    return cross_entropy


def test_a_lost_gpu_is_not_read_again_and_the_last_save_resumes(fit, monkeypatch):
    """No save after it, no signals; the note says what to do, and the same cell ends as a run that never lost it."""
    whole = fit(mlp(4, 3, 8), loader(), epochs=2, lr=0.01, loss=losing(0), name="whole", save_every=4)
    reads = []
    real_save, real_flush = Keeper.save, Recorder.flush

    def save(self, guard, *args, **options):
        reads.append(guard.status)
        return real_save(self, guard, *args, **options)

    def flush(self):
        reads.append("flush")
        return real_flush(self)

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "save", save)
        patch.setattr(Recorder, "flush", flush)
        with pytest.raises(RuntimeError, match="device-side assert") as caught:
            fit(mlp(4, 3, 8), loader(), epochs=2, lr=0.01, loss=losing(11, reads), save_every=4)

    notes = "\n".join(caught.value.__notes__)
    assert "the GPU cannot be used any more in this process. Likely cause: an index out of range" in notes
    assert "restart the kernel" in notes
    assert "saved everything up to step 8" in notes
    assert "lost" == reads[-1]

    run = fit(mlp(4, 3, 8), loader(), epochs=2, lr=0.01, loss=losing(0), save_every=4)

    assert 8 == run.journal.last("resume")["step"]
    assert same_weights(whole.last_weights, run.last_weights)


def test_a_batch_that_loses_the_gpu_twice_is_left_out(fit):
    """It ends the process as surely as a kill, so it counts like one."""
    for at in (11, 3):
        with pytest.raises(RuntimeError, match="device-side assert"):
            fit(mlp(4, 3, 8), loader(), epochs=2, lr=0.01, loss=losing(at), save_every=4)

    run = fit(mlp(4, 3, 8), loader(), epochs=2, lr=0.01, loss=losing(0), save_every=4)

    assert [(1, 2)] == [(entry["epoch"], entry["position"]) for entry in run.journal.entries("left out")]
    assert 15 == run.history.step("loss")


def a_guard(targets, **task):
    values = {"kind": "classification", "classes": 3, "loss": nn.CrossEntropyLoss()} | task
    return SimpleNamespace(task=SimpleNamespace(**values), objective=None, known={}, controls=Controls())


@pytest.mark.parametrize("shape", [(8,), (8, 300, 300)])
def test_the_likely_cause_names_label_and_sample(shape):
    """Also where there are so many labels that they are not looked at before each step."""
    targets = torch.zeros(shape, dtype=torch.long)
    targets.view(8, -1)[5, -1] = 12
    assert len(shape) == 1 or targets.numel() > MOST_LABELS
    batch = Batch((torch.zeros(8, 4), targets), list(range(40, 48)), 2, 7)

    said = likely_cause(a_guard(targets), batch)

    assert "label 12 of sample 45 in batch 7 of epoch 2 is outside the model's 3 outputs (0 to 2)" == said


def test_without_labels_at_hand_the_usual_cause_is_named():
    """Another task, no batch, a batch of another form: nothing is raised on the way."""
    targets = torch.zeros(8)
    batch = Batch((torch.zeros(8, 4), targets), list(range(8)), 0, 0)
    odd = Batch(object(), None, 0, 0)

    for guard, one in ((a_guard(targets, kind="regression"), batch), (a_guard(targets), None), (a_guard(targets), odd)):
        assert likely_cause(guard, one).startswith("an index out of range")
