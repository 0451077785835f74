"""Columns made into numbers; whole frames are tested with `as_source`."""

import numpy as np
import pandas as pd
import pytest

from autofix_nb.evidence.tabular import column_name, read_features, read_targets


@pytest.mark.parametrize(("column", "name"), [("a", "a"), (3, "3"), (("a", ""), "a"), (("a", 1), "a.1")])
def test_a_column_has_a_name_in_one_text(column, name):
    """Levels are joined, empty ones left out."""
    assert name == column_name(column)


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        (pd.array([1, None], dtype="Int64"), True),
        (pd.array([1.5, None], dtype="Float32"), True),
        (pd.array([True, None], dtype="boolean"), True),
        (np.array([1e300, 0.0]), True),
        (np.array([1 + 2j, 0]), False),
        (pd.array(["a", None], dtype="string"), False),
        (pd.to_timedelta([1, 2]), False),
        (pd.period_range("2020", periods=2, freq="D"), False),
        (pd.Categorical([1, 2]), False),
        (pd.arrays.SparseArray([0.0, 1.0]), True),
    ],
)
def test_which_columns_hold_numbers(column, kept):
    """Of whatever type pandas knows; those out of float32's range are infinite, and no warning."""
    matrix, names, texts = read_features(pd.DataFrame({"it": column, "other": [1, 2]}), "train")

    assert (["it", "other"] if kept else ["other"], [] if kept else ["it"]) == (names, texts)
    assert (2, len(names)) == tuple(matrix.shape)


def test_known_classes_keep_their_numbers():
    """In any order, and with new ones behind them."""
    targets, classes = read_targets(["b", "new", "a"], "val", ("b", "a"))

    assert ([0, 2, 1], ("b", "a", "new")) == (targets.tolist(), classes)
