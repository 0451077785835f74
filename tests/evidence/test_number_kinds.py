"""Inputs that a model cannot compute with: another type, not finite, beyond its tables."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.number_kinds import NonFinite, beyond_the_table, kinds_apart, non_finite_parts


def raised(model, inputs):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - torch's own words are what is read
        model(inputs)
    return caught.value


@pytest.mark.parametrize(
    ("model", "inputs", "expected"),
    [
        pytest.param(
            nn.Linear(4, 2), torch.ones(3, 4, dtype=torch.float64), ("float64", "float32", False), id="double"
        ),
        pytest.param(nn.Linear(4, 2).double(), torch.ones(3, 4), ("float32", "float64", False), id="double-model"),
        pytest.param(nn.Embedding(4, 2), torch.ones(3), ("float32", "int64", True), id="embedding"),
    ],
)
def test_types_apart_are_read_from_the_error(model, inputs, expected):
    """What was got, what was wanted, and whether a table wanted it."""
    kinds = kinds_apart(model, inputs, raised(model, inputs))

    assert expected == (kinds.got, kinds.wanted, kinds.lookup)


def test_another_error_says_nothing_of_types():
    """A wrong number of features is none of them."""
    model, inputs = nn.Linear(4, 2), torch.ones(3, 5)
    error = raised(model, inputs)

    assert (None, None) == (kinds_apart(model, inputs, error), beyond_the_table(model, inputs, error))


def test_a_number_beyond_a_table_is_named_with_it():
    """The largest of all whole numbers in the inputs."""
    model = nn.Sequential(nn.Embedding(4, 2), nn.Flatten())
    inputs = torch.tensor([[1, 9]])
    found = beyond_the_table(model, inputs, raised(model, inputs))

    assert ("0", 9, model[0]) == (found.name, found.largest, found.layer)


def test_values_that_are_not_finite_are_counted_by_tensor_and_row():
    """A single number counts as one row."""
    inputs = {"x": torch.tensor([[1.0, 2.0], [torch.nan, torch.inf]]), "n": torch.tensor(torch.nan), "i": torch.ones(2)}

    assert [
        NonFinite(path="['x']", count=2, values=4, rows=[1], of_rows=2),
        NonFinite(path="['n']", count=1, values=1, rows=[0], of_rows=1),
    ] == non_finite_parts(inputs)
