"""Fetching one batch: whoever is bad is named alone, and the others come as if it had never been asked for."""

import errno
import pickle
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Subset, TensorDataset, default_collate

from autofix_nb.data.fetch import Fetcher, Loaded, Plan, columns_of, may_pass, signature_of
from autofix_nb.data.seeding import LoadingRandomness

SEED = 11


class Noisy:
    """Rows with noise from all three streams; `errors` maps an index to the exceptions it raises one after another."""

    def __init__(self, rows=16, errors=(), shapes=()):
        self.rows = rows
        self.errors = {index: list(queue) for index, queue in dict(errors).items()}
        self.shapes = dict(shapes)

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        noise = [torch.rand(()).item(), np.random.normal(), random.random()]  # drawn before it raises
        queue = self.errors.get(index, [])
        if queue:
            error = queue.pop(0) if len(queue) > 1 else queue[0]
            if error is not None:
                raise error
        return torch.tensor([index, *noise, *[0.0] * self.shapes.get(index, 0)]), index


class AtOnce(Noisy):
    """Draws all noise of a batch in one go, and knows no single sample."""

    __getitem__ = None

    def __getitems__(self, indices):
        noise = torch.rand(len(indices))
        for index in indices:
            queue = self.errors.get(index, [])
            error = queue.pop(0) if len(queue) > 1 else (queue or [None])[0]
            if error is not None:
                raise error
        return [(torch.tensor([float(index), one]), index) for index, one in zip(indices, noise, strict=True)]


def fetch(dataset, indices, collate=default_collate, position=0, pauses=(0.1, 1.0)):
    """Return what was loaded, and the seconds it would have slept."""
    slept = []
    fetcher = Fetcher(dataset, collate, SEED, pauses=pauses, sleep=slept.append)
    return fetcher[Plan(0, position, indices)], slept


def same(left, right):
    """Tell whether two collated batches are equal bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


class Unpicklable(Exception):
    def __init__(self, first, second):
        super().__init__("needs two")


class Speechless(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Lambda(Exception):
    def __init__(self):
        super().__init__("holds a function")
        self.function = lambda: None


ERRORS = [
    pytest.param(ValueError("bad row"), "ValueError: bad row", True, id="ValueError"),
    pytest.param(KeyError("label"), "KeyError: 'label'", True, id="KeyError"),
    pytest.param(StopIteration("leaks"), "StopIteration: leaks", True, id="StopIteration"),
    pytest.param(StopAsyncIteration(), "StopAsyncIteration: ", True, id="StopAsyncIteration"),
    pytest.param(FileNotFoundError(errno.ENOENT, "gone"), "FileNotFoundError: [Errno 2] gone", True, id="errno-2"),
    pytest.param(OSError("truncated"), "OSError: truncated", True, id="OSError-without-number"),
    pytest.param(MemoryError(), "MemoryError: ", True, id="MemoryError"),
    pytest.param(RecursionError("deep"), "RecursionError: deep", True, id="RecursionError"),
    pytest.param(IndexError("out\nsecond line"), "IndexError: out", True, id="two-lines"),
    pytest.param(AssertionError(), "AssertionError: ", True, id="AssertionError"),
    pytest.param(Unpicklable(1, 2), "Unpicklable: needs two", False, id="unpicklable"),
    pytest.param(Lambda(), "Lambda: holds a function", False, id="holds-a-function"),
    pytest.param(Speechless(), "Speechless: (its text cannot be made)", True, id="no-text"),
    pytest.param(ExceptionGroup("many", [ValueError("x")]), "ExceptionGroup: many (1 sub-exception)", True, id="group"),
]


@pytest.mark.parametrize(("error", "reason", "comes_along"), ERRORS)
def test_a_sample_that_raises_is_named_alone(error, reason, comes_along):
    """Any exception: index, reason and traceback are kept; the rest is the batch without it, noise and all."""
    loaded, slept = fetch(Noisy(errors={5: [error]}), [3, 5, 7, 1])
    expected, _ = fetch(Noisy(), [3, 7, 1])

    assert [3, 7, 1] == loaded.indices
    assert same(expected.data, loaded.data)
    assert [(5, "raises", reason)] == [(one.index, one.kind, one.reason) for one in loaded.faults]
    assert "__getitem__" in loaded.faults[0].trace
    assert (comes_along, []) == (isinstance(loaded.faults[0].error, type(error)), slept)
    pickle.dumps(loaded)


def test_all_samples_raise():
    """Nothing is left: no data, and a fault for each."""
    loaded, _ = fetch(Noisy(errors={1: [ValueError()], 2: [KeyError()]}), [1, 2])

    assert (None, [], [1, 2]) == (loaded.data, loaded.indices, [one.index for one in loaded.faults])


PASSING = [
    pytest.param(OSError(5, "Input/output error"), id="errno-5"),
    pytest.param(OSError(107, "Transport endpoint is not connected"), id="errno-107"),
    pytest.param(TimeoutError("timed out"), id="TimeoutError"),
    pytest.param(ConnectionResetError(errno.ECONNRESET, "reset"), id="reset"),
    pytest.param(InterruptedError(errno.EINTR, "signal"), id="interrupted"),
    pytest.param(RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), id="another-loader's-worker"),
]


@pytest.mark.parametrize("error", PASSING)
@pytest.mark.parametrize("kind", [Noisy, AtOnce])
@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_hiccup_that_passes_leaves_no_trace(error, kind, failures):
    """The batch is bit for bit the one without the hiccup, random numbers included; only pauses were taken."""
    loaded, slept = fetch(kind(errors={5: [error] * failures + [None]}), [3, 5, 7, 1])
    expected, _ = fetch(kind(), [3, 5, 7, 1])

    assert ([3, 5, 7, 1], ()) == (loaded.indices, loaded.faults)
    assert same(expected.data, loaded.data)
    # The first failure is that of the quick attempt, after which the careful one begins at once.
    assert ([0.1, 1.0][: failures - 1], failures - 1) == (slept, loaded.retries)


@pytest.mark.parametrize("error", PASSING)
@pytest.mark.parametrize("kind", [Noisy, AtOnce])
def test_a_hiccup_that_never_passes_is_blamed(error, kind):
    """After the last pause the sample is set aside; the next one in the batch does not wait as long again."""
    loaded, slept = fetch(kind(errors={5: [error], 7: [error]}), [3, 5, 7, 1])
    expected, _ = fetch(kind(), [3, 1])

    assert ([5, 7], [3, 1]) == ([one.index for one in loaded.faults], loaded.indices)
    assert same(expected.data, loaded.data)
    assert ([0.1, 1.0], 2) == (slept, loaded.retries)


def test_which_errors_may_pass():
    """The medium's errors may pass; a missing or broken file does not come back."""
    lasting = [OSError(2, ""), OSError(13, ""), OSError(28, ""), OSError("x"), ValueError(), RuntimeError("worker")]

    assert [False] * len(lasting) == [may_pass(error) for error in lasting]


@settings(deadline=None, max_examples=60)
@given(
    indices=st.lists(st.integers(0, 15), min_size=1, max_size=8),
    bad=st.sets(st.integers(0, 15)),
    odd=st.sets(st.integers(0, 15), max_size=3),
    kind=st.sampled_from([Noisy, AtOnce]),
)
def test_the_rest_is_what_it_would_have_been(indices, bad, odd, kind):
    """Whatever raises or has an odd shape, the others equal a batch planned without them; no row is lost or doubled."""
    errors = {index: [ValueError("x")] for index in bad}
    shapes = dict.fromkeys(odd, 2) if kind is Noisy else {}
    usual = [index for index in indices if index not in bad and index not in shapes]
    loaded, _ = fetch(kind(errors=errors, shapes=shapes), indices)
    if usual or not shapes:
        expected, _ = fetch(kind(), usual) if usual else (Loaded(None, []), [])

        assert expected.indices == loaded.indices
        assert expected.data is loaded.data or same(expected.data, loaded.data)
    rows = [] if loaded.data is None else loaded.data[1].tolist()
    assert loaded.indices == rows
    assert sorted(indices) == sorted(loaded.indices + [one.index for one in loaded.faults])


def test_a_sample_drawn_twice_that_raises_once():
    """Rows and indices stay in step when of two copies of a sample only one can be had."""
    loaded, _ = fetch(Noisy(errors={5: [ValueError(), None, ValueError()]}), [5, 3, 5])

    assert ([5, 3], [5, 3], [5]) == (loaded.indices, loaded.data[1].tolist(), [one.index for one in loaded.faults])


ODD = [
    pytest.param([3, 5, 7], {5: 1}, [5], id="one-of-three"),
    pytest.param([3, 5], {5: 1}, [5], id="one-of-two"),
    pytest.param([5, 3], {5: 1}, [5], id="one-of-two-first"),
    pytest.param([5, 6, 3], {5: 1, 6: 1}, [5, 6], id="most-of-the-batch"),
    pytest.param([5, 6, 3, 7], {5: 1, 6: 2}, [5, 6], id="two-kinds-of-odd"),
    pytest.param([5, 6], {5: 1, 6: 1}, [], id="all-odd-alike-collate"),
    pytest.param([5, 6], {5: 1, 6: 2}, [6], id="all-odd-and-different"),
    pytest.param([5], {5: 1}, [], id="alone"),
]


@pytest.mark.parametrize(("indices", "shapes", "expected"), ODD)
def test_odd_shapes(indices, shapes, expected):
    """Odd is what does not fit the data set's usual shape; what collates is kept."""
    loaded, _ = fetch(Noisy(shapes=shapes), indices)

    assert expected == [one.index for one in loaded.faults]
    assert {"odd shape"} >= {one.kind for one in loaded.faults}
    assert [index for index in indices if index not in expected] == loaded.indices == loaded.data[1].tolist()


def test_an_odd_shape_is_said_in_words():
    """The reason holds both shapes, the traceback is that of the collate function."""
    loaded, _ = fetch(Noisy(shapes={5: 1}), [3, 5, 7])

    assert "is (5,) float32, int, usual is (4,) float32, int" == loaded.faults[0].reason
    assert "stack expects each tensor to be equal size" in loaded.faults[0].trace


class Rows(list):
    """A list of samples as a data set."""


def positive(samples):
    """Collate, but mind the values."""
    if any(sample < 0 for sample in samples):
        raise ValueError("negative")
    return torch.stack(samples)


def padded(samples):
    """Pad to the longest, and mind the type."""
    return pad_sequence([sample + torch.zeros((), dtype=torch.int64) for sample in samples])


def pairs(samples):
    """A collate function that wants at least two samples of one shape."""
    if len(samples) < 2:
        raise ValueError("two are wanted")
    return torch.stack(samples)


def moody(samples):
    """Raises for every batch of two or more."""
    if len(samples) > 1:
        raise ValueError("never")
    return samples


@pytest.mark.parametrize(
    ("samples", "collate", "expected", "kinds"),
    [
        pytest.param(
            [torch.tensor(value) for value in (1.0, -1.0, 2.0, -2.0)],
            positive,
            [1, 3],
            {"does not collate"},
            id="values",
        ),
        pytest.param([torch.tensor(-1.0)] * 2, positive, [0, 1], {"does not collate"}, id="values-all"),
        pytest.param(
            [torch.ones(1), torch.ones(2), None, torch.ones(4)], padded, [2], {"odd shape"}, id="padding-and-a-none"
        ),
        pytest.param([torch.ones(3), torch.ones(3), torch.ones(2)], pairs, [2], {"odd shape"}, id="wants-two"),
        pytest.param([torch.ones(3)] * 3, moody, [0, 1, 2], {"does not collate"}, id="never"),
        pytest.param(
            [{"a": 1.0}, {"a": 2.0, "more": 1}, {"b": 1.0}, {"a": 3.0}], default_collate, [2], {"odd shape"}, id="keys"
        ),
        pytest.param([1.0, None, 2.0], default_collate, [1], {"odd shape"}, id="none"),
        pytest.param([(1, 2), (1, 2, 3), (3, 4)], default_collate, [1], {"odd shape"}, id="longer-tuple"),
    ],
)
def test_who_does_not_collate(samples, collate, expected, kinds):
    """The collate function decides who is odd: lengths are fine where it pads, values matter where it minds them."""
    loaded, _ = fetch(Rows(samples), list(range(len(samples))), collate)

    assert expected == [one.index for one in loaded.faults]
    assert kinds == {one.kind for one in loaded.faults}
    assert [index for index in range(len(samples)) if index not in expected] == loaded.indices


def test_a_collate_function_that_minds_values_says_why():
    """The reason is its own error, not a comparison of equal shapes."""
    loaded, _ = fetch(Rows([torch.tensor(1.0), torch.tensor(-1.0)]), [0, 1], positive)

    assert "ValueError: negative" == loaded.faults[0].reason


@settings(deadline=None, max_examples=50)
@given(indices=st.lists(st.integers(-6, 5), min_size=1, max_size=9), subset=st.booleans())
def test_columns_equal_stacked_rows(indices, subset):
    """The short way through a data set of tensors gives what collating its rows gives."""
    dataset = TensorDataset(torch.randn(6, 2, 3), torch.arange(6), torch.randn(6) > 0)
    if subset:
        dataset = Subset(dataset, [5, 4, 3, 2, 1, 0])
    expected = default_collate([dataset[index] for index in indices])
    loaded, _ = fetch(dataset, indices)

    assert columns_of(dataset, default_collate) is not None
    assert type(expected) is type(loaded.data)
    assert same(expected, loaded.data)


@pytest.mark.parametrize("bad", [99, None, "x", 10**30, 1.5], ids=str)
@pytest.mark.parametrize("subset", [False, True], ids=["tensors", "subset"])
def test_columns_name_an_index_that_is_none(bad, subset):
    """An index that does not exist is named like any sample that raises."""
    dataset = TensorDataset(torch.randn(6, 2))
    loaded, _ = fetch(Subset(dataset, list(range(6))) if subset else dataset, [0, bad, 1])

    assert ([0, 1], [bad]) == (loaded.indices, [one.index for one in loaded.faults])


@pytest.mark.parametrize(
    ("dataset", "collate"),
    [
        pytest.param(TensorDataset(torch.ones(2)), list, id="own-collate"),
        pytest.param(Subset(Rows([1, 2]), [0]), default_collate, id="subset-of-others"),
        pytest.param(type("Mine", (TensorDataset,), {})(torch.ones(2)), default_collate, id="subclass"),
    ],
)
def test_no_short_way_where_somebody_may_have_changed_it(dataset, collate):
    """Only the very classes of torch are taken by columns."""
    assert columns_of(dataset, collate) is None


@pytest.mark.parametrize(
    "dataset", [Noisy(), AtOnce(), TensorDataset(torch.arange(3.0))], ids=["noisy", "at-once", "tensors"]
)
def test_a_fetcher_travels(dataset):
    """Pickled for a worker and back, it fetches the same; nothing of the data set is sent twice."""
    plan = Plan(1, 2, [0, 2])
    fetcher = Fetcher(dataset, default_collate, SEED)
    again = pickle.loads(pickle.dumps(fetcher))  # noqa: S301 - our own bytes

    assert same(fetcher[plan].data, again[plan].data)
    assert len(pickle.dumps(fetcher)) < len(pickle.dumps(dataset)) + 600


def test_keys_that_cannot_be_hashed():
    """A key may be a list that brings a whole batch; a bad one is named all the same."""
    dataset = {0: 1}

    class ByList:
        def __getitem__(self, keys):
            return torch.tensor([dataset[key] for key in keys])

    loaded, _ = fetch(ByList(), [[0], [1]])

    assert ([[0]], [[1]]) == (loaded.indices, [one.index for one in loaded.faults])


def test_pinning_asks_a_batch_class():
    """A batch that knows `pin_memory` pins itself, as the plain loader has it."""

    class Mine:
        def pin_memory(self):
            return "pinned"

    assert "pinned" == Loaded(Mine(), [0]).pin_memory().data


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        pytest.param((torch.zeros(2), 1), ("tuple", ("Tensor", (2,), "float32"), ("int",)), id="tensor-and-number"),
        pytest.param(np.zeros((1, 2), "u1"), ("ndarray", (1, 2), "uint8"), id="array"),
        pytest.param({"a": "x"}, ("dict", ("a", ("str",))), id="dict"),
    ],
)
def test_signatures(sample, expected):
    """Types, shapes and element types, nested; values do not matter."""
    assert expected == signature_of(sample)


def test_the_batch_is_a_function_of_its_place():
    """Seed, epoch and position, and nothing that happened before, decide the noise."""
    first, _ = fetch(Noisy(), [1, 2], position=3)
    with LoadingRandomness(SEED, 0, 3):
        expected = default_collate([Noisy()[1], Noisy()[2]])
    other, _ = fetch(Noisy(), [1, 2], position=4)

    assert same(expected, first.data)
    assert not same(first.data, other.data)
