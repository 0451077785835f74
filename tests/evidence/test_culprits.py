"""Where the size of images comes from, and the line that mends it."""

import ast

import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from autofix_nb.evidence import culprits
from autofix_nb.evidence.culprits import size_culprit
from autofix_nb.evidence.input_size import WantedSize

SIDE = 2 * 224
"""Not written out: it would be found in this file."""

WANTED = WantedSize(height=224, width=224, told_by="test", strict=True)


class Photos(Dataset):
    """Grey squares with a transform, or numbers, of its own."""

    def __init__(self, **fields):
        vars(self).update(fields)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.zeros(3, SIDE, SIDE), 0


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        pytest.param(
            {"transform": transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])},
            "transforms.Resize((224, 224))  # instead of Resize(size=",
            id="transform",
        ),
        pytest.param({"side": SIDE}, "train.dataset.side = 224", id="number"),
        pytest.param({}, "transforms.Resize((224, 224))  # last of the resizing", id="nowhere"),
    ],
)
def test_the_line_that_mends_it(fields, line):
    """The transform, else a number, else a transform to be added."""
    _, to_type, _ = size_culprit(DataLoader(Photos(**fields)), "train", (SIDE, SIDE), WANTED)

    assert to_type.startswith(line)
    ast.parse(to_type)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        pytest.param("side = SIDE", "side = 224  # instead of SIDE", id="whole"),
        pytest.param(
            "transforms.Compose([Resize(SIDE),", "# transforms.Compose([Resize(224),  # instead of SIDE", id="part"
        ),
    ],
)
def test_a_part_of_a_longer_line_is_a_comment(monkeypatch, source, line):
    """It cannot be typed as it stands."""
    found = [f"data.py:3: {source.replace('SIDE', str(SIDE))}"]
    monkeypatch.setattr(culprits, "lines_of_source", lambda *_: found)

    assert (found, line.replace("SIDE", str(SIDE))) == size_culprit(
        DataLoader(Photos()), "train", (SIDE, SIDE), WANTED
    )[:2]
