"""Too much or too little fit, rare classes, terms and goals at odds: the loss falls, and the task gains nothing."""

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from tests.gauntlet import score
from tests.gauntlet.data import Data, digits, noisy_labels, rare
from tests.gauntlet.nets import dense
from tests.gauntlet.recipe import Recipe, adam, sgd, spoilt
from tests.gauntlet.second import sets, shapes
from tests.gauntlet.second.tasks import (
    BARS,
    BARS_ADDED,
    CIRCUIT,
    COPIES,
    DIABETES,
    HASTIE,
    HEADS,
    MOONS,
    NAMED,
    NORMED,
    PHASE,
    SPOTS,
    SUMS,
    WINE,
    adamw,
    heads_step,
    ink,
)

NOISY_DIGITS = Recipe(
    data=lambda: noisy_labels(sets.fewer(digits(), 600), 0.5), net=lambda: dense(64, 64, 10, dropout=0.5),
    optimizer=adam(2e-3, weight_decay=1e-3), batch=24, epochs=8,
)  # fmt: skip
FEW_PATIENTS = replace(DIABETES, data=lambda: sets.fewer(sets.diabetes(), 150), loss=nn.MSELoss, epochs=20)
RARE = Recipe(
    data=lambda: rare(0.03, apart=0.8), net=lambda: dense(10, 32, 2), optimizer=adam(5e-3), score=score.balanced,
    loss=lambda: nn.CrossEntropyLoss(weight=torch.tensor([1.0, 20.0])), epochs=10,
)  # fmt: skip
RARE_YES = Recipe(
    data=lambda: yes(rare(0.06, apart=0.8)), net=lambda: dense(10, 24, 1), optimizer=adam(5e-3), score=score.f1,
    loss=lambda: nn.BCEWithLogitsLoss(pos_weight=torch.tensor(6.0)), batch=40, epochs=12,
)  # fmt: skip
THIN = Recipe(
    data=lambda: thin_digits(), net=lambda: dense(64, 64, 10), optimizer=adam(3e-3), score=score.balanced,
    loss=lambda: nn.CrossEntropyLoss(weight=torch.tensor([1.0, *[12.0] * 9])), batch=20, epochs=12,
)  # fmt: skip
TWO_TARGETS = Recipe(
    data=lambda: two_targets(), net=lambda: dense(4, 48, 2), optimizer=adam(1e-2), score=lambda *given: second(*given),
    loss=nn.MSELoss, batch=30, epochs=15,
    metrics={"error": lambda outputs, targets: float((outputs[:, 1] - targets[:, 1]).abs().mean())},
    goal=("error", "min"),
)  # fmt: skip


def yes(data: Data) -> Data:
    """Return class numbers 0 and 1 as targets (N, 1)."""
    return sets.with_targets(data, lambda targets: targets[:, None].float())


def thin_digits() -> Data:
    """Return all noughts, and twelve of each other digit."""
    data = digits()
    for label in range(1, 10):
        data = sets.thinned(data, label, 12)
    return data


def two_targets(loud: float = 1.0) -> Data:
    """Return two targets of the same inputs, of which the first can be loud."""
    data = sets.circuit()
    first, val_first = (loud * (inputs[:, :1] - inputs[:, 1:2]) for inputs in (data.inputs, data.val_inputs))
    return data._replace(
        targets=torch.cat([first, data.targets], 1), val_targets=torch.cat([val_first, data.val_targets], 1)
    )


def second(model: nn.Module, data: Data, threshold: float | None = None) -> float:
    """Share of the variance of the second target that is explained."""
    kept = data._replace(val_targets=data.val_targets[:, 1:])
    return score.fit(Second(model), kept)


class Second(nn.Module):
    """The second answer of a model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.model(inputs)[:, 1:]


def easy_rows(share: float) -> Data:
    """Return moons among rows far off that anyone can tell; only the moons are validated."""
    data = sets.fewer(sets.moons(), 400)
    rows = round(400 * share / (1 - share))
    random = torch.Generator().manual_seed(7)
    labels = torch.randint(0, 2, (rows,), generator=random)
    points = torch.randn(rows, 2, generator=random) * 0.1 + torch.tensor([4.0, 0.0])
    points[labels == 0] = points[labels == 0] - torch.tensor([8.0, 0.0])
    return data._replace(inputs=torch.cat([data.inputs, points]), targets=torch.cat([data.targets, labels]))


def decayed(model: nn.Module, strength: float) -> torch.Tensor:
    """Return a penalty on all weights."""
    return strength * sum(weight.abs().sum() for weight in model.parameters())


def penalised(base, strength: float):
    """Return a step whose second part pulls all weights to 0."""

    def step(model: nn.Module, batch) -> dict[str, torch.Tensor]:
        inputs, targets = batch
        return {"task": base(model(inputs), targets), "sparse": decayed(model, strength)}

    return step


def still(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
    """Squared error, and beside it a strong wish for small answers."""
    return {"error": functional.mse_loss(outputs, targets), "small": 5 * outputs.square().mean()}


def smooth(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
    """Squared error, and beside it a wish that all answers of a batch be the same."""
    return {"error": functional.mse_loss(outputs, targets), "same": 8 * outputs.std(0).square().mean()}


def evenness(answer: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of a second head that says whether a digit is even."""
    return functional.cross_entropy(answer, targets % 2)


def wrong_way(answer: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return how far the second head's ten numbers are from what the pixels' order says, in thousands."""
    return (1000 * (answer - inputs[:, ::7].sum(1, keepdim=True))).square().mean()


OVER = [
    spoilt("b_learns_wrong_digits", "L04 D10", NOISY_DIGITS, "half of 600 digits are labelled anew, and learnt",
           net=lambda: dense(64, 512, 10), optimizer=adam(5e-3), epochs=36),
    spoilt("b_learns_patients_by_heart", "L04 D05", FEW_PATIENTS, "a wide net learns 150 patients by heart",
           net=lambda: dense(10, 256, 256, 1), optimizer=adam(3e-3), epochs=60),
    spoilt("b_residual_learns_patients", "L04", DIABETES, "residual blocks on a small table, for sixty epochs",
           net=lambda: shapes.Residual(10, 96, 1), optimizer=adamw(2e-3, weight_decay=0.0), epochs=45),
]  # fmt: skip

UNDER = [
    spoilt("b_dropout_of_0.97", "L05", WINE, "97 of 100 units are dropped",
           net=lambda: dense(13, 24, 24, 3, dropout=0.97)),
    spoilt("b_dropout_of_0.9_in_a_regression", "L05", CIRCUIT, "nine of ten units are dropped in a regression",
           net=lambda: dense(4, 48, 48, 1, dropout=0.9)),
    spoilt("b_decay_of_1_with_momentum", "L05", NORMED, "SGD with a weight decay of 1, without norms",
           net=lambda: dense(64, 64, 64, 10), optimizer=sgd(0.05, momentum=0.9, weight_decay=1.0)),
    spoilt("b_decay_of_a_conv_net", "L05", BARS, "Adam with an L2 of 1", net=lambda: shapes.convolved(1, 12, 4),
           optimizer=adam(3e-3, weight_decay=1.0)),
    spoilt("b_decay_of_a_sum", "L05", SUMS,
           "Adam with an L2 of 0.5 in an LSTM", optimizer=adam(1e-2, weight_decay=0.5)),
    spoilt("b_one_unit_for_moons", "L05", MOONS, "a single hidden unit", net=lambda: dense(2, 1, 2), aim="name"),
    spoilt("b_a_line_for_spheres", "L05", HASTIE, "a linear model of a sphere", net=lambda: dense(10, 1),
           aim="name"),
    spoilt("b_one_number_for_a_picture", "L05", COPIES, "an autoencoder of a single number",
           net=lambda: shapes.Squeeze(1), aim="name"),
]  # fmt: skip

COLLAPSED = [
    spoilt("b_three_of_a_hundred", "L06 D01", RARE,
           "three of a hundred rows are of the second class, unweighted",
           loss=nn.CrossEntropyLoss, optimizer=sgd(0.02)),
    spoilt("b_noughts_and_little_else", "D01 L06", THIN, "a class holds half of all rows, and learning is short",
           loss=nn.CrossEntropyLoss, optimizer=sgd(0.03), **NAMED),
    spoilt("b_rare_yes_below_the_threshold", "L09 D01", RARE_YES, "a rare yes that seldom reaches 0.5",
           loss=nn.BCEWithLogitsLoss, optimizer=adam(1e-3), epochs=8),
    spoilt("b_spots_below_the_threshold", "L09 D01", SPOTS, "four pixels of a hundred are yes, unweighted",
           loss=nn.BCEWithLogitsLoss, optimizer=adam(1e-3), epochs=4),
    spoilt("b_head_biased_to_one_class", "L06 L02", BARS, "the head begins sure of one class, with slow SGD",
           net=lambda: sure(shapes.convolved(1, 12, 4)), optimizer=sgd(0.003)),
    spoilt("b_weights_of_classes_turned", "L06 D01", RARE, "class weights the wrong way round",
           loss=lambda: nn.CrossEntropyLoss(weight=torch.tensor([20.0, 1.0]))),
]  # fmt: skip

AT_ODDS = [
    spoilt("b_side_head_of_a_million", "G05", HEADS,
           "the second head's loss is multiplied by 300000",
           step=heads_step(3e5, ink), optimizer=adam(3e-3)),
    spoilt("b_side_head_in_grams", "G05 L01", HEADS, "the second head has targets in thousands",
           step=heads_step(1.0, wrong_way), optimizer=adam(1e-3)),
    spoilt("b_sparse_weights", "G05 L05", BARS_ADDED, "the sum of all weights is added to the loss",
           step=penalised(functional.cross_entropy, 0.1), loss=None),
    spoilt("b_sparse_weights_in_a_regression", "L11 G05", PHASE, "a penalty on weights that leaves a constant",
           step=penalised(functional.l1_loss, 0.05), loss=None),
    spoilt("b_adversary_wins", "L11 G05", HEADS, "the body must hide from a second head whether a digit is even",
           net=lambda: shapes.Heads(2), step=heads_step(-4.0, evenness)),
    spoilt("b_wish_for_small_answers", "L11 G05", CIRCUIT, "a wish for small answers five times as strong",
           loss=lambda: still),
    spoilt("b_wish_for_equal_answers", "L11 G05", DIABETES, "a wish for equal answers in a batch",
           loss=lambda: smooth),
    spoilt("b_goal_is_the_quiet_target", "L07 G05", TWO_TARGETS, "the goal's target is drowned by a loud one",
           data=lambda: two_targets(1000.0), optimizer=sgd(1e-5, momentum=0.9)),
    spoilt("b_goal_is_another_column", "L07", replace(TWO_TARGETS, epochs=16),
           "the loss never sees the goal's target",
           loss=lambda: lambda outputs, targets: functional.mse_loss(outputs[:, 0], targets[:, 0]), aim="name"),
    spoilt("b_easy_rows_drown_moons", "L08", replace(MOONS, optimizer=sgd(0.2, momentum=0.9)),
           "nineteen of twenty rows are told at once, and the loss is small before the others are learnt",
           data=lambda: easy_rows(0.95), optimizer=sgd(0.02), batch=64, epochs=5),
    spoilt("b_easy_pixels_drown_spots", "L08 D01", SPOTS, "nearly all pixels are background, told at once",
           loss=nn.BCEWithLogitsLoss, optimizer=sgd(0.05)),
]  # fmt: skip


def sure(net: nn.Module) -> nn.Module:
    """Return the net whose last layer begins sure of its first class."""
    with torch.no_grad():
        net[-1].weight *= 0.01
        net[-1].bias[0] = 12.0
    return net


CASES = [*OVER, *UNDER, *COLLAPSED, *AT_ODDS]
"""Each beside a twin that a careful person would set up on the same rows."""
