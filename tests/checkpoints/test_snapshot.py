"""The last good state in memory: back means back, bit for bit, and a step can be taken as if for the first time."""

import copy
import warnings

import pytest
import torch
from torch import nn

from autofix_nb.checkpoints import BeforeStep, Snapshot, WeightsOnLoan
from tests.cases import ConvNet, same_weights
from tests.checkpoints.test_state import Versioned

CPU = torch.device("cpu")


class Odd(nn.Module):
    """Batch norm, a shared weight, a frozen parameter, and buffers of several kinds that each pass changes."""

    def __init__(self, table=10):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.first.weight
        self.frozen = nn.Parameter(torch.ones(4), requires_grad=False)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.register_buffer("usual", torch.zeros(4))
        self.register_buffer("hidden", torch.zeros(4), persistent=False)
        self.register_buffer("table", torch.zeros(table))

    def forward(self, rows):
        states = self.dropout(self.tied(self.norm(self.first(rows)))) * self.frozen
        with torch.no_grad():
            self.count += 1
            self.usual = 0.9 * self.usual + 0.1 * states.mean(0)  # replaced, not written into
            self.hidden.mul_(0.9).add_(states.mean(0))
            self.table[0] += 1
        return states


def odd_and_optimizer(kind=torch.optim.Adam):
    torch.manual_seed(0)
    model = Odd()
    trained = [part for part in model.parameters() if part.requires_grad]
    return model, kind([{"params": trained[:1], "lr": 0.1}, {"params": trained[1:], "lr": 0.01}])


def train(model, optimizer, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).pow(2).mean().backward()
        optimizer.step()


def everything(model):
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def copied(tensors):
    return {name: part.detach().clone() for name, part in tensors.items()}


def spoil(model, optimizer):
    with torch.no_grad():
        for part in everything(model).values():
            part.fill_(float("nan") if part.is_floating_point() else 77)
        for state in optimizer.state.values():
            for moment in state.values():
                if isinstance(moment, torch.Tensor):
                    moment.fill_(float("inf"))


KINDS = {
    "adam": torch.optim.Adam,
    "adamw-amsgrad": lambda groups: torch.optim.AdamW(groups, amsgrad=True),
    "momentum": lambda groups: torch.optim.SGD(groups, momentum=0.9),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, centered=True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [0, 3], ids=["before-the-first-step", "later"])
def test_everything_comes_back_bit_for_bit(kind, steps):
    """Weights, buffers of all kinds and moments, whatever came in between; and the training goes on the same."""
    model, optimizer = odd_and_optimizer(KINDS[kind])
    train(model, optimizer, steps)
    before, moments = copied(everything(model)), copy.deepcopy(optimizer.state_dict()["state"])
    snapshot = Snapshot(steps, model, optimizer)
    torch.manual_seed(1)
    train(model, optimizer)
    expected = copied(everything(model))
    spoil(model, optimizer)

    snapshot.restore()

    assert same_weights(before, everything(model))
    assert moments.keys() == optimizer.state_dict()["state"].keys()
    for place, state in optimizer.state_dict()["state"].items():
        assert all(torch.equal(moments[place][name], value) for name, value in state.items())
    torch.manual_seed(1)
    train(model, optimizer)

    assert same_weights(expected, everything(model))


def test_a_snapshot_may_be_restored_again():
    """Training on after the first way back does not write into the snapshot."""
    model, optimizer = odd_and_optimizer()
    train(model, optimizer)
    before = copied(everything(model))
    snapshot = Snapshot(3, model, optimizer)
    for _ in range(2):
        train(model, optimizer)
        snapshot.restore()

        assert same_weights(before, everything(model))


def test_parameters_stay_where_they_are_and_shared_ones_shared():
    """The optimizer and the user hold these very tensors."""
    model, optimizer = odd_and_optimizer()
    snapshot = Snapshot(0, model, optimizer)
    held = [id(part) for part in model.parameters()]
    train(model, optimizer)

    snapshot.restore()

    assert held == [id(part) for part in model.parameters()]
    assert model.tied.weight is model.first.weight
    assert {id(part) for group in optimizer.param_groups for part in group["params"]} < set(held)


def test_the_rates_are_left_alone():
    """They are the user's and the scheduler's, and may have changed since."""
    model, optimizer = odd_and_optimizer()
    train(model, optimizer)
    snapshot = Snapshot(3, model, optimizer)
    optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"] = 0.5, 0.25
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

    snapshot.restore()
    optimizer.step()
    scheduler.step()

    assert [0.25, 0.125] == [group["lr"] for group in optimizer.param_groups]


def test_parameters_outside_the_model_come_back_too():
    """A learnt temperature of the loss that became NaN would spoil the model again."""
    model, outside = nn.Linear(2, 2), nn.Parameter(torch.tensor([3.0]))
    optimizer = torch.optim.Adam([*model.parameters(), outside])
    snapshot = Snapshot(0, model, optimizer)
    with torch.no_grad():
        outside.fill_(float("nan"))

    snapshot.restore()

    assert [3.0] == outside.tolist()


def test_a_table_made_anew_in_another_size_stays():
    """As rotary embeddings do for a longer text: the size that the forward pass needs now is the right one."""
    model = nn.Linear(2, 2)
    model.register_buffer("cache", torch.zeros(3), persistent=False)
    snapshot = Snapshot(0, model, torch.optim.SGD(model.parameters()))
    model.cache = torch.ones(5)

    snapshot.restore()

    assert [1.0] * 5 == model.cache.tolist()


def test_modules_see_the_version_of_their_weights():
    """Without it a module takes its own new weights for old ones."""
    model = nn.Sequential(Versioned())
    snapshot = Snapshot(0, model, torch.optim.SGD(model.parameters()))
    with WeightsOnLoan(model, snapshot):
        assert [0.0, 1.0, 2.0, 3.0] == model[0].weight.tolist()

    snapshot.restore()

    assert [0.0, 1.0, 2.0, 3.0] == model[0].weight.tolist()


def test_again_is_a_snapshot_of_now():
    """Of the same model and optimizer."""
    model, optimizer = odd_and_optimizer()
    first = Snapshot(0, model, optimizer)
    train(model, optimizer)
    now = copied(everything(model))
    second = first.again()
    first.restore()

    second.restore()

    assert same_weights(now, everything(model))


@pytest.mark.parametrize("raises", [False, True], ids=["in-peace", "with-an-error"])
def test_weights_on_loan_are_given_back(raises):
    """Whatever was done meanwhile: a forward pass in training mode changes statistics."""
    model, optimizer = odd_and_optimizer()
    early = copied(everything(model))
    snapshot = Snapshot(0, model, optimizer)
    train(model, optimizer)
    own, moments = copied(everything(model)), copy.deepcopy(optimizer.state_dict()["state"])

    def borrow():
        with WeightsOnLoan(model, snapshot):
            assert same_weights(early, everything(model))
            model(torch.randn(8, 4))
            if raises:
                raise KeyError

    if raises:
        with pytest.raises(KeyError):
            borrow()
    else:
        borrow()

    assert same_weights(own, everything(model))
    assert all(torch.equal(moments[0][name], value) for name, value in optimizer.state_dict()["state"][0].items())
    with WeightsOnLoan(model, snapshot):
        assert same_weights(early, everything(model))


@pytest.mark.parametrize("model_class", [Odd, ConvNet])
def test_a_step_can_be_taken_as_if_for_the_first_time(model_class):
    """The same dropout masks, the same statistics; at every step anew."""
    torch.manual_seed(3)
    model = model_class()
    rows = torch.randn(8, 4 if model_class is Odd else 64)
    before = BeforeStep(model, CPU)
    for _ in range(3):
        before.take()
        start = copied(everything(model))
        outputs = model(rows)
        after = copied(everything(model))

        before.restore()

        assert same_weights(start, everything(model))
        assert torch.equal(outputs, model(rows))
        assert same_weights(after, everything(model))


def test_buffers_put_in_anothers_place_are_followed():
    """`self.usual = 0.9 * self.usual + ...` with a bad batch leaves NaN, unless the right tensor is put back."""
    torch.manual_seed(3)
    model = Odd()
    before = BeforeStep(model, CPU)
    before.take()
    model(torch.randn(8, 4))
    before.take()
    good = model.usual.clone()
    model(torch.full((8, 4), float("nan")))
    before.restore()

    assert not torch.isnan(good).any()
    assert torch.equal(good, model.usual)
    assert torch.equal(good, model.state_dict()["usual"])


def test_a_buffer_that_grew_is_followed():
    """Taking note of a buffer in a new size is no error."""
    model = nn.Linear(2, 2)
    model.register_buffer("cache", torch.zeros(3))
    before = BeforeStep(model, CPU)
    model.cache = torch.arange(5.0)
    before.take()
    model.cache = torch.zeros(5)

    before.restore()

    assert [0.0, 1.0, 2.0, 3.0, 4.0] == model.cache.tolist()


@pytest.mark.parametrize("bad", [True, False])
def test_buffers_go_back_where_the_device_says_so(bad):
    """Decided by a tensor, without reading it: with a sound step everything stays as the step left it."""
    torch.manual_seed(3)
    model = Odd()
    before = BeforeStep(model, CPU)
    before.take()
    start = copied(everything(model))
    model(torch.randn(8, 4))
    after = copied(everything(model))

    before.restore_buffers(where=torch.tensor(bad))

    assert same_weights(start if bad else after, everything(model))


def test_large_buffers_are_left_out_and_statistics_are_not(monkeypatch):
    """Copying a table at each step would cost more than the step; batch norm's statistics are always covered."""
    monkeypatch.setattr(BeforeStep, "MOST_OTHER_ELEMENTS", 100)
    torch.manual_seed(3)
    model = Odd(table=1000)
    before = BeforeStep(model, CPU)
    before.take()
    mean = model.norm.running_mean.clone()
    model(torch.randn(8, 4))

    before.restore()

    assert 1 == model.table[0]
    assert torch.equal(mean, model.norm.running_mean)


def test_a_scripted_model_is_noted_too():
    """Its buffers lie in a place of TorchScript's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated
        model = torch.jit.script(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)))
    before = BeforeStep(model, torch.device("cpu"))
    before.take()
    model(torch.rand(8, 4))
    before.restore()

    assert [0.0, 0.0, 0.0] == dict(model.named_buffers())["1.running_mean"].tolist()
