"""What a checkpoint may hold: everything comes back, and what could not is refused by name."""

import collections
import enum
import io
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from autofix_nb.checkpoints import portable, portable_or_dropped, random_state, set_random_state
from autofix_nb.errors import StoreError


def saved_and_loaded(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.fixture(autouse=True)
def _own_streams():
    """Tests that set the global streams put them back."""
    states = torch.get_rng_state(), np.random.get_bit_generator(), np.random.get_state(), random.getstate()
    yield
    torch.set_rng_state(states[0])
    np.random.set_bit_generator(states[1])
    np.random.set_state(states[2])
    random.setstate(states[3])


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.arange(6).reshape(2, 3).astype(kind), id=kind)
        for kind in ("bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64")
    ]
    + [
        pytest.param(np.array(3.5), id="no-dimension"),
        pytest.param(np.empty((0, 4)), id="empty"),
        pytest.param(np.arange(6)[::-2], id="backwards"),
        pytest.param(np.arange(6.0).reshape(2, 3).T, id="transposed"),
        pytest.param(np.arange(3, dtype=">f4"), id="other-byte-order"),
        pytest.param(np.array([1, 2**32 - 1], dtype=np.uint32), id="uint32"),
    ],
)
def test_numpy_arrays_become_tensors_of_the_same_values(array):
    """Shape and values stay, whatever the layout in memory."""
    loaded = saved_and_loaded(portable({"array": array}))["array"]

    assert array.shape == tuple(loaded.shape)
    assert array.tolist() == loaded.tolist()


def test_an_array_is_copied():
    """What is written to it afterwards must not show in the checkpoint."""
    array = np.zeros(3)
    tensor = portable(array)
    array[0] = 1.0

    assert [0.0, 0.0, 0.0] == tensor.tolist()


class Colour(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(np.float32(0.5), 0.5, id="numpy-float"),
        pytest.param(np.int64(7), 7, id="numpy-int"),
        pytest.param(np.bool_(True), True, id="numpy-bool"),
        pytest.param(np.str_("a"), "a", id="numpy-text"),
        pytest.param(Colour.RED, 3, id="enum"),
        pytest.param({"b", "a"}, ["a", "b"], id="set"),
        pytest.param({1, "a"}, [1, "a"], id="set-of-several-types"),
        pytest.param(collections.Counter("aab"), {"a": 2, "b": 1}, id="counter"),
        pytest.param({np.int64(3): 1}, {3: 1}, id="numpy-key"),
        pytest.param({(1, "a"): 1}, {(1, "a"): 1}, id="tuple-key"),
        pytest.param(2**127, 2**127, id="long-int"),
        pytest.param(b"\x00\xff", b"\x00\xff", id="bytes"),
        pytest.param(None, None, id="none"),
        pytest.param(torch.Size([2, 3]), torch.Size([2, 3]), id="size"),
        pytest.param(torch.float16, torch.float16, id="dtype"),
    ],
)
def test_values_become_plain(value, expected):
    """And of the very type that they are compared with, not of one that only looks like it."""
    loaded = saved_and_loaded(portable([value]))[0]

    assert expected == loaded
    assert type(expected) is type(loaded)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(min_size=1),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=12,
)


@given(PLAIN)
def test_plain_values_come_back_as_they_were(value):
    """However nested."""
    loaded = saved_and_loaded(portable(value))

    assert value == loaded
    assert repr(value) == repr(loaded)


def test_parameters_become_tensors_without_a_graph():
    """A parameter would be loaded by a class of its own, and a graph cannot be saved."""
    kept = portable({"weight": nn.Parameter(torch.ones(2))})["weight"]

    assert type(kept) is torch.Tensor
    assert not kept.requires_grad


@pytest.mark.parametrize(
    ("value", "path", "kind"),
    [
        pytest.param({"a": [1, {"b": object()}]}, "state['a'][1]['b']", "object", id="object"),
        pytest.param({"f": len}, "state['f']", "builtin_function_or_method", id="function"),
        pytest.param([1 + 2j], "state[0]", "complex", id="complex"),
        pytest.param({"a": np.array(["x"])}, "state['a']", "NumPy array of <U1", id="array-of-text"),
        pytest.param((np.array([{}], dtype=object),), "state[0]", "NumPy array of object", id="array-of-objects"),
        pytest.param({"t": np.datetime64("2026-01-01")}, "state['t']", "datetime64", id="date"),
        pytest.param({"b": b""}, "state['b']", "bytes of length 0", id="empty-bytes"),
        pytest.param({"a": {len: 1}}, "state['a']: key <built-in function len>", "builtin", id="key"),
    ],
)
def test_what_only_a_pickle_could_hold_is_refused_by_name(value, path, kind):
    """The message says where it lies and what it is, in one line."""
    with pytest.raises(StoreError) as caught:
        portable(value)

    assert str(caught.value).startswith(f"`{path}` is a {kind}")
    assert str(caught.value).endswith("wanted tensors, numbers, text, lists and dicts")


def test_entries_that_cannot_be_kept_are_dropped_by_name():
    """A user's scheduler may hold a function; the rest of it is worth keeping."""
    kept, dropped = portable_or_dropped({"last_epoch": 3, "lr_lambdas": [len]}, "scheduler")

    assert {"last_epoch": 3} == kept
    assert ["scheduler['lr_lambdas']"] == dropped


class Versioned(nn.Module):
    """A module that reads weights of its first version another way, as torchvision's MNASNet does."""

    _version = 2

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(4.0))

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version", 1) < 2:
            state_dict[f"{prefix}weight"] = -state_dict[f"{prefix}weight"]
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def test_the_versions_of_modules_are_kept():
    """Without them a module takes its own new weights for old ones."""
    model = nn.Sequential(Versioned())

    model.load_state_dict(saved_and_loaded(portable({"model": model.state_dict()}))["model"])

    assert [0.0, 1.0, 2.0, 3.0] == model[0].weight.tolist()


def draw():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), np.random.randn(3).tolist(), random.gauss(0, 1)


@pytest.mark.parametrize("generator", ["MT19937", "PCG64", "Philox", "SFC64"])
@pytest.mark.parametrize("half_used", [False, True], ids=["fresh", "half-a-pair"])
def test_random_streams_go_on_where_they_were(generator, half_used):
    """torch's, NumPy's and `random`'s; of a pair of normal numbers the second one is kept, too."""
    np.random.set_bit_generator(getattr(np.random, generator)(5))
    if half_used:
        np.random.randn()
        random.gauss(0, 1)
    state = saved_and_loaded(random_state())
    expected = draw()
    draw()

    set_random_state(state)

    assert expected == draw()


@pytest.mark.parametrize(("saved", "now"), [("PCG64", "MT19937"), ("MT19937", "PCG64")])
def test_a_new_kernel_gets_the_bit_generator_of_the_saved_one(saved, now):
    """A kernel begins with MT19937, whatever was set in the one that died."""
    np.random.set_bit_generator(getattr(np.random, saved)(5))
    state = saved_and_loaded(random_state())
    expected = draw()
    np.random.set_bit_generator(getattr(np.random, now)(6))

    set_random_state(state)

    assert expected == draw()
