"""A batch that failed is run again as if for the first time."""

import torch
from torch import nn

import autofix_nb as af
from tests.cases import digits_loaders, mlp, plain_loop, same_weights
from tests.loop.failing import adam


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
