"""Parts that do not train: frozen, forgotten, cut off, all alike; and gradients clipped too hard."""

import torch
from torch import nn

from tests.gauntlet.case import Training
from tests.gauntlet.nets import dense, drawn
from tests.gauntlet.recipe import sgd, spoilt
from tests.gauntlet.second import shapes
from tests.gauntlet.second.signals import scaled
from tests.gauntlet.second.tasks import (
    BARS_ADDED,
    CONV,
    DIGITS,
    HASTIE,
    MOONS,
    NORMED,
    RATINGS,
    RECALL,
    RINGS,
    ROWS,
    SIGNS,
    TAGS,
    TILES,
    TONES,
)


def frozen(net: nn.Module, *parts: str) -> nn.Module:
    """Return the net with the parameters of some parts frozen."""
    for name, weight in net.named_parameters():
        if name.startswith(parts):
            weight.requires_grad_(False)
    return net


def forgotten(make, keep):
    """Return what makes an optimizer of the parameters whose name is kept."""
    return lambda net: make([weight for name, weight in net.named_parameters() if keep(name)])


def hooked(change, part: str = ""):
    """Return what makes every gradient of a part go through a change on its way."""

    def last(training: Training) -> None:
        for name, weight in training.model.named_parameters():
            if name.startswith(part):
                weight.register_hook(change)

    return last


def clipped(most: float, *, norm: bool = True):
    """Return what clips the gradients before each step of the optimizer."""

    def last(training: Training) -> None:
        weights = list(training.model.parameters())

        def clip(*_) -> None:
            if norm:
                nn.utils.clip_grad_norm_(weights, most)
            else:
                nn.utils.clip_grad_value_(weights, most)

        training.optimizer.register_step_pre_hook(clip)

    return last


class Cut(shapes.Residual):
    """Its body's answer loses its graph on the way to the head."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        states = self.stem(inputs.flatten(1)) * 0.1
        for block in self.blocks:
            states = block(states)
        return self.head(states.detach())


class Rounded(nn.Module):
    """Rounds what a body says, which has no gradient."""

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(torch.round(self.body(inputs)))


class Unwatched(shapes.Listener):
    """Its body runs without gradients, as in feature extraction, though nothing trained it before."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            found = self.body(inputs.transpose(1, 2)).mean(2)
        return self.head(found)


def replaced_head(net: nn.Module) -> torch.optim.Optimizer:
    """Return an optimizer made before the head was replaced."""
    made = torch.optim.Adam(net.parameters(), lr=1e-2)
    net.body = nn.GRU(8, 32, batch_first=True)
    net.head = nn.Linear(32, 10)
    return made


NOT_TRAINING = [
    spoilt("b_all_weights_zero", "G04", NORMED, "all matrices begin as zeros in a net without norms",
           net=lambda: drawn(dense(64, 64, 10), nn.init.zeros_)),
    spoilt("b_constant_weights", "G04 L05", RINGS, "all first weights are the same number, so all units are",
           net=lambda: drawn(dense(2, 32, 32, 3), lambda weight: nn.init.constant_(weight, 0.1))),
    spoilt("b_detached_body", "G04 B07", BARS_ADDED, "the body's answer is detached before the head",
           aim="name", net=lambda: Cut(144, 48, 4)),
    spoilt("b_rounded_features", "G04 B07", DIGITS, "what the body says is rounded, which has no gradient",
           aim="name", net=lambda: Rounded(dense(64, 128, 64), nn.Sequential(nn.Linear(64, 10), nn.LogSoftmax(1)))),
    spoilt("b_body_without_gradients", "G04 B07", TONES, "the untrained body runs under no_grad",
           aim="name", net=Unwatched),
    spoilt("b_optimizer_has_the_old_layers", "G04 B07", ROWS,
           "body and head are replaced after the optimizer was made", optimizer=replaced_head),
    spoilt("b_optimizer_has_the_biases", "G04 B07", CONV, "a filter by name gives the optimizer the biases only",
           optimizer=forgotten(lambda weights: torch.optim.RMSprop(weights, lr=2e-3), lambda name: "bias" in name)),
    spoilt("b_optimizer_lacks_the_embeddings", "G04 B07", RATINGS, "the optimizer has the users' offsets only",
           optimizer=forgotten(lambda weights: torch.optim.Adam(weights, lr=2e-2), lambda name: "bias" in name)),
    spoilt("b_frozen_embeddings_of_zero", "G04 B07", SIGNS, "the embeddings are nearly zero, and frozen",
           net=lambda: frozen(scaled(shapes.Bag(), 1e-3, "words"), "words")),
    spoilt("b_hook_of_zeros", "G04", TAGS, "a forgotten hook multiplies the first layer's gradients by 0",
           aim="name", net=lambda: dense(20, 2, 64, 5), last=hooked(lambda gradient: gradient * 0, "0.")),
    spoilt("b_hook_turns_the_gradient", "L01 L05", HASTIE, "a hook for another loss turns all gradients around",
           aim="name", last=hooked(lambda gradient: -gradient)),
    spoilt("b_frozen_convolutions", "G04 B07", TILES, "the convolutions are frozen though untrained",
           net=lambda: frozen(scaled(shapes.convolved(3, 16, 1), 0.05), "0.", "2.")),
]  # fmt: skip

CLIPPED = [
    spoilt("b_norm_clipped_at_0.001", "G06 L02", MOONS, "the norm of the gradients is clipped at 0.001",
           last=clipped(1e-3)),
    spoilt("b_values_clipped_at_0.00001", "G06 L02", TONES, "each value of the gradients is clipped at 0.00001",
           optimizer=sgd(0.3, momentum=0.9), last=clipped(1e-5, norm=False)),
    spoilt("b_hook_clamps", "G06 L02", TILES, "hooks clamp each gradient at 0.0001, one by one",
           last=hooked(lambda gradient: gradient.clamp(-1e-4, 1e-4))),
    spoilt("b_norm_clipped_in_a_sum", "G06 L02", RECALL, "the norm is clipped at 0.01 with SGD in a GRU",
           optimizer=sgd(0.1), last=clipped(0.01)),
]  # fmt: skip

CASES = [*NOT_TRAINING, *CLIPPED]
"""Each beside a twin all of whose parts train."""
