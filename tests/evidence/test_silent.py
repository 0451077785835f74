"""Answers held at a bound for every row are found, where their targets lie elsewhere."""

import pytest
import torch

from autofix_nb.evidence.silent import FEWEST_ROWS, silent_columns

ROWS = 2 * FEWEST_ROWS
SUMS = torch.stack([torch.linspace(-1, 1, ROWS), torch.linspace(-3, -1, ROWS), torch.linspace(2, 3, ROWS)], 1)
WANTED = torch.rand(ROWS, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("end", "targets", "expected"),
    [
        pytest.param(torch.relu, WANTED, [False, True, False], id="relu"),
        pytest.param(lambda x: x.clamp(0, 1), WANTED, [False, True, True], id="clamp"),
        pytest.param(torch.relu, torch.zeros(ROWS, 3), [False, False, False], id="0-is-wanted"),
        pytest.param(
            lambda x: torch.relu(x.T.reshape(3, 1, ROWS).expand(-1, 4, -1).movedim(0, 1).repeat(4, 1, 1)),
            torch.rand(16, 3, ROWS, generator=torch.Generator().manual_seed(1)),
            [False, True, False],
            id="places-are-rows",
        ),
        pytest.param(torch.sigmoid, WANTED, [False, False, False], id="nothing-is-cut"),
        pytest.param(torch.relu, WANTED[:, :1], [False, False, False], id="other-shapes"),
    ],
)
def test_answers_that_are_silent_in_all_rows(end, targets, expected):
    """Column by column."""
    assert expected == silent_columns(end(SUMS.clone().requires_grad_()), targets).tolist()


def test_few_rows_are_silent_by_accident():
    """Nothing is said of them."""
    rows = FEWEST_ROWS - 1

    assert not silent_columns(torch.relu(SUMS[:rows].clone().requires_grad_()), WANTED[:rows]).any()
