"""FirstLoss: losses that do not fit the outputs, sums, and a first loss far from chance."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.checks.first_loss import FirstLoss
from autofix_nb.finding import Severity
from tests.cases import ConvNet, Lstm, digits_loaders, mlp
from tests.checks.subjects import answer_of, subject, why_not

CHECK = FirstLoss()
ROWS = 32
LABELS = torch.arange(ROWS) % 3
YES = (LABELS > 0).float()[:, None]
SEVERAL = torch.stack([LABELS == 0, LABELS == 1, LABELS > 0], dim=1).float()


def normal(*shape, seed=3):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def asked(model, targets, inputs=None, **options):
    return answer_of(CHECK, subject(model, [(normal(ROWS, 4) if inputs is None else inputs, targets)], **options))


def ending_in(layer, classes=3):
    return nn.Sequential(mlp(4, classes), layer)


def sure():
    model = mlp(4, 3)
    nn.init.normal_(model[-1].weight, std=20, generator=torch.Generator().manual_seed(0))
    return model


def silent():
    """A relu at the end, and one answer of three that lies below 0 for all rows."""
    model = ending_in(nn.ReLU())
    nn.init.constant_(model[0][-1].bias[1:2], -50.0)
    return model


def with_step(reduction):
    return {"step": lambda model, batch: functional.cross_entropy(model(batch[0]), batch[1], reduction=reduction)}


CE, NLL, BCE, MSE = nn.CrossEntropyLoss(), nn.NLLLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()


@pytest.mark.parametrize(
    ("model", "targets", "options", "severity", "says"),
    [
        pytest.param(ending_in(nn.Softmax(1)), LABELS, {"loss": CE}, 2, "softmax before cross-entropy", id="softmax"),
        pytest.param(
            ending_in(nn.Softmax(1)),
            LABELS,
            {"loss": lambda outputs, targets: functional.cross_entropy(outputs, targets)},
            2,
            "no class can get more than 58%",
            id="softmax-into-a-wrapped-loss",
        ),
        pytest.param(
            ending_in(nn.Softmax(1)),
            LABELS,
            {"loss": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.1)},
            2,
            "softmax before cross-entropy",
            id="softmax-into-a-weighted-loss",
        ),
        pytest.param(
            ending_in(nn.Softmax(0)), LABELS, {"loss": CE}, 2, "dimension 0, the rows of the batch", id="over-the-batch"
        ),
        pytest.param(ending_in(nn.Sigmoid()), LABELS, {"loss": CE}, 2, "sigmoid before cross-entropy", id="sigmoid"),
        pytest.param(ending_in(nn.Tanh()), LABELS, {"loss": CE}, 2, "tanh before cross-entropy", id="tanh"),
        pytest.param(ending_in(nn.ReLU()), LABELS, {"loss": CE}, 2, "ReLU before the loss", id="relu"),
        pytest.param(mlp(4, 3), LABELS, {"loss": NLL}, 3, "raw scores in a negative log-l", id="scores-into-nll"),
        pytest.param(
            mlp(4, 3), LABELS, {"loss": lambda o, t: functional.nll_loss(o, t)}, 3, "raw scores", id="wrapped-nll"
        ),
        pytest.param(
            ending_in(nn.Softmax(1)), LABELS, {"loss": NLL}, 2, "wants log-probabilities", id="softmax-into-nll"
        ),
        pytest.param(
            ending_in(nn.Sigmoid(), 1), YES, {"loss": BCE}, 2, "applies the sigmoid itself", id="sigmoid-twice"
        ),
        pytest.param(
            ending_in(nn.Sigmoid(), 1),
            YES,
            {"loss": nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]))},
            2,
            "no answer can get more than 73%",
            id="sigmoid-twice-weighted",
        ),
        pytest.param(
            ending_in(nn.Sequential(nn.Sigmoid(), nn.Flatten(0)), 1), YES[:, 0], {"loss": BCE}, 2, "itself", id="flat"
        ),
        pytest.param(mlp(4, 1), YES * 30, {"loss": BCE}, 2, "wanted 0 to 1", id="targets-that-are-no-probabilities"),
        pytest.param(
            ending_in(nn.Sigmoid(), 1), normal(ROWS, 1), {"loss": MSE}, 2, "can never be met", id="out-of-reach"
        ),
        pytest.param(
            ending_in(nn.ReLU(), 1), normal(ROWS, 1), {"loss": nn.L1Loss()}, 2, "can never be met", id="never-negative"
        ),
        pytest.param(
            mlp(4, 3), LABELS, {"loss": nn.CrossEntropyLoss(reduction="sum")}, 2, "is a sum over the rows", id="sum"
        ),
        pytest.param(
            mlp(4, 1), normal(ROWS, 1), {"loss": nn.MSELoss(reduction="sum")}, 2, "is a sum over", id="sum-of-squares"
        ),
        pytest.param(
            ending_in(nn.Softmax(1)), SEVERAL, {"loss": MSE}, 2, "any may be yes", id="softmax-over-several-labels"
        ),
        pytest.param(
            ending_in(nn.LogSoftmax(1)), LABELS, {"loss": lambda o, t: -NLL(o, t)}, 3, "lower for wrong", id="no-minus"
        ),
        pytest.param(
            mlp(4, 1), YES, {"loss": lambda o, t: (1 - o * t).clamp(min=0).mean()}, 3, "does not care", id="hinge"
        ),
        pytest.param(
            mlp(4, 3),
            LABELS,
            {"loss": lambda o, t: (o - t[:, None]).square().mean()},
            2,
            "as if numbers of classes were sizes",
            id="numbers-of-classes",
        ),
        pytest.param(
            mlp(4, 1),
            normal(ROWS, 1),
            {"loss": lambda o, t: (o.mean() - t.mean()).square()},
            3,
            "whichever row gets which target",
            id="error-of-the-mean",
        ),
        pytest.param(ending_in(nn.Softplus(), 1), YES, {"loss": BCE}, 2, "no no can get more", id="never-no"),
        pytest.param(ending_in(nn.Hardtanh()), LABELS, {"loss": CE}, 2, "between -1 and 1", id="hardtanh"),
        pytest.param(
            ending_in(nn.Softplus(), 1), normal(ROWS, 1), {"loss": MSE}, 2, "in softplus, which", id="softplus"
        ),
        pytest.param(mlp(4, 3), SEVERAL, {"loss": CE}, 3, "hold several yeses", id="several-as-one-class"),
        pytest.param(
            ending_in(nn.Softmax(1)), nn.functional.one_hot(LABELS, 3).float(), {"loss": MSE}, 1, "dies out", id="brier"
        ),
        pytest.param(ending_in(nn.Sigmoid(), 1), YES, {"loss": nn.L1Loss()}, 1, "dies out", id="distances-of-chances"),
        pytest.param(
            silent(),
            normal(ROWS, 3).abs(),
            {"loss": lambda o, t: ((o - t).square() + 1e-6).sqrt().mean()},
            2,
            "33% of its answers",
            id="silent-in-a-loss-of-ones-own",
        ),
        pytest.param(silent(), normal(ROWS, 3).abs(), {"loss": MSE}, 2, "33% of its answers", id="silent-answers"),
        pytest.param(mlp(4, 3), LABELS, with_step("sum"), 2, "is a sum over the rows", id="sum-in-a-step"),
        pytest.param(sure(), LABELS, {"loss": CE}, 2, "chance would lose 1.099", id="sure-of-wrong-answers"),
        pytest.param(mlp(4, 1), normal(ROWS, 1) * 77 + 252, {}, 1, "mean of the targets", id="targets-far-from-0"),
        pytest.param(mlp(4, 1), normal(ROWS, 1) * 7e4 + 2e5, {}, 2, "mean of the targets", id="house-prices"),
    ],
)
def test_what_does_not_fit_is_named(model, targets, options, severity, says):
    """By what the loss does, whatever its name."""
    findings = asked(model, targets, **options).findings

    assert 1 == len(findings)
    assert severity == findings[0].severity
    assert says in findings[0].says


def test_uphill_is_right_where_the_optimizer_goes_up():
    """`maximize=True` turns the loss round once more."""
    model = mlp(4, 3)
    uphill = torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)
    found = asked(model, LABELS, loss=lambda o, t: -CE(o, t), optimizer=uphill).findings

    assert not any("lower for wrong" in one.says for one in found)


class Tied(nn.Module):
    """Words in, words out, with the same table."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(20, 64)
        self.head = nn.Linear(64, 20, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens):
        return self.head(self.words(tokens)).transpose(1, 2)


def zero_head():
    model = mlp(4, 3)
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
    return model


@pytest.mark.parametrize(
    ("model", "targets", "options"),
    [
        pytest.param(mlp(4, 3), LABELS, {"loss": CE}, id="cross-entropy"),
        pytest.param(mlp(4, 3), LABELS, {}, id="no-loss-given"),
        pytest.param(ending_in(nn.Softmax(1)), LABELS, {}, id="softmax-that-is-known-of"),
        pytest.param(ending_in(nn.LogSoftmax(1)), LABELS, {"loss": CE}, id="log-softmax-twice-is-harmless"),
        pytest.param(ending_in(nn.LogSoftmax(1)), LABELS, {"loss": NLL}, id="log-likelihood"),
        pytest.param(mlp(4, 1), YES, {"loss": BCE}, id="yes-or-no"),
        pytest.param(ending_in(nn.Sigmoid(), 1), YES, {"loss": nn.BCELoss()}, id="yes-or-no-probabilities"),
        pytest.param(mlp(4, 3), SEVERAL, {"loss": BCE}, id="several-labels"),
        pytest.param(mlp(4, 1), normal(ROWS, 1), {"loss": MSE}, id="numbers"),
        pytest.param(ending_in(nn.Sigmoid(), 1), normal(ROWS, 1).sigmoid(), {"loss": MSE}, id="numbers-within-reach"),
        pytest.param(mlp(4, 3), LABELS * 0 + (LABELS == 2).long(), {"loss": CE}, id="a-class-that-is-not-there"),
        pytest.param(zero_head(), LABELS, {"loss": CE}, id="head-of-zeros"),
        pytest.param(mlp(4, 3), LABELS, with_step("mean"), id="step"),
    ],
)
def test_what_fits_is_left_alone(model, targets, options):
    """Also where chance is not known."""
    assert () == asked(model, targets, **options).findings


@pytest.mark.parametrize("model", [ConvNet, Lstm])
def test_says_first_loss_and_chance(model):
    """ln 10 for ten digits."""
    torch.manual_seed(0)
    answer = answer_of(CHECK, subject(model(), *digits_loaders(), loss=CE))

    assert () == answer.findings
    assert "chance is 2.3" in answer.says


def test_below_chance_is_fine():
    """A pretrained model knows something already."""
    model = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        model.weight.copy_(5 * torch.eye(3))

    answer = asked(model, LABELS, functional.one_hot(LABELS).float(), loss=CE)

    assert () == answer.findings
    assert "knows something already" in answer.says


def test_tied_weights_begin_far_from_chance():
    """A note only: it is known of them."""
    tokens = torch.arange(ROWS * 6).reshape(ROWS, 6) % 20

    finding = asked(Tied(), (tokens + 1) % 20, tokens, loss=CE).findings[0]

    assert Severity.NOTE == finding.severity


def test_a_model_that_raises_is_left_to_another_check():
    """There is no first loss."""
    assert "(see B06)" in why_not(CHECK, subject(mlp(5, 3), [(normal(ROWS, 4), LABELS)], loss=CE))


def test_a_loss_that_is_not_finite_is_left_to_another_check():
    """NaN is no number to compare."""
    assert "(see B06)" in why_not(CHECK, subject(mlp(4, 3), [(normal(ROWS, 4) * torch.nan, LABELS)], loss=CE))


def test_a_sum_is_a_note_where_the_optimizer_takes_no_notice_of_its_size():
    """Adam's steps are the same for a sum and a mean; those of plain gradient descent are not."""
    model = mlp(4, 3)
    options = {"loss": nn.CrossEntropyLoss(reduction="sum")}
    adam = asked(model, LABELS, optimizer=torch.optim.Adam(model.parameters()), **options)
    sgd = asked(model, LABELS, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), **options)

    assert [Severity.NOTE] == [finding.severity for finding in adam.findings]
    assert [Severity.WARNING] == [finding.severity for finding in sgd.findings]
