"""While a training is under way, inputs are brought to another scale inside the model."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.errors import DataError
from autofix_nb.fixes import FIXES
from autofix_nb.fixes.collating import Converted
from autofix_nb.fixes.in_model import batches_of
from autofix_nb.fixes.measuring import robust_scale
from autofix_nb.fixes.standardise import MOST_FEATURES, Scale, Standardise
from tests.fixes.test_surgery import trained
from tests.runs import finding


def numbers(*shape, scale=20.0, shift=50.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)) * scale + shift


class Spy(nn.Module):
    """Answers what it got, by name."""

    def __init__(self, *layers):
        super().__init__()
        self.layers, self.last = nn.ModuleList(layers), nn.Linear(2, 2)

    def forward(self, first, second=None, *, mask=None):
        return {"first": first, "second": second, "mask": mask}


def under_way(model, *parts, inputs=None):
    """Return what a fix sees of a training on these inputs."""
    run = trained(model, steps=0)
    labels = torch.zeros(len(next(iter((inputs or {}).values()), parts[0] if parts else [])), dtype=torch.long)
    batch = {**inputs, "labels": labels} if inputs else (*parts, labels)
    run.sample_batches = lambda count: [batch]
    return run


def planned(run, name="standardise"):
    return FIXES[name]().plans(finding(code="G04", step=10), run)


def built_in(run, name="standardise"):
    fix, (change,) = FIXES[name](), planned(run, name)
    fix.apply(change, run)
    return fix, change


@pytest.mark.parametrize(
    ("layers", "part", "shape", "dims"),
    [
        pytest.param([], numbers(400, 4), [4], (0,), id="table"),
        pytest.param([], numbers(64, 3, 5, 5), [3, 1, 1], (0, 2, 3), id="pictures"),
        pytest.param([], numbers(64, 5, 5, 3), [3], (0, 1, 2), id="channels-last"),
        pytest.param([], numbers(64, 9, 4), [4], (0, 1), id="sequences"),
        pytest.param([nn.Conv1d(4, 2, 3)], numbers(64, 4, 9), [4, 1], (0, 2), id="convolution-over-time"),
        pytest.param([], numbers(64), [], (0,), id="one-number"),
        pytest.param([], numbers(64, MOST_FEATURES + 1), [], (0, 1), id="many-pixels-in-a-row"),
    ],
)
def test_the_model_standardises_what_it_gets(layers, part, shape, dims):
    """Each feature or channel by numbers of its own."""
    run = under_way(Spy(*layers), part)
    _, change = built_in(run)
    got = run.model(part)["first"]

    assert shape == change.after["inputs"]["first"]["shape"]
    assert torch.allclose(torch.zeros(()), got.mean(dims), atol=0.1)
    assert torch.allclose(torch.ones(()), got.std(dims), atol=0.15)


def test_inputs_go_by_the_names_that_forward_gives_them():
    """Named or in order, as who trains and who predicts may call the model in different ways."""
    first, second = numbers(400, 4), numbers(400, 2, scale=1e-3)
    run = under_way(Spy(), inputs={"second": second, "first": first, "mask": (first > 50).float()})
    _, change = built_in(run)
    by_order, by_name = run.model(first, second), run.model(second=second, first=first)

    assert {"first", "second"} == set(change.after["inputs"])
    for name in ("first", "second"):
        assert torch.equal(by_order[name], by_name[name])
        assert torch.allclose(torch.ones(()), by_name[name].std(0), atol=0.15)


def test_words_and_other_shapes_pass_as_they_are():
    """Numbers that stand for something else are not measured; what does not fit the numbers is not spoilt."""
    words, table = torch.ones(64, 4, dtype=torch.long), numbers(64, 3)
    run = under_way(Spy(), words, table)
    built_in(run)
    got = run.model(words, torch.ones(5, 7))

    assert torch.equal(words, got["first"])
    assert torch.equal(torch.ones(5, 7), got["second"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_the_model_gets_the_type_of_numbers_that_it_was_given(dtype):
    """Computed in at least 32 bits, in 64 where the model has them."""
    run = under_way(Spy().to(dtype), numbers(64, 3).to(dtype))
    built_in(run)

    assert dtype == run.model(numbers(64, 3).to(dtype))["first"].dtype
    assert max(torch.float32, dtype, key=lambda one: one.itemsize) == run.model.input_first_mean.dtype


def test_validation_copies_and_files_have_it():
    """The numbers are buffers of the model."""
    part = numbers(64, 4)
    run = under_way(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), part)
    _, change = built_in(run)
    inputs = change.after["inputs"]["input"]
    scaled = (part - torch.tensor(inputs["mean"])) / torch.tensor(inputs["std"])
    answer = run.model.eval()(part)

    assert torch.allclose(nn.Sequential(*run.model)(scaled), answer, atol=1e-6)
    assert torch.equal(answer, copy.deepcopy(run.model)(part))
    assert torch.equal(answer, pickle.loads(pickle.dumps(run.model))(part))  # noqa: S301
    assert {"input_input_mean", "input_input_std"} < set(run.model.state_dict())
    assert torch.equal(run.model[:1](part), run.model[0](part))  # a part of it is another model


def test_the_way_back_restores_the_model():
    """Class, buffers and answer; and what was done is done again from its journal."""
    part = numbers(64, 4)
    run = under_way(nn.Sequential(nn.Linear(4, 2)), part)
    before, again = run.model(part), under_way(copy.deepcopy(run.model), part)
    fix, change = built_in(run)
    fixed = run.model(part)
    Standardise().replay(change, again)
    fix.undo(change, run)

    assert torch.equal(fixed, again.model(part))
    assert torch.equal(before, run.model(part))
    assert (nn.Sequential, {"0.weight", "0.bias"}) == (type(run.model), set(run.model.state_dict()))


def test_pixels_are_divided_inside_the_model():
    """Float numbers and bytes."""
    pictures = torch.randint(0, 256, (8, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    for part in (pictures.float(), pictures.byte()):
        run = under_way(Spy(), part)
        _, change = built_in(run, "scale_pixels")

        assert torch.equal(pictures.float() / 255, run.model(part)["first"])
        assert ("model", []) == (change.touches, planned(run, "scale_pixels"))


def own_step():
    run = under_way(Spy(), numbers(64, 3))

    def split(data):
        raise DataError("`step` is the user's own")

    run.split = split
    return run


def prepared():
    run = under_way(Spy(), numbers(64, 3))
    run.train = DataLoader(TensorDataset(numbers(64, 3)))
    Converted.put_behind(run.train, Scale({}))
    return run


def scaled_already():
    run = under_way(Spy(), torch.randint(0, 256, (64, 5)).float())
    built_in(run, "scale_pixels")
    return run


def overridden():
    run = under_way(Spy(), numbers(64, 3))
    run.model.forward = run.model.forward
    return run


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda: under_way(Spy(), numbers(200, 3, scale=1.4, shift=0.5)), id="usual"),
        pytest.param(lambda: under_way(Spy(), (numbers(64, 3) > 50).float()), id="masks"),
        pytest.param(lambda: under_way(Spy(), torch.ones(64, 3, dtype=torch.long)), id="words"),
        pytest.param(lambda: under_way(Spy(), numbers(64, 3) * float("nan")), id="nothing-finite"),
        pytest.param(own_step, id="own-step"),
        pytest.param(prepared, id="prepared-before"),
        pytest.param(scaled_already, id="scaled-already"),
        pytest.param(overridden, id="forward-of-its-own"),
        pytest.param(lambda: under_way(torch.jit.script(nn.Linear(3, 2)), numbers(64, 3)), id="scripted"),
    ],
)
def test_what_needs_none_or_cannot_be_told_is_left_alone(run):
    """Rather not than wrongly."""
    assert [] == planned(run())


def test_a_few_samples_far_out_move_nothing():
    """A row of 1e6 among a hundred, or a picture."""
    rows = numbers(100, 3, scale=1.0, shift=0.0).numpy()
    usual = robust_scale(rows, 100)
    rows[5] = 1e6
    pictures = np.repeat(rows, 16, 0)

    for found in (robust_scale(rows, 100), robust_scale(pictures, 100)):
        assert np.allclose(usual[0], found[0], atol=0.1)
        assert np.allclose(usual[1], found[1], rtol=0.1)


def test_columns_without_a_spread_are_divided_by_1():
    """Constant ones and those without any number; rare values have what spread they have."""
    rows = np.zeros((400, 3))
    rows[:, 0], rows[:, 1] = 7.0, np.nan
    rows[3, 2] = 100.0
    mean, std = robust_scale(rows, 400)

    assert [7.0, 0.0] == mean[:2].tolist()
    assert [1.0, 1.0, 5.0] == pytest.approx(std.tolist(), rel=0.01)


def test_each_row_is_measured_about_once():
    """A small data set is not gone through again and again: one strange row would be many."""
    run, asked = under_way(Spy(), numbers(64, 3)), []
    one = run.sample_batches(1)
    run.sample_batches = lambda count: asked.append(count) or one
    run.history.facts["samples"] = 150
    batches_of(run, 4096)

    assert [1, 3] == asked
