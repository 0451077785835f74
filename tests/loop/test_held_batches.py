"""Samples of a batch that failed as a whole are judged beside good ones."""

from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.cases import digits, digits_loaders, mlp
from tests.loop.failing import adam


class OneSize(nn.Module):
    """A model that knows one batch size only."""

    def __init__(self, size=32):
        super().__init__()
        self.net, self.size = mlp(), size

    def forward(self, rows):
        if self.training and len(rows) != self.size:
            raise RuntimeError(f"wanted {self.size} rows")
        return self.net(rows)


def test_a_sick_sample_in_every_batch_size(fit):
    """One row a batch, batch norm and all: a lone bad row is known once a good batch has passed."""
    inputs, targets = digits()
    rows = inputs[:40].clone()
    rows[0] = rows[17] = float("nan")
    model = mlp()

    run = fit(model, DataLoader(TensorDataset(rows, targets[:40]), batch_size=1), epochs=2, optimizer=adam(model))

    assert [0, 17] == sorted(run.quarantine.indices())
    assert "finished" == run.status


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


def test_samples_are_not_judged_while_good_ones_fail_too(fit):
    """What is down for longer than a batch fails for everybody: nobody is to blame for it."""
    train, _ = digits_loaders()
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        if 60 < len(calls) <= 260:  # a batch that fails as a whole is asked about some 70 times
            raise ConnectionError("logger down")
        return nn.functional.cross_entropy(outputs, targets)

    model = mlp()
    run = fit(model, train, epochs=4, optimizer=adam(model), loss=loss)

    assert 1 <= sum(row["skipped"] for row in run.history.epochs) <= 4
    assert 0 == len(run.quarantine)
    assert "finished" == run.status
