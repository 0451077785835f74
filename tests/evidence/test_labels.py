"""Labels: a number for each sample, or a short row of numbers; else none at all."""

import numpy as np
import pytest

from autofix_nb.evidence.labels import Labels


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        pytest.param([np.array([1, 2]), np.array([3])], [1, 2, 3], id="numbers"),
        pytest.param([np.array([[1.0], [2.0]]), np.array([[3.0]])], [1.0, 2.0, 3.0], id="a-column"),
        pytest.param([np.eye(2), np.zeros((1, 2))], [[1, 0], [0, 1], [0, 0]], id="rows"),
        pytest.param([np.array([1, 2]), None], None, id="one-without"),
        pytest.param([np.array([1, 2]), np.zeros((1, 2))], None, id="of-two-forms"),
        pytest.param([np.zeros((3, 600))], None, id="too-wide"),
        pytest.param([np.zeros((3, 2, 2))], None, id="pictures"),
        pytest.param([np.zeros(2)], None, id="too-few"),
    ],
)
def test_labels_of_three_samples(added, expected):
    """All of them, or none."""
    labels, rest = Labels(), 3
    for part in added:
        labels.add(part, rest if part is None else len(part))
        rest -= 0 if part is None else len(part)

    joined = labels.joined(3)

    assert expected == (None if joined is None else joined.tolist())
