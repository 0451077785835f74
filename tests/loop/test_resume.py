"""A run goes on where it stopped: after the stop button, an exception, a kill, or with more epochs."""

import json
import multiprocessing
import os
import signal

import pytest
import torch
from torch import nn

import autofix_nb as af
from autofix_nb.errors import ResumeError, StoreError
from tests.cases import ConvNet, digits_loaders, mlp, same_weights

EPOCHS = 3
"""Of the runs that are stopped and go on, and of the one that nothing interrupts."""


def build(seed=5, lr=1e-3):
    torch.manual_seed(seed)
    model = ConvNet()
    return model, torch.optim.Adam(model.parameters(), lr=lr)


class StopAt:
    """A loss that does something at its n-th call."""

    def __init__(self, at, action):
        self.at, self.calls, self.action = at, 0, action
        self.__name__ = "cross_entropy"

    def __call__(self, outputs, targets):
        if torch.is_grad_enabled():
            self.calls += 1
            if self.calls == self.at:
                self.action()
        return nn.functional.cross_entropy(outputs, targets)


def press_stop():
    os.kill(os.getpid(), signal.SIGINT)


def raise_interrupt():
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nothing interrupted, trained once for all tests, which only read it."""
    torch.set_num_threads(1)
    train, val = digits_loaders(nan=(100,), raising=(7,))
    model, optimizer = build()
    return af.fit(
        model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(-1, None), seed=3, name="whole",
        store=tmp_path_factory.mktemp("whole"), show="none", preflight=False, save_every=10,
    )  # fmt: skip


@pytest.mark.parametrize("at", [1, 30, 44, 45, 100])
def test_the_stop_button_ends_after_the_step_and_the_same_cell_goes_on(fit, whole, at):
    """First interrupt: no exception, everything saved; weights, history and quarantine end as if never stopped."""
    train, val = digits_loaders(nan=(100,), raising=(7,))
    model, optimizer = build()

    stopped = fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(at, press_stop))

    assert "stopped" == stopped.status
    assert "stop button" in stopped.headline()
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)

    model, optimizer = build(seed=99)  # a new kernel: other weights, until the saved ones come
    torch.rand(17)
    run = fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(-1, None))

    assert "finished" == run.status
    assert same_weights(whole.last_weights, run.last_weights)
    assert whole.history.values("loss").tolist() == pytest.approx(run.history.values("loss").tolist(), nan_ok=True)
    assert whole.quarantine.indices() == run.quarantine.indices()
    assert [row["val/accuracy"] for row in whole.history.epochs] == [row["val/accuracy"] for row in run.history.epochs]
    assert "R05" in {finding.code for finding in run.findings}
    assert run.journal.last("resume")["step"] == run.history.last("resumed")


def test_a_second_interrupt_acts_as_usual_and_still_saves(fit, tmp_path):
    """Pressed twice: KeyboardInterrupt comes out, with a sentence on what was saved."""
    train, val = digits_loaders()
    model, optimizer = build()

    def twice():
        press_stop()
        press_stop()

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(60, twice))

    assert "saved everything up to step 59" in "\n".join(caught.value.__notes__)
    assert "interrupted" == af.open_run(tmp_path / "run").status


def test_an_exception_of_the_users_own_code_saves_everything_and_says_so(fit, whole):
    """A metric that raises after epoch 2: the note names the folder, and the same cell goes on from there."""
    train, val = digits_loaders(nan=(100,), raising=(7,))
    model, optimizer = build()
    calls = []

    def failing(outputs, targets):
        calls.append(1)
        if len(calls) == 2:
            raise ZeroDivisionError("in my metric")
        return (outputs.argmax(1) == targets).float().mean()

    with pytest.raises(ZeroDivisionError, match=r"in my metric") as caught:
        fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(-1, None), metrics={"accuracy": failing})

    assert "Run the same cell again to go on from there" in "\n".join(caught.value.__notes__)

    model, optimizer = build(seed=1)
    run = fit(
        model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(-1, None), metrics={"accuracy": failing}
    )

    assert same_weights(whole.last_weights, run.last_weights)
    assert EPOCHS == len(run.history.epochs)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_killed_kernel_goes_on_from_the_last_save(fit, tmp_path, whole):
    """SIGKILL in mid-run, a new process with other first weights: the end is that of the run never killed."""

    def dies():
        train, val = digits_loaders(nan=(100,), raising=(7,))
        model, optimizer = build()
        loss = StopAt(45, lambda: os.kill(os.getpid(), signal.SIGKILL))
        fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=loss, save_every=10)

    killed = multiprocessing.get_context("fork").Process(target=dies)
    killed.start()
    killed.join()
    before = af.open_run(tmp_path / "run")

    train, val = digits_loaders(nan=(100,), raising=(7,))
    model, optimizer = build(seed=99)
    run = fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(-1, None), save_every=10)

    assert -signal.SIGKILL == killed.exitcode
    assert "running" == before.status
    assert "finished" == run.status
    assert 1 == len(run.journal.entries("resume"))
    assert same_weights(whole.last_weights, run.last_weights)
    assert whole.quarantine.indices() == run.quarantine.indices()


def test_more_epochs_go_on_and_a_finished_run_returns_at_once(fit):
    """Fewer or as many epochs as were done: nothing is trained, the results are there."""
    train, val = digits_loaders()
    model, optimizer = build()
    fit(model, train, val, epochs=2, optimizer=optimizer)
    model, optimizer = build()

    again = fit(model, train, val, epochs=2, optimizer=optimizer)

    assert 88 == again.history.step("loss")
    assert same_weights(again.best_weights, {name: value.cpu() for name, value in model.state_dict().items()})

    more = fit(model, train, val, epochs=3, optimizer=optimizer)

    assert 132 == more.history.step("loss")
    assert 3 == len(more.history.epochs)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param({"lr": 0.01}, r"`lr` was 0.001, now 0.01\n", id="rate"),
        pytest.param({"model": lambda: mlp()}, r"`model` was \"ConvNet\", now \"Sequential\"", id="model"),
        pytest.param({"batch_size": 16}, r"`batch_size` was 32, now 16", id="batch-size"),
        pytest.param({"optimizer": torch.optim.SGD}, r"`optimizer` was \"Adam\", now \"SGD\"", id="optimizer"),
        pytest.param({"loss": nn.functional.multi_margin_loss}, r"`loss: kind` was \"cross_entropy\"", id="loss"),
    ],
)
def test_another_training_in_the_same_folder_is_refused_with_the_differences(fit, change, text):
    """Nobody who changed the rate and ran the cell again gets the old run back in silence."""
    train, _ = digits_loaders()
    model, optimizer = build()
    fit(model, train, epochs=1, optimizer=optimizer)

    train, _ = digits_loaders(batch_size=change.get("batch_size", 32))
    model = change["model"]() if "model" in change else build()[0]
    optimizer = change.get("optimizer", torch.optim.Adam)(model.parameters(), lr=change.get("lr", 1e-3))
    with pytest.raises(ResumeError, match=text):
        fit(model, train, epochs=2, optimizer=optimizer, loss=change.get("loss"))


def test_a_resumed_run_knows_which_epoch_was_the_best(fit):
    """An epoch after the resume is better only if it beats those before it."""
    train, val = digits_loaders()
    model, optimizer = build()
    values = iter([0.9, 0.5, 0.8, 0.95])
    metrics = {"quality": lambda outputs, targets: next(values)}
    fit(model, train, val, epochs=2, optimizer=optimizer, metrics=metrics)
    model, optimizer = build()

    run = fit(model, train, val, epochs=4, optimizer=optimizer, metrics=metrics)

    assert [True, False, False, True] == [row["is_best"] for row in run.history.epochs]


def test_resume_false_begins_anew_and_keeps_the_old_run(fit, tmp_path):
    """Nothing is deleted: the earlier run gets another name."""
    train, _ = digits_loaders()
    for _ in range(3):
        model, optimizer = build()
        run = fit(model, train, epochs=1, optimizer=optimizer, resume=False)

    assert 44 == run.history.step("loss")
    assert ["run", "run.before-1", "run.before-2"] == sorted(path.name for path in tmp_path.iterdir())
    assert 44 == af.open_run(tmp_path / "run.before-1").history.step("loss")


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(fit, tmp_path):
    """One flipped byte: the manifest does not agree, the older checkpoint is used, and that is said."""
    train, _ = digits_loaders()
    model, optimizer = build()
    fit(model, train, epochs=2, optimizer=optimizer, save_every=10)
    (last,) = (tmp_path / "run" / "checkpoints").glob("state-00000088-*.pt")
    raw = bytearray(last.read_bytes())
    raw[len(raw) // 2] ^= 1
    last.write_bytes(raw)
    model, optimizer = build()

    run = fit(model, train, epochs=2, optimizer=optimizer, save_every=10)

    assert "finished" == run.status
    assert 88 == run.history.step("loss")
    assert 80 == run.journal.last("resume")["step"]
    assert "has another SHA-256 than its manifest says" in run.journal.last("passed over")["why"]

    for file in (tmp_path / "run" / "checkpoints").glob("state-*.pt"):
        file.write_bytes(b"nothing")
    with pytest.raises(StoreError, match=r"no whole checkpoint.*resume=False"):
        fit(model, train, epochs=3, optimizer=optimizer)


def test_a_full_disk_does_not_stop_the_training(fit, monkeypatch):
    """Saving fails from the second time on: the run ends, and says so."""
    from autofix_nb.checkpoints import Store

    real, calls = Store.save, []

    def failing(self, pieces, about):
        calls.append(about)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        return real(self, pieces, about)

    monkeypatch.setattr(Store, "save", failing)
    train, val = digits_loaders()
    model, optimizer = build()

    run = fit(model, train, val, epochs=2, optimizer=optimizer, save_every=10)

    assert "finished" == run.status
    assert any("No space left" in problem for problem in run.report().to_dict()["problems"])
    assert 1 == len(run.journal.entries("save failed"))
    assert len(run.report().to_dict()["problems"]) == run.history.last("save_failed")
    assert run.history.last("saved_seconds_ago") >= 0


def test_checkpoints_hold_no_pickles(fit, tmp_path):
    """Both files load with `weights_only=True`, and hold what their names say."""
    train, val = digits_loaders(nan=(3,))
    model, optimizer = build()
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)
    run = fit(model, train, val, epochs=2, optimizer=optimizer, scheduler=scheduler)

    folder = tmp_path / "run" / "checkpoints"
    last = torch.load(next(folder.glob("state-00000088-*.pt")), weights_only=True)
    best = torch.load(max(folder.glob("best-*.pt")), weights_only=True)

    assert 88 == last["step"]
    assert same_weights(run.best_weights, best["model"])
    assert [3] == [sample["index"] for sample in last["quarantine"]]


def test_the_folder_holds_what_it_should(fit, tmp_path):
    """DESIGN §7: settings, journal, signals, epochs, summary, checkpoints, quarantine, report."""
    train, val = digits_loaders(nan=(3,))
    model, optimizer = build()
    fit(model, train, val, epochs=2, optimizer=optimizer)

    names = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert {
        "run.json",
        "journal.jsonl",
        "signals.npz",
        "history.jsonl",
        "summary.json",
        "report.html",
        "quarantine/samples.jsonl",
    } <= names
    kinds = {name.partition("/")[2].partition("-")[0] for name in names if name.startswith("checkpoints/")}
    assert {"step", "state", "best", "first", "good"} == kinds
    assert not any(name.endswith(".new") for name in names)
    assert "val/accuracy" in json.loads((tmp_path / "run" / "history.jsonl").read_text().splitlines()[0])


def test_accumulated_steps_are_stopped_and_resumed_whole(fit):
    """Stop and kill never fall between the batches of one step: what was accumulated is done again."""
    train, val = digits_loaders()
    model, optimizer = build()
    whole = fit(model, train, val, epochs=2, optimizer=optimizer, accumulate=5, name="whole")
    model, optimizer = build()
    fit(model, train, val, epochs=2, optimizer=optimizer, accumulate=5, loss=StopAt(13, press_stop))
    model, optimizer = build(1)
    with pytest.raises(KeyboardInterrupt):
        fit(model, train, val, epochs=2, optimizer=optimizer, accumulate=5, loss=StopAt(23, raise_interrupt))
    model, optimizer = build(2)

    run = fit(model, train, val, epochs=2, optimizer=optimizer, accumulate=5, loss=StopAt(-1, None))

    assert same_weights(whole.last_weights, run.last_weights)


def test_an_interrupt_in_mid_step_is_resumed_bit_for_bit(fit, whole):
    """Dropout had drawn and batch norm had counted when it came: both are put back before saving."""
    train, val = digits_loaders(nan=(100,), raising=(7,))
    model, optimizer = build()
    with pytest.raises(KeyboardInterrupt):
        fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(60, raise_interrupt))
    model, optimizer = build(seed=2)

    run = fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(-1, None))

    assert same_weights(whole.last_weights, run.last_weights)


def test_an_interrupt_inside_the_optimizer_keeps_the_save_before(fit, whole):
    """Half of the weights updated is no state to go on from."""
    train, val = digits_loaders(nan=(100,), raising=(7,))
    model, optimizer = build()
    real, calls = optimizer.step, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 58:
            with torch.no_grad():
                model.head[2].weight.add_(1)
            raise KeyboardInterrupt
        return real(*args)

    optimizer.step = interrupted
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(-1, None), save_every=50)
    model, optimizer = build(seed=2)

    run = fit(model, train, val, epochs=EPOCHS, optimizer=optimizer, loss=StopAt(-1, None))

    assert "up to step 50" in "\n".join(caught.value.__notes__)
    assert same_weights(whole.last_weights, run.last_weights)


@pytest.mark.parametrize("every", [7, 50, 60])
def test_saving_every_so_many_steps_is_kept_to_the_step(fit, every):
    """`save_every=7` saves at step 7, 14, ..., and once more at the end; also when it is less than a hand-over."""
    train, _ = digits_loaders()
    model, optimizer = build()

    run = fit(model, train, epochs=2, optimizer=optimizer, save_every=every)

    saved = [entry["step"] for entry in run.journal.entries("save")]
    assert list(range(every, 89, every)) == [step for step in saved if step % every == 0]
    assert 88 == saved[-1]
    assert same_weights(run.last_weights, {name: value.cpu() for name, value in model.state_dict().items()})


def test_other_data_of_the_same_size_are_refused(fit):
    """Cross-validation with one name must not hand back the first fold's weights as the second's."""
    from torch.utils.data import DataLoader, TensorDataset

    folds = [DataLoader(TensorDataset(torch.randn(64, 4), torch.arange(64) % 3), batch_size=8) for _ in range(2)]
    for epochs in (1, 2):
        fit(mlp(4, 3, 8), folds[0], epochs=epochs)

    with pytest.raises(ResumeError, match=r"`data` was .* now"):
        fit(mlp(4, 3, 8), folds[1], epochs=2)


def test_data_that_are_never_the_same_twice_are_not_compared(fit):
    """Noise from a generator of the data set's own: no fingerprint, no refusal."""
    import numpy as np
    from torch.utils.data import DataLoader, Dataset

    class Noisy(Dataset):
        stream = np.random.default_rng()

        def __len__(self):
            return 32

        def __getitem__(self, index):
            return torch.from_numpy(self.stream.normal(size=4)).float(), index % 3

    for epochs in (1, 2):
        run = fit(mlp(4, 3, 8), DataLoader(Noisy(), batch_size=8), epochs=epochs)

    assert 2 == len(run.history.epochs)


def test_a_bug_mended_before_the_first_step_is_no_other_training(fit):
    """The commonest loop in a notebook: wrong input size, an error, the cell mended and run again."""
    train, _ = digits_loaders()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fit(mlp(features=63), train, epochs=1)

    run = fit(mlp(), train, epochs=1)

    assert "finished" == run.status
    assert 44 == run.history.step("loss")


@pytest.mark.parametrize(
    "scheduler",
    [
        pytest.param(
            lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, factor=0.5, threshold=9), id="plateau"
        ),
        pytest.param(lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=176), id="one-cycle"),
    ],
)
def test_the_same_cell_with_the_optimizer_used_before_goes_on(fit, scheduler):
    """What a scheduler moved is not what the user asked for."""
    train, _ = digits_loaders()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    made = scheduler(optimizer)
    for epochs in (2, 3):
        run = fit(model, train, epochs=epochs, optimizer=optimizer, scheduler=made)

    assert 132 == run.history.step("loss")


def test_an_error_of_the_scheduler_neither_loses_steps_nor_counts_an_epoch_twice(fit):
    """It is the user's code, called after the step and before the epoch is closed."""
    train, _ = digits_loaders()
    calls = []

    class Failing(torch.optim.lr_scheduler.StepLR):
        def step(self, *args):
            calls.append(1)
            if len(calls) == 3:
                raise ZeroDivisionError("in my schedule")
            super().step(*args)

    model, optimizer = build()
    with pytest.raises(ZeroDivisionError) as caught:
        fit(model, train, epochs=3, optimizer=optimizer, scheduler=lambda made: Failing(made, 1))
    model, optimizer = build()

    run = fit(model, train, epochs=3, optimizer=optimizer, scheduler=lambda made: Failing(made, 1))

    assert "up to step 88" in "\n".join(caught.value.__notes__)
    assert [1, 2, 3] == [row["epoch"] for row in run.history.epochs]
    assert 132 == run.history.step("loss")
