"""What bounded scores can come to is told by the last operation of the graph and its bounds."""

import pytest
import torch
from torch.nn import functional

from autofix_nb.evidence.reach import ceiling_of

SUMS = torch.linspace(-2, 2, 12).reshape(4, 3)


@pytest.mark.parametrize(
    ("end", "takes", "expected"),
    [
        pytest.param(lambda x: x.clamp(0, 1), "logits", "clamp", id="clamped-scores"),
        pytest.param(functional.hardtanh, "logits", "clamp", id="hardtanh"),
        pytest.param(functional.softplus, "yes-or-no logits", "softplus", id="never-no"),
        pytest.param(functional.logsigmoid, "yes-or-no logits", "logsigmoid", id="never-yes"),
        pytest.param(lambda x: x.clamp(min=0), "yes-or-no logits", "clamp", id="cut-at-0"),
        pytest.param(functional.relu6, "logits", None, id="six-is-enough"),
        pytest.param(lambda x: x.clamp(-10, 10), "yes-or-no logits", None, id="far-bounds"),
        pytest.param(functional.softplus, "logits", None, id="one-side-of-classes"),
        pytest.param(functional.softplus, "numbers", None, id="numbers"),
        pytest.param(torch.sigmoid, "logits", None, id="named-elsewhere"),
        pytest.param(lambda x: 2 * x, "logits", None, id="no-bounds"),
    ],
)
def test_the_ceiling_of_bounded_scores(end, takes, expected):
    """None where nothing bounds them, or far away enough."""
    found = ceiling_of(end(SUMS.clone().requires_grad_()), takes, 3)

    assert expected == (None if found is None else found.ends_in)
