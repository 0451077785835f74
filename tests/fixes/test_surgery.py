"""What holds for every fix that changes the model, on models of many kinds."""

import copy
import dataclasses
import json
import pickle
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.fixes import FIXES, Change, Controls
from autofix_nb.fixes.surgery import ModelFix, adopt, can_adopt, in_code, learn, listed
from autofix_nb.fixes.wiring import rewire_optimizer
from autofix_nb.history import History
from autofix_nb.objective import split_batch, task_of
from tests.runs import _deep_bits, finding, structure

OPERATING = sorted(name for name, fix in FIXES.items() if issubclass(fix, ModelFix))


class Functional(nn.Module):
    """Activations that no module stands for, one of them in place, and relu before the loss."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, rows):
        rows = functional.relu(self.first(rows), inplace=True)
        return torch.relu(self.last(self.second(rows).relu()))


class Tied(nn.Module):
    """Weights of one layer that another has, too, and one activation used for all."""

    def __init__(self):
        super().__init__()
        self.body = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.body[1].weight = self.body[0].weight
        self.act, self.last = nn.Sigmoid(), nn.Linear(4, 3)

    def forward(self, rows):
        for layer in self.body:
            rows = self.act(layer(rows))
        return self.act(self.last(rows))


class Twice(nn.Module):
    """One block called two times, with a frozen layer before it."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4).requires_grad_(False)
        self.block, self.last = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), nn.Linear(4, 3)

    def forward(self, rows):
        return self.last(self.block(self.block(self.first(rows))))


class Recurrent(nn.Module):
    """An LSTM with dropout between its layers, over rows read number by number."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 5, num_layers=2, dropout=0.2, batch_first=True)
        self.head = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3))

    def forward(self, rows):
        return self.head(self.lstm(rows[:, :, None])[0][:, -1])


class Attending(nn.Module):
    """A transformer of torch's own, which goes a way of its own in eval mode."""

    def __init__(self, activation):
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, activation=activation)
        self.first = nn.Linear(1, 4)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.last = nn.Linear(4, 3)

    def forward(self, rows):
        return self.last(self.encoder(self.first(rows[:, :, None])).mean(1))


def nested():
    return nn.Sequential(
        nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Sequential(nn.Linear(6, 6), nn.ReLU())),
        nn.Dropout(0.1),
        nn.Linear(6, 3),
        nn.Softmax(1),
    )


def convolving():
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)),
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        nn.Conv2d(4, 4, 1),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(16, 3),
    )


class Pictures(nn.Module):
    """A network of timm's, on pictures of 16 × 16 made of the rows."""

    def __init__(self):
        super().__init__()
        import timm

        self.net = timm.create_model("test_resnet.r160_in1k", num_classes=3)

    def forward(self, rows):
        return self.net(rows.repeat(1, 3 * 16 * 16 // 4).view(-1, 3, 16, 16))


BUILT = {
    "nested": nested,
    "convolving": convolving,
    "functional": Functional,
    "tied": Tied,
    "twice": Twice,
    "recurrent": Recurrent,
    "transformer": lambda: Attending("relu"),
    "transformer-module": lambda: Attending(nn.ReLU()),
    "timm": Pictures,
}
MOST = {Pictures: 1}
"""Changes of one fix that are tried where each takes long."""

FINDINGS = {
    "no-place": finding(code="G02"),
    "overfit": finding(code="L04"),
    "underfit": finding(code="L05"),
    "first": finding(code="G07", where=("first", "0.0", "block.0", "head.0", "encoder.layers.0")),
}


def trained(model, steps=2):
    """Return what a fix sees of a run: the model after some steps, with some parameters in no group."""
    learning = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW([{"params": learning[1:3], "lr": 0.01}, {"params": learning[3:]}], lr=0.02)
    loss = nn.CrossEntropyLoss()
    rows, labels = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
    run = SimpleNamespace(
        model=model,
        optimizer=optimizer,
        task=task_of(loss, torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)),
        controls=Controls(),
        history=History(),
        sample_batches=lambda count: [(rows, labels)] * count,
        split=split_batch,
        rewire=lambda joined=(), left=(): rewire_optimizer(optimizer, joined, left),
    )
    for _ in range(steps):
        step(run)
    optimizer.zero_grad()
    return run


def step(run):
    ((rows, labels),) = run.sample_batches(1)
    run.optimizer.zero_grad()
    nn.functional.cross_entropy(run.model(rows), labels).backward()
    run.optimizer.step()


def answer(run, model=None):
    """Return the model's answer, as nothing but the weights decide it."""
    model = copy.deepcopy(run.model if model is None else model).eval()
    with torch.no_grad():
        return model(run.sample_batches(1)[0][0])


def bits(run):
    groups = [[id(one) for one in group["params"]] for group in run.optimizer.param_groups]
    parts = [run.model.state_dict(), run.optimizer.state_dict(), torch.get_rng_state(), answer(run)]
    return [structure(run.model), groups, *map(_deep_bits, parts)]


def shape_of(model):
    """Return the structure without what differs from one object to the next."""
    parts = [
        [part if not isinstance(part, int) or isinstance(part, bool) else 0 for part in one] for one in structure(model)
    ]
    return parts, {name: part.shape for name, part in model.state_dict().items()}


def changes(name, run):
    """Return all that a fix could do, each once."""
    found = {}
    for one in FINDINGS.values():
        for change in FIXES[name]().plans(one, run):
            found.setdefault(json.dumps(change.after), change)
    return list(found.values())[: MOST.get(type(run.model))]


@pytest.mark.parametrize("kind", BUILT)
def test_the_way_there_and_back(kind):
    """Undoing restores every bit: weights, classes, names, what learns, groups, moments, and the answer.

    What a run did can be done again on a new model from its journal, which then holds the same; a model that was
    changed trains, is copied, saved and loaded as any other.
    """
    torch.manual_seed(0)
    unfixed = BUILT[kind]()
    run = trained(copy.deepcopy(unfixed))
    before = bits(run)
    tried = 0
    for name in OPERATING:
        for change in changes(name, run):
            tried += 1
            assert before == bits(run)  # planning touches nothing
            fix = FIXES[name]()
            fix.apply(change, run)
            again = trained(copy.deepcopy(unfixed), steps=0)
            FIXES[name]().replay(Change(**json.loads(json.dumps(dataclasses.asdict(change)))), again)

            assert shape_of(run.model) == shape_of(again.model)
            again.model.load_state_dict(run.model.state_dict())
            assert torch.equal(answer(run), answer(again))
            assert torch.equal(answer(run), answer(run, pickle.loads(pickle.dumps(run.model))))  # noqa: S301

            fix.undo(change, run)
            assert before == bits(run)
            with torch.random.fork_rng():
                step(again)
            assert all(bool(torch.isfinite(one).all()) for one in again.model.parameters())
    assert tried >= 3


def test_the_answer_of_torchs_transformer_is_the_same_in_both_modes():
    """In eval mode it computes relu by itself, whatever module stands there, unless it is told."""
    for activation in ("relu", nn.ReLU()):
        run = trained(Attending(activation))
        fix = FIXES["swap_activations"]()
        fix.apply(fix.plans(finding(code="G02"), run)[0], run)
        for one in run.model.modules():
            if isinstance(one, nn.Dropout):
                one.p = 0.0
        rows = run.sample_batches(1)[0][0]
        run.model.train()
        for one in run.model.modules():
            if isinstance(one, nn.MultiheadAttention):
                one.dropout = 0.0

        assert torch.allclose(run.model(rows), answer(run), atol=1e-5)


def test_two_tricks_go_in_any_order():
    """A layer that learnt two of them forgets either first."""
    layer = nn.Linear(4, 4)
    rows = torch.randn(3, 4)
    plain = layer(rows)
    first = adopt(layer, "norm", nn.LayerNorm(4))
    normed = layer(rows)
    second = adopt(layer, "dropout", nn.Dropout(0.0))
    for go_back in reversed(first):
        go_back()

    assert torch.equal(plain, layer(rows))
    first = adopt(layer, "norm", nn.LayerNorm(4))
    for go_back in reversed(second):
        go_back()
    assert torch.equal(normed, layer(rows))
    for go_back in reversed(first):
        go_back()
    assert nn.Linear is type(layer)


def test_a_layer_stays_what_it_was():
    """To all who ask for its class, its name or its weights."""
    layer = nn.Linear(4, 4)
    adopt(layer, "norm", nn.BatchNorm1d(4))

    assert isinstance(layer, nn.Linear)
    assert ("Linear", "torch.nn.modules.linear") == (type(layer).__name__, type(layer).__module__)
    assert {"weight", "bias", "norm.weight", "norm.bias"} == {name for name, _ in layer.named_parameters()}
    assert [] == learn(layer, "norm")


def test_one_row_alone_is_normalised_by_the_running_statistics():
    """The last batch of an epoch may be that small, and batch normalisation raises for it."""
    layer = nn.Linear(4, 4)
    adopt(layer, "norm", nn.BatchNorm1d(4))
    layer(torch.randn(30, 4))
    row = torch.randn(1, 4)
    trained_on, count = layer(row), int(layer.norm.num_batches_tracked)

    assert torch.allclose(layer.eval()(row), trained_on)
    assert 1 == count


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (nn.TransformerEncoderLayer(4, 2), "linear1"),  # torch multiplies by its weights without calling it
        (nn.MultiheadAttention(4, 2), "out_proj"),
        (nn.Sequential(nn.LazyLinear(4)), "0"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), ""),
    ],
    ids=["transformer", "attention", "lazy", "weight-norm"],
)
def test_layers_that_cannot_get_a_child(model, name):
    """Since what they compute is not theirs alone."""
    assert not can_adopt(model, name, "norm")


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["a"], "`a`"), (["a", "b.0"], "`a`, `b.0`"), (list("abcde"), "`a`, `b`, `c` and 2 more"), ([""], "the model")],
)
def test_a_sentence_names_the_first_few(names, expected):
    """And counts the others."""
    assert expected == listed(names)


def test_names_are_typed_as_python_takes_them():
    """Places of a list in brackets."""
    assert "model.body[0][2].linear" == in_code("body.0.2.linear")
