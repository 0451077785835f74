"""A batch that does not fit into memory."""

import pytest
import torch
from torch import nn

from tests.cases import digits_loaders, mlp, plain_loop
from tests.loop.failing import adam, marked


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
