"""Whose fault a failed step is, and what is done about it."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.errors import TrainingFailed
from tests.cases import ConvNet, digits, digits_loaders, mlp, same_weights
from tests.loop.failing import EPOCHS, Picky, accuracy, adam, clean_accuracy, marked


@pytest.mark.parametrize("rows", [(777,), tuple(range(5, 1400, 70))], ids=["one-row", "twenty-rows"])
def test_nan_rows_are_set_aside_and_the_rate_is_left_alone(fit, rows):
    """facts: the strongest public rival cut the rate eight times and ended at 25 % where skipping ends at 92 %."""
    train, _ = digits_loaders(nan=rows)
    model = mlp()

    run = fit(model, train, epochs=EPOCHS, optimizer=adam(model))

    assert sorted(rows) == sorted(run.quarantine.indices())
    assert {1e-3} == set(run.history.values("lr").tolist())
    assert {"quarantine"} == {change.fix for change in run.fixes}
    assert accuracy(model) >= clean_accuracy() - 0.01
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


def test_without_leave_to_touch_the_data_the_batch_is_skipped(fit):
    """`allow={"loop"}`: nobody is set aside, no bad step is taken."""
    train, _ = digits_loaders(nan=(777,))
    model = mlp()

    run = fit(model, train, epochs=2, optimizer=adam(model), allow={"loop"})

    assert 0 == len(run.quarantine)
    assert ["skip_batch", "skip_batch"] == [change.fix for change in run.fixes]
    assert 2 == sum(row["skipped"] for row in run.history.epochs)
    assert all(torch.isfinite(value).all() for value in run.last_weights.values())


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
