"""Sick nets on made-up texts: what a review feels, and which letter comes next."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.fourth.signals.bodies import Critic, Speller, letters_right
from tests.gauntlet.fourth.signals.material import letters, reviews
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt

FEELING = Recipe(data=reviews, net=Critic, optimizer=adam(5e-3), batch=40, epochs=8)
BAG = replace(FEELING, net=lambda: Critic(attend=False), optimizer=adam(0.01), epochs=8)
PRAISE = replace(
    BAG,
    data=lambda: reviews(rare=True),
    net=lambda: Critic(2, attend=False),
    optimizer=sgd(0.3, momentum=0.9),
    loss=lambda: nn.CrossEntropyLoss(weight=torch.tensor([1.0, 20.0])),
    score=score.balanced,
    epochs=10,
)
SPELLING = Recipe(
    data=letters,
    net=Speller,
    optimizer=adam(0.01),
    loss=lambda: nn.CrossEntropyLoss(ignore_index=0),
    score=letters_right,
    batch=18,
    epochs=8,
)


def _wide_lookup() -> nn.Module:
    net = Critic(attend=False)
    nn.init.normal_(net.lookup.weight, 0.0, 60.0)
    return net


def _new_lookup(net: Any) -> torch.optim.Optimizer:
    """Make the optimizer, then a new lookup for a new list of words, as when cells run in the wrong order."""
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    net.lookup = nn.Embedding(120, 6)
    nn.init.normal_(net.lookup.weight, 0.0, 0.05)
    return optimizer


def _asleep() -> nn.Module:
    net = Critic(attend=False)
    nn.init.normal_(net.lookup.weight, 0.0, 0.1)
    nn.init.constant_(net.mixer[0].bias, -3.0)
    return net


def _later_letters(least: int) -> Any:
    """Return a step that leaves out the first three letters, which nobody can foretell well, and weighs texts alike."""

    def step(model: Any, batch: Any) -> torch.Tensor:
        texts, targets = batch
        outputs, targets = model(texts)[:, :, 3:], targets[:, 3:]
        told = (targets > 0).float()
        losses = told * functional.cross_entropy(outputs, targets, reduction="none")
        return (losses.sum(1) / told.sum(1).clamp(min=least)).mean()

    return step


def _endless_warm_up(optimizer: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 200_000))


def _warm_up(optimizer: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 20))


CASES = [
    spoilt("d_feeling_hot_adam", "L01", FEELING, "Adam at 0.15 for a transformer.", optimizer=adam(0.15)),
    spoilt(
        "d_feeling_endless_warm_up",
        "L02",
        replace(FEELING, scheduler=_warm_up, when="step"),
        "The warm-up was counted in texts and not in steps, and never ends.",
        scheduler=_endless_warm_up,
    ),
    spoilt(
        "d_feeling_new_lookup",
        "B07 G04",
        replace(BAG, net=lambda: Critic(width=6, attend=False)),
        "The lookup was replaced after the optimizer was made, which trains all but the new one.",
        optimizer=_new_lookup,
    ),
    spoilt(
        "d_feeling_likelihood_of_logits",
        "B08 L01",
        BAG,
        "The negative log-likelihood takes logits for log-probabilities, and falls without end.",
        loss=nn.NLLLoss,
        optimizer=adam(0.05),
    ),
    spoilt("d_feeling_wide_lookup", "B08", BAG, "The lookup is drawn with a deviation of 60.", net=_wide_lookup),
    spoilt("d_feeling_asleep", "G07", BAG, "Biases of -3 over small inputs: no unit of the layer speaks.", net=_asleep),
    spoilt(
        "d_feeling_old_adagrad",
        "L02",
        BAG,
        "Adagrad at 0.0003, whose steps only become smaller.",
        optimizer=lambda net: torch.optim.Adagrad(net.parameters(), lr=3e-4),
    ),
    spoilt(
        "d_praise_rare",
        "D01 L06",
        PRAISE,
        "Few reviews are very good, and nothing makes them count for more.",
        loss=nn.CrossEntropyLoss,
        optimizer=sgd(0.02, momentum=0.9),
    ),
    spoilt(
        "d_spelling_short_texts",
        "G03 B06",
        replace(SPELLING, loss=None, step=_later_letters(1)),
        "The loss of a text is divided by its letters after the third, and the shortest have none: 0 / 0.",
        step=_later_letters(0),
    ),
    spoilt(
        "d_spelling_storm",
        "L01 L10",
        SPELLING,
        "RMSprop at 0.3 with momentum.",
        optimizer=lambda net: torch.optim.RMSprop(net.parameters(), lr=0.3, momentum=0.9),
    ),
]
