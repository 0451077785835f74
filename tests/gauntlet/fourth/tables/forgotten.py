"""Parameters that are frozen, cut off, or not with the optimizer."""

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.fourth.tables import models, sets
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, spoilt


class Ladder(nn.Module):
    """Three hidden layers and a head; `cut` detaches what the head gets."""

    def __init__(self, *, cut: bool = False) -> None:
        super().__init__()
        self.cut = cut
        self.hidden = dense(2, 12, 12, 12, activation=nn.Tanh, end=nn.Tanh())
        self.head = nn.Linear(12, 3)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        features = self.hidden(points)
        return self.head(features.detach() if self.cut else features)


shops = Recipe(data=sets.shops, net=lambda: models.Codes(width=2), optimizer=adam(0.01), batch=50, epochs=15)
ratings = Recipe(
    data=sets.ratings,
    net=models.Taste,
    optimizer=adam(0.01, weight_decay=1e-5),
    loss=nn.L1Loss,
    score=score.fit,
    batch=40,
    epochs=12,
)
spiral = Recipe(data=sets.spiral, net=Ladder, optimizer=adam(0.01), batch=40, epochs=30)
hastie = Recipe(
    data=sets.hastie,
    net=lambda: dense(10, 20, 20, 1),
    optimizer=adam(3e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=40,
    epochs=15,
)


def only_the_head(net: nn.Module) -> torch.optim.Optimizer:
    """Return Adam for the head alone."""
    return torch.optim.Adam(net.head.parameters(), lr=5e-3)


def frozen_films() -> nn.Module:
    """Return the tastes with all that belongs to a film frozen."""
    net = models.Taste()
    net.films.requires_grad_(False)
    net.good.requires_grad_(False)
    return net


def frozen_first() -> nn.Module:
    """Return a net of which only the last layer is left to train."""
    net = dense(10, 20, 20, 1)
    for layer in net[:-1]:
        layer.requires_grad_(False)
    return net


CASES = [
    spoilt(
        "d_shops_vectors_left_out", "B07 G04", shops, "The optimizer got the head alone, the vectors stay as drawn.",
        optimizer=only_the_head,
    ),
    spoilt(
        "d_ratings_films_frozen", "G04 B07", ratings, "All that belongs to a film is frozen since an experiment.",
        net=frozen_films,
    ),
    spoilt(
        "d_spiral_detached", "G04 B07", spiral, "A detach before the head keeps the hidden layers as they were drawn.",
        aim="name", net=lambda: Ladder(cut=True),
    ),
    spoilt(
        "d_hastie_frozen_by_loop", "G04 B07", hastie, "A loop meant for a pretrained net froze a fresh one.",
        net=frozen_first,
    ),
]  # fmt: skip
