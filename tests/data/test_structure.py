"""Batches of every shape keep their shape: mapped, sliced, moved, and counted."""

import dataclasses
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from types import MappingProxyType
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from autofix_nb.data.structure import NotSliceable, map_tensors, rows, take, tensors, to_device

Pair = namedtuple("Pair", "inputs targets")
CPU = torch.device("cpu")


@dataclasses.dataclass
class Example:
    inputs: torch.Tensor
    names: list


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    inputs: torch.Tensor


@dataclasses.dataclass
class Derived:
    inputs: torch.Tensor
    double: torch.Tensor = dataclasses.field(init=False)

    def __post_init__(self):
        self.double = self.inputs * 2


class Movable:
    """A batch class that knows `.to`."""

    def __init__(self):
        self.at = None

    def to(self, device):
        self.at = device
        return self


X = torch.arange(12.0).reshape(4, 3)
Y = torch.arange(4)

SHAPES = [
    pytest.param(X, id="tensor"),
    pytest.param([X, Y], id="list"),
    pytest.param((X, (Y, X)), id="nested-tuples"),
    pytest.param({"x": X, "deep": {"y": Y}}, id="dicts"),
    pytest.param(OrderedDict(b=X, a=Y), id="ordered-dict"),
    pytest.param(defaultdict(list, x=X), id="default-dict"),
    pytest.param(UserDict(input_ids=X, labels=Y), id="user-dict-as-of-a-tokenizer"),
    pytest.param(Pair(X, Y), id="named-tuple"),
    pytest.param(Example(X, ["a", "b", "c", "d"]), id="dataclass"),
    pytest.param(Frozen(X), id="frozen-dataclass-with-slots"),
    pytest.param(Derived(X), id="dataclass-with-a-field-of-its-own"),
]


def flat(data: Any) -> list:
    """Return the tensors of `data` as plain lists with their paths."""
    return [(path, tensor.tolist()) for path, tensor in tensors(data)]


@pytest.mark.parametrize("data", SHAPES)
def test_mapping_keeps_the_kind_and_leaves_the_original(data):
    """Every tensor is mapped, everything around it stays of its type, the batch that came in is untouched."""
    before = flat(data)
    mapped = map_tensors(lambda tensor: tensor + 1, data)

    assert type(data) is type(mapped)
    assert [(path, (torch.tensor(values) + 1).tolist()) for path, values in before] == flat(mapped)
    assert before == flat(data)


@pytest.mark.parametrize("data", SHAPES)
@pytest.mark.parametrize("chosen", [[0], [3, 1], [2, 2, 0, 1, 3], []], ids=str)
def test_taking_rows_takes_them_everywhere(data, chosen):
    """`take` equals indexing each tensor; a row may be taken twice, or none at all."""
    taken = take(data, chosen, rows(data))

    assert type(data) is type(taken)
    assert [(path, [values[row] for row in chosen]) for path, values in flat(data)] == flat(taken)


def test_text_is_taken_with_its_rows():
    """Text is collated into a list with one entry a row."""
    taken = take({"x": X, "name": ["a", "b", "c", "d"], "file": (b"0", b"1", b"2", b"3")}, [3, 0], 4)

    assert (["d", "a"], (b"3", b"0")) == (taken["name"], taken["file"])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param((X, torch.tensor(1.0)), id="number-of-the-batch"),
        pytest.param((X, X.T), id="another-first-dimension"),
        pytest.param((X, 3), id="plain-number"),
        pytest.param((X, None), id="none"),
        pytest.param((X, "all"), id="one-text-for-all"),
        pytest.param((X, ["a", "b"]), id="too-few-texts"),
        pytest.param((X, object()), id="object"),
    ],
)
def test_what_has_no_rows_is_refused(data):
    """A part that does not have one entry a row is named, never guessed."""
    with pytest.raises(NotSliceable, match=r"^a (tensor of shape|list of|int|NoneType|str|object)"):
        take(data, [0], 4)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("text", id="no-tensor"),
        pytest.param((X, X.T), id="disagreeing"),
        pytest.param((X, torch.tensor(1.0)), id="number-among-them"),
        pytest.param(torch.tensor(1.0), id="number"),
        pytest.param(pack_sequence([torch.ones(3), torch.ones(2)]), id="packed"),
    ],
)
def test_rows_that_cannot_be_counted(data):
    """Without an agreed first dimension there is no number of rows."""
    with pytest.raises(NotSliceable, match="its tensors have first dimensions"):
        rows(data)


def test_rows_of_nothing_are_none():
    """An empty batch has no rows, and that is no error."""
    assert 0 == rows(torch.empty(0, 3))


def test_paths_read_like_code():
    """A tensor is found where its path says."""
    data = {"x": [X, Pair(X, Y)], "e": Example(Y, [])}

    assert ['["x"][0]', '["x"][1][0]', '["x"][1][1]', '["e"].inputs'] == [
        path.replace("'", '"') for path, _ in tensors(data)
    ]


def test_on_the_cpu_nothing_is_copied():
    """The common batch goes through as the same object."""
    data = [X, Y]

    assert data is to_device(data, CPU)
    assert X is to_device({"x": X}, CPU)["x"]


@pytest.mark.parametrize("data", SHAPES)
def test_every_tensor_is_moved(data):
    """Whatever is around it, each tensor ends on the device."""
    moved = to_device(data, torch.device("meta"))

    assert type(data) is type(moved)
    assert {"meta"} == {tensor.device.type for _, tensor in tensors(moved)}


def test_objects_that_know_how_to_move_are_asked():
    """A batch class with `.to` moves itself, and so does one inside a tuple."""
    both = to_device((Movable(), X, "text"), torch.device("meta"))

    assert ("meta", "meta", "text") == (both[0].at.type, both[1].device.type, both[2])


def test_a_read_only_mapping_becomes_a_dict():
    """What cannot be copied is at least mapped."""
    assert {"x": 4} == map_tensors(len, MappingProxyType({"x": X}))


def test_a_default_dict_keeps_its_default():
    """Only the tensors change."""
    assert [] == map_tensors(torch.clone, defaultdict(list, x=X))["missing"]


IMAGES = [torch.full((3, 8, 8), 1.0), torch.full((3, 8, 8), 2.0)]


@pytest.mark.parametrize("boxes", [(3, 3), (1, 4)], ids=["as-many-as-channels", "unequal"])
@pytest.mark.parametrize("kind", [tuple, list])
def test_samples_that_were_not_stacked_are_rows(kind, boxes):
    """Detection: a list of images beside a list of dicts, however many boxes each image has."""
    targets = kind({"boxes": torch.zeros(count, 4)} for count in boxes)
    batch = kind((kind(IMAGES), targets))

    assert 2 == rows(batch)
    images, chosen = take(batch, [1, 1, 0], 2)
    assert [2.0, 2.0, 1.0] == [float(image.mean()) for image in images]
    assert [boxes[1], boxes[1], boxes[0]] == [len(target["boxes"]) for target in chosen]
    assert kind is type(images) is type(chosen)


def test_a_list_of_samples_that_differ_in_size_has_one_row_each():
    """Detectron's form; where the sizes agree it may be batches of several loaders, whose rows are theirs."""
    samples = [{"image": torch.zeros(3, 8, 8), "boxes": torch.zeros(count, 4)} for count in (1, 4)]
    batches = [{"x": torch.zeros(5, 2), "y": torch.zeros(5)}, {"x": torch.zeros(5, 7)}]

    assert 2 == rows(samples)
    assert [samples[1]] == take(samples, [1], 2)
    assert 5 == rows(batches)
