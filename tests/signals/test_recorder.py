"""What is measured of a step, against a plain loop and a plain count."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from autofix_nb.history import History
from autofix_nb.signals import MOST_COMPONENTS, GradientNorms, Measured, Recorder, memory_bytes
from tests.cases import mlp

CPU = torch.device("cpu")


class TwoParts(nn.Module):
    """An embedding with sparse gradients, a body, and a part that is used now and then only."""

    def __init__(self, *, sparse=True):
        super().__init__()
        self.words = nn.Embedding(20, 4, sparse=sparse)
        self.body = nn.Sequential(nn.Linear(4, 5), nn.ReLU())
        self.now_and_then = nn.Linear(5, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, rows, extra):
        states = self.body(self.words(rows).mean(1))
        return self.head(self.now_and_then(states) if extra else states)


def plain_norms(model, parameters):
    """The slow way: all gradients made dense, squared and summed by the name before the first dot."""
    squares = {}
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    for parameter in parameters:
        if parameter.grad is not None:
            part = name_of.get(id(parameter), "outside the model").split(".")[0]
            grad = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
            squares[part] = squares.get(part, 0.0) + float((grad.double() ** 2).sum())
    return {part: math.sqrt(square) for part, square in squares.items()}


def backward(model, step, extra):
    generator = torch.Generator().manual_seed(step)
    model.zero_grad(set_to_none=True)
    rows = torch.randint(0, 20, (8, 6), generator=generator)
    nn.functional.cross_entropy(model(rows, extra), torch.randint(0, 3, (8,), generator=generator)).backward()


def left(step, norms, owners, **more):
    measured = {"loss": 1.0, "grad_norm": 1.0, "lr": 0.1} | more
    return Measured(step, norms=norms, owners=owners, **measured)


@pytest.mark.parametrize("as_list", [True, False], ids=["read-at-once", "still-on-the-device"])
@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
def test_component_norms_equal_those_of_a_plain_loop(sparse, as_list):
    """Each part's norm at each step, also where a part has no gradient in every other step."""
    model = TwoParts(sparse=sparse)
    norms = GradientNorms(model, list(model.parameters()))
    recorder = Recorder(History(), norms.components, CPU)
    expected = {}
    for step in range(1, 9):
        backward(model, step, extra=step % 2 == 0)
        for part, norm in plain_norms(model, model.parameters()).items():
            expected.setdefault(f"grad_norm/{part}", {})[step] = norm
        each, owners, _ = norms.measure()
        recorder.add(left(step, each.tolist() if as_list else each, owners))
    recorder.flush()

    for name, points in expected.items():
        steps, values = recorder.history.series(name)

        assert list(points) == steps.tolist()
        assert list(points.values()) == pytest.approx(values.tolist(), rel=1e-5)
    assert [2, 4, 6, 8] == recorder.history.series("grad_norm/now_and_then")[0].tolist()


def test_one_parts_infinity_stays_with_that_part():
    """A product with a matrix of zeros would make NaN of every other part's norm."""
    recorder = Recorder(History(), ["a", "b"], CPU)
    recorder.add(left(1, [3.0, math.inf, 4.0, 1.0], (0, 1, 0, 1)))
    recorder.add(left(2, [3.0, math.nan, 4.0, 1.0], (0, 1, 0, 1)))
    recorder.flush()

    assert [5.0, 5.0] == recorder.history.values("grad_norm/a").tolist()
    assert math.isinf(recorder.history.values("grad_norm/b")[0])
    assert math.isnan(recorder.history.values("grad_norm/b")[1])


def test_the_whole_norm_is_that_of_all_gradients_together():
    """Also with sparse gradients and of several types."""
    model = TwoParts()
    model.body.to(torch.float32)
    model.head.double()
    states = model.body(model.words(torch.randint(0, 20, (8, 6))).mean(1))
    model.head(states.double()).sum().backward()
    each, owners, grads = GradientNorms(model, list(model.parameters())).measure()

    assert math.hypot(*each.tolist()) == pytest.approx(math.hypot(*plain_norms(model, model.parameters()).values()))
    assert len(owners) == len(grads) == len(each) == 5


def test_no_gradient_at_all_is_no_norm():
    """Before the first backward pass there is nothing to measure, and nothing is raised."""
    model = mlp()
    each, owners, grads = GradientNorms(model, list(model.parameters())).measure()

    assert (0, (), []) == (len(each), owners, grads)


def test_parameters_outside_the_model_are_a_part_of_their_own():
    """Such as the learnt temperature of a loss."""
    model, outside = mlp(), nn.Parameter(torch.ones(2))
    norms = GradientNorms(model, [*model.parameters(), outside])
    outside.grad = torch.tensor([3.0, 4.0])

    assert ["0", "2", "outside the model"] == norms.components
    assert "parameter 4" == norms.names[4]
    assert ([5.0], (2,)) == (norms.measure()[0].tolist(), norms.measure()[1])


def test_a_lone_child_is_looked_into():
    """`model.net` alone would be one part, which says nothing of where."""
    wrapped = nn.Module()
    wrapped.net = mlp()

    assert ["net.0", "net.2"] == GradientNorms(wrapped, list(wrapped.parameters())).components


@pytest.mark.parametrize("children", [MOST_COMPONENTS - 1, MOST_COMPONENTS, MOST_COMPONENTS + 1, 3 * MOST_COMPONENTS])
def test_parts_are_never_more_than_the_most(children):
    """A model of a hundred blocks has its later ones counted together."""
    model = nn.Sequential(*[nn.Linear(1, 1) for _ in range(children)])
    components = GradientNorms(model, list(model.parameters())).components

    assert min(children, MOST_COMPONENTS) == len(components)
    assert ("the rest" in components) == (children > MOST_COMPONENTS - 1)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(None, None, id="all-sound"),
        pytest.param("head.weight", "head.weight", id="dense"),
        pytest.param("words.weight", "words.weight", id="sparse"),
    ],
)
def test_the_first_bad_gradient_is_named(spoil, expected):
    """In the words of the model; sparse gradients are looked into, too."""
    model = TwoParts()
    backward(model, 1, extra=True)
    if spoil:
        grad = dict(model.named_parameters())[spoil].grad
        (grad._values() if grad.is_sparse else grad)[0] = math.nan

    assert expected == GradientNorms(model, list(model.parameters())).first_bad()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(lambda v: v, id="numbers"),
        pytest.param(torch.tensor, id="tensors"),
        pytest.param(lambda v: torch.tensor([v]), id="tensors-of-one-number"),
        pytest.param(lambda v: torch.tensor(v, dtype=torch.bfloat16), id="half"),
        pytest.param(lambda v: torch.tensor(v, requires_grad=True), id="with-a-graph"),
        pytest.param(lambda v: v if v < 2 else torch.tensor(v), id="mixed"),
    ],
)
def test_losses_of_all_kinds_are_read(value):
    """Numbers and tensors, the parts of the loss in the steps in which they were named."""
    recorder = Recorder(History(), ["all"], CPU)
    for step in range(1, 5):
        parts = {"shape": value(step * 0.5)} | ({"rare": value(8.0)} if step == 3 else {})
        recorder.add(left(step, [1.0], (0,), loss=value(float(step)), parts=parts))
    handed_over = recorder.flush()

    assert [1.0, 2.0, 3.0, 4.0] == recorder.history.values("loss").tolist()
    assert [0.5, 1.0, 1.5, 2.0] == recorder.history.values("loss/shape").tolist()
    assert ([3], [8.0]) == tuple(column.tolist() for column in recorder.history.series("loss/rare"))
    assert 4 == len(handed_over)
    assert [] == recorder.flush()
    assert None is recorder.newest()


def test_bookkeeping_of_a_step_is_handed_over():
    """Rate, clipping and times, with the step that they belong to."""
    recorder = Recorder(History(), ["all"], CPU)
    recorder.add(left(7, [1.0], (0,), lr=0.25, clipped=True, step_seconds=2.0, load_seconds=3.0))
    newest = recorder.newest()
    recorder.flush()

    assert 7 == newest.step
    names = ("lr", "clipped", "step_seconds", "load_seconds", "grad_norm")
    assert [0.25, 1.0, 2.0, 3.0, 1.0] == [recorder.history.last(name) for name in names]
    assert recorder.history.last("memory_bytes") > 0


def test_memory_is_what_the_process_holds():
    """More than Python alone needs, and 64 MB more after 64 MB were written to."""
    before = memory_bytes(CPU)
    block = np.ones(64 * 2**20, dtype=np.uint8)
    after = memory_bytes(CPU)

    assert before > 10 * 2**20
    assert after - before == pytest.approx(len(block), rel=0.2)


def test_a_close_look_is_read_once_at_the_hand_over():
    """What it saw stands at its own step, and NaN is left out."""
    recorder = Recorder(History(), ["all"], CPU)
    recorder.add(left(10, [1.0], (0,), look=lambda: {"update_ratio": 0.25, "dead/0": math.nan}))
    recorder.add(left(11, [1.0], (0,)))
    recorder.flush()

    assert ([10], [0.25]) == tuple(column.tolist() for column in recorder.history.series("update_ratio"))
    assert "dead/0" not in recorder.history
