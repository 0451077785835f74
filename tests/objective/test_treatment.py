"""Treated losses against a slow and obvious second way of computing them, row by row."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from autofix_nb.objective import Task, Treatment, treated
from autofix_nb.objective.tasks import (
    binary_cross_entropy,
    binary_cross_entropy_of_probabilities,
    cross_entropy,
    cross_entropy_of_probabilities,
    mean_squared_error,
    negative_log_likelihood,
)
from autofix_nb.objective.treatment import LOSSES, form_of

WEIGHTS = [0.5, 1.0, 4.0]


def task(loss, kind="classification"):
    return Task(kind=kind, loss=loss, says="")


def outputs_and_ids(seed, rows=6, classes=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, classes, generator=generator), torch.randint(0, classes, (rows,), generator=generator)


def slowly(chances, ids, weights, focal, easy):
    """Return the treated cross-entropy of probabilities, one row after the other."""
    total = counted = 0.0
    for row, target in zip(chances.tolist(), ids.tolist(), strict=True):
        if easy is not None and row[target] >= easy:
            continue
        total -= weights[target] * (1 - row[target]) ** (focal or 0) * math.log(row[target])
        counted += weights[target]
    return total / counted if counted else 0.0


def slowly_yes_or_no(chances, targets, weight, focal, easy):
    """Return the treated binary cross-entropy of probabilities, one after the other."""
    total = counted = 0.0
    for chance, target in zip(chances.flatten().tolist(), targets.flatten().tolist(), strict=True):
        right = chance if target else 1 - chance
        if easy is not None and right >= easy:
            continue
        total -= (weight if target else 1.0) * (1 - right) ** (focal or 0) * math.log(right)
        counted += 1
    return total / counted if counted else 0.0


treatments = st.fixed_dictionaries(
    {
        "class_weights": st.none() | st.just(WEIGHTS),
        "focal": st.sampled_from([None, 0.0, 1.0, 2.0]),
        "mask_easy": st.sampled_from([None, 0.3, 0.6]),
    }
)


@given(st.integers(0, 1000), treatments, st.sampled_from(["logits", "module", "chances", "logs", "one-hot"]))
@settings(max_examples=60, deadline=None)
def test_classes_as_computed_row_by_row(seed, settings, takes):
    """Scores, probabilities and their logarithms, by number or one-hot: one treatment."""
    outputs, ids = outputs_and_ids(seed)
    expected = slowly(
        outputs.softmax(1), ids, settings["class_weights"] or [1.0] * 3, settings["focal"], settings["mask_easy"]
    )
    loss, given_outputs, targets = {
        "logits": (cross_entropy, outputs, ids),
        "module": (nn.CrossEntropyLoss(), outputs, ids),
        "chances": (cross_entropy_of_probabilities, outputs.softmax(1), ids),
        "logs": (negative_log_likelihood, outputs.log_softmax(1), ids),
        "one-hot": (cross_entropy, outputs, functional.one_hot(ids, 3).float()),
    }[takes]

    assert expected == pytest.approx(
        treated(task(loss), Treatment(**settings))(given_outputs, targets).item(), abs=1e-5
    )


@given(st.integers(0, 1000), treatments, st.booleans())
@settings(max_examples=40, deadline=None)
def test_yes_or_no_as_computed_one_by_one(seed, settings, probabilities):
    """A weight is what a yes counts against a no; every output is a row of its own."""
    outputs, _ = outputs_and_ids(seed, classes=2)
    targets = torch.randint(0, 2, (6, 2), generator=torch.Generator().manual_seed(seed)).float()
    options = settings | {"class_weights": settings["class_weights"] and [4.0]}
    expected = slowly_yes_or_no(
        outputs.sigmoid(), targets, 4.0 if options["class_weights"] else 1.0, options["focal"], options["mask_easy"]
    )
    loss = binary_cross_entropy_of_probabilities if probabilities else nn.BCEWithLogitsLoss()
    given_outputs = outputs.sigmoid() if probabilities else outputs

    assert expected == pytest.approx(
        treated(task(loss, "multi-label"), Treatment(**options))(given_outputs, targets).item(), abs=1e-5
    )


@pytest.mark.parametrize("loss", [cross_entropy, nn.CrossEntropyLoss(), mean_squared_error, lambda outputs, ids: 1])
def test_nothing_treated_is_the_very_loss(loss):
    """A healthy run computes what it would have computed, bit for bit. Scales and part weights are not the loss's."""
    assert loss is treated(task(loss), Treatment(loss_scale=2.0, part_weights={"a": 1.0}))


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(nn.CrossEntropyLoss(ignore_index=1), id="ignored-labels"),
        pytest.param(nn.CrossEntropyLoss(label_smoothing=0.2), id="smoothed-labels"),
        pytest.param(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0])), id="own-weights"),
        pytest.param(nn.CrossEntropyLoss(reduction="sum"), id="a-sum"),
    ],
)
def test_settings_of_the_users_loss_stay(loss):
    """With weights of 1 the treated loss is the user's own; others multiply the own ones, as torch's weights do."""
    outputs, ids = outputs_and_ids(3)
    own = loss.weight if loss.weight is not None else torch.ones(3)
    torchs = nn.CrossEntropyLoss(
        weight=own * torch.tensor(WEIGHTS),
        ignore_index=loss.ignore_index,
        label_smoothing=loss.label_smoothing,
        reduction=loss.reduction,
    )
    # Of shares of classes torch takes the mean over the rows, whatever they weigh: there is nothing to compare with.
    comparable = loss.ignore_index < 0 and not loss.label_smoothing
    for targets in (ids, functional.one_hot(ids, 3).float())[: 1 + comparable]:
        treated_loss = treated(task(loss), Treatment(class_weights=WEIGHTS))(outputs, targets)

        assert torchs(outputs, ids).item() == pytest.approx(treated_loss.item(), rel=1e-5)


def test_the_yes_weights_are_those_of_torch():
    """Also beside weights of the outputs."""
    outputs, _ = outputs_and_ids(5, classes=2)
    targets = (outputs.flip(0) > 0).float()
    weight = torch.tensor([1.0, 3.0])
    expected = nn.BCEWithLogitsLoss(weight=weight, pos_weight=torch.tensor([2.0, 5.0]))(outputs, targets)
    actual = treated(task(nn.BCEWithLogitsLoss(weight=weight)), Treatment(class_weights=[2.0, 5.0]))(outputs, targets)

    assert expected.item() == pytest.approx(actual.item(), rel=1e-6)


def test_positions_are_weighed_like_rows():
    """Outputs (N, K, L) and class numbers (N, L), as for pixels and tokens."""
    outputs = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    ids = torch.randint(0, 3, (2, 5), generator=torch.Generator().manual_seed(1))
    ids[0, :2] = -100
    loss = treated(task(nn.CrossEntropyLoss()), Treatment(class_weights=WEIGHTS, focal=2.0))
    kept = (ids != -100).flatten()

    flat = outputs.movedim(1, -1).reshape(-1, 3)[kept]

    assert slowly(flat.softmax(1), ids.flatten()[kept], WEIGHTS, 2.0, None) == pytest.approx(loss(outputs, ids).item())


@pytest.mark.parametrize("values", [[0.0, -math.inf], [300.0, -300.0]], ids=["masked-out", "sure"])
@pytest.mark.parametrize("one_hot", [False, True])
def test_extreme_scores_give_finite_gradients(values, one_hot):
    """A class that the model rules out is no reason for NaN."""
    outputs = torch.tensor([values, [0.0, 0.0]], requires_grad=True)
    ids = torch.tensor([0, 1])
    targets = functional.one_hot(ids, 2).float() if one_hot else ids
    loss = treated(task(cross_entropy), Treatment(class_weights=[1.0, 2.0], focal=2.0, mask_easy=0.9))(outputs, targets)
    loss.backward()

    assert torch.isfinite(loss)
    assert torch.isfinite(outputs.grad).all()


def test_when_all_are_easy_nothing_is_learnt():
    """No division by nothing."""
    outputs = torch.tensor([[9.0, 0.0]], requires_grad=True)
    loss = treated(task(cross_entropy), Treatment(mask_easy=0.5))(outputs, torch.tensor([0]))
    loss.backward()

    assert (0.0, [[0.0, 0.0]]) == (loss.item(), outputs.grad.tolist())


OUTPUTS = torch.tensor([[0.2, 0.8], [0.6, 0.4]])
IDS = torch.tensor([1, 1])
HOT = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
LOGS = -(math.log(0.8) + math.log(0.4)) / 2
ONE_BY_ONE = -(math.log(0.8) + math.log(0.8) + math.log(0.4) + math.log(0.4)) / 4


@pytest.mark.parametrize(
    ("name", "own", "outputs", "targets", "expected"),
    [
        pytest.param("cross_entropy", None, OUTPUTS.log(), IDS, LOGS, id="scores"),
        pytest.param("cross_entropy_of_probabilities", None, OUTPUTS, IDS, LOGS, id="softmax"),
        pytest.param("cross_entropy_of_probabilities", None, OUTPUTS, HOT, LOGS, id="softmax-one-hot"),
        pytest.param("binary_cross_entropy", None, OUTPUTS.logit(), HOT, ONE_BY_ONE, id="yes-or-no"),
        pytest.param("binary_cross_entropy_of_probabilities", None, OUTPUTS, HOT, ONE_BY_ONE, id="sigmoid"),
        pytest.param(
            "binary_cross_entropy_of_probabilities", None, OUTPUTS, IDS, ONE_BY_ONE, id="sigmoid-class-numbers"
        ),
        pytest.param("mean_squared_error", None, OUTPUTS, HOT, (0.04 + 0.04 + 0.36 + 0.36) / 4, id="squares"),
        pytest.param("huber", None, torch.tensor([[3.0], [0.5]]), torch.zeros(2), (2.5 + 0.125) / 2, id="huber"),
        pytest.param("mean", nn.CrossEntropyLoss(reduction="sum"), OUTPUTS.log(), IDS, LOGS, id="mean-of-a-module"),
        pytest.param("mean", lambda o, t: -o[range(2), t].log().sum(), OUTPUTS, IDS, LOGS, id="mean-of-a-function"),
        pytest.param("mean", lambda o, t: (o - t).square().sum(), OUTPUTS, HOT, 0.2, id="mean-of-squares"),
        pytest.param("mean", lambda o, t: o.sum(), OUTPUTS, [1, 2], 1.0, id="mean-over-rows"),
        pytest.param("aligned", nn.MSELoss(), torch.tensor([[1.0], [3.0]]), torch.tensor([0, 3]), 0.5, id="aligned"),
        pytest.param(
            "row_by_row",
            lambda o, t: (o - t.view(-1)).square().mean(),
            torch.tensor([[1.0], [3.0]]),
            torch.tensor([[0.0], [3.0]]),
            0.5,
            id="row-by-row",
        ),
        pytest.param("turned", lambda o, t: (o * t).mean(), OUTPUTS, HOT, -float((OUTPUTS * HOT).mean()), id="turned"),
        pytest.param("each_column", lambda o, t: (o[:, 0] - t[:, 0]).abs().mean(), OUTPUTS, HOT, 0.4, id="each-column"),
        pytest.param("swapped", lambda o, t: nn.BCELoss()(t, o), OUTPUTS, HOT, ONE_BY_ONE, id="swapped"),
        pytest.param("log_softmax", nn.NLLLoss(), OUTPUTS.log() + 3, IDS, LOGS, id="log-softmax"),
        pytest.param("log_softmax_last", nn.NLLLoss(), OUTPUTS.log() + 3, IDS, LOGS, id="log-softmax-last"),
        pytest.param("softmax", lambda o, t: nn.NLLLoss()(o.log(), t), OUTPUTS.log() + 3, IDS, LOGS, id="to-softmax"),
        pytest.param("sigmoid", nn.BCELoss(), OUTPUTS.logit(), HOT, ONE_BY_ONE, id="to-sigmoid"),
        pytest.param("signs", nn.MSELoss(), torch.tensor([0.5]), torch.tensor([0.0]), 2.25, id="signs"),
    ],
)
def test_another_loss_takes_the_place(name, own, outputs, targets, expected):
    """By its name alone, so that a resumed run has it, too."""
    assert expected == pytest.approx(float(treated(task(own), Treatment(loss=name))(outputs, targets)), rel=1e-5)


def test_all_names_are_tried_above():
    """None without a test."""
    mark = next(mark for mark in test_another_loss_takes_the_place.pytestmark if mark.name == "parametrize")

    assert set(LOSSES) == {row.values[0] for row in mark.args[1]}


def test_the_users_loss_stays_a_sum():
    """Its mean is another object."""
    own = nn.MSELoss(reduction="sum")
    mean = treated(task(own), Treatment(loss="mean"))

    assert ("sum", "mean") == (own.reduction, mean.reduction)


def test_a_replacement_is_weighed_in_its_turn():
    """The class weights work on the loss that took the place, not on the one that went."""
    outputs, ids = outputs_and_ids(4)
    treatment = Treatment(loss="cross_entropy_of_probabilities", class_weights=WEIGHTS)

    assert slowly(outputs.softmax(1), ids, WEIGHTS, None, None) == pytest.approx(
        treated(task(nn.MSELoss()), treatment)(outputs.softmax(1), ids).item(), rel=1e-5
    )


@pytest.mark.parametrize("loss", [nn.MSELoss(), lambda outputs, targets: outputs.sum(), mean_squared_error])
def test_what_is_not_known_is_not_weighed(loss):
    """A loss of the user's own making is left as it is."""
    assert None is form_of(loss)
    assert loss is treated(task(loss), Treatment(class_weights=WEIGHTS, focal=2.0, mask_easy=0.9))


def test_binary_cross_entropy_of_a_column():
    """Outputs (N, 1) and targets (N,) fit each other."""
    outputs, targets = torch.tensor([[1.0], [-1.0]]), torch.tensor([1.0, 1.0])

    assert slowly_yes_or_no(outputs.sigmoid(), targets, 3.0, None, None) == pytest.approx(
        treated(task(binary_cross_entropy, "binary"), Treatment(class_weights=[3.0]))(outputs, targets).item(), rel=1e-5
    )
