"""A softmax or a sigmoid inside a loss that applies it again is told by the numbers alone."""

import pytest
import torch
from torch.nn import functional

from autofix_nb.evidence.squashed import squashed

CLASSES = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
YES = CLASSES[0][:, :1], torch.tensor([[0.0], [1.0]] * 4)


def parts(outputs, targets):
    return {"class": functional.cross_entropy(functional.softmax(outputs, dim=1), targets)}


@pytest.mark.parametrize(
    ("loss", "data", "wanted"),
    [
        pytest.param(parts, CLASSES, "squashed_classes", id="softmax-before-cross-entropy"),
        pytest.param(
            lambda o, t: functional.binary_cross_entropy_with_logits(o.sigmoid(), t),
            YES,
            "squashed_yes_or_no",
            id="sigmoid-before-a-loss-of-scores",
        ),
        pytest.param(functional.cross_entropy, CLASSES, "", id="scores"),
        pytest.param(functional.binary_cross_entropy_with_logits, YES, "", id="scores-of-yes"),
        pytest.param(lambda o, t: functional.nll_loss(o.log_softmax(1), t), CLASSES, "", id="log-probabilities"),
        pytest.param(lambda o, t: functional.binary_cross_entropy(o.sigmoid(), t), YES, "", id="probabilities"),
        pytest.param(functional.mse_loss, YES, "", id="squares"),
        pytest.param(functional.multi_margin_loss, (YES[0], CLASSES[1]), "", id="one-column"),
    ],
)
def test_a_loss_that_squashes_scores_twice_is_told(loss, data, wanted):
    """And no other."""
    assert wanted == squashed(loss, *data)
