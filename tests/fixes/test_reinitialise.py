"""Weights are drawn anew: those that died, all, or all to measured scales."""

import torch
from torch import nn

from autofix_nb.fixes.drawing import FEW_INPUTS
from autofix_nb.fixes.reinitialise import Reinitialise, typed
from tests.fixes.test_surgery import step, trained
from tests.runs import finding


def plain(activation=nn.ReLU):
    return nn.Sequential(nn.Linear(4, 6), activation(), nn.Linear(6, 6), activation(), nn.Linear(6, 3))


def plans(model, **fields):
    run = trained(model)
    return run, Reinitialise().plans(finding(**fields), run)


def test_from_the_dead_to_all():
    """What is left as it is keeps its place in the training; whoever draws everything begins from the beginning."""
    _, found = plans(plain(), where=("3",), step=50)

    assert [({"2": "he"}, False, 0), (3, True, 0), (3, True, 3)] == [
        (
            one.after["draws"] if one.after["fresh"] is False else len(one.after["draws"]),
            one.after["fresh"],
            len(one.after["scales"]),
        )
        for one in found
    ]
    assert ["`2` got new weights", 50] == [found[0].says, found[0].after["seed"]]


def test_only_the_layers_before_the_dead_units_are_drawn():
    """The optimizer forgets these alone, and remembers them again when it is taken back."""
    model = plain()
    run, found = plans(model, where=("3",))
    kept = {name: part.clone() for name, part in model.state_dict().items()}
    remembered = run.optimizer.state[model[2].weight]
    fix = Reinitialise()
    fix.apply(found[0], run)
    changed = {name for name, part in model.state_dict().items() if not torch.equal(kept[name], part)}

    assert {"2.weight", "2.bias"} == changed
    assert model[2].weight not in run.optimizer.state
    assert model[4].weight in run.optimizer.state
    step(run)
    fix.undo(found[0], run)
    assert remembered is run.optimizer.state[model[2].weight]


def test_no_measured_scales_for_what_saturates():
    """Sums of variance 1 are far out on a tanh."""
    _, found = plans(plain(nn.Tanh))

    assert [0] == [len(one.after["scales"]) for one in found]


def test_frozen_weights_stay():
    """They are frozen for what they are."""
    _, found = plans(plain().requires_grad_(False).append(nn.Linear(3, 3)))

    assert ["5"] == list(found[0].after["draws"])


def test_the_code_to_type_draws_by_the_same_rule():
    """In a cell after the model."""
    model = plain()
    _, found = plans(model)
    exec(found[-1].permanent, {"model": model, "nn": nn})  # noqa: S102
    wide = nn.Sequential(nn.Linear(FEW_INPUTS, 20), nn.ReLU(), nn.Linear(20, 3))
    exec(typed({"0": "he", "2": "xavier"}), {"model": wide, "nn": nn})  # noqa: S102

    assert "kaiming_normal_" in found[-1].permanent
    assert (True, False) == (bool(wide[0].bias.any()), bool(wide[2].bias.any()))
