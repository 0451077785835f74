"""Digests: equal for equal inputs, whatever way they came; unequal for all else."""

import numpy as np
import pytest
import torch
from PIL import Image

from autofix_nb.evidence.digests import digest_of, digest_rows


class Bag:
    def __init__(self, **parts):
        self.__dict__.update(parts)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([np.arange(12.0).reshape(4, 3)], id="one-table"),
        pytest.param([np.arange(12, dtype=np.uint8).reshape(4, 3, 1), np.arange(4)], id="picture-and-number"),
        pytest.param([np.arange(4, dtype=np.float32)], id="scalars"),
        pytest.param([np.arange(24.0).reshape(3, 8).T[:4]], id="not-contiguous"),
        pytest.param([np.zeros((3, 0))], id="nothing-in-a-row"),
    ],
)
def test_a_row_has_the_digest_of_the_sample(parts):
    """Taken at once or one by one, as array or as tensor."""
    rows = digest_rows(parts)

    single = [digest_of([part[row] for part in parts]) for row in range(len(parts[0]))]
    tensors = [digest_of([torch.tensor(part[row]) for part in parts]) for row in range(len(parts[0]))]
    assert [row.tobytes() for row in rows] == single == tensors


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: "some text", id="text"),
        pytest.param(lambda: None, id="none"),
        pytest.param(lambda: {"a": [1, 2.5], "b": {"c": np.arange(3)}}, id="nested"),
        pytest.param(lambda: Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)), id="picture"),
        pytest.param(lambda: torch.tensor([1.0, float("nan")]), id="nan-equals-itself"),
        pytest.param(lambda: torch.ones(3, dtype=torch.bfloat16), id="bfloat16"),
        pytest.param(lambda: torch.eye(3).to_sparse(), id="sparse"),
        pytest.param(lambda: np.array(["a", None, 3], dtype=object), id="objects-in-an-array"),
        pytest.param(lambda: Bag(x=torch.ones(2), y="z"), id="object"),
        pytest.param(lambda: frozenset((3,)), id="pickled"),
    ],
)
def test_equal_inputs_have_equal_digests(make):
    """Two of the same make."""
    assert digest_of(make()) == digest_of(make())


DIFFERENT = [
    1,
    1.0,
    True,
    "1",
    b"1",
    None,
    ["1", "2"],
    ["12"],
    ["1", "3"],
    np.zeros(2, dtype=np.float32),
    np.zeros(2),
    np.zeros(3),
    np.zeros((1, 2)),
    -np.zeros(2),
    {"a": 1, "b": {"x": 1}},
    {"a": 1, "b": {"y": 1}},
    Image.new("L", (2, 3)),
    Image.new("L", (3, 2)),
    Bag(x=1),
    lambda: None,
]


def test_different_inputs_have_different_digests():
    """Type, shape and every byte count."""
    assert len(DIFFERENT) == len({digest_of(data) for data in DIFFERENT})


def test_a_palette_is_part_of_the_picture():
    """The same numbers with other colours are another picture."""
    pictures = []
    for colour in (10, 20):
        picture = Image.new("P", (2, 2))
        picture.putpalette([colour] * 3)
        pictures.append(digest_of(picture))

    assert pictures[0] != pictures[1]
