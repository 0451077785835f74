"""What a close look tells of a step and of the activations, and that it leaves nothing behind."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.loop.close_look import CloseLook, is_due
from autofix_nb.loop.listening import MOST_MODULES, Listening
from tests.cases import ConvNet, Lstm


class Functions(nn.Module):
    """Activations that are no modules, in a block and in the model itself, and a module whose use is recomputed."""

    def __init__(self):
        super().__init__()
        self.first, self.act, self.last = nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 2)

    def forward(self, rows):
        return torch.tanh(self.last(functional.relu(self.act(self.first(rows)).relu() - 1)))


def looked(model, rows, step=1, optimizer=None):
    """Return what is seen of one step."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    look = CloseLook(model, lambda: optimizer)
    with look.at(step):
        optimizer.zero_grad()
        model(rows).square().mean().backward()
    optimizer.step()
    seen = look.end(step)
    return None if seen is None else seen()


def norm(tensors):
    return float(torch.cat([part.detach().flatten() for part in tensors]).norm())


def test_due_are_a_few_early_steps_and_then_every_fiftieth():
    """1, 10, 25, 50, 100, 150, ..."""
    assert [1, 10, 25, 50, 100, 150] == [step for step in range(200) if step and is_due(step)]
    assert None is looked(Functions(), torch.randn(8, 4), step=7)


def test_update_ratios_equal_a_plain_comparison():
    """Norm of the change over norm of the weights, of all and of each part; a part outside the optimizer has 0."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    optimizer = torch.optim.SGD([*model[0].parameters(), *model[2].parameters()], lr=0.1)
    before = [part.detach().clone() for part in model.parameters()]
    seen = looked(model, torch.randn(16, 4), optimizer=optimizer)
    after = list(model.parameters())
    moved = [new - old for new, old in zip(after, before, strict=True)]

    def ratio(places):
        sizes = [norm([part[place] for place in places]) for part in (before, after)]
        return norm([moved[place] for place in places]) / max(sizes)

    assert ratio([0, 1]) == pytest.approx(seen["update_ratio/0"], rel=0.02)
    assert 0.0 == seen["update_ratio/1"]
    assert ratio([4, 5]) == pytest.approx(seen["update_ratio/2"], rel=0.02)
    assert ratio([0, 1, 4, 5]) == pytest.approx(seen["update_ratio"], rel=0.02)


def test_large_weights_are_compared_by_some_of_their_elements():
    """The ratio of many random elements is that of all."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(300, 300))
    before = [part.detach().clone() for part in model.parameters()]
    seen = looked(model, torch.randn(400, 300))
    moved = [new - old for new, old in zip(model.parameters(), before, strict=True)]

    assert norm(moved) / norm(before) == pytest.approx(seen["update_ratio"], rel=0.05)


@pytest.mark.parametrize(
    ("rows", "spoil", "expected"),
    [
        pytest.param(64, 0, 0.0, id="all-alive"),
        pytest.param(64, 4, 0.5, id="half-dead"),
        pytest.param(64, 8, 1.0, id="all-dead"),
        pytest.param(1, 8, None, id="one-row-tells-nothing"),
    ],
)
def test_dead_units_are_counted(rows, spoil, expected):
    """Those whose output is the same for all rows."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        model[0].bias[:spoil] = -100.0
    seen = looked(model, torch.randn(rows, 4))

    assert expected == seen.get("dead/1")


@pytest.mark.parametrize(
    ("module", "scale", "expected"),
    [
        pytest.param(nn.Sigmoid(), 1e-3, 0.0, id="sigmoid-in-the-middle"),
        pytest.param(nn.Sigmoid(), 1e3, 1.0, id="sigmoid-at-its-bounds"),
        pytest.param(nn.Tanh(), 1e3, 1.0, id="tanh-at-its-bounds"),
        pytest.param(nn.Hardtanh(-2.0, 2.0), 1e3, 1.0, id="bounds-of-its-own"),
        pytest.param(nn.ReLU(), 1e3, None, id="has-no-bounds"),
    ],
)
def test_saturated_outputs_are_counted(module, scale, expected):
    """Those within 1 % of a bound."""
    rows = torch.linspace(-2, 2, 32).reshape(16, 2) * scale
    listening = Listening(nn.Sequential(module))
    with listening:
        listening_model_output = module(rows)
    stats = listening.stats()

    assert expected == (float(stats["saturated/0"]) if "saturated/0" in stats else None)
    assert listening_model_output.square().mean().sqrt() == pytest.approx(float(stats["activation/0"]))


def test_channels_and_features_are_units():
    """(N, C, H, W) has C of them; (N, T, F) has F, unless the model convolves along T."""
    pictures, texts = torch.zeros(4, 2, 3, 3), torch.zeros(4, 3, 2)
    pictures[:, 0] = torch.randn(4, 3, 3).abs()
    texts[:, :, 0] = torch.randn(4, 3).abs()
    for model, values in ((nn.Sequential(nn.ReLU()), pictures), (nn.Sequential(nn.ReLU()), texts)):
        listening = Listening(model)
        with listening:
            model(values)

        assert 0.5 == listening.stats()["dead/0"]


def test_functions_are_heard_under_the_module_that_calls_them():
    """In the order of their calls; a module's own call is heard once, under its name."""
    seen = looked(Functions(), torch.randn(16, 4))

    assert ["act", "relu", "relu 2", "tanh"] == [name[5:] for name in seen if name.startswith("dead/")]


def test_several_batches_of_one_step_are_heard_together():
    """The mean over the batches whose gradients were accumulated."""
    model = nn.Sequential(nn.ReLU())
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)
    look = CloseLook(model, lambda: optimizer)
    for values in (torch.ones(8, 2), torch.arange(16.0).reshape(8, 2)):
        with look.at(1):
            model(values)

    assert 0.5 == look.end(1)()["dead/0"]


def test_evenly_chosen_modules_of_a_deep_model():
    """From the first to the last, at most `MOST_MODULES`."""
    model = nn.Sequential(*[nn.ReLU() for _ in range(60)])
    listening = Listening(model)
    with listening:
        model(torch.randn(8, 2))
    names = [name for name in listening.stats() if name.startswith("dead/")]

    assert (MOST_MODULES, "dead/0", "dead/59") == (len(names), names[0], names[-1])


def test_nothing_is_left_behind():
    """No hook, no mode, no random number drawn, and the same gradients."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    look = CloseLook(model, lambda: torch.optim.SGD(model.parameters(), lr=0.1))
    rows, outcomes = torch.randn(8, 4), []
    for step in (50, 51):
        torch.manual_seed(1)
        model.zero_grad()
        with look.at(step):
            model(rows).sum().backward()
        outcomes.append([torch.rand(3), *(part.grad for part in model.parameters())])

    assert all(torch.equal(one, other) for one, other in zip(*outcomes, strict=True))
    assert not any(module._forward_hooks for module in model.modules())
    assert not torch.overrides._get_current_function_mode_stack()


def test_a_forward_pass_that_raises_leaves_nothing_behind():
    """The step is tried again or left out, and the hooks are gone."""
    model = Functions()
    look = CloseLook(model, lambda: torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(RuntimeError, match="shapes"), look.at(50):
        model(torch.randn(8, 7))

    assert not any(module._forward_hooks for module in model.modules())
    assert not torch.overrides._get_current_function_mode_stack()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(ConvNet, id="conv"),
        pytest.param(Lstm, id="lstm"),
        pytest.param(lambda: nn.Sequential(nn.Linear(64, 4).double(), nn.ReLU()), id="double"),
        pytest.param(lambda: nn.Sequential(nn.Linear(64, 4).bfloat16(), nn.ReLU()), id="half"),
        pytest.param(lambda: nn.Sequential(nn.Linear(64, 0), nn.ReLU(), nn.Linear(0, 2)), id="empty"),
    ],
)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_models_of_all_kinds_are_looked_at(make):
    """The ratio is there and finite; what cannot be told is left out."""
    model = make()
    seen = looked(model, torch.randn(8, 64, dtype=next(model.parameters()).dtype))

    assert 0 <= seen["update_ratio"] < 10
    assert all(value == value for value in seen.values())


def test_a_look_that_was_dropped_tells_nothing():
    """A step that was not taken, or a model that changed meanwhile."""
    model = Functions()
    look = CloseLook(model, lambda: torch.optim.SGD(model.parameters(), lr=0.1))
    with look.at(1):
        model(torch.randn(8, 4))
    look.forget()

    assert None is look.end(1)
