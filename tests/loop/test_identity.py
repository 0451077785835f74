"""Nobody who changed a setting and ran the cell again gets the old run back in silence."""

import functools
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, ReduceLROnPlateau, SequentialLR, StepLR
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.errors import ConfigurationError, ResumeError
from autofix_nb.loop.agreement import check_accept, differences
from autofix_nb.loop.identity import _left, _of_loss, _of_scheduler
from autofix_nb.loop.names import LONGEST, check_name, problem_of, tidied
from tests.cases import same_weights

ROWS = torch.randn(48, 4, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(48) % 3


def loader(batch_size=8, rows=ROWS, **options):
    return DataLoader(TensorDataset(rows, TARGETS[: len(rows)]), batch_size=batch_size, **options)


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))


@pytest.fixture
def cell(fit):
    """Return a cell that makes everything anew, with what it is given in place of the usual."""

    def run(epochs=1, *, model=net, train=loader, kind=torch.optim.SGD, lr=0.1, scheduler=None, **options):
        made = model()
        options_of_optimizer = {name: options.pop(name) for name in ("momentum", "weight_decay") if name in options}
        optimizer = kind(made.parameters(), lr=lr, **options_of_optimizer)
        return fit(made, train(), epochs=epochs, optimizer=optimizer, scheduler=scheduler, autofix="off", **options)

    return run


CHANGES = {
    "rate": ({"lr": 0.2}, "`lr` was 0.1, now 0.2", "lr"),
    "momentum": ({"momentum": 0.9}, "`momentum` was 0, now 0.9", "momentum"),
    "decay": ({"weight_decay": 0.01}, "`weight_decay` was 0, now 0.01", "weight_decay"),
    "loss": ({"loss": nn.CrossEntropyLoss(label_smoothing=0.1)}, "`loss: label_smoothing` was 0.0, now 0.1", "loss"),
    "class weights": ({"loss": nn.CrossEntropyLoss(weight=torch.ones(3))}, "`loss: weight` was null", "loss"),
    "scheduler": ({"scheduler": lambda made: StepLR(made, 1)}, '`scheduler: kind` was "none"', "scheduler"),
    "batch size": ({"train": lambda: loader(16)}, "`batch_size` was 8, now 16", "batch_size"),
    "length": ({"train": lambda: loader(rows=ROWS[:40])}, "`samples` was 48, now 40", "data"),
    "samples": ({"train": lambda: loader(rows=ROWS + 1)}, "`data` was", "data"),
    "order": ({"train": lambda: loader(shuffle=True)}, "`sampler` was", "sampler"),
    "accumulate": ({"accumulate": 2}, "`accumulate` was 1, now 2", "accumulate"),
    "precision": ({"precision": "bf16"}, '`precision` was "fp32", now "bf16"', "precision"),
}
FINAL = {
    "seed": ({"seed": 4}, "`seed` was 3, now 4"),
    "kind of optimizer": ({"kind": torch.optim.Adagrad}, '`optimizer` was "SGD", now "Adagrad"'),
    "shapes": (
        {"model": lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.1), nn.Linear(6, 3))},
        "`0.weight` was [8, 4], now [6, 4]",
    ),
    "layers": (
        {"model": lambda: nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Dropout(0.1), nn.Linear(8, 3))},
        '`1` was "ReLU", now "GELU"',
    ),
}


@pytest.mark.parametrize(("change", "says", "word"), CHANGES.values(), ids=CHANGES)
def test_what_changed_is_said_and_let_through_on_request(cell, tmp_path, change, says, word):
    """One line a difference, with `accept=...` as a way on; then the run goes on, and the journal has it."""
    first = {"loss": nn.CrossEntropyLoss()}
    cell(1, **first)
    before = (tmp_path / "run" / "summary.json").read_bytes()
    journal = (tmp_path / "run" / "journal.jsonl").read_bytes()

    with pytest.raises(ResumeError) as caught:
        cell(2, **(first | change))

    assert says in str(caught.value)
    assert f'"{word}"' in str(caught.value)
    assert "resume=False" in str(caught.value)
    assert before == (tmp_path / "run" / "summary.json").read_bytes()
    assert journal == (tmp_path / "run" / "journal.jsonl").read_bytes()

    words = set(check_words(str(caught.value)))
    run = cell(2, accept=words, **(first | change))

    assert "finished" == run.status
    assert says.split("`")[1] in {one["name"] for one in run.journal.last("accepted")["changes"]}
    again = cell(2, **(first | change))
    assert run.history.step("loss") == again.history.step("loss")


def check_words(message):
    """Return the words of the `accept={...}` that a message proposes."""
    line = next(line for line in message.splitlines() if "accept=" in line)
    return json.loads("[" + line.split("{")[1].split("}")[0] + "]")


@pytest.mark.parametrize(("change", "says"), FINAL.values(), ids=FINAL)
def test_some_things_never_change_in_a_run(cell, change, says):
    """Shapes, layers, kind of optimizer, seed: no `accept` is proposed."""
    cell(1)

    with pytest.raises(ResumeError) as caught:
        cell(2, **change)

    assert says in str(caught.value)
    assert "accept=" not in str(caught.value)
    assert "another `name=`" in str(caught.value)


def test_an_accepted_rate_is_the_one_that_trains(cell):
    """From there on; a schedule multiplies the new one, and a third turn has it still."""
    halved = {"scheduler": lambda made: StepLR(made, 1, gamma=0.5)}
    cell(1, **halved)
    run = cell(3, lr=0.4, accept={"lr"}, **halved)

    assert [0.1, 0.2, 0.1] == pytest.approx([row["lr"] for row in run.history.epochs])
    assert 0.4 == run.history.facts["lr"]

    run = cell(4, lr=0.4, **halved)
    assert 0.05 == pytest.approx(run.history.epochs[-1]["lr"])


def test_an_accepted_batch_size_keeps_the_place_in_the_epoch(cell, fit):
    """Stopped after 3 batches of 8: with batches of 4 it goes on behind the same 24 samples."""
    calls = []

    def cross_entropy(outputs, targets):
        if torch.is_grad_enabled():
            calls.append(len(targets))
            if len(calls) == 4:
                raise ZeroDivisionError
        return nn.functional.cross_entropy(outputs, targets)

    with pytest.raises(ZeroDivisionError):
        cell(1, loss=cross_entropy)
    calls = [0] * 10
    run = cell(1, loss=cross_entropy, train=lambda: loader(4), accept={"batch_size"})

    assert [4] * 6 == calls[10:]
    assert 9 == run.history.step("loss")


def test_a_schedule_accepted_with_other_settings_goes_on_at_its_count(cell):
    """The cosine of two epochs becomes one of four: after three of them the rate is that of the new curve."""
    cell(1, scheduler=lambda made: CosineAnnealingLR(made, 2))
    run = cell(4, scheduler=lambda made: CosineAnnealingLR(made, 4), accept={"scheduler"})

    usual = torch.optim.SGD(net().parameters(), lr=0.1)
    plain = CosineAnnealingLR(usual, 4)
    rates = []
    for _ in range(4):
        usual.step()
        plain.step()
        rates.append(usual.param_groups[0]["lr"])
    assert rates[:3] == pytest.approx([row["lr"] for row in run.history.epochs][1:])


def test_more_epochs_renew_the_plan(cell):
    """Detectors and fixes count what is left by it."""
    cell(1)
    run = cell(3)

    assert (3, 18) == (run.history.facts["planned_epochs"], run.history.facts["planned_steps"])
    assert 3 == json.loads((run.folder / "run.json").read_text())["epochs"]


def test_a_finished_run_returns_at_once_with_its_results(cell):
    """Also when it is asked for fewer epochs than it had; nothing is written over."""
    first = cell(2)
    weights = first.last_weights
    again = cell(1)

    assert 12 == again.history.step("loss")
    assert same_weights(weights, again.last_weights)


def test_another_number_of_workers_is_no_difference(cell):
    """The order of samples and their randomness do not depend on it."""
    cell(1)
    run = cell(2, train=lambda: loader(num_workers=1))

    assert 12 == run.history.step("loss")


@pytest.mark.parametrize("scheduler", [lambda made: ReduceLROnPlateau(made, factor=0.5, patience=0, threshold=9), None])
def test_an_optimizer_used_before_counts_as_the_user_gave_it(fit, scheduler):
    """What the training left in it is not what was asked for; what the user set since then is."""
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, loader(), epochs=3, optimizer=optimizer, scheduler=scheduler, autofix="off")
    fit(model, loader(), epochs=4, optimizer=optimizer, scheduler=scheduler, autofix="off")
    optimizer.param_groups[0]["lr"] = 0.7

    assert optimizer in _left
    with pytest.raises(ResumeError, match=r"`lr` was 0.1, now 0.7"):
        fit(model, loader(), epochs=5, optimizer=optimizer, scheduler=scheduler, autofix="off")


def test_augmented_samples_are_known_again_in_another_kernel(cell):
    """Whatever `torch.manual_seed` is there, and without a `seed=` of the user's."""

    class Noisy(TensorDataset):
        def __getitem__(self, index):
            inputs, target = super().__getitem__(index)
            return inputs + torch.randn(4), target

    for epochs in (1, 2):
        torch.manual_seed(epochs)
        model = net()
        torch.manual_seed(epochs)
        run = cell(
            epochs, seed=None, model=lambda model=model: model, train=lambda: DataLoader(Noisy(ROWS, TARGETS), 8)
        )

    assert 12 == run.history.step("loss")
    assert run._settings()["identity"]["data"]


def test_a_rate_that_nobody_gave_is_another_one_than_a_given_one(fit):
    """Else whoever typed `lr=0.01` would get the run of the default back. The default typed in is the same."""
    fit(net(), loader(), epochs=1)

    with pytest.raises(ResumeError, match=r'`lr` was "chosen by a test", now 0.01'):
        fit(net(), loader(), epochs=2, lr=0.01)
    assert 12 == fit(net(), loader(), epochs=2, lr=0.001).history.step("loss")


def test_a_loop_of_the_users_own_is_refused_other_data_and_keeps_its_run(tmp_path):
    """The guard sees the data late; the run in the folder is not touched by the refusal."""

    def turn(rows, epochs):
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with af.Guard(model, optimizer, name="own", store=tmp_path, show="none", seed=1, autofix="off") as guard:
            for _ in guard.epochs(epochs):
                for batch in guard.batches(rows):
                    guard.step(batch, lambda part: nn.functional.cross_entropy(model(part[0]), part[1]))
        return guard.run

    turn(loader(), 1)
    kept = (tmp_path / "own" / "summary.json").read_bytes()
    files = sorted(path.name for path in (tmp_path / "own" / "checkpoints").iterdir())

    with pytest.raises(ResumeError, match="`data` was"):
        turn(loader(rows=ROWS + 1), 2)

    assert kept == (tmp_path / "own" / "summary.json").read_bytes()
    assert files == sorted(path.name for path in (tmp_path / "own" / "checkpoints").iterdir())
    assert "finished" == af.open_run(tmp_path / "own").status
    assert 12 == turn(loader(), 2).history.step("loss")


@pytest.mark.parametrize("wrong", [{"weights"}, {"lr", "shapes"}, "seed", {"optimizer"}])
def test_what_may_not_change_is_no_word_for_accept(wrong):
    """The message lists the words that there are."""
    with pytest.raises(ConfigurationError, match=r"'batch_size'.*'lr'.*'weight_decay'"):
        check_accept(wrong, torch.optim.SGD(net().parameters(), lr=0.1))


@pytest.mark.parametrize("wrong", [None, 3, [1]])
def test_accept_is_a_set_of_names(wrong):
    """Anything else is refused with an example."""
    with pytest.raises(ConfigurationError, match="must be a set of names"):
        check_accept(wrong, torch.optim.SGD(net().parameters(), lr=0.1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda made: StepLR(made, 1), lambda made: StepLR(made, 2)),
        (lambda made: CosineAnnealingLR(made, 5), lambda made: CosineAnnealingLR(made, 5, eta_min=0.01)),
        (lambda made: LambdaLR(made, lambda epoch: 0.9**epoch), lambda made: LambdaLR(made, lambda epoch: 0.8**epoch)),
        (lambda made: ReduceLROnPlateau(made, patience=1), lambda made: ReduceLROnPlateau(made, patience=2)),
        (
            lambda made: SequentialLR(made, [StepLR(made, 1), StepLR(made, 3)], [2]),
            lambda made: SequentialLR(made, [StepLR(made, 1), StepLR(made, 4)], [2]),
        ),
        (
            lambda made: torch.optim.lr_scheduler.OneCycleLR(made, 0.1, total_steps=10, pct_start=0.3),
            lambda made: torch.optim.lr_scheduler.OneCycleLR(made, 0.1, total_steps=10, pct_start=0.4),
        ),
    ],
)
def test_a_schedule_is_known_by_its_settings_and_not_by_its_count(one, other):
    """Made anew it is the same, a few steps later too; with another setting it is not."""

    def described(make, steps=0):
        made = torch.optim.SGD(net().parameters(), lr=0.1)
        scheduler = make(made)
        for _ in range(steps):
            made.step()
            scheduler.step(*([1.0] if isinstance(scheduler, ReduceLROnPlateau) else []))
        return json.dumps(_of_scheduler(scheduler, False))

    assert described(one) == described(one, steps=4)
    assert described(one) != described(other)


def test_a_loss_is_known_by_its_arguments():
    """Also those of `functools.partial`; what it counts meanwhile is none."""

    class Counting(nn.CrossEntropyLoss):
        calls = 0

        def forward(self, *args):
            self.calls += 1
            return super().forward(*args)

    loss = Counting(ignore_index=7)
    before = _of_loss(loss, "Counting")
    loss(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))
    smooth = functools.partial(nn.functional.cross_entropy, label_smoothing=0.1)

    assert before == _of_loss(loss, "Counting")
    assert 7 == before["ignore_index"]
    assert {"kind": "cross_entropy", "label_smoothing": 0.1} == _of_loss(smooth, "partial")


@given(st.dictionaries(st.sampled_from(["seed", "accumulate", "samples", "batch_size", "model"]), st.integers(1, 3)))
@settings(max_examples=50, deadline=None)
def test_a_training_never_differs_from_itself_or_from_what_is_unknown(identity):
    """And two that differ do so both ways."""
    assert [] == differences(identity, identity)
    assert [] == differences({}, identity)
    other = {name: value + 1 for name, value in identity.items()}
    assert {one.part for one in differences(identity, other)} == set(identity)


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", ".", "..", "../../x", "/etc/x", "a\\b", "C:x", "a\nb", "\x00", "x" * 201, "é" * 101, "con"),
        *("NUL.txt", "com1", "Lpt9.tar.gz", "a.", "a ", " a", "<script>", "a\u202eb", "\ud800", 3, b"a"),
    ],
)
def test_names_that_leave_the_store_or_that_some_system_cannot_hold_are_refused(name, fit):
    """With a name that would do, where there is one."""
    with pytest.raises(ConfigurationError, match="`name` must be the name of one folder"):
        check_name(name)
    with pytest.raises(ConfigurationError, match="`name` must be the name of one folder"):
        fit(net(), loader(), epochs=1, name=name)
    assert [] == list(fit.store.iterdir())


@given(st.text(st.characters(), max_size=300))
@settings(max_examples=200, deadline=None)
def test_a_tidied_name_is_a_good_one_or_nothing(name):
    """Good names stay as they are."""
    kept = tidied(name)

    assert not kept or not problem_of(kept)
    assert problem_of(name) or kept == name
    assert len(kept.encode()) <= LONGEST


def test_a_model_whose_class_has_a_wild_name_trains_in_a_folder_of_its_own(fit):
    """Without `name=`, the folder's name is made from it."""
    kind = type("<script>alert(1)</script>/../..", (nn.Sequential,), {})
    run = fit(kind(nn.Linear(4, 3)), loader(), epochs=1, name=None)

    assert fit.store == run.folder.parent
    assert "<script>" not in run._repr_html_()
    assert not problem_of(run.folder.name)
