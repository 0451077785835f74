"""A sample taken apart: input and target, names, and the kind of data."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from autofix_nb.evidence.parts import feature_names, kind_of, leaves, non_finite, split_sample, target_array

WORDS = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("sample", "inputs", "target"),
    [
        (("x", "y"), "x", "y"),
        (("x1", "x2", "y"), ("x1", "x2"), "y"),
        (["x"], "x", None),
        ("x", "x", None),
        (None, None, None),
        ({"input_ids": 1, "labels": 2}, {"input_ids": 1}, 2),
        ({"input_ids": 1}, {"input_ids": 1}, None),
    ],
)
def test_input_and_target_are_told_apart(sample, inputs, target):
    """As training takes a batch apart; a sample without a target is all input."""
    assert (inputs, target) == split_sample(sample)


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        pytest.param(torch.zeros(3), ["feature 0", "feature 1", "feature 2"], id="one-tensor"),
        pytest.param(2.5, ["feature 0"], id="one-number"),
        pytest.param((torch.zeros(2), 1), ["x1[0]", "x1[1]", "x2"], id="several"),
        pytest.param({"mask": np.zeros(1), "age": 3.0}, ["mask[0]", "age"], id="named"),
        pytest.param({"a": {"b": [1.0, 2.0]}}, ["a.b[0]", "a.b[1]"], id="nested"),
        pytest.param(torch.zeros(1, 2), ["feature [0, 0]", "feature [0, 1]"], id="two-dimensions"),
    ],
)
def test_every_number_has_a_name(inputs, names):
    """Like the place it stands at."""
    assert names == feature_names(leaves(inputs))


@pytest.mark.parametrize(
    ("samples", "model", "kind"),
    [
        pytest.param([torch.zeros(5)] * 2, None, "table", id="row"),
        pytest.param([3.0, 4.0], None, "table", id="number"),
        pytest.param([(torch.zeros(5), torch.tensor(3))] * 2, None, "table", id="two-inputs"),
        pytest.param([torch.zeros(5000)] * 2, None, "other", id="too-wide"),
        pytest.param([torch.zeros(5, 4)] * 2, None, "sequence", id="steps-and-channels"),
        pytest.param([torch.zeros(5, 4), torch.zeros(6, 4)], None, "sequence", id="of-any-length"),
        pytest.param([torch.zeros(5), torch.zeros(6)], None, "sequence", id="numbers-of-any-length"),
        pytest.param([torch.tensor([1, 2])] * 2, None, "table", id="whole-numbers"),
        pytest.param([torch.tensor([1, 2])] * 2, WORDS, "tokens", id="embedded"),
        pytest.param([torch.tensor([1, 2]), torch.tensor([1])], None, "tokens", id="whole-numbers-of-any-length"),
        pytest.param([{"input_ids": torch.tensor([1, 2])}] * 2, None, "tokens", id="input-ids"),
        pytest.param([Image.new("L", (3, 2))] * 2, None, "image", id="pil"),
        pytest.param([torch.zeros(3, 8, 9)] * 2, None, "image", id="channels-first"),
        pytest.param([np.zeros((8, 9, 4), dtype=np.uint8)] * 2, None, "image", id="channels-last"),
        pytest.param([np.zeros((8, 8), dtype=np.uint8)] * 2, None, "image", id="plane-of-bytes"),
        pytest.param([(torch.zeros(1, 8, 8), torch.zeros(3))] * 2, None, "image", id="image-and-numbers"),
        pytest.param([torch.zeros(2, 3, 8, 8)] * 2, None, "other", id="video"),
        pytest.param([torch.zeros(7, 8, 8)] * 2, None, "other", id="seven-channels"),
        pytest.param(["a", "b"], None, "other", id="text"),
        pytest.param([{"text": "a", "age": 3}], None, "other", id="text-and-number"),
        pytest.param([None], None, "other", id="none"),
        pytest.param([object()], None, "other", id="object"),
        pytest.param([], None, "other", id="nothing"),
    ],
)
def test_the_kind_of_data(samples, model, kind):
    """By shapes and types of some samples, and by what the model begins with."""
    assert kind == kind_of([leaves(sample) for sample in samples], model)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, 2.0], ""),
        ([1, 2], ""),
        ([np.nan, 2.0], "input: 1 of 2 values NaN"),
        ([np.nan, -np.inf], "input: 1 of 2 values NaN, 1 of 2 values infinite"),
        (np.nan, "input: NaN"),
    ],
)
def test_what_is_not_finite_is_counted(values, said):
    """NaN and infinities apart."""
    assert said == non_finite("input", np.asarray(values))


@pytest.mark.parametrize(
    ("target", "expected"),
    [(3, 3), (True, True), ([1.0, 2.0], [1.0, 2.0]), (torch.tensor(2), 2), ("cat", None), (None, None), ({}, None)],
)
def test_a_target_is_an_array_where_it_is_numbers(target, expected):
    """Anything else is none."""
    array = target_array(target)

    assert expected == (None if array is None else array.tolist())
