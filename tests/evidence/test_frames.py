"""Frames and arrays as data: what people have becomes a loader, or an error that says what to give."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset

from autofix_nb.errors import ConfigurationError, DataError
from autofix_nb.evidence.frames import Table, as_source

FRAME = pd.DataFrame({"age": [1, 2, 3], "city": ["b", "a", "b"], "paid": [True, False, True]}, index=[7, 7, 2])


def tensors_of(given, **options):
    source, table = as_source(given, "val", **options)
    return *source.dataset.tensors, table


def test_what_can_be_iterated_is_given_back():
    """Loaders, lists of batches, and whatever else has an `__iter__`."""
    loader, batches = DataLoader([1, 2]), [(torch.zeros(2, 3), torch.zeros(2))]

    assert (loader, None) == as_source(loader, "train")
    assert (None, None) == as_source(None, "val")
    assert batches is as_source(batches, "train")[0]


@pytest.mark.parametrize(("side", "shuffled"), [("train", True), ("val", False)])
def test_a_data_set_is_wrapped(side, shuffled):
    """Training is shuffled."""
    for given in (TensorDataset(torch.zeros(9, 2)), (np.zeros((9, 2)), np.zeros(9))):
        loader, _ = as_source(given, side, batch_size=4)

        assert (4, shuffled) == (loader.batch_size, isinstance(loader.sampler, RandomSampler))


def test_streams_and_data_sets_by_their_looks_are_wrapped():
    """An `IterableDataset` cannot be shuffled; a class with rows and a length need not be a `Dataset`."""

    class Stream(IterableDataset):
        def __iter__(self):
            return iter([torch.zeros(2)])

    class Rows:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return torch.zeros(2), 1

    class Empty(Dataset):
        def __len__(self):
            return 0

    assert 1 == len(list(as_source(Stream(), "train")[0]))
    assert 3 == len(as_source(Rows(), "train")[0].dataset)
    assert 0 == len(as_source(Empty(), "train")[0].dataset)


@pytest.mark.parametrize(
    ("features", "target"),
    [
        pytest.param(np.arange(6).reshape(3, 2), np.array([0, 1, 0]), id="numpy"),
        pytest.param(torch.arange(6).reshape(3, 2), torch.tensor([0, 1, 0], dtype=torch.int32), id="torch"),
        pytest.param([[0, 1], [2, 3], [4, 5]], [0, 1, 0], id="lists"),
        pytest.param([(0, 1), (2, 3), (4, 5)], [False, True, False], id="tuples-and-bools"),
        pytest.param(
            pd.DataFrame({"a": [0, 2, 4], "b": [1, 3, 5]}, index=[5, 5, 1]), pd.Series([0, 1, 0]), id="pandas"
        ),
        pytest.param(
            pd.DataFrame({"a": [0, 2, 4], "b": [1, 3, 5]}), pd.DataFrame({"kind": ["x", "y", "x"]}), id="frame-of-text"
        ),
        pytest.param(
            pd.DataFrame({"a": [0, 2, 4], "b": [1, 3, 5]}, dtype="Int16"),
            pd.Series(["no", "yes", "no"], dtype="category"),
            id="nullable-and-categories",
        ),
        pytest.param(np.array([[0, 1], [2, 3], [4, 5]], dtype=object), np.array(["x", "y", "x"]), id="objects"),
    ],
)
def test_pairs_become_numbers(features, target):
    """Features float32, classes int64, in the order of the rows."""
    x, y, table = tensors_of((features, target))

    assert [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]] == x.tolist()
    assert [0, 1, 0] == y.tolist()
    assert (torch.float32, torch.int64) == (x.dtype, y.dtype)
    assert 2 == len(table.columns)


@pytest.mark.parametrize(
    ("target", "dtype", "values"),
    [
        ([0.5, 1.5, 2.0], torch.float32, [0.5, 1.5, 2.0]),
        (np.array([1.0, 2.0, np.nan]), torch.float32, [1.0, 2.0, None]),
        (pd.Series([1, 2, None], dtype="Int64"), torch.float32, [1.0, 2.0, None]),
        (pd.Series([True, False, True], dtype="boolean"), torch.int64, [1, 0, 1]),
        (pd.Series([1, 0, 1], dtype=object), torch.int64, [1, 0, 1]),
        (pd.Series([1, 0.5, 1], dtype=object), torch.float32, [1.0, 0.5, 1.0]),
        (pd.Series(["10", "9", "10"]), torch.int64, [0, 1, 0]),
        (pd.Series([3, 1, 2]).astype("category"), torch.int64, [3, 1, 2]),
        (pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1, 2]}), torch.float32, [[1.0, 0.5], [2.0, 1.0], [3.0, 2.0]]),
    ],
)
def test_targets(target, dtype, values):
    """Whole numbers, yes and no and names are classes; all else is a number. Missing ones are NaN."""
    _, y, _ = tensors_of((np.zeros((3, 2)), target))

    filled = [None if value != value else value for value in y.tolist()]
    assert (dtype, values) == (y.dtype, filled)


def test_columns_that_are_no_numbers_are_left_out_and_listed():
    """Text, dates, categories and objects; missing values are NaN."""
    frame = FRAME.assign(
        when=pd.to_datetime(["2020", "2021", "2022"]),
        size=pd.Categorical(["s", "m", "s"]),
        thing=[object(), 1, "x"],
        score=pd.array([1.5, pd.NA, 2.0], dtype="Float64"),
        count=pd.array([1, pd.NA, 2], dtype="Int8"),
        sure=pd.array([True, None, False], dtype="boolean"),
    )

    x, _, table = tensors_of((frame, [0, 1, 0]))

    assert ("age", "paid", "score", "count", "sure") == table.columns
    assert ("city", "when", "size", "thing") == table.text_columns
    assert [2.0, 0.0] == x[1, :2].tolist()
    assert torch.isnan(x[1, 2:]).all()
    assert [1.0, 1.0, 1.5, 1.0, 1.0] == x[0].tolist()


def test_names_of_columns_are_texts_of_which_none_comes_twice():
    """Duplicates are numbered, levels are joined, numbers are written."""
    twice = pd.DataFrame([[1, 2, 3]], columns=["a", "a", 7])
    levels = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("b", "")]))

    assert ("a", "a (2)", "7") == tensors_of((twice, [0]))[-1].columns
    assert ("a.x", "b") == tensors_of((levels, [0]))[-1].columns


@pytest.mark.parametrize("name", ["target", "label", "y", "class", "Class"])
def test_a_frame_alone_with_a_column_that_is_named_as_a_target(name):
    """That column is the target."""
    x, y, table = tensors_of(pd.DataFrame({"a": [1, 2], name: ["u", "v"], "b": [3, 4]}))

    assert ([[1.0, 3.0], [2.0, 4.0]], [0, 1]) == (x.tolist(), y.tolist())
    assert (("a", "b"), name, ("u", "v")) == (table.columns, table.target, table.classes)


def test_the_other_side_has_the_same_order_and_classes():
    """A class that is missing in one side keeps the numbers of the others; a new one follows."""
    _, table = as_source((pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}), ["x", "y", "z"]), "train")

    x, y, again = tensors_of((pd.DataFrame({"b": [5, 5, 5], "a": [2, 2, 2]}), ["z", "y", "new"]), like=table)

    assert ([2.0, 5.0], [2, 1, 3]) == (x[0].tolist(), y.tolist())
    assert (("a", "b"), ("x", "y", "z", "new")) == (again.columns, again.classes)


LIKE = Table(columns=("a", "c"))


@pytest.mark.parametrize(
    ("given", "options", "error", "says"),
    [
        pytest.param(FRAME, {}, ConfigurationError, r'val=\(frame.drop.*frame\["price"\]', id="no-target"),
        pytest.param(
            FRAME.assign(y=1, label=2), {}, ConfigurationError, "2 of them named as a target", id="two-targets"
        ),
        pytest.param(FRAME["age"], {}, ConfigurationError, r"val=\(X, y\)", id="one-series"),
        pytest.param(np.zeros((3, 2)), {}, ConfigurationError, "shape \\(3, 2\\), without targets", id="one-array"),
        pytest.param("train.csv", {}, ConfigurationError, "is a str, wanted a", id="text"),
        pytest.param(3, {}, ConfigurationError, "is a int, wanted a", id="number"),
        pytest.param({"a": 1}, {}, ConfigurationError, "is a dict", id="dict"),
        pytest.param((FRAME, [1, 2]), {}, DataError, "X has 3 rows and y has 2", id="lengths-differ"),
        pytest.param((FRAME[:0], []), {}, DataError, "X has 0 rows", id="empty"),
        pytest.param((FRAME[["city"]], [1, 2, 3]), {}, DataError, "none of the 1 columns", id="only-text"),
        pytest.param(([[1, 2], [3]], [0, 1]), {}, DataError, "rows of X differ in length", id="ragged"),
        pytest.param((FRAME, ["a", None, "b"]), {}, DataError, "missing in 1 of 3 rows, the first is row 1", id="None"),
        pytest.param(
            (FRAME, pd.Series(["a", "b", None], dtype="category")), {}, DataError, "first is row 2", id="no-category"
        ),
        pytest.param((FRAME, pd.Series([1, "b", 2], dtype=object)), {}, DataError, "y holds int, str", id="mixed"),
        pytest.param(
            (np.zeros((400, 1)), [f"text {row}" for row in range(400)]),
            {},
            DataError,
            "400 different texts",
            id="names-of-no-classes",
        ),
        pytest.param(
            (FRAME, pd.to_datetime(pd.Series(["2020", "2021", "2022"]))), {}, DataError, "y holds", id="dates"
        ),
        pytest.param(
            (FRAME[["age", "paid"]], [1, 2, 3]),
            {"like": LIKE},
            DataError,
            "X lacks a, c and also has age, paid",
            id="other-columns",
        ),
    ],
)
def test_what_cannot_be_used_is_said(given, options, error, says):
    """The thing, what it is, what was wanted."""
    with pytest.raises(error, match=says):
        as_source(given, "val", **options)


def test_images_as_arrays_keep_their_form():
    """More than two dimensions are no table."""
    x, _, table = tensors_of((np.zeros((3, 8, 8, 3), dtype=np.uint8), [0, 1, 0]))

    assert (3, 8, 8, 3) == tuple(x.shape)
    assert () == table.columns


def test_the_users_arrays_are_not_shared():
    """Training on a copy cannot change them."""
    given = np.zeros((3, 2), dtype=np.float32)
    x, _, _ = tensors_of((given, [0, 1, 0]))
    x += 1

    assert 0 == given.max()


def test_pandas_is_not_imported(monkeypatch):
    """It may be absent, and takes half a second."""
    monkeypatch.delitem(sys.modules, "pandas")

    as_source((np.zeros((2, 2)), ["a", "b"]), "train")

    assert "pandas" not in sys.modules


@pytest.mark.parametrize(
    "target",
    [
        pytest.param((0, 1, 1), id="tuple"),
        pytest.param(pd.Categorical([0, 1, 1]), id="categorical"),
        pytest.param(pd.array([0, 1, 1], dtype="Int64"), id="nullable"),
        pytest.param(pd.Index([0, 1, 1]), id="index"),
    ],
)
def test_targets_in_any_column_are_targets(target):
    """Else features and target would be taken for two batches, and their rows for copies of each other."""
    _, targets, _ = tensors_of((np.zeros((3, 2)), target))

    assert [0, 1, 1] == targets.tolist()


def test_masked_values_are_missing():
    """What stands below a mask is no value."""
    masked = np.ma.masked_array(np.arange(6).reshape(3, 2), mask=[[0, 1], [0, 0], [0, 0]])
    features, *_ = tensors_of((masked, [0, 1, 1]))

    assert [[False, True], [False, False], [False, False]] == features.isnan().tolist()


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        pytest.param((csr_matrix(np.eye(3)), [0, 1, 1]), DataError, "X.toarray()", id="sparse"),
        pytest.param((np.eye(3), csr_matrix(np.eye(3))), DataError, "y.toarray()", id="sparse-target"),
        pytest.param((np.eye(3), np.zeros(3), np.zeros(3)), ConfigurationError, "train=(X, y)", id="three"),
        pytest.param((np.eye(3), None), ConfigurationError, "ndarray, NoneType", id="no-target"),
    ],
)
def test_tuples_that_are_no_pair_say_what_to_give(given, error, said):
    """Rather than being taken for batches."""
    with pytest.raises(error) as raised:
        as_source(given, "train")

    assert said in str(raised.value)


def test_a_tuple_of_batches_stays_one():
    """Each of them a pair of its own."""
    batches = ((torch.zeros(2, 3), torch.zeros(2)), (torch.zeros(2, 3), torch.zeros(2)))

    assert (batches, None) == as_source(batches, "train")
