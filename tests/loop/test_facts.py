"""What is known of a run before its first step."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from autofix_nb.finding import Severity
from autofix_nb.fixes import Controls
from autofix_nb.loop.facts import facts_of, of_model
from autofix_nb.loop.initial import looks_initial
from autofix_nb.objective import task_of
from tests.cases import digits_loaders, mlp, plain_loop, small_loader
from tests.runs import finding


def guard(model, optimizer, **fields):
    """Return what the facts are read from."""
    usual = {
        "model": model,
        "task": task_of(nn.CrossEntropyLoss(), torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)),
        "scheduler": None,
        "goal": "val/accuracy",
        "stepper": SimpleNamespace(optimizer=optimizer, accumulate=1),
        "controls": Controls(),
        "found_before": [finding(code="B01"), finding(code="B02", severity=Severity.NOTE), finding(code="B01")],
    }
    return SimpleNamespace(**usual | fields)


def test_facts_are_plain_values():
    """Everything in the list, as JSON takes it."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 3))
    model[0].bias.requires_grad_(False)
    optimizer = torch.optim.AdamW([model[0].weight, model[2].weight], lr=0.01, weight_decay=0.1)
    one = guard(model, optimizer, scheduler=torch.optim.lr_scheduler.StepLR(optimizer, 5))
    one.stepper.accumulate = 4
    facts = facts_of(one, 3, small_loader(rows=70, batch_size=8), has_val=True)
    expected = {
        "planned_epochs": 3,
        "goal": "val/accuracy",
        "planned_steps": 9,
        "steps_per_epoch": 3,
        "batch_size": 8,
        "samples": 70,
        "accumulate": 4,
        "task": "classification",
        "classes": 3,
        "loss": "CrossEntropyLoss",
        "optimizer": "AdamW",
        "lr": 0.01,
        "momentum": 0.0,
        "weight_decay": 0.1,
        "scheduler": "StepLR",
        "parameters": 67,
        "components": ["0", "2"],
        "component_sizes": {"0": 40, "2": 27},
        "frozen": ["0.bias"],
        "outside_optimizer": ["2.bias"],
        "frozen_untrained": [],
        "recurrent": [],
        "dropout": {"1": 0.3},
        "straight": 2,
        "found_before": ["B01"],
        "equal_weights": [],
        "odd_weights": {},
        "has_val": True,
    }

    assert expected == facts
    assert facts == json.loads(json.dumps(facts))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param(nn.Sequential(nn.Flatten(), nn.Linear(2, 8), nn.Sequential(nn.Linear(8, 2))), 2, id="two"),
        pytest.param(nn.Sequential(nn.Linear(2, 2)), 1, id="a-linear-model"),
        pytest.param(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)), 0, id="bent"),
        pytest.param(nn.Bilinear(2, 2, 1), 0, id="of-the-users-own"),
    ],
)
def test_linear_layers_with_nothing_between_are_counted(model, expected):
    """Where they are the whole model: what the user's own `forward` does between layers is not known."""
    assert expected == of_model(model, torch.optim.SGD(model.parameters()))["straight"]


def test_of_several_groups_the_strongest_weight_decay_counts():
    """What one group alone is held back by holds the model back."""
    model = mlp()
    weights, *others = model.parameters()
    groups = [{"params": others}, {"params": [weights], "weight_decay": 30.0}]

    assert 30.0 == facts_of(guard(model, torch.optim.AdamW(groups)), 1, small_loader())["weight_decay"]


def test_the_weight_decay_is_the_one_that_steps_are_taken_with():
    """A fix may have taken the user's away: then it holds nothing back any more."""
    model = nn.Linear(2, 1)
    one = guard(model, torch.optim.AdamW(model.parameters(), weight_decay=10.0), controls=Controls(weight_decay=0.0))

    assert 0.0 == facts_of(one, 1, small_loader())["weight_decay"]


def test_a_stream_and_a_step_of_the_users_leave_facts_out():
    """How long an epoch is, is not known, and neither is the task."""
    model = mlp()
    one = guard(model, torch.optim.SGD(model.parameters(), lr=0.1), task=None)
    facts = facts_of(one, 2, iter([]))

    assert ("custom", "", 0.0) == (facts["task"], facts["loss"], facts["weight_decay"])
    assert not {"planned_steps", "steps_per_epoch", "samples", "batch_size"} & facts.keys()


@pytest.mark.parametrize(
    ("make", "weight"),
    [
        pytest.param(lambda: nn.Linear(64, 32), "weight", id="linear"),
        pytest.param(lambda: nn.Conv2d(3, 16, 3), "weight", id="convolution"),
        pytest.param(lambda: nn.Embedding(50, 16), "weight", id="embedding"),
        pytest.param(lambda: nn.LSTM(8, 16), "weight_hh_l0", id="lstm"),
        pytest.param(lambda: nn.MultiheadAttention(16, 2), "in_proj_weight", id="attention"),
    ],
)
def test_fresh_weights_are_known(make, weight):
    """By the distribution that their layer draws from."""
    torch.manual_seed(0)
    module = make()

    assert looks_initial(module, getattr(module, weight))


@pytest.mark.parametrize("spread", [0.05, 0.3, 3.0])
def test_tables_are_drawn_with_any_spread(spread):
    """Every number by itself: columns of one spread, and none that goes with another."""
    torch.manual_seed(0)
    tables = [nn.Embedding(60, 6) for _ in range(100)]
    for table in tables:
        nn.init.normal_(table.weight, 0.0, spread)

    assert 95 <= sum(looks_initial(table, table.weight) for table in tables)


@torch.no_grad()
@pytest.mark.parametrize(
    "learn",
    [
        pytest.param(lambda weight: weight * torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0, 2.0]), id="columns-of-two-spreads"),
        pytest.param(lambda weight: weight + 0.9 * weight[:, [1, 0, 2, 3, 4, 5]], id="columns-that-go-together"),
        pytest.param(lambda weight: weight * torch.rand(len(weight), 1).exp() ** 2, id="rows-of-different-size"),
    ],
)
def test_tables_in_which_something_was_learnt_are_not_fresh(learn):
    """As trained ones are."""
    torch.manual_seed(0)
    table = nn.Embedding(600, 6)
    nn.init.normal_(table.weight, 0.0, 0.3)

    assert not looks_initial(table, learn(table.weight))


SMALL = [
    pytest.param(lambda: nn.Linear(10, 4), id="linear"),
    pytest.param(lambda: nn.Linear(2, 24), id="two-inputs"),
    pytest.param(lambda: nn.Conv2d(1, 6, 3), id="convolution"),
    pytest.param(lambda: nn.Conv1d(3, 8, 5), id="one-dimension"),
]


@pytest.mark.parametrize("make", SMALL)
def test_small_fresh_weights_are_known_by_their_bounds(make):
    """Too few numbers for their spread to tell; but for 1 in 100 they fill the interval they are drawn from."""
    torch.manual_seed(0)
    modules = [make() for _ in range(300)]

    assert 297 <= sum(looks_initial(module, module.weight) for module in modules)


@pytest.mark.parametrize("make", SMALL)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda weight: weight * 1.05, id="over-its-bounds"),
        pytest.param(lambda weight: weight * 0.7, id="far-from-its-bounds"),
        pytest.param(lambda weight: weight.sign() * weight.abs().max(), id="all-at-its-bounds"),
        pytest.param(torch.zeros_like, id="constant"),
        pytest.param(lambda weight: torch.full_like(weight, float("nan")), id="not-finite"),
    ],
)
def test_small_weights_that_are_not_even_within_their_bounds_are_not_fresh(make, change):
    """As training leaves them."""
    torch.manual_seed(0)
    module = make()

    assert not looks_initial(module, change(module.weight.detach()))


def test_small_weights_that_were_trained_are_not_fresh():
    """For real, on a few rows."""
    torch.manual_seed(0)
    inputs, modules = torch.randn(32, 10), [nn.Linear(10, 4) for _ in range(20)]
    targets = inputs[:, :4] * 2
    for module in modules:
        optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
        for _ in range(60):
            optimizer.zero_grad()
            nn.functional.mse_loss(module(inputs), targets).backward()
            optimizer.step()

    assert not any(looks_initial(module, module.weight) for module in modules)


def test_of_the_smallest_weights_nothing_is_said():
    """Below forty numbers chance decides."""
    torch.manual_seed(0)

    assert not any(looks_initial(module, module.weight) for module in (nn.Linear(3, 13) for _ in range(50)))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda values: values * 1.4, id="another-spread"),
        pytest.param(lambda values: values**3 * 100, id="another-shape"),
        pytest.param(lambda values: values + 0.1, id="another-mean"),
        pytest.param(torch.zeros_like, id="constant"),
    ],
)
def test_other_weights_are_not_fresh(change):
    """Larger, peaked, or shifted."""
    torch.manual_seed(0)
    module = nn.Linear(64, 32)

    assert not looks_initial(module, change(module.weight.detach()))


def test_a_frozen_part_that_was_never_trained_is_named():
    """A backbone is frozen for what it has learnt: a fresh one has learnt nothing."""
    train, _ = digits_loaders()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    fresh = [part.detach().clone() for part in model.parameters()]
    plain_loop(model, torch.optim.Adam(model.parameters(), lr=3e-3), train, epochs=2, seed=0)
    model[0].requires_grad_(False)
    optimizer = torch.optim.Adam(model[2].parameters())
    trained = of_model(model, optimizer)
    model[0].weight.data.copy_(fresh[0])

    assert ([], ["0.weight"]) == (trained["frozen_untrained"], of_model(model, optimizer)["frozen_untrained"])
    assert ["0.weight", "0.bias"] == trained["frozen"]


def test_weights_that_are_all_the_same_are_named():
    """Units that begin alike stay alike; biases of zero are usual, and what is frozen is meant so."""
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3), nn.Linear(3, 3))
    nn.init.zeros_(model[0].weight)
    nn.init.zeros_(model[1].bias)
    nn.init.ones_(model[2].weight)
    model[2].requires_grad_(False)
    facts = facts_of(guard(model, torch.optim.SGD(model.parameters(), lr=0.1)), 1, small_loader())

    assert ["0.weight"] == facts["equal_weights"]


def test_what_nobody_trains_is_not_blamed_for_its_size():
    """It is ill of that first: joined to the optimizer it may well learn."""
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    with torch.no_grad():
        model[0].weight.mul_(0.01)
        model[2].weight.mul_(0.01)
    optimizer = torch.optim.SGD([*model[2].parameters(), *model[4].parameters()], lr=0.1)

    assert ["2.weight"] == list(of_model(model, optimizer)["odd_weights"])
