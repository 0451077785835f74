"""Where in a model an error was raised, and where NaN arose first."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.raised import first_bad_parameter, in_words, raised_in, shapes, watch_outputs
from tests.cases import mlp

NESTED = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(5, 3)))


def error_of(call):
    with pytest.raises(RuntimeError) as raised:
        call()
    return raised.value


def test_the_innermost_module_is_named():
    """Not the one that called it."""
    found = raised_in(error_of(lambda: NESTED(torch.zeros(2, 4))), NESTED)

    assert ("1.0", "`1.0` (Linear)") == (found[0], in_words(found))


def test_errors_from_elsewhere_have_no_module():
    """Of another model, or of none."""
    error = error_of(lambda: NESTED(torch.zeros(2, 4)))

    assert (None, "") == (raised_in(error, mlp()), in_words(raised_in(error, mlp())))


def test_the_first_bad_output_is_first():
    """And hooks are gone afterwards."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Identity(), nn.Linear(2, 2))
    model[0].weight.data.fill_(float("nan"))
    with watch_outputs(model) as bad:
        model(torch.zeros(1, 2))

    assert ["`0` (Linear)", "`1` (Identity)", "`2` (Linear)"] == bad[:3]
    assert not any(part._forward_hooks for part in model.modules())


def test_a_mask_of_minus_infinity_is_no_bad_output():
    """Attention makes them on purpose."""
    model = nn.Threshold(1.0, -torch.inf)
    with watch_outputs(model) as bad:
        model(torch.zeros(1, 2))

    assert [] == bad


def test_running_statistics_count_as_weights():
    """Batch norm that saw NaN gives NaN ever after."""
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = first_bad_parameter(model)
    model[1].running_var[0] = float("nan")

    assert (None, "1.running_var") == (before, first_bad_parameter(model))


def test_shapes_of_nested_inputs():
    """Paths read like code."""
    assert "['a'] (2, 3) float32, ['b'] (2,) int64" == shapes({"a": torch.zeros(2, 3), "b": torch.zeros(2).long()})
