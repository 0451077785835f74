"""What a loss takes, told by its name or by asking it."""

from functools import partial

import pytest
from torch import nn
from torch.nn import functional

from autofix_nb.evidence.losses import family_of, last_linear, loss_name
from tests.cases import mlp
from tests.checks.subjects import subject
from tests.checks.trainings import labels, loader, numbers


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (None, ""),
        (nn.CrossEntropyLoss(), "CrossEntropyLoss"),
        (functional.mse_loss, "mse_loss"),
        (partial(partial(functional.cross_entropy, label_smoothing=0.1), reduction="sum"), "cross_entropy"),
    ],
)
def test_names(loss, name):
    """As people write them."""
    assert name == loss_name(loss)


@pytest.mark.parametrize(
    ("loss", "targets", "family"),
    [
        pytest.param(nn.NLLLoss(), labels(), "classes", id="named"),
        pytest.param(lambda o, t: functional.cross_entropy(o, t), labels(), "classes", id="asked"),
        pytest.param(lambda o, t: (o.sum(1) - t).abs().mean(), labels(), "other", id="takes-any-number"),
        pytest.param(None, labels(), "classes", id="chosen-classes"),
        pytest.param(None, labels() + 1, "classes", id="chosen-but-out-of-range"),
        pytest.param(None, numbers(48, 3), "numbers", id="chosen-numbers"),
        pytest.param(nn.BCEWithLogitsLoss(), numbers(48, 3), "yes or no", id="yes-or-no"),
        pytest.param(nn.HuberLoss(), numbers(48, 3), "numbers", id="numbers"),
    ],
)
def test_families(loss, targets, family):
    """By name, by what `fit` would choose, or by offering a class too many."""
    assert family == family_of(subject(mlp(4, 3), loader(numbers(48, 4), targets), loss=loss))


def test_the_last_linear_layer_of_a_width():
    """By its outputs."""
    model = mlp(4, 3)

    assert ("2", None) == (last_linear(model, 3)[0], last_linear(model, 5))
