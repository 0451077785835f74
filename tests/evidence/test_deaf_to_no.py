"""Losses of embeddings that want -1 for no are told by the gradient of their rows."""

import pytest
import torch
from torch.nn import functional

from autofix_nb.evidence.deaf_to_no import wants_signs

DICE = torch.Generator().manual_seed(0)
PAIRS = torch.randn(16, 2, 6, generator=DICE)
YES = (torch.arange(16) % 3 > 0).float()


def cosine(outputs, targets):
    return functional.cosine_embedding_loss(outputs[:, 0], outputs[:, 1], targets, margin=0.2)


def ranking(outputs, targets):
    return functional.margin_ranking_loss(outputs[:, 0].sum(1), outputs[:, 1].sum(1), targets, margin=0.5)


def contrastive(outputs, targets):
    away = (outputs[:, 0] - outputs[:, 1]).norm(dim=1)
    return (targets * away.square() + (1 - targets) * (2.0 - away).clamp(min=0).square()).mean()


@pytest.mark.parametrize(
    ("loss", "targets", "expected"),
    [
        pytest.param(cosine, YES, True, id="cosine-with-0"),
        pytest.param(ranking, YES, True, id="ranking-with-0"),
        pytest.param(cosine, 2 * YES - 1, False, id="cosine-with-signs"),
        pytest.param(contrastive, YES, False, id="contrastive-takes-0"),
        pytest.param(cosine, torch.ones(16), False, id="all-yes"),
    ],
)
def test_rows_of_no_that_are_not_heard(loss, targets, expected):
    """They must be heard with -1, and those of yes be as they were."""
    assert expected == wants_signs(loss, PAIRS, targets)
