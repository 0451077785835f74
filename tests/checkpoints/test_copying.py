"""Copies on the CPU: equal, apart from what they were made of, and made into the same memory again."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from autofix_nb.checkpoints import Copies, copied

TENSORS = st.sampled_from(
    [
        torch.arange(6.0).reshape(2, 3),
        torch.arange(6.0).reshape(2, 3).t(),
        torch.tensor(3),
        torch.tensor([True, False]),
        torch.zeros(0, 4),
        torch.ones(2, 2).to_sparse(),
        torch.tensor([float("nan"), -0.0]),
        torch.ones(3, dtype=torch.bfloat16),
    ]
)
NESTS = st.recursive(
    TENSORS | st.integers() | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part, max_size=3),
    max_leaves=8,
)


def bits(value):
    if isinstance(value, torch.Tensor):
        return (value.dtype, value.shape, value.to_dense().double().numpy().tobytes())
    if isinstance(value, dict):
        return {name: bits(part) for name, part in value.items()}
    return [bits(part) for part in value] if isinstance(value, list) else value


@given(st.lists(NESTS, min_size=1, max_size=4))
def test_a_copy_is_what_was_copied_whatever_was_copied_before(states):
    """Also when the shapes change from one to the next."""
    copies = Copies()
    for state in states:
        assert bits(state) == bits(copies.make(state)) == bits(copied(state))


def test_the_second_copy_goes_where_the_first_was():
    """No new memory; the live tensors are never the copy."""
    model, copies = nn.Linear(3, 3), Copies()
    first = copies.make(model.state_dict())["weight"]
    with torch.no_grad():
        model.weight.add_(1.0)
    second = copies.make(model.state_dict())["weight"]

    assert first.data_ptr() == second.data_ptr() != model.weight.data_ptr()
    assert torch.equal(model.weight, second)


@pytest.mark.parametrize("make", [copied, Copies().make])
def test_the_versions_of_modules_come_along(make):
    """Without them a state dict loads as if it were of the oldest version."""
    state = nn.BatchNorm1d(3).state_dict()

    assert state._metadata == make(state)._metadata


def test_tied_weights_are_copied_once():
    """So that they are one in the file, too."""
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    state = Copies().make(nn.Sequential(first, second).state_dict())

    assert state["0.weight"] is state["1.weight"]


def test_released_memory_is_made_anew():
    """After the run nothing of it is held."""
    import gc
    import weakref

    copies = Copies()
    gone = weakref.ref(copies.make({"w": torch.ones(3)})["w"])
    copies.release()
    gc.collect()

    assert gone() is None
