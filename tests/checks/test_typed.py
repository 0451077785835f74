"""Code to type: valid Python that does what it says, whatever it is made of."""

import ast
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import autofix_nb as af
from autofix_nb.checks.typed import Columns, as_numbers, in_code, leave_out, leave_out_of, only_the_head
from autofix_nb.evidence.frames import as_source
from tests.checks.subjects import subject
from tests.checks.trainings import timm_model
from tests.preflight.planted import FAULTS, alarms_in

CHOSEN = {fault.codes[0]: fault for fault in reversed(FAULTS) if not fault.deep}
"""The first fault of each code."""


def is_python(code):
    """Tell whether it can be typed into a cell; commands of notebooks may stand in it."""
    lines = ["" if line.startswith(("%", "!")) else line for line in code.splitlines()]
    try:
        ast.parse("\n".join(lines))
    except SyntaxError:
        return False
    return True


@pytest.mark.parametrize("fault", CHOSEN.values(), ids=CHOSEN)
def test_what_is_to_be_typed_is_python(fault, tmp_path):
    """Of all that is found in trainings with something wrong."""
    made = fault.make(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        findings = alarms_in(made) if "machine" in made else af.preflight(**made, show="none").findings

    assert [] == [finding.to_type for finding in findings if not is_python(finding.to_type)]


@pytest.mark.parametrize(
    ("indices", "said"),
    [
        pytest.param([7], "left_out = {7}", id="one"),
        pytest.param([9, 3, 3], "left_out = {3, 9}", id="sorted-and-once"),
        pytest.param(np.arange(1000, 1010), "left_out = {*range(1000, 1010)}", id="neighbours"),
        pytest.param([1, 2, 5, 6, 7], "left_out = {1, 2, *range(5, 8)}", id="both"),
    ],
)
def test_samples_to_leave_out_are_all_listed(indices, said):
    """Neighbours as ranges, so that all of them are there."""
    code = leave_out("data", indices)
    places = {"data": list(range(2000)), "torch": torch}
    exec(code, places)  # noqa: S102 - the code is what is tested

    assert said == code.splitlines()[0]
    assert [index for index in range(2000) if index not in set(map(int, indices))] == list(places["data"])


def test_a_long_list_says_that_it_is_not_all():
    """Of hundreds of samples here and there, the first are listed."""
    line = leave_out("data", range(0, 400, 2)).splitlines()[0]

    assert line.endswith("# and 150 more ranges")
    assert {"left_out"} == {target.id for target in ast.parse(line).body[0].targets}


@pytest.mark.parametrize(
    ("framed", "code"),
    [
        pytest.param(True, "frame = frame.drop(columns=['b', \"it's\"])", id="frame"),
        pytest.param(
            False,
            "left_out = [1, 2]\nx = x[:, [column for column in range(x.shape[1]) if column not in left_out]]",
            id="array",
        ),
    ],
)
def test_columns_are_left_out_of_what_there_is(framed, code):
    """By name where they have one."""
    assert code == Columns(names=("a", "b", "it's"), framed=framed).drop(np.array([1, 2]))


class Nested(nn.Module):
    """Parts of all kinds, one with a name that is no identifier."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 4))])
        self.heads = nn.ModuleDict({"cat": nn.Linear(4, 2), "two words": nn.Linear(4, 2), "0": nn.Linear(4, 2)})
        self.fc = nn.Linear(4, 3)


@pytest.mark.parametrize("name", [name for name, _ in Nested().named_modules()])
def test_a_part_is_written_so_that_it_can_be_typed(name):
    """Numbers as places, other names as attributes."""
    model = Nested()

    assert model.get_submodule(name) is eval(in_code(model, name), {"model": model})  # noqa: S307 - that it runs


@pytest.mark.parametrize(
    ("make", "trained"),
    [
        pytest.param(lambda: timm_model("resnet18"), {"fc.weight", "fc.bias"}, id="timm"),
        pytest.param(Nested, {"fc.weight", "fc.bias"}, id="last-part"),
        pytest.param(
            lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU()), {"2.weight", "2.bias"},
            id="place-in-a-sequence",
        ),
    ],
)  # fmt: skip
def test_only_the_head_is_trained(make, trained):
    """The lines work as they stand."""
    model = make()
    exec(only_the_head(model), {"model": model})  # noqa: S102 - the code is what is tested

    assert trained == {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_a_model_of_one_layer_is_all_head():
    """There is nothing to freeze."""
    assert "" == only_the_head(nn.Linear(4, 2))


def test_columns_of_text_become_numbers():
    """Dates days, numbers kept as text numbers, few values a column each; names are left out."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "x": np.arange(30.0),
            "day": ["2024-01-05", "2024-02-17", "2023-05-09"] * 10,
            "price": [f"${place},200.5" for place in range(30)],
            "colour": ["red", "blue", "green"] * 10,
            "name": [f"name {place}" for place in range(30)],
        }
    )
    _, table = as_source((frame, np.arange(30) % 2), "train")
    places = {"frame": frame, "pd": pandas}
    exec(as_numbers(table.text_columns, table.text_kinds), places)  # noqa: S102 - the code is what is tested
    made = places["frame"]

    assert ["x", "day", "price", "colour_blue", "colour_green", "colour_red"] == list(made.columns)
    assert all(column.kind in "if" for column in made.dtypes)
    assert 1200.5 == made["price"][1]


@pytest.mark.parametrize("framed", [True, False])
def test_rows_of_features_and_target_are_left_out_together(framed):
    """They have no data set of the user's."""
    features, target = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    if framed:
        pandas = pytest.importorskip("pandas")
        features, target = pandas.DataFrame(features, columns=["a", "b"]), pandas.Series(target, name="y")
    _, table = as_source((features, target), "train")
    places = {"X_train": features, "y_train": target}
    code = leave_out_of(subject(tables={"train": table}), "train", [2, 5])
    exec(code, places)  # noqa: S102 - the code is what is tested

    assert [0, 1, 3, 4, 6, 7, 8, 9] == (np.asarray(places["X_train"])[:, 0] / 2).tolist()
    assert [0, 1, 1, 0, 0, 1, 0, 1] == list(places["y_train"])
