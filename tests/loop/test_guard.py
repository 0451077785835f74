"""The guard under a loop of the user's own."""

import os
import signal

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import autofix_nb as af
from autofix_nb.errors import ConfigurationError, DataError
from tests.cases import ConvNet, digits, digits_loaders, mlp, plain_loop, same_weights, small_loader


@pytest.fixture
def guard(tmp_path):
    """Return a function that makes a guard in a temporary folder."""

    def make(model, optimizer, **options):
        return af.Guard(model, optimizer, **({"name": "own", "store": tmp_path, "seed": 3, "show": "none"} | options))

    return make


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def loss_of(model):
    return lambda part: nn.functional.cross_entropy(model(part[0]), part[1])


def own_loop(guard, model, train, epochs, values=lambda epoch: {"loss": 1.0}, turns=None):
    with guard:
        for epoch in guard.epochs(epochs):
            if turns is not None:
                turns.append(epoch)
            for batch in guard.batches(train):
                guard.step(batch, loss_of(model))
            guard.validate(values(epoch))
    return guard.run


def test_a_hand_written_loop_equals_a_plain_one(guard):
    """The five lines of the design, and the bits of the plain loop."""
    train, _ = digits_loaders()
    plain_model = mlp()
    plain_loop(plain_model, adam(plain_model), train, epochs=3, seed=3)
    model = mlp()

    run = own_loop(guard(model, adam(model)), model, train, 3)

    assert same_weights(plain_model.state_dict(), run.last_weights)
    assert "finished" == run.status
    assert [1.0, 1.0, 1.0] == run.history.column("val/loss")


def test_it_survives_bad_samples_and_resumes_with_the_right_epoch_numbers(guard):
    """The user's own epoch counter goes on, too."""
    train, _ = digits_loaders(nan=(5,), raising=(9,), odd=(11,))
    model = mlp()
    own_loop(guard(model, adam(model)), model, train, 2)
    model, turns = mlp(), []

    run = own_loop(guard(model, adam(model)), model, train, 4, turns=turns)

    assert [2, 3] == turns
    assert [5, 9, 11] == sorted(run.quarantine.indices())


def test_a_batch_can_be_used_like_its_data(guard):
    """`for x, y in batch` habits work: a batch unpacks and indexes as what the loader gave."""
    train, _ = digits_loaders()
    model = mlp()
    with guard(model, adam(model)) as own:
        for _ in own.epochs(1):
            for batch in own.batches(train):
                inputs, targets = batch
                assert inputs is batch[0]
                assert len(batch.indices) == len(targets)
                own.step(batch, loss_of(model))

    assert torch.equal(digits()[1][batch.indices], targets)


def test_named_parts_are_recorded_and_summed(guard):
    """A dict of parts: their sum is minimised; with an entry `loss`, that is, and the others are only watched."""
    train = small_loader()
    model = mlp(4, 3, 8)

    def parts(part):
        value = nn.functional.cross_entropy(model(part[0]), part[1])
        return {"fit": value, "size": model[0].weight.square().mean()}

    with guard(model, adam(model)) as own:
        for _ in own.epochs(1):
            for batch in own.batches(train):
                measured = own.step(batch, parts)
                assert measured.loss == pytest.approx(float(measured.parts["fit"] + measured.parts["size"]))

    assert 8 == own.run.history.count("loss/fit")
    assert own.run.history.epochs[0]["loss/size"] > 0


def test_signals_of_each_step_are_recorded(guard):
    """Loss, gradient norm whole and by component, rate, seconds, memory."""
    train, _ = digits_loaders()
    model = ConvNet()
    own = guard(model, adam(model))
    run = own_loop(own, model, train, 1)

    names = {"loss", "grad_norm", "grad_norm/body", "grad_norm/head", "lr", "clipped", "step_seconds", "load_seconds"}
    assert names <= set(run.history.names())
    assert all(44 == run.history.count(name) for name in names)
    whole = run.history.values("grad_norm") ** 2
    parts = run.history.values("grad_norm/body") ** 2 + run.history.values("grad_norm/head") ** 2
    assert whole == pytest.approx(parts)
    assert run.history.last("memory_bytes") > 1e7


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_the_users_handler_of_interrupts_comes_back(guard, error):
    """Whatever happens inside."""

    def own_handler(*_):
        pass

    before = signal.signal(signal.SIGINT, own_handler)
    try:
        model = mlp(4, 3, 8)
        own = guard(model, adam(model))
        try:
            with own:
                assert own_handler is not signal.getsignal(signal.SIGINT)
                for _ in own.epochs(1):
                    for batch in own.batches(small_loader()):
                        own.step(batch, loss_of(model))
                        if error:
                            raise error
        except ZeroDivisionError:
            pass

        assert own_handler is signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_works_outside_of_the_main_thread(guard):
    """No signal handler can be set there; the training runs all the same."""
    from threading import Thread

    train = small_loader()
    model = mlp(4, 3, 8)
    result = []
    thread = Thread(target=lambda: result.append(own_loop(guard(model, adam(model)), model, train, 1)))
    thread.start()
    thread.join()

    assert "finished" == result[0].status


def test_an_epoch_without_batches_is_said(guard):
    """Forgetting `guard.batches` would record nothing and train nothing."""
    model = mlp(4, 3, 8)
    with pytest.raises(DataError, match=r"`guard.batches.loader.` was not used"), guard(model, adam(model)) as own:
        for _ in own.epochs(2):
            pass


class Stream(IterableDataset):
    """An iterable data set; `bad` positions raise, and a class-based iterator goes on after that."""

    def __init__(self, rows=64, bad=(), nan=()):
        self.rows, self.bad, self.nan = rows, set(bad), set(nan)

    def __iter__(self):
        self.place = -1
        return self

    def __next__(self):
        self.place += 1
        if self.place >= self.rows:
            raise StopIteration
        if self.place in self.bad:
            raise OSError("a shard is gone")
        row = torch.full((4,), float(self.place % 3))
        return (row * torch.nan if self.place in self.nan else row), self.place % 3


def test_iterable_data_sets_lose_a_batch_at_most(guard):
    """No index, so no quarantine by sample: the batch that raises is lost, a bad row is cut out of its batch."""
    model = mlp(4, 3, 8)
    own = guard(model, adam(model))

    run = own_loop(own, model, DataLoader(Stream(bad=(9,), nan=(30,)), batch_size=8), 2)

    assert "finished" == run.status
    assert all(torch.isfinite(value).all() for value in run.last_weights.values())
    assert 0 == len(run.quarantine), "a stream's rows have no index to set aside"
    assert ["batch 1 of epoch 0", "epoch 0, batch 4", "batch 1 of epoch 1", "epoch 1, batch 4"] == [
        finding.where[0].split(", row")[0] for finding in run.findings
    ]
    assert [1, 1] == [row["skipped"] for row in run.history.epochs]


def test_a_list_of_batches_is_data_too(guard):
    """Anything that each epoch can iterate anew."""
    inputs, targets = digits()
    batches = [(inputs[start : start + 32], targets[start : start + 32]) for start in range(0, 320, 32)]
    model = mlp()

    run = own_loop(guard(model, adam(model)), model, batches, 3)

    assert 30 == run.history.count("loss")


def test_two_workers_train_as_none(fit):
    """With augmentation in torch, NumPy and `random`, the number of workers does not show."""
    import random

    import numpy as np

    class Noisy(torch.utils.data.Dataset):
        def __len__(self):
            return 96

        def __getitem__(self, index):
            noise = torch.randn(4) + float(np.random.randn()) + random.random()
            return torch.full((4,), float(index % 3)) + noise, index % 3

    weights = []
    for workers in (0, 2):
        model = mlp(4, 3, 8)
        run = fit(
            model, DataLoader(Noisy(), batch_size=8, shuffle=True, num_workers=workers), epochs=2, name=f"w{workers}"
        )
        weights.append(run.last_weights)

    assert same_weights(*weights)


class Deadly(torch.utils.data.Dataset):
    """A data set whose worker is killed once, at one sample, while the training is at work."""

    def __init__(self, flag):
        self.flag = flag

    def __len__(self):
        return 64

    def __getitem__(self, index):
        if index == 40 and torch.utils.data.get_worker_info() and not os.path.exists(self.flag):
            with open(self.flag, "w"):
                pass
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.full((4,), float(index % 3)), index % 3


def test_a_killed_worker_costs_nothing_but_time(fit, tmp_path):
    """torch says so in the middle of whatever runs, a forward pass for instance; no sample is blamed."""
    model, twin = mlp(4, 3, 8), mlp(4, 3, 8)
    whole = fit(twin, DataLoader(Deadly(tmp_path / "x"), batch_size=4), epochs=3, name="whole")

    run = fit(model, DataLoader(Deadly(tmp_path / "flag"), batch_size=4, num_workers=2), epochs=3)

    assert (tmp_path / "flag").exists()
    assert 0 == len(run.quarantine)
    assert any("worker processes died and were replaced" in entry["text"] for entry in run.journal.entries("note"))
    assert same_weights(whole.last_weights, run.last_weights)


def test_too_many_bad_samples_stop_the_training(fit):
    """R02: from 20 % on, what is left is another data set."""
    train, _ = digits_loaders(raising=range(0, 1400, 4))
    model = mlp()

    run = fit(model, train, epochs=3)

    assert "stopped" == run.status
    assert "R02 Samples set aside" in run.headline()


def test_early_stop_and_best_weights(fit):
    """L03: no better for `patience` epochs ends the run; the best weights are put back, the last ones are kept."""
    from autofix_nb.detectors.plateau import Plateau

    train, val = digits_loaders()
    model = mlp()
    values = iter([0.5, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    seen = []

    def metric(outputs, targets):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return next(values)

    options = {"metrics": {"quality": metric}, "lr": 1e-3}  # no range test, which asks the metric too
    run = fit(model, train, val, epochs=50, detectors=[Plateau(patience=3)], **options)

    assert "finished" == run.status
    assert 5 == len(run.history.epochs)
    assert same_weights(seen[1], model.state_dict())
    assert same_weights(seen[1], run.best_weights)
    assert same_weights(seen[4], run.last_weights)
    assert "epoch 2, whose weights were put back" in run.headline()


def test_ignored_detectors_are_not_asked(fit):
    """`ignore={"R02"}` leaves it out."""
    train, _ = digits_loaders(raising=(4,))
    model = mlp()

    run = fit(model, train, epochs=1, ignore={"R02"})

    assert {"B02"} == {finding.code for finding in run.findings}


def test_ignoring_what_does_not_exist_is_said(guard):
    """A typing error in `ignore=` must not pass in silence."""
    model = mlp(4, 3, 8)
    with pytest.raises(ConfigurationError, match=r"`ignore` names .*G99"):
        guard(model, adam(model), ignore={"G99"})


@pytest.mark.parametrize("bad", [None, 250], ids=["healthy", "one-bad-row"])
def test_steps_that_the_device_leaves_out_by_itself(fit, monkeypatch, bad):
    """The way of a GPU with a fused optimizer, on the CPU: nothing is read within a step, bad rows are found later."""
    from autofix_nb.loop.stepper import Stepper

    real = Stepper.__init__

    def deferred(self, *args, **options):
        real(self, *args, **options)
        self.deferred = True

    train, _ = digits_loaders(**({} if bad is None else {"nan": (bad,)}))
    plain_model = ConvNet()
    torch.manual_seed(1)
    plain_model = ConvNet()
    if bad is None:
        optimizer = torch.optim.Adam(plain_model.parameters(), lr=1e-3, fused=True)
        plain_loop(plain_model, optimizer, train, epochs=3, seed=3)
    torch.manual_seed(1)
    model = ConvNet()
    monkeypatch.setattr(Stepper, "__init__", deferred)

    run = fit(model, train, epochs=3, optimizer=torch.optim.Adam(model.parameters(), lr=1e-3, fused=True))

    assert all(torch.isfinite(value).all() for value in run.last_weights.values())
    if bad is None:
        assert same_weights(plain_model.state_dict(), run.last_weights)
        assert [] == run.findings
    else:
        assert [bad] == run.quarantine.indices()


def test_bf16_on_the_cpu_trains(fit):
    """Another precision is a matter of one word."""
    train, val = digits_loaders()
    model = mlp()

    run = fit(model, train, val, epochs=3, precision="bf16")

    assert run.history.epochs[-1]["val/accuracy"] > 0.6
    assert [] == run.findings


def test_custom_steps_and_dict_batches(fit):
    """`step(model, batch)` for batches of any form; dicts with `labels` need none."""

    class Dicts(torch.utils.data.Dataset):
        def __len__(self):
            return 32

        def __getitem__(self, index):
            return {"rows": torch.full((4,), float(index % 3)), "labels": index % 3}

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(4, 3, 8)

        def forward(self, rows):
            return self.net(rows)

    by_name = fit(Named(), DataLoader(Dicts(), batch_size=8), epochs=1, name="dicts")
    model = mlp(4, 3, 8)
    own_step = fit(
        model,
        DataLoader(TensorDataset(torch.randn(32, 4)), batch_size=8),
        epochs=1,
        step=lambda model, batch: {"energy": model(batch[0]).square().mean()},
        name="step",
    )

    assert 4 == by_name.history.count("loss")
    assert 4 == own_step.history.count("loss/energy")


def test_validation_sets_bad_samples_aside_for_itself(fit):
    """A validation sample that raises is left out and said; it never stands in the training's quarantine."""
    train, _ = digits_loaders()
    val, _ = digits_loaders(raising=(5,))
    model = mlp()

    run = fit(model, train, val, epochs=2)

    assert 0 == len(run.quarantine)
    assert any("validation sample 5 raises" in problem for problem in run.report().to_dict()["problems"])


def test_a_break_makes_a_short_epoch(guard):
    """As in every tutorial: `break` after some batches, and the next epoch follows."""
    train, _ = digits_loaders()
    model, turns = mlp(), []
    with guard(model, adam(model)) as own:
        for epoch in own.epochs(3):
            turns.append(epoch)
            for number, batch in enumerate(own.batches(train)):
                if number == 5:
                    break
                own.step(batch, loss_of(model))

    assert [0, 1, 2] == turns
    assert 15 == own.run.history.step("loss")
    assert "finished" == own.run.status


def test_a_guard_that_was_not_entered_is_said(guard):
    """Without `with`, nothing would be saved at the end."""
    model = mlp(4, 3, 8)
    with pytest.raises(ConfigurationError, match=r"`with af.Guard"):
        next(guard(model, adam(model)).epochs(1))


def test_the_last_accumulated_step_of_an_epoch_is_recorded(fit):
    """44 batches, 5 a step: nine steps, nine losses, each the mean of its batches."""
    train, _ = digits_loaders()
    model = mlp()

    run = fit(model, train, epochs=2, accumulate=5)

    assert 18 == run.history.count("loss") == run.history.step("loss")
    assert [9, 9] == [row["steps"] for row in run.history.epochs]


def test_suggestions_are_said_while_it_trains(fit, capsys):
    """`autofix="suggest"`: one line that tells what would have been done."""
    train, _ = digits_loaders(nan=(5,))
    fit(mlp(), train, epochs=1, autofix="suggest", show="text")

    said = capsys.readouterr().out
    assert 'Suggested: quarantine (autofix="auto" does it)' in said
    assert "Fixes were suggested and not applied" in said
