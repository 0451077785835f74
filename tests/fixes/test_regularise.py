"""Weight decay up or away, by what the optimizer's kind makes of it."""

import pytest
import torch
from torch.optim import SGD, Adam, AdamW

from autofix_nb.fixes.regularise import Regularise, is_decoupled
from tests.runs import finding, history, trainee


def run_with(kind, decay, **options):
    optimizer = kind([torch.nn.Parameter(torch.zeros(2))], lr=0.1, weight_decay=decay, **options)
    return trainee(history(), optimizer=optimizer)


@pytest.mark.parametrize(
    ("code", "kind", "decay", "expected"),
    [
        pytest.param("L04", AdamW, 0.0, [0.01, 0.1], id="adamw-from-nothing"),
        pytest.param("L04", AdamW, 0.01, [0.1, 1.0], id="adamw-from-the-usual"),
        pytest.param("L04", AdamW, 1e-6, [0.01, 0.1], id="adamw-from-next-to-nothing"),
        pytest.param("L04", AdamW, 1.0, [], id="adamw-at-the-most"),
        pytest.param("L04", SGD, 0.0, [0.001, 0.01], id="sgd-from-nothing"),
        pytest.param("L04", SGD, 5e-4, [0.005, 0.05], id="sgd-from-the-usual"),
        pytest.param("L04", Adam, 0.01, [0.1], id="adam-nearly-at-the-most"),
        pytest.param("L05", AdamW, 0.01, [], id="the-usual-is-not-to-blame"),
        pytest.param("L05", AdamW, 0.5, [0.0], id="adamw-too-high"),
        pytest.param("L05", SGD, 0.05, [0.0], id="sgd-too-high"),
        pytest.param("L05", Adam, 1e-5, [], id="adam-next-to-nothing"),
    ],
)
def test_what_is_tried(code, kind, decay, expected):
    """Gentlest first; against underfitting only what may be its cause is taken away."""
    changes = Regularise().plans(finding(code=code), run_with(kind, decay))

    assert expected == pytest.approx([change.after["weight_decay"] for change in changes])
    assert all(change.before == {"weight_decay": None} for change in changes)


def test_what_was_set_before_is_raised_further():
    """The setting counts, not what the user's groups say."""
    run = run_with(AdamW, 0.01)
    run.controls.weight_decay = 0.1

    assert [1.0] == [change.after["weight_decay"] for change in Regularise().plans(finding(code="L04"), run)]


def test_an_optimizer_without_is_left_alone():
    """What it does not know it cannot be told."""
    run = trainee(history(), optimizer=torch.optim.Rprop([torch.nn.Parameter(torch.zeros(1))]))

    assert [] == Regularise().plans(finding(code="L04"), run)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (run_with(Adam, 0.0).optimizer, False),
        (run_with(AdamW, 0.0).optimizer, True),
        (run_with(SGD, 0.0).optimizer, False),
        (run_with(torch.optim.NAdam, 0.0, decoupled_weight_decay=True).optimizer, True),
        (type("MyLion", (SGD,), {})([torch.nn.Parameter(torch.zeros(1))], lr=0.1), False),
        (type("Lion", (SGD,), {})([torch.nn.Parameter(torch.zeros(1))], lr=0.1), True),
    ],
    ids=["adam", "adamw", "sgd", "nadam-decoupled", "unknown", "by-name"],
)
def test_decay_beside_the_gradient_is_told_from_decay_inside_it(optimizer, expected):
    """By what its groups say, else by its name."""
    assert expected == is_decoupled(optimizer)
