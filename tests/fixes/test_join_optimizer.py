"""Parameters that were forgotten take part."""

import pytest
import torch
from torch import nn

from autofix_nb.fixes.join_optimizer import JoinOptimizer
from autofix_nb.fixes.preparing import Owned
from autofix_nb.fixes.wiring import rewire_optimizer
from tests.fixes.test_surgery import trained
from tests.runs import _deep_bits, finding


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


def planned(model, optimizer):
    fix, owned = JoinOptimizer(), Owned(model=model, optimizer=optimizer)
    return fix, owned, fix.plan(finding(step=0), owned)


def steps(model, optimizer, count=3):
    torch.manual_seed(1)
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_it_trains_as_if_it_had_held_them_from_the_beginning(kind):
    """Bit for bit, as with the optimizer that the line to type makes."""
    model, twin = build(), build()
    optimizer = kind(model[0].parameters(), lr=0.05)
    fix, owned, change = planned(model, optimizer)
    fix.apply(change, owned)
    names = {"torch": torch, "model": twin}
    exec(change.permanent, names)  # noqa: S102
    steps(model, optimizer)
    steps(twin, names["optimizer"])

    assert all(torch.equal(*pair) for pair in zip(twin.parameters(), model.parameters(), strict=True))


def test_a_scheduler_made_before_goes_on():
    """It knows how many groups there were."""
    model = build()
    optimizer = torch.optim.SGD(
        [{"params": model[0].weight, "lr": 0.1}, {"params": model[0].bias, "lr": 0.2}], lr=0.3, momentum=0.9
    )
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    fix, owned, change = planned(model, optimizer)
    fix.apply(change, owned)
    steps(model, optimizer, 1)
    scheduler.step()

    assert [0.05, 0.1] == [group["lr"] for group in optimizer.param_groups]
    assert [3, 1] == [len(group["params"]) for group in optimizer.param_groups]


def test_undoing_after_some_steps_leaves_the_others_as_they_are():
    """Their moments stay, those of what joined leave with it; and the optimizer's state fits itself."""
    model = build()
    optimizer = torch.optim.Adam(model[0].parameters(), lr=0.05)
    steps(model, optimizer)
    lists = [group["params"] for group in optimizer.param_groups]
    fix, owned, change = planned(model, optimizer)
    fix.apply(change, owned)
    steps(model, optimizer)
    kept = optimizer.state[model[0].weight]["exp_avg"].clone()
    fix.undo(change, owned)

    assert [id(one) for one in lists] == [id(group["params"]) for group in optimizer.param_groups]
    assert {model[0].weight, model[0].bias} == set(optimizer.state)
    assert torch.equal(kept, optimizer.state[model[0].weight]["exp_avg"])
    optimizer.load_state_dict(optimizer.state_dict())
    steps(model, optimizer)


@pytest.mark.filterwarnings("ignore:optimizer contains a parameter group with duplicate parameters")
def test_what_is_listed_twice_is_listed_once():
    """SGD steps twice for it otherwise."""
    model = build()
    optimizer = torch.optim.SGD([*model.parameters(), model[0].weight, model[2].bias], lr=0.05)
    before = list(map(id, optimizer.param_groups[0]["params"]))
    fix, owned, change = planned(model, optimizer)
    fix.apply(change, owned)
    once = list(map(id, optimizer.param_groups[0]["params"]))
    fix.undo(change, owned)

    assert "2 entries that it lists twice are taken out of it" == change.says
    assert list(map(id, model.parameters())) == once
    assert before == list(map(id, optimizer.param_groups[0]["params"]))


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6), reason="before 2.6 an optimizer takes no names"
)
def test_names_go_with_the_parameters():
    """An optimizer made from named parameters lists both."""
    model = build()
    optimizer = torch.optim.SGD(model[0].named_parameters(), lr=0.05)
    fix, owned, change = planned(model, optimizer)
    fix.apply(change, owned)
    names = list(optimizer.param_groups[0]["param_names"])
    fix.undo(change, owned)

    assert ["weight", "bias", "2.weight", "2.bias"] == names
    assert ["weight", "bias"] == optimizer.param_groups[0]["param_names"]


def test_what_is_frozen_stays_out():
    """On purpose, it is to be thought."""
    model = build()
    model[2].requires_grad_(False)
    model[0].bias.requires_grad_(False)

    assert None is planned(model, torch.optim.SGD([model[0].weight], lr=0.1))[2]


@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(lambda model: torch.optim.SGD(model.parameters(), lr=0.1), id="complete"),
        pytest.param(lambda model: torch.optim.SGD(build().parameters(), lr=0.1), id="of-another-model"),
        pytest.param(lambda model: torch.optim.LBFGS([model[0].weight]), id="lbfgs"),
        pytest.param(lambda model: torch.optim.SGD, id="a-class"),
        pytest.param(lambda model: None, id="none"),
    ],
)
def test_what_cannot_be_mended_so_is_left_alone(optimizer):
    """One of another model should be made anew."""
    model = build()

    assert None is planned(model, optimizer(model))[2]


def test_says_which():
    """The first three by name, with the rate they get."""
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3)))
    change = planned(model, torch.optim.Adam([model[0].weight], lr=0.01))[2]

    assert "0.bias, 1.weight, 1.bias and 2 more join the optimizer (lr 0.01, as its first group)" == change.says
    assert ({"parameters": 1}, 6, "0.bias") == (change.before, change.after["parameters"], change.after["joined"][0])


def test_while_it_trains_they_join_and_leave_again():
    """The optimizer at work, moments of the others untouched; a resumed run does it before its state fits."""
    model = build()
    optimizer = torch.optim.Adam(model[0].parameters(), lr=0.05)
    run = trained(model, steps=0)
    run.optimizer, run.rewire = optimizer, lambda joined=(), left=(): rewire_optimizer(optimizer, joined, left)
    steps(model, optimizer)
    before = _deep_bits(optimizer.state_dict())
    fix = JoinOptimizer()
    change = fix.plan(finding(code="G07", step=100), run)
    fix.apply(change, run)
    joined = [id(one) for one in optimizer.param_groups[0]["params"]]
    fix.undo(change, run)

    assert {"joined": ["2.weight", "2.bias"]} == change.after
    assert fix.is_built_in(change)
    assert list(map(id, model.parameters())) == joined
    assert before == _deep_bits(optimizer.state_dict())


def under_way(model, optimizer):
    run = trained(model, steps=0)
    run.optimizer, run.rewire = optimizer, lambda joined=(), left=(): rewire_optimizer(optimizer, joined, left)
    return JoinOptimizer().plan(finding(code="B07", step=100), run)


def test_what_was_replaced_surely_belongs_there():
    """A tensor of the same shape that no model has any more proves it; one that was left out may be meant so."""
    model, left_out = build(), build()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    model[2] = nn.Linear(5, 3)

    assert {"joined": ["2.weight", "2.bias"], "sure": True} == under_way(model, optimizer).after
    assert {"joined": ["2.weight", "2.bias"]} == under_way(left_out, torch.optim.Adam(left_out[0].parameters())).after


def test_strangers_of_other_shapes_prove_nothing():
    """A loss inside the user's own step may have weights of its own."""
    model = build()
    optimizer = torch.optim.Adam([*model[0].parameters(), nn.Parameter(torch.zeros(2))], lr=0.05)

    assert {"joined": ["2.weight", "2.bias"]} == under_way(model, optimizer).after


def test_one_group_of_a_model_that_is_gone_takes_in_the_new_one():
    """While it trains, where nothing would be trained else; of several groups nobody knows which is meant."""
    model = build()
    groups = [{"params": build().parameters()}, {"params": [nn.Parameter(torch.zeros(3))]}]

    assert [name for name, _ in model.named_parameters()] == under_way(
        model, torch.optim.Adam(build().parameters())
    ).after["joined"]
    assert None is under_way(model, torch.optim.Adam(groups))
