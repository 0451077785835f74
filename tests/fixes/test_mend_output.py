"""The model ends in what the loss takes."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.fixes.mend_output import MendOutput
from autofix_nb.objective import infer_task, task_of
from tests.fixes.test_surgery import Functional, answer, trained
from tests.runs import finding

ROWS = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(12) % 3
ONE_HOT = functional.one_hot(CLASSES, 3).float()
YES = (torch.arange(12) % 2).float()[:, None]
SEVERAL = (torch.arange(36).reshape(12, 3) % 2).float()
NUMBERS = torch.linspace(-20, 30, 12)[:, None]
SHARES = torch.linspace(0.01, 0.98, 12)[:, None]


def asked(model, loss, targets):
    torch.manual_seed(0)
    run = trained(model, steps=0)
    outputs = model.eval()(ROWS)
    model.train()
    run.task = infer_task(outputs, targets) if loss is None else task_of(loss, outputs, targets)
    run.sample_batches = lambda count: [(ROWS, targets)] * count
    return run, MendOutput().plans(finding(code="L01"), run)


@pytest.mark.parametrize(
    ("ends", "loss", "targets", "expected"),
    [
        ([nn.Softmax(1)], nn.CrossEntropyLoss(), CLASSES, {"3": "identity"}),
        ([nn.ReLU()], nn.CrossEntropyLoss(), CLASSES, {"3": "identity"}),
        ([nn.Sigmoid()], functional.cross_entropy, CLASSES, {"3": "identity"}),
        ([nn.ReLU(), nn.Softmax(1)], nn.CrossEntropyLoss(), CLASSES, {"3": "identity", "4": "identity"}),
        ([nn.LogSoftmax(1)], nn.CrossEntropyLoss(), CLASSES, {}),
        ([], nn.CrossEntropyLoss(), CLASSES, {}),
        ([nn.Softmax(1)], nn.NLLLoss(), CLASSES, {"3": "log_softmax"}),
        ([nn.LogSoftmax(1)], nn.NLLLoss(), CLASSES, {}),
        ([nn.Softmax(1)], None, CLASSES, {}),  # the loss was chosen for it
        ([nn.ReLU()], None, CLASSES, {"3": "identity"}),
        ([nn.Sigmoid()], nn.BCELoss(), SEVERAL, {}),
        ([nn.Sigmoid()], nn.BCEWithLogitsLoss(), SEVERAL, {"3": "identity"}),
        ([nn.Softmax(1)], nn.BCELoss(), YES, {"3": "sigmoid"}),
        ([nn.Softmax(1)], nn.BCEWithLogitsLoss(), YES, {"3": "identity"}),
        ([nn.Softmax(1)], nn.MSELoss(), YES, {"3": "sigmoid"}),
        ([nn.Sigmoid(), nn.Softmax(1)], nn.L1Loss(), YES, {"3": "identity", "4": "sigmoid"}),
        ([nn.Softmax(1)], nn.MSELoss(), ONE_HOT, {}),
        ([nn.Softmax(1)], nn.MSELoss(), SEVERAL, {"3": "sigmoid"}),
        ([nn.Softmax(1)], nn.MSELoss(), NUMBERS, {"3": "identity"}),
        ([nn.Softmax(1)], nn.BCELoss(), SEVERAL, {"3": "sigmoid"}),
        ([nn.Softmax(1)], nn.BCELoss(), ONE_HOT, {}),
        ([nn.Softplus()], nn.MSELoss(), NUMBERS, {"3": "identity"}),
        ([nn.Hardtanh()], nn.MSELoss(), 9 * NUMBERS, {"3": "identity"}),
        ([nn.ReLU()], nn.MSELoss(), NUMBERS, {"3": "identity"}),
        ([nn.Sigmoid()], nn.MSELoss(), NUMBERS, {"3": "identity"}),
        ([nn.Tanh()], nn.MSELoss(), NUMBERS, {"3": "identity"}),
        ([nn.Sigmoid()], nn.MSELoss(), SHARES, {}),
        ([nn.Sigmoid()], nn.MSELoss(), 255 * YES, {}),  # the targets are shares in other numbers
        ([nn.Tanh()], nn.L1Loss(), SHARES, {}),
        ([nn.ReLU()], nn.MSELoss(), SHARES, {}),
    ],
)
def test_what_takes_the_place_of_what(ends, loss, targets, expected):
    """Nothing where it fits: the loss was asked what it takes, the targets where they lie."""
    width = 1 if targets.dim() == 2 and targets.shape[1] == 1 else 3
    torch.manual_seed(0)
    _, found = asked(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, width), *ends), loss, targets)

    assert ([expected] if expected else []) == [one.after["modules"] for one in found]


def test_a_relu_that_is_silent_for_all_rows_does_not_fit():
    """Even where the targets are above 0: there is no gradient to come back by."""
    model = nn.Sequential(nn.Linear(4, 1), nn.ReLU())
    nn.init.constant_(model[0].bias, -100.0)

    assert {"1": "identity"} == asked(model, nn.MSELoss(), SHARES)[1][0].after["modules"]


def test_what_a_forward_calls_by_itself_is_mended_too():
    """The last call alone, not those between the layers."""
    model = Functional()
    nn.init.constant_(model.last.bias, -0.2)
    run, found = asked(model, nn.CrossEntropyLoss(), CLASSES)
    fix = MendOutput()
    before = answer(run)
    fix.apply(found[0], run)

    assert float(before.min()) == 0
    assert torch.equal(before, answer(run).relu())
    assert float(answer(run).min()) < 0


def test_one_module_for_all_keeps_its_place_between_the_layers():
    """Only its last turn is another."""
    act = nn.ReLU()
    model = nn.Sequential(nn.Linear(4, 5), act, nn.Linear(5, 3), act)
    run, found = asked(model, nn.CrossEntropyLoss(), CLASSES)
    MendOutput().apply(found[0], run)

    assert torch.equal(model[2](model[0](ROWS).relu()), model(ROWS))


def test_says_it_in_words():
    """With the code that makes it permanent."""
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1), nn.Softmax(1))
    (change,) = asked(model, nn.BCELoss(), YES)[1]
    exec(change.permanent, {"model": model, "nn": nn})  # noqa: S102

    assert "the model's answer goes through sigmoid in the place of softmax, which does not fit the loss" == change.says
    assert nn.Sigmoid is type(model[3])


def test_a_step_of_the_users_own_is_left_alone():
    """What it makes of the answer is not known."""
    run = trained(Functional(), steps=0)
    run.task = None

    assert [] == MendOutput().plans(finding(), run)


COUNTS = (torch.arange(12) % 4).float()[:, None]


def of_rates(outputs, targets):
    return (outputs - targets * outputs.log()).mean()


class Doubled(nn.Module):
    """A model with a `forward` of its own."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 1)

    def forward(self, rows):
        return 2 * self.body(rows)


@pytest.mark.parametrize("make", [Doubled, lambda: nn.Sequential(nn.Linear(4, 1))], ids=["own-forward", "sequential"])
def test_an_activation_that_is_missing_is_put_behind(make):
    """Answers are what the loss is made for, the state is as it was, and undoing it leaves nothing."""
    model = make()
    run, (change,) = asked(model, of_rates, COUNTS)
    expected, kept, fix = model(ROWS), list(model.state_dict()), MendOutput()
    fix.apply(change, run)
    linked, names = model(ROWS), list(model.state_dict())
    fix.undo(change, run)

    assert torch.equal(functional.softplus(expected), linked)
    assert kept == names
    assert torch.equal(expected, model(ROWS))


def test_an_activation_that_is_there_is_not_put_behind_again():
    """A model that gives rates has all that the loss is made for."""
    assert [] == asked(nn.Sequential(nn.Linear(4, 1), nn.Softplus()), of_rates, COUNTS)[1]
