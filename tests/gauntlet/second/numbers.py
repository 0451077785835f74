"""Numbers that are none: from rows, from logarithms, roots and quotients in losses and nets, from one bad step."""

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet.case import Training
from tests.gauntlet.data import Data
from tests.gauntlet.recipe import Recipe, adam, spoilt
from tests.gauntlet.second.tasks import (
    BARS,
    CANCER,
    CIRCUIT,
    COPIES,
    COUNTS,
    DIGITS,
    HASTIE,
    MOONS,
    NORMED,
    PHASE,
    RATINGS,
    ROWS,
    SIGNS,
    TAGS,
    TILES,
    TONES,
    WINE,
)


def hit(recipe: Recipe, rows: list[int], value: float, *, targets: bool = False) -> Data:
    """Return the data of a recipe in which some training rows have one number replaced."""
    data = recipe.data()
    part = (data.targets if targets else data.inputs).clone()
    for row in rows:
        part[row].view(-1)[row % part[row].numel()] = value
    return data._replace(targets=part) if targets else data._replace(inputs=part)


def logarithm_of_probability(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy by hand, with the logarithm of a sigmoid that reaches 0."""
    chance = (40 * outputs).sigmoid()
    return -(targets * chance.log() + (1 - targets) * (1 - chance).log()).mean()


def softmax_by_hand(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy with exponentials that overflow."""
    powers = (25 * outputs).exp()
    return -(powers.gather(1, targets[:, None]) / powers.sum(1, keepdim=True)).log().mean()


def with_distances(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, and the mean distance of all pairs; the root has no gradient at 0."""
    distances = (outputs[:, None] - outputs[None]).square().sum(2).sqrt()
    return functional.cross_entropy(outputs, targets) - 1e-3 * distances.mean()


def with_the_wrong(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, and how sure the wrong answers are: 0 / 0 where all are right."""
    wrong = (outputs.argmax(1) != targets).float()
    return functional.cross_entropy(outputs, targets) + 0.01 * (wrong * outputs.amax(1)).sum() / wrong.sum()


def share_of_the_target(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The error as a share of the target, which may be 0."""
    return ((outputs.exp() - targets) / targets).abs().mean()


def cosine_by_hand(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Squared error, and the cosine to the target without a floor under its lengths."""
    wanted = targets.clamp(min=0.5) - 0.5
    cosine = (outputs * wanted).sum(1) / (outputs.norm(dim=1) * wanted.norm(dim=1))
    return (outputs - targets).square().mean() + 0.01 * (1 - cosine).mean()


class ByBatch(nn.Module):
    """Divides each feature by its spread in the batch, which may be 0."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return (inputs - 0.3) / 0.37
        return (inputs - inputs.mean(0)) / inputs.std(0)


class Powers(nn.Module):
    """Raises to a power that is no whole number, which negative numbers have not."""

    def __init__(self, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.body, self.head = body, head

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head((self.body(inputs) + 1.5) ** 0.5)


def broken_at(step: int, value: float = float("nan"), part: int = 0):
    """Return what spoils one number of a parameter after a step, as a bad memory cell would."""

    def last(training: Training) -> None:
        taken = [0]

        def spoil(optimizer, *_) -> None:
            taken[0] += 1
            if taken[0] == step:
                with torch.no_grad():
                    optimizer.param_groups[0]["params"][part].view(-1)[0] = value

        training.optimizer.register_step_post_hook(spoil)

    return last


def bad_gradient_at(step: int):
    """Return what makes one gradient infinite at a backward pass."""

    def last(training: Training) -> None:
        taken = [0]

        def spoil(gradient: torch.Tensor) -> torch.Tensor:
            taken[0] += 1
            return gradient * float("inf") if taken[0] == step else gradient

        next(training.model.parameters()).register_hook(spoil)

    return last


NAN, INF = float("nan"), float("inf")

CASES = [
    spoilt("b_nan_in_two_waves", "G03 D07", TONES, "two of 600 sequences hold a number that is none",
           data=lambda: hit(TONES, [17, 403], NAN)),
    spoilt("b_inf_in_a_tile", "G03 D07", TILES, "one photo tile has an infinite pixel",
           data=lambda: hit(TILES, [250], INF)),
    spoilt("b_nan_in_targets", "G03 D07", CIRCUIT, "five of 600 targets are missing",
           data=lambda: hit(CIRCUIT, [3, 99, 200, 401, 555], NAN, targets=True)),
    spoilt("b_a_tenth_of_a_table_missing", "D07 G03", HASTIE, "160 of 1600 rows miss a feature",
           data=lambda: hit(HASTIE, list(range(0, 1600, 10)), NAN)),
    spoilt("b_minus_inf_ratings", "G03 D07", RATINGS, "three ratings are the logarithm of 0",
           data=lambda: hit(RATINGS, [8, 300, 777], -INF, targets=True)),
    spoilt("b_nan_in_several_labels", "G03 D07", TAGS, "thirty rows miss one of their five labels",
           data=lambda: hit(TAGS, list(range(5, 785, 26)), NAN, targets=True)),
    spoilt("b_logarithm_of_nothing", "G03", HASTIE, "cross-entropy by hand: the logarithm of 0",
           loss=lambda: logarithm_of_probability),
    spoilt("b_exponentials_overflow", "G03", NORMED, "a softmax by hand, whose exponentials overflow",
           loss=lambda: softmax_by_hand),
    spoilt("b_root_of_nothing", "G03", NORMED, "distances of all pairs by hand: each row is 0 from itself",
           loss=lambda: with_distances),
    spoilt("b_share_of_a_count_of_nothing", "G03", COUNTS, "the error is divided by counts, some of which are 0",
           loss=lambda: share_of_the_target, aim="name"),
    spoilt("b_mean_of_none", "G03", MOONS, "a mean over the wrong ones of a batch, of which there may be none",
           loss=lambda: with_the_wrong),
    spoilt("b_spread_of_one_row", "G03", ROWS,
           "the spread of each class's answers, where a class has one row", batch=20,
           loss=lambda: lambda outputs, targets: functional.cross_entropy(outputs, targets)
           + 0.01 * outputs[targets == targets[0]].std(0).mean()),
    spoilt("b_cosine_of_nothing", "G03", COPIES, "a cosine without a floor under its lengths, and empty targets",
           loss=lambda: cosine_by_hand, data=lambda: empty(COPIES)),
    spoilt("b_feature_without_spread", "G03 D07", DIGITS,
           "each batch is divided by its spread, which is 0 at the edge",
           net=lambda: nn.Sequential(ByBatch(), *DIGITS.net()), aim="name"),
    spoilt("b_power_of_a_negative", "G03", WINE, "a hidden layer goes through a square root",
           net=lambda: Powers(nn.Linear(13, 24), nn.Linear(24, 3)), aim="name"),
    spoilt("b_weight_turns_nan", "G03", BARS, "one weight is NaN after step 60", last=broken_at(60)),
    spoilt("b_weight_turns_huge", "G03 L10", PHASE,
           "one weight is 1e20 after step 100", last=broken_at(100, 1e20)),
    spoilt("b_embedding_turns_inf", "G03", SIGNS, "one number of the embeddings is infinite after step 150",
           last=broken_at(150, INF)),
    spoilt("b_one_infinite_gradient", "G03", CANCER, "one backward pass gives infinite gradients",
           last=bad_gradient_at(25), optimizer=adam(1e-2)),
]  # fmt: skip
"""Each beside its twin, all of whose numbers are some."""


def empty(recipe: Recipe) -> Data:
    """Return the data with a few training pictures that are empty."""
    data = recipe.data()
    inputs = data.inputs.clone()
    inputs[::140] = 0
    return data._replace(inputs=inputs, targets=inputs)
