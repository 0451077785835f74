"""Another optimizer, at the rate that is usual for it."""

import pytest
import torch
from torch.optim import SGD, Adam, AdamW

from autofix_nb.fixes.swap_optimizer import SwapOptimizer, is_far_off
from tests.runs import finding, history, trainee


def run_with(kind, lr, **options):
    return trainee(history(), optimizer=kind([torch.nn.Parameter(torch.zeros(2))], lr=lr, **options))


SLOW, FAST, MOMENTUM = ("AdamW", 0.001), ("AdamW", 0.003), ("SGD", 0.01)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(run_with(SGD, 0.01), [FAST, SLOW, MOMENTUM], id="sgd-without-momentum"),
        pytest.param(run_with(SGD, 0.01, momentum=0.9), [FAST, SLOW], id="sgd-with-momentum"),
        pytest.param(run_with(SGD, 10.0, momentum=0.9), [FAST, SLOW, MOMENTUM], id="sgd-at-another-rate"),
        pytest.param(run_with(AdamW, 0.001), [FAST, MOMENTUM], id="adamw"),
        pytest.param(run_with(Adam, 0.003), [SLOW, MOMENTUM], id="adam"),
        pytest.param(run_with(Adam, 1.0), [FAST, SLOW, MOMENTUM], id="adam-at-another-rate"),
        pytest.param(run_with(AdamW, 0.001, weight_decay=0.1), [FAST, MOMENTUM], id="usual-decay"),
        pytest.param(run_with(AdamW, 0.001, weight_decay=5.0), [FAST, SLOW, MOMENTUM], id="strong-decay"),
        pytest.param(
            run_with(SGD, 0.01, momentum=0.9, weight_decay=0.5), [FAST, SLOW, MOMENTUM], id="sgd-with-strong-decay"
        ),
    ],
)
def test_what_is_in_use_already_is_not_tried(run, expected):
    """Adam and AdamW are one, as long as the weight decay is a usual one: a new optimizer begins with that."""
    changes = SwapOptimizer().plans(finding(), run)

    assert expected == [(change.after["optimizer"]["kind"], change.after["optimizer"]["lr"]) for change in changes]


def test_a_group_at_a_rate_of_its_own_is_not_the_usual_one():
    """The fastest tells: it may be what throws the weights about."""
    run = run_with(Adam, 0.003)
    run.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2))], "lr": 30.0})

    assert {"kind": "AdamW", "lr": 0.003} == SwapOptimizer().usual(run).after["optimizer"]


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        pytest.param(3e-8, {"kind": "AdamW", "lr": 0.003}, id="a-slip"),
        pytest.param(3e-5, None, id="a-body-trained-before"),
        pytest.param(0.0, None, id="frozen"),
    ],
)
def test_a_group_far_below_the_others_is_not_the_usual_one(lr, expected):
    """A part that a slip of the rate leaves as it was drawn."""
    run = run_with(Adam, 0.003)
    run.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2))], "lr": lr})
    usual = SwapOptimizer().usual(run)

    assert expected == (usual and usual.after["optimizer"])


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(run_with(Adam, 0.03), True, id="ten-times-a-usual-rate"),
        pytest.param(run_with(AdamW, 0.0003), True, id="a-tenth"),
        pytest.param(run_with(Adam, 0.02), False, id="nearly-usual"),
        pytest.param(run_with(SGD, 10.0), False, id="a-rate-with-a-unit"),
    ],
)
def test_rates_without_a_unit_can_be_far_off(run, expected):
    """Either way."""
    assert expected == is_far_off(run)


def test_the_rate_found_for_the_old_one_goes_with_it():
    """A tenth of SGD's rate says nothing of AdamW's."""
    run = run_with(SGD, 0.01)
    run.controls.lr_scale = 0.1
    change = SwapOptimizer().plan(finding(), run)

    assert {"optimizer": None, "lr_scale": 0.1} == change.before
    assert {"optimizer": {"kind": "AdamW", "lr": 0.003}, "lr_scale": 1.0} == change.after
    assert "the optimizer is AdamW (lr=0.003) from here on (before: SGD, lr=0.001)" == change.says


def test_the_line_to_type_makes_it():
    """With all its settings."""
    change = SwapOptimizer().plans(finding(), run_with(AdamW, 0.001))[-1]
    names = {"torch": torch, "model": torch.nn.Linear(1, 1)}
    exec(change.permanent, names)  # noqa: S102

    assert ("SGD", 0.01, 0.9) == (
        type(names["optimizer"]).__name__,
        names["optimizer"].defaults["lr"],
        names["optimizer"].defaults["momentum"],
    )
