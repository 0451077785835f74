"""What a loss takes, told by asking it."""

from math import log

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.evidence.chance import expectation, grows_with_rows, is_a_sum, sums_to_one

LABELS = torch.arange(12) % 3
YES = (LABELS > 0).float()[:, None]
NUMBERS = torch.linspace(-1, 3, 12)[:, None]
OUTPUTS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))


class Focal(nn.Module):
    """Easy rows count less."""

    def forward(self, outputs, targets):
        each = functional.cross_entropy(outputs, targets, reduction="none")
        return ((1 - (-each).exp()) ** 2 * each).mean()


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "takes", "chance"),
    [
        pytest.param(nn.CrossEntropyLoss(), OUTPUTS, LABELS, "logits", log(3), id="cross-entropy"),
        pytest.param(nn.CrossEntropyLoss(label_smoothing=0.1), OUTPUTS, LABELS, "logits", log(3), id="smoothed"),
        pytest.param(lambda o, t: functional.cross_entropy(o, t), OUTPUTS, LABELS, "logits", log(3), id="wrapped"),
        pytest.param(Focal(), OUTPUTS, LABELS, "logits", 4 / 9 * log(3), id="focal"),
        pytest.param(nn.NLLLoss(), OUTPUTS, LABELS, "log-probabilities", log(3), id="log-likelihood"),
        pytest.param(nn.BCEWithLogitsLoss(), OUTPUTS[:, :1], YES, "yes-or-no logits", log(2), id="yes-or-no"),
        pytest.param(nn.BCELoss(), OUTPUTS[:, :1], YES, "yes-or-no probabilities", log(2), id="probabilities"),
        pytest.param(nn.MSELoss(), OUTPUTS[:, :1], NUMBERS, "numbers", float(NUMBERS.var(correction=0)), id="squares"),
        pytest.param(nn.L1Loss(), OUTPUTS[:, :1], NUMBERS, "numbers", float((NUMBERS - 1).abs().mean()), id="absolute"),
        pytest.param(lambda o, t: (o**4).mean(), OUTPUTS, LABELS, "unknown", None, id="something-else"),
    ],
)
def test_a_loss_tells_what_it_takes(loss, outputs, targets, takes, chance):
    """And what equal scores would lose."""
    told = expectation(loss, outputs, targets)

    assert takes == told.takes
    assert (None if chance is None else pytest.approx(chance, rel=1e-4)) == told.chance
    assert not told.grows


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        pytest.param(nn.CrossEntropyLoss(), False, id="mean"),
        pytest.param(nn.CrossEntropyLoss(reduction="sum"), True, id="sum"),
        pytest.param(
            lambda o, t: functional.cross_entropy(o, t, reduction="sum") / 7, True, id="a-constant-is-no-mean"
        ),
        pytest.param(lambda o, t: functional.cross_entropy(o, t, reduction="sum") / len(t), False, id="divided"),
        pytest.param(lambda o, t: (o @ o.T).logsumexp(1).mean(), False, id="contrastive"),
        pytest.param(lambda o, t: 1 / 0, False, id="raises"),
    ],
)
def test_sums_are_told_from_means(loss, expected):
    """By repeating the rows."""
    assert expected == is_a_sum(loss, OUTPUTS, LABELS)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 2, 3], True), ([1, 1, 1], False), ([1, 2, 2.5], False), ([0, 0, 0], False), ([-1, -2, -3], True)],
)
def test_a_sum_goes_as_the_rows(values, expected):
    """1 : 2 : 3, and nothing near it by chance."""
    assert expected == grows_with_rows(values)


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [(OUTPUTS.softmax(1), 1), (OUTPUTS.softmax(0), 0), (OUTPUTS.sigmoid(), None), (OUTPUTS, None), (YES[:, 0], None)],
)
def test_probabilities_sum_to_one_somewhere(outputs, expected):
    """The dimension is told."""
    assert expected == sums_to_one(outputs)


@pytest.mark.parametrize(
    "targets",
    [
        pytest.param(torch.randint(1, 6, (4, 3)), id="another-length"),
        pytest.param(torch.full((4, 8), 9), id="classes-beyond-the-outputs"),
    ],
)
def test_a_loss_of_sequences_is_not_known(targets):
    """CTC: outputs and targets of different lengths, which no cross-entropy takes."""

    def loss(outputs, targets):
        lengths = torch.full((4,), 8), torch.full((4,), 3)
        return functional.ctc_loss(outputs.transpose(0, 1), targets[:, :3].clamp(max=5), *lengths)

    outputs = torch.zeros(4, 8, 6).log_softmax(-1)

    assert "unknown" == expectation(loss, outputs, targets).takes
