"""Whose fault a failed step is, and what is done about it."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.errors import TrainingFailed
from tests.cases import ConvNet, digits, digits_loaders, mlp, plain_loop, same_weights

EPOCHS = 12


def adam(model, lr=1e-3):
    return torch.optim.Adam(model.parameters(), lr=lr)


def accuracy(model):
    inputs, targets = digits()
    model.eval()
    with torch.no_grad():
        return float((model(inputs[1400:]).argmax(1) == targets[1400:]).float().mean())


@pytest.fixture(scope="module")
def clean_accuracy():
    train, _ = digits_loaders()
    model = mlp()
    plain_loop(model, adam(model), train, EPOCHS, seed=3)
    return accuracy(model)


@pytest.mark.parametrize("rows", [(777,), tuple(range(5, 1400, 70))], ids=["one-row", "twenty-rows"])
def test_nan_rows_are_set_aside_and_the_rate_is_left_alone(fit, clean_accuracy, rows):
    """facts: the strongest public rival cut the rate eight times and ended at 25 % where skipping ends at 92 %."""
    train, _ = digits_loaders(nan=rows)
    model = mlp()

    run = fit(model, train, epochs=EPOCHS, optimizer=adam(model))

    assert sorted(rows) == sorted(run.quarantine.indices())
    assert {1e-3} == set(run.history.values("lr").tolist())
    assert {"quarantine"} == {change.fix for change in run.fixes}
    assert accuracy(model) >= clean_accuracy - 0.01
    assert all(finding.code in ("G03", "R02") for finding in run.findings)


def test_the_rest_of_the_batch_goes_on_as_if_the_row_had_never_been_there(fit):
    """The weights equal those of a run whose quarantine was known from the start."""
    train, _ = digits_loaders(nan=(777,))
    plain_model = ConvNet()
    torch.manual_seed(7)
    loss_function = nn.CrossEntropyLoss()
    torch.manual_seed(7)
    plain_model = ConvNet()
    optimizer = adam(plain_model)
    for epoch in range(2):
        for inputs, targets in af.batches(train, 3, epoch, exclude=[777]):
            optimizer.zero_grad()
            loss_function(plain_model(inputs), targets).backward()
            optimizer.step()
    torch.manual_seed(7)
    model = ConvNet()

    run = fit(model, train, epochs=2, optimizer=adam(model))

    assert [777] == run.quarantine.indices()
    assert same_weights(plain_model.state_dict(), run.last_weights)


class SpoiledOnce(nn.Module):
    """A model whose weights get a NaN at one step, as a cosmic ray or a bad kernel would do."""

    def __init__(self, at):
        super().__init__()
        self.net = mlp()
        self.at, self.steps = at, 0

    def forward(self, rows):
        if self.training and torch.is_grad_enabled():
            self.steps += 1
            if self.steps == self.at:
                with torch.no_grad():
                    self.net[0].weight[3, 5] = float("nan")
        return self.net(rows)


def test_nan_in_the_weights_rolls_back_and_lowers_the_rate(fit, clean_accuracy):
    """NaN put into the weights once at step 300: recovered, within one point."""
    train, _ = digits_loaders()
    model = SpoiledOnce(at=300)

    run = fit(model, train, epochs=EPOCHS, optimizer=adam(model))

    assert ["rollback", "scale_lr"] == [change.fix for change in run.fixes]
    assert 0 == len(run.quarantine)
    assert 5e-4 == run.history.values("lr").min()
    assert 1e-3 == run.history.last("lr"), "it happened once, so the precaution is lifted"
    finding = next(finding for finding in run.findings if finding.code == "G03")
    assert "weight net.0.weight" in finding.says
    assert accuracy(model) >= clean_accuracy - 0.01
    assert {"rollback": "kept", "scale_lr": "lifted"} == {
        entry["fix"]: entry["verdict"] for entry in run.journal.entries("outcome")
    }


def test_weights_that_go_bad_again_and_again_keep_the_lower_rate(fit):
    """Twice within 500 steps is no accident: the rate stays down."""
    train, _ = digits_loaders()

    class Spoiled(SpoiledOnce):
        def forward(self, rows):
            if self.training and torch.is_grad_enabled() and self.steps in (150, 320):
                self.at = self.steps + 1
            return super().forward(rows)

    model = Spoiled(at=-1)

    run = fit(model, train, epochs=EPOCHS, optimizer=adam(model))

    assert 2 == sum(change.fix == "rollback" for change in run.fixes)
    assert 5e-4 == run.history.last("lr")
    assert accuracy(model) > 0.9


def test_weights_that_make_good_rows_overflow_are_an_optimisation_fault(fit):
    """Finite but huge weights: every row fails now, none under the last good weights."""
    train, _ = digits_loaders()

    class Blown(SpoiledOnce):
        def forward(self, rows):
            if self.training and torch.is_grad_enabled():
                self.steps += 1
                if self.steps == self.at:
                    with torch.no_grad():
                        self.net[0].weight.mul_(1e30)
                        self.net[2].weight.mul_(1e30)
            return self.net(rows)

    model = Blown(at=150)

    run = fit(model, train, epochs=6, optimizer=adam(model))

    assert 0 == len(run.quarantine)
    assert "rollback" in {change.fix for change in run.fixes}
    assert accuracy(model) > 0.85


def test_masks_of_minus_infinity_are_left_alone(fit):
    """Non-finite inputs that do no harm are nobody's business."""
    inputs, targets = digits()
    masked = torch.cat([inputs[:512], torch.full((512, 1), float("-inf"))], 1)

    class Masking(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, rows):
            return self.net(rows[:, :64]) + rows[:, 64:].exp()

    model = Masking()
    run = fit(
        model,
        DataLoader(TensorDataset(masked, targets[:512]), batch_size=32, shuffle=True),
        epochs=2,
        optimizer=adam(model),
    )

    assert [] == run.findings
    assert 0 == len(run.quarantine)


def test_rows_with_harmless_and_harmful_nan_are_told_apart(fit):
    """Every row has a NaN in a column that the model cleans; one row has one in a column that it does not."""
    inputs, targets = digits()
    rows = inputs[:256].clone()
    rows[:, 0] = float("nan")
    rows[99, 30] = float("nan")

    class Cleaning(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, rows):
            return self.net(torch.cat([rows[:, :1].nan_to_num(), rows[:, 1:]], 1))

    model = Cleaning()
    run = fit(
        model,
        DataLoader(TensorDataset(rows, targets[:256]), batch_size=32, shuffle=True),
        epochs=2,
        optimizer=adam(model),
    )

    assert [99] == run.quarantine.indices()


def test_finite_rows_that_overflow_the_loss_are_set_aside(fit):
    """1e30 is a number, its square is not: a data fault, under any weights."""
    rows = torch.randn(256, 8)
    targets = rows.sum(1, keepdim=True)
    targets[17] = 1e30
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))

    run = fit(
        model, DataLoader(TensorDataset(rows, targets), batch_size=16, shuffle=True), epochs=3, optimizer=adam(model)
    )

    assert [17] == run.quarantine.indices()
    assert "the loss" in next(iter(run.quarantine)).reason


class Picky(nn.Module):
    """A forward pass that raises for some rows: those whose first pixel was marked with a 9."""

    def __init__(self, always=False, error=AssertionError):
        super().__init__()
        self.net, self.always, self.error = mlp(), always, error

    def forward(self, rows):
        if self.always or bool((rows[:, 0] == 9).any()):
            raise self.error("this row is not to my taste")
        return self.net(rows)


def marked(rows):
    inputs, targets = digits()
    inputs = inputs[:1400].clone()
    inputs[list(rows), 0] = 9
    return DataLoader(TensorDataset(inputs, targets[:1400]), batch_size=32, shuffle=True)


@pytest.mark.parametrize("error", [AssertionError, RuntimeError, StopIteration, KeyError])
def test_a_model_that_raises_for_one_percent_of_the_samples(fit, error):
    """Exactly those samples are set aside, and the training ends as it should."""
    bad = list(range(50, 1400, 100))
    model = Picky(error=error)

    run = fit(model, marked(bad), epochs=8, optimizer=adam(model))

    assert sorted(bad) == sorted(run.quarantine.indices())
    assert "finished" == run.status
    assert error.__name__ in next(iter(run.quarantine)).reason
    assert "Traceback" in next(iter(run.quarantine)).trace
    assert accuracy(model) > 0.85


def test_a_model_that_always_raises_is_the_users_bug(fit, tmp_path):
    """The error comes out as it is, with a sentence on what was saved; no sample is blamed."""
    model = Picky(always=True)

    with pytest.raises(AssertionError, match=r"not to my taste") as caught:
        fit(model, marked([]), epochs=1, optimizer=adam(model))

    notes = "\n".join(caught.value.__notes__)
    assert "no batch has passed yet" in notes
    assert "saved everything up to step 0" in notes
    run = af.open_run(tmp_path / "run")
    assert "failed" == run.status
    assert 0 == len(run.quarantine)


def test_a_model_that_breaks_for_good_in_mid_training_is_given_up_after_five_batches(fit):
    """Five batches in a row that fail as a whole are no bad luck."""

    class Breaking(Picky):
        steps = 0

        def forward(self, rows):
            self.steps += self.training
            if self.steps > 60:
                self.always = True
            return super().forward(rows)

    model = Breaking()
    with pytest.raises(AssertionError) as caught:
        fit(model, marked([]), epochs=3, optimizer=adam(model))

    assert "5 batches in a row failed" in "\n".join(caught.value.__notes__)


def test_a_loss_that_is_nan_for_everything_is_said_with_its_place(fit):
    """Log of a negative number in the first batch already: nothing to skip to."""

    class Logging(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, rows):
            return (self.net(rows) - 1e3).log()

    model = Logging()
    with pytest.raises(TrainingFailed, match=r"loss is nan.*output of the model"):
        fit(model, marked([]), epochs=1, optimizer=adam(model))


@pytest.mark.parametrize("mode", ["suggest", "off"])
def test_other_modes_change_nothing(fit, mode):
    """A plain loop would take the NaN step, and so do they; `suggest` says what it would have done."""
    train, _ = digits_loaders(nan=(777,))
    plain_model = mlp()
    plain_loop(plain_model, adam(plain_model), train, epochs=1, seed=3)
    model = mlp()

    run = fit(model, train, epochs=1, optimizer=adam(model), autofix=mode)

    weights = {name: value.nan_to_num(9.0) for name, value in run.last_weights.items()}
    assert same_weights({name: value.nan_to_num(9.0) for name, value in plain_model.state_dict().items()}, weights)
    assert [] == run.fixes
    assert 0 == len(run.quarantine)
    assert ["G03"] == [finding.code for finding in run.findings], "said once, not at every step that follows"
    assert (["quarantine", "skip_batch"] if mode == "suggest" else []) == [
        entry["fix"] for entry in run.journal.entries("suggestion")
    ][:2]


@pytest.mark.parametrize("mode", ["suggest", "off"])
def test_other_modes_leave_errors_to_the_user(fit, mode):
    """A raising sample and a raising model come out as the user's own exception."""
    train, _ = digits_loaders(raising=(5,))
    model = mlp()
    with pytest.raises(ValueError, match=r"sample 5 is broken"):
        fit(model, train, epochs=1, optimizer=adam(model), autofix=mode)

    model = Picky()
    with pytest.raises(AssertionError, match=r"not to my taste"):
        fit(model, marked([3]), epochs=1, optimizer=adam(model), autofix=mode, name="other")


def test_without_leave_to_touch_the_data_the_batch_is_skipped(fit):
    """`allow={"loop"}`: nobody is set aside, no bad step is taken."""
    train, _ = digits_loaders(nan=(777,))
    model = mlp()

    run = fit(model, train, epochs=2, optimizer=adam(model), allow={"loop"})

    assert 0 == len(run.quarantine)
    assert ["skip_batch", "skip_batch"] == [change.fix for change in run.fixes]
    assert 2 == sum(row["skipped"] for row in run.history.epochs)
    assert all(torch.isfinite(value).all() for value in run.last_weights.values())


class Greedy(nn.Module):
    """A model that runs out of memory for more than so many rows."""

    def __init__(self, most, message="CUDA out of memory. Tried to allocate 2.00 GiB"):
        super().__init__()
        self.net, self.most, self.message = mlp(), most, message

    def forward(self, rows):
        if len(rows) > self.most:
            raise RuntimeError(self.message)
        return self.net(rows)


def test_out_of_memory_splits_the_batch_and_keeps_its_gradient(fit):
    """Unequal parts, each weighted by its rows: the weights stay those of the whole batch up to rounding."""
    train, _ = digits_loaders(batch_size=50)
    plain_model = mlp()
    plain_loop(plain_model, torch.optim.SGD(plain_model.parameters(), lr=0.1), train, epochs=2, seed=3)
    model = Greedy(most=13)

    run = fit(model, train, epochs=2, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))

    assert "finished" == run.status
    assert 0 == len(run.quarantine)
    finding = next(finding for finding in run.findings if finding.code == "R01")
    assert "a batch of 50 does not fit, parts of 13 do" in finding.says
    assert 13 == run.history.last("out_of_memory")
    assert [("split_batch", {"micro_batch": 13})] == [(change.fix, change.after) for change in run.fixes]
    assert [("split_batch", "kept")] == [(one["fix"], one["verdict"]) for one in run.report().to_dict()["changes"]]
    for name, value in plain_model.state_dict().items():
        assert torch.allclose(value, run.last_weights[f"net.{name}"], atol=1e-5)


def test_out_of_memory_for_a_single_sample_is_not_hidden(fit):
    """Halving ends at one row; then the user must know."""
    model = Greedy(most=0)
    with pytest.raises(RuntimeError, match=r"out of memory"):
        fit(model, marked([]), epochs=1, optimizer=adam(model))


def test_in_place_changes_to_the_batch_do_not_reach_the_second_try(fit):
    """The batch is loaded again before it is run again."""
    train, _ = digits_loaders(nan=(777,))

    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, rows):
            rows.mul_(2).sub_(1)
            return self.net(rows)

    model, twin = InPlace(), InPlace()
    optimizer = adam(twin)
    for epoch in range(2):
        for inputs, targets in af.batches(train, 3, epoch, exclude=[777]):
            optimizer.zero_grad()
            nn.functional.cross_entropy(twin(inputs), targets).backward()
            optimizer.step()

    run = fit(model, train, epochs=2, optimizer=adam(model))

    assert same_weights(twin.state_dict(), run.last_weights)


def test_a_bad_batch_within_an_accumulated_step(fit):
    """The batches before it in the same step are run again, so that nothing of them is lost."""
    train, _ = digits_loaders(nan=(777,))
    model = mlp()

    run = fit(model, train, epochs=2, optimizer=adam(model), accumulate=3)
    twin = mlp()
    optimizer = adam(twin)
    for epoch in range(2):
        for number, (inputs, targets) in enumerate(af.batches(train, 3, epoch, exclude=[777])):
            (nn.functional.cross_entropy(twin(inputs), targets) / 3).backward()
            if number % 3 == 2 or number == 43:
                optimizer.step()
                optimizer.zero_grad()

    assert [777] == run.quarantine.indices()
    assert 2 * 15 == run.history.epochs[-1]["step"]
    assert all(torch.allclose(value, run.last_weights[name], atol=1e-6) for name, value in twin.state_dict().items())


def test_a_sick_sample_in_every_batch_size(fit):
    """One row a batch, batch norm and all: a lone bad row is known once a good batch has passed."""
    inputs, targets = digits()
    rows = inputs[:40].clone()
    rows[0] = rows[17] = float("nan")
    model = mlp()

    run = fit(model, DataLoader(TensorDataset(rows, targets[:40]), batch_size=1), epochs=2, optimizer=adam(model))

    assert [0, 17] == sorted(run.quarantine.indices())
    assert "finished" == run.status


def test_a_failure_that_does_not_come_back_costs_nothing(fit):
    """A step that fails once and passes when run again blames nobody: no sample, no weight, no rate."""
    train, _ = digits_loaders()

    class Flaky(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.calls = mlp(), 0

        def forward(self, rows):
            self.calls += self.training
            if self.training and self.calls in (30, 120):
                raise RuntimeError("cuBLAS had a bad moment")
            return self.net(rows)

    model, twin = Flaky(), mlp()
    plain_loop(twin, adam(twin), train, 4, seed=3)

    run = fit(model, train, epochs=4, optimizer=adam(model))

    assert [] == run.fixes
    assert 0 == len(run.quarantine)
    assert 2 == sum("passed when it was run again" in entry["text"] for entry in run.journal.entries("note"))
    assert same_weights({f"net.{name}": value for name, value in twin.state_dict().items()}, run.last_weights)


class OneSize(nn.Module):
    """A model that knows one batch size only."""

    def __init__(self, size=32):
        super().__init__()
        self.net, self.size = mlp(), size

    def forward(self, rows):
        if self.training and len(rows) != self.size:
            raise RuntimeError(f"wanted {self.size} rows")
        return self.net(rows)


def test_a_batch_that_fails_for_its_size_costs_no_sample(fit):
    """The small last batch of each epoch is left out and said; its samples pass beside others, so nobody is blamed."""
    train, _ = digits_loaders()  # 1,400 rows: the last batch has 24
    model = OneSize()

    run = fit(model, train, epochs=3, optimizer=adam(model))

    assert 0 == len(run.quarantine)
    assert 3 == sum(row["skipped"] for row in run.history.epochs)
    assert any("drop_last=True" in problem for problem in run.report().to_dict()["problems"])


def test_a_bad_row_in_a_batch_that_fails_as_a_whole_is_found_beside_good_ones(fit):
    """A lone bad row in a small batch: it fails beside good samples, too."""
    train, _ = digits_loaders(nan=(5,))
    model = OneSize()

    run = fit(model, train, epochs=3, optimizer=adam(model))

    assert [5] == run.quarantine.indices()


@pytest.mark.parametrize(
    ("damage", "bad"),
    [("nan", range(64)), ("nan", range(640, 800)), ("raising", range(640, 800))],
    ids=["first-batches", "a-shard-in-the-middle", "an-unreadable-shard"],
)
def test_whole_batches_of_bad_samples_are_set_aside_up_to_the_limit(fit, bad, damage):
    """A contiguous block of damage in data that are not shuffled: each of its samples is guilty by itself."""
    train, _ = digits_loaders(**{damage: bad})
    train = DataLoader(train.dataset, batch_size=32)
    model = mlp()

    run = fit(model, train, epochs=2, optimizer=adam(model))

    assert list(bad) == sorted(run.quarantine.indices())
    assert "finished" == run.status
    assert {1e-3} == set(run.history.values("lr").tolist())


def test_an_exception_that_comes_and_goes_neither_rolls_back_nor_lowers(fit):
    """A logger that is down for some calls says nothing about weights, rate or samples."""
    train, _ = digits_loaders()
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        if 185 < len(calls) <= 193:
            raise ConnectionError("logger down")
        return nn.functional.cross_entropy(outputs, targets)

    model = mlp()
    run = fit(model, train, epochs=8, optimizer=adam(model), loss=loss)

    assert {"rollback", "scale_lr"}.isdisjoint(change.fix for change in run.fixes)
    assert 0 == len(run.quarantine)
