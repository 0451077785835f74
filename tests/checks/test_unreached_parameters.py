"""UnreachedParameters: no gradient, no optimizer, or twice in it."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from autofix_nb.checks.unreached_parameters import UnreachedParameters
from autofix_nb.finding import Severity
from tests.cases import ConvNet, Lstm, digits_loaders, mlp, small_loader
from tests.checks.subjects import answer_of, subject, why_not

CHECK = UnreachedParameters()


class Net(nn.Module):
    """A small body and head, put together by a function."""

    def __init__(self, forward, **parts):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(4, 16), nn.Tanh())
        for name, part in parts.items():
            setattr(self, name, part)
        self.head = nn.Linear(16, 3)
        self._how = forward

    def forward(self, rows):
        return self._how(self, rows)


def plain(net, rows):
    return net.head(net.body(rows))


def asked(model, optimizer=None, **options):
    options.setdefault("loss", nn.CrossEntropyLoss())
    return answer_of(CHECK, subject(model, small_loader(), optimizer=optimizer, **options))


def sgd(parameters, **options):
    return torch.optim.SGD(parameters, lr=0.1, **options)


def replaced():
    model = Net(plain)
    optimizer = sgd(model.parameters())
    model.head = nn.Linear(16, 3)
    return model, optimizer


def in_twice():
    model = Net(plain)
    optimizer = sgd(model.parameters())
    optimizer.param_groups[0]["params"].append(model.head.weight)
    return model, optimizer


def frozen_body(everything):
    model = Net(plain)
    model.body.requires_grad_(False)
    return model, sgd(model.parameters() if everything else model.head.parameters())


def without_middle():
    model = Net(lambda net, rows: net.head(net.mid(net.body(rows))), mid=nn.Linear(16, 16))
    return model, sgd([*model.body.parameters(), *model.head.parameters()])


def without_head():
    model = Net(plain)
    return model, sgd(model.body.parameters())


def copied_model():
    model = Net(plain)
    return copy.deepcopy(model), sgd(model.parameters())


def head_alone(hidden):
    model = mlp(4, 3, hidden=hidden)
    model.insert(2, nn.Linear(hidden, hidden))
    return model, sgd(model[-1].parameters())


def detached():
    return Net(lambda net, rows: net.head(net.body(rows).detach())), None


def without_graph():
    def forward(net, rows):
        with torch.no_grad():
            middle = net.body(rows)
        return net.head(middle)

    return Net(forward), None


def unused(width):
    return Net(plain, spare=nn.Linear(16, width)), None


def unused_head():
    model = Net(lambda net, rows: net.other(net.body(rows)), other=nn.Linear(16, 3))
    return model, None


def never_chosen():
    experts = nn.ModuleList([nn.Linear(16, 16) for _ in range(2)])
    return Net(lambda net, rows: net.head(net.experts[0](net.body(rows))), experts=experts), None


def nothing_wanted():
    return mlp(4, 3).requires_grad_(False), None


W, C, N = Severity.WARNING, Severity.CRITICAL, Severity.NOTE


@pytest.mark.parametrize(
    ("made", "severity", "says", "where"),
    [
        pytest.param(replaced, W, "`head.weight` was replaced after", "head.*", id="head-replaced"),
        pytest.param(copied_model, C, "holds 0 of the model's 4", "body.*", id="optimizer-of-another-model"),
        pytest.param(without_middle, W, "2 of 6 parameters", "mid.*", id="layer-left-out"),
        pytest.param(without_head, W, "2 of 4 parameters", "head.*", id="head-left-out"),
        pytest.param(lambda: head_alone(4), W, "4 of 6 parameters", "0.*", id="body-left-out"),
        pytest.param(lambda: head_alone(64), N, "only the last layers", "0.*", id="head-on-purpose"),
        pytest.param(in_twice, W, "more than once", "head.weight", id="twice-in-a-group"),
        pytest.param(lambda: frozen_body(True), N, "are frozen", "body.*", id="frozen-in-the-optimizer"),
        pytest.param(detached, W, "cuts the gradient off", "body.*", id="detached"),
        pytest.param(without_graph, W, "cuts the gradient off", "body.*", id="no-grad"),
        pytest.param(lambda: unused(64), W, "never called", "spare.*", id="large-unused"),
        pytest.param(unused_head, W, "never called", "head.*", id="another-head-in-use"),
        pytest.param(never_chosen, N, "never called", "experts.1.*", id="expert-not-chosen"),
        pytest.param(nothing_wanted, C, "not one of the 4", "", id="everything-frozen"),
    ],
)
def test_what_will_not_be_trained_is_named(made, severity, says, where):
    """By module, with the numbers, as severe as it is."""
    finding = asked(*made()).findings[0]

    assert severity == finding.severity
    assert says in finding.says
    assert where in "".join(finding.where[:1])


def test_a_small_unused_part_is_a_note():
    """Pretrained models bring pooling layers and tokens that nobody uses."""
    finding = asked(Net(plain, token=nn.Parameter(torch.zeros(4)))).findings[0]

    assert Severity.NOTE == finding.severity
    assert ("token (4 values)",) == finding.where


def in_a_list(net, rows):
    return net.head(net.layers[0](net.body(rows)))


def in_a_dict(net, rows):
    return net.head(net.layers["a"](net.body(rows)))


@pytest.mark.parametrize(
    ("forward", "value", "to_type"),
    [
        pytest.param(in_a_list, [nn.Linear(16, 16)], "self.layers = nn.ModuleList(self.layers)", id="list"),
        pytest.param(in_a_list, (nn.Linear(16, 16),), "self.layers = nn.ModuleList(self.layers)", id="tuple"),
        pytest.param(in_a_dict, {"a": nn.Linear(16, 16)}, "self.layers = nn.ModuleDict(self.layers)", id="dict"),
        pytest.param(
            lambda net, rows: net.head(net.body(rows) * net.layers),
            torch.ones(16, requires_grad=True),
            "self.layers = nn.Parameter(self.layers.detach())",
            id="plain-tensor",
        ),
        pytest.param(
            lambda net, rows: net.head(net.body(rows) * net.layers),
            nn.Parameter(torch.ones(16)).clone(),
            "self.layers = nn.Parameter(self.layers.detach())",
            id="no-longer-a-parameter",
        ),
    ],
)
def test_layers_that_the_model_does_not_know_are_named(forward, value, to_type):
    """Kept in a plain attribute, and reached by a gradient."""
    finding = asked(Net(forward, layers=value)).findings[0]

    assert Severity.WARNING == finding.severity
    assert ("the model: self.layers",) == finding.where
    assert to_type == finding.to_type


def test_a_hidden_teacher_is_left_alone():
    """A list is also how people keep a teacher out of `parameters()`: no gradient reaches it."""

    def forward(net, rows):
        with torch.no_grad():
            net.teacher[0](rows)
        return plain(net, rows)

    assert () == asked(Net(forward, teacher=[nn.Linear(4, 3)])).findings


def test_a_list_that_repeats_registered_layers_is_fine():
    """The same layers again, for looping over them."""
    model = Net(plain)
    model.again = [model.body, model.head]

    assert () == asked(model).findings


class Weighed(nn.Module):
    """Cross-entropy with a learnt weight."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, outputs, targets):
        return nn.functional.cross_entropy(outputs * self.scale, targets)


@pytest.mark.parametrize(("joined", "names"), [(False, ("loss.scale",)), (True, ())])
def test_parameters_of_the_loss_must_be_in_the_optimizer(joined, names):
    """They are learnt too."""
    model, loss = Net(plain), Weighed()
    optimizer = sgd([*model.parameters(), *(loss.parameters() if joined else ())])

    findings = asked(model, optimizer, loss=loss).findings

    assert names == tuple(name for finding in findings for name in finding.where)


def test_gradients_that_are_all_zero():
    """A softmax over one output is always 1."""
    model = nn.Sequential(nn.Linear(4, 1), nn.Softmax(dim=1))
    loader = [(torch.randn(8, 4), torch.rand(8, 1))]

    finding = answer_of(CHECK, subject(model, loader, loss=nn.MSELoss())).findings[0]

    assert Severity.WARNING == finding.severity
    assert "exactly 0" in finding.says


def all_tied():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3))
    model[2].weight = model[0].weight
    return model


def zero_head():
    model = mlp(4, 3)
    nn.init.zeros_(model[-1].weight)
    return model


@pytest.mark.parametrize(
    ("model", "given"),
    [
        pytest.param(lambda: mlp(4, 3), lambda model: model.parameters(), id="mlp"),
        pytest.param(all_tied, lambda model: model.parameters(), id="tied"),
        pytest.param(zero_head, lambda model: model.parameters(), id="head-of-zeros"),
        pytest.param(lambda: frozen_body(False)[0], lambda model: model.head.parameters(), id="frozen-on-purpose"),
        pytest.param(lambda: without_graph()[0], lambda model: model.head.parameters(), id="left-out-twice-over"),
        pytest.param(lambda: mlp(4, 3), None, id="no-optimizer"),
    ],
)
def test_sound_models_are_left_alone(model, given):
    """Freezing is no fault."""
    model = model()

    findings = asked(model, given and sgd(given(model))).findings

    assert [] == [finding for finding in findings if finding.severity > Severity.NOTE]


@pytest.mark.parametrize("model", [ConvNet, Lstm])
def test_nothing_to_say_of_models_of_digits(model):
    """Batch norm, dropout, recurrence."""
    model = model()
    answer = answer_of(CHECK, subject(model, *digits_loaders(), optimizer=sgd(model.parameters())))

    assert () == answer.findings
    assert "each once in the optimizer" in answer.says


def test_a_step_with_another_model():
    """Its loss says nothing of the model that is given."""
    other = mlp(4, 3, seed=5)

    def step(model, batch):
        return nn.functional.cross_entropy(other(batch[0]), batch[1])

    finding = asked(mlp(4, 3), loss=None, step=step).findings[0]

    assert Severity.NOTE == finding.severity
    assert "another model" in finding.says


def test_without_data_the_optimizer_is_looked_at_alone():
    """No trial, no gradients."""
    model = mlp(4, 3)

    assert "no trial step" in answer_of(CHECK, subject(model)).says
    assert answer_of(CHECK, subject(model, optimizer=sgd(model[0].parameters()))).findings


def test_nothing_to_train():
    """No parameters at all."""
    assert "the model has no parameters" == why_not(CHECK, subject(nn.Flatten()))


def test_an_optimizer_of_another_kind_is_passed_over():
    """Without groups there is nothing to compare."""
    assert () == asked(mlp(4, 3), SimpleNamespace()).findings
