"""Nothing is left behind, whatever is done to a training in between."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from autofix_nb.evidence import Untouched
from tests.cases import ConvNet, small_loader


def bits(model, optimizer=None):
    """Return all of a model and an optimizer as plain values."""
    gradients = {name: None if part.grad is None else part.grad.tolist() for name, part in model.named_parameters()}
    return {
        "state": {name: part.numpy().tobytes() for name, part in model.state_dict().items()},
        "gradients": gradients,
        "modes": [part.training for part in model.modules()],
        "wanted": [part.requires_grad for part in model.parameters()],
        "optimizer": None if optimizer is None else repr(optimizer.state_dict()),
        "torch": torch.get_rng_state().tolist(),
        "numpy": repr(np.random.get_state()),
        "random": random.getstate(),
    }


def a_training():
    """Return a model with batch norm and dropout that was trained for a few steps, its optimizer and its loader."""
    torch.manual_seed(0)
    model = ConvNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.rand(8, 64)), torch.randint(0, 10, (8,))).backward()
        optimizer.step()
    model.body[1].eval()
    model.head[2].bias.requires_grad_(False)
    return model, optimizer, small_loader()


def spoil(model, optimizer, loader):
    """Do everything that a careless look could do."""
    model.train()
    model.requires_grad_(True)
    for _ in range(2):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.rand(8, 64)), torch.randint(0, 10, (8,))).backward()
        optimizer.step()
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(3))]})
    optimizer.param_groups[0]["lr"] = 7.0
    model.body[0].weight.data.fill_(float("nan"))
    model.body[1].running_mean = torch.full((8,), 9.0)
    loader.sampler.counted = 3
    np.random.rand(3)
    random.random()


def test_everything_is_put_back():
    """Weights, buffers, gradients, modes, what wants gradients, optimizer, random streams."""
    model, optimizer, loader = a_training()
    before = bits(model, optimizer)
    own = {name: id(part) for name, part in model.named_parameters()} | {
        name: id(part) for name, part in model.named_buffers()
    }

    with Untouched(model, optimizer=optimizer, loaders=(loader,)):
        spoil(model, optimizer, loader)

    assert before == bits(model, optimizer)
    assert own == {name: id(part) for name, part in (*model.named_parameters(), *model.named_buffers())}
    assert not hasattr(loader.sampler, "counted")


def test_also_when_the_look_raises():
    """A stop button in the middle of a look must not cost the weights."""
    model, optimizer, loader = a_training()
    before = bits(model, optimizer)

    def stopped():
        spoil(model, optimizer, loader)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Untouched(model, optimizer=optimizer, loaders=(loader,)):
        stopped()

    assert before == bits(model, optimizer)


def test_gradients_are_the_same_tensors():
    """Somebody may hold them: a view, an all-reduce bucket."""
    model, optimizer, loader = a_training()
    kept = [(part, part.grad) for part in model.parameters()]

    with Untouched(model, optimizer=optimizer, loaders=(loader,)):
        spoil(model, optimizer, loader)

    assert all(part.grad is gradient for part, gradient in kept)


def test_none_and_functions_are_nothing_to_keep():
    """A loss may be a function, an optimizer None, a loader a list."""
    with Untouched(None, nn.functional.cross_entropy, optimizer=None, loaders=(None, [1, 2])) as guard:
        torch.rand(1)

    assert guard is not None


def test_lazy_layers_are_left_lazy():
    """A shape that only a look has given them would decide the user's first weights."""
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU())

    with Untouched(model):
        pass

    assert isinstance(model[0].weight, nn.parameter.UninitializedParameter)


def test_what_modules_and_data_sets_hold_is_put_back():
    """Counters, logs and caches, where a model cannot be copied or a data set keeps what it has loaded."""
    model, _, loader = a_training()
    model.calls, model.log = 0, []
    loader.dataset.cache, loader.dataset.random = {}, np.random.default_rng(0)
    drawn = np.random.default_rng(0).random()

    with Untouched(model, loaders=(loader,)):
        model.calls += 1
        model.features = torch.ones(1)
        model.log.append(1)
        loader.dataset.cache[0] = 1
        loader.dataset.random.random()

    assert (0, []) == (model.calls, model.log)
    assert not hasattr(model, "features")
    assert {} == loader.dataset.cache
    assert drawn == loader.dataset.random.random()
