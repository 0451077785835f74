"""Columns of text: what they hold is told by their values."""

import numpy as np
import pytest

from autofix_nb.evidence.text_kinds import text_kinds

pandas = pytest.importorskip("pandas")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param(["2024-01-05", "2024-02-17", None], "dates", id="dates-as-text"),
        pytest.param(["5/1/2024 10:30", "17/2/2024 9:00"], "dates", id="with-times"),
        pytest.param(pandas.to_datetime(["2024-01-05", "2024-02-17"]), "dates", id="dates"),
        pytest.param(["1.5", "-2", "3e4"], "numbers", id="numbers-as-text"),
        pytest.param(["1,200", "$3,400.50", "12%"], "numbers", id="with-signs"),
        pytest.param([*map(str, range(30)), "unknown"], "numbers", id="one-is-none"),
        pytest.param(["red", "blue", "red"], "few", id="colours"),
        pytest.param(pandas.Categorical(["1", "2"]), "few", id="categories-of-numbers"),
        pytest.param([f"name {place}" for place in range(50)], "many", id="names"),
        pytest.param([None, None], "few", id="nothing"),
    ],
)
def test_kinds_are_told_by_the_values(values, kind):
    """Of a column each."""
    frame = pandas.DataFrame({"a": np.arange(len(values)), "b": values})

    assert (kind,) == text_kinds(frame, ["b"])


def test_of_arrays_nothing_is_known():
    """They have no columns to be named."""
    assert () == text_kinds(np.array([["a"], ["b"]]), ["feature 0"])
