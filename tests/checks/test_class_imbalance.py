"""Class imbalance: far too rare is a warning, uneven is a note, balanced by the sampler or the loss is fine."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from autofix_nb.checks.class_imbalance import ClassImbalance
from autofix_nb.evidence import Subject
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, scan, subject, subject_of, why_not

CHECK = ClassImbalance()


def labelled(*counts, **options):
    labels = np.repeat(np.arange(len(counts)), counts)
    return subject_of(scan(np.zeros((len(labels), 2)), labels), **options)


def severities(answer):
    return [finding.severity for finding in answer.findings]


def loaders(counts, sampler=None):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    inputs = torch.randn(len(labels), 4, generator=torch.Generator().manual_seed(0))
    order = {"shuffle": True} if sampler is None else {"sampler": sampler(labels)}
    return DataLoader(TensorDataset(inputs, labels), batch_size=16, **order)


def balanced(labels):
    return WeightedRandomSampler(1 / torch.bincount(labels)[labels].double(), len(labels))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param([50, 50], [], id="equal"),
        pytest.param([40, 60], [], id="nearly-equal"),
        pytest.param([17, 83], [], id="one-to-five"),
        pytest.param([15, 85], [], id="15-percent"),
        pytest.param([14, 86], [Severity.NOTE], id="14-percent"),
        pytest.param([10, 90], [Severity.NOTE], id="10-percent"),
        pytest.param([6, 94], [Severity.NOTE], id="just-enough"),
        pytest.param([4, 96], [Severity.WARNING], id="4-percent"),
        pytest.param([3, 997], [Severity.WARNING], id="fraud"),
        pytest.param([100] * 9 + [8], [Severity.WARNING], id="one-of-ten-classes"),
        pytest.param([100] * 9 + [50], [], id="one-of-ten-half-as-often"),
        pytest.param([50, 50, 2], [Severity.WARNING, Severity.WARNING], id="a-class-of-two"),
        pytest.param([10, 12, 2], [Severity.WARNING], id="a-class-of-two-among-few"),
        pytest.param([30, 0, 30], [], id="a-class-number-without-samples"),
        pytest.param([40], [Severity.CRITICAL], id="one-class"),
        pytest.param([0, 40], [Severity.CRITICAL], id="one-class-called-1"),
    ],
)
def test_the_rarest_class_decides(counts, expected):
    """Below a tenth of an equal share it is a warning, honest imbalance at most a note."""
    found = severities(answer_of(CHECK, labelled(*counts)))

    assert expected == [severity for severity in found if counts != [10, 12, 2] or severity > Severity.NOTE]


def test_names_the_rarest_first_and_gives_the_weights():
    """n / (K n_k), three digits, ready to type."""
    finding = answer_of(CHECK, labelled(300, 600, 6)).findings[0]

    assert "class 2" == finding.where[0]
    assert "loss = nn.CrossEntropyLoss(weight=torch.tensor([1.01, 0.503, 50.3]))" == finding.to_type
    assert ("class_weights",) == finding.fixes
    assert (
        "class 2 has 6 of 906 samples (0.66%), an equal share would be 33.3%, limit 3.33%: always answering class 1 "
        "would be right 66.2% of the time"
    ) == finding.says


def test_many_classes_get_code_that_computes_the_weights():
    """A list of forty numbers is no line to type."""
    finding = answer_of(CHECK, labelled(*[200] * 39, 1)).findings[0]

    assert "torch.bincount(torch.as_tensor(labels), minlength=40)" in finding.to_type


def test_a_note_offers_no_fix():
    """Honest imbalance is not mended unasked."""
    assert () == answer_of(CHECK, labelled(10, 90)).findings[0].fixes


@pytest.mark.parametrize(
    "loss",
    [nn.CrossEntropyLoss(weight=torch.ones(2)), nn.BCEWithLogitsLoss(pos_weight=torch.ones(1))],
    ids=["weight", "pos_weight"],
)
def test_a_loss_that_weighs_is_fine(loss):
    """Somebody thought of it already."""
    answer = answer_of(CHECK, labelled(4, 96, loss=loss))

    assert () == answer.findings
    assert "the loss weighs the classes" in answer.says


def test_a_sampler_that_balances_is_fine():
    """The classes are counted as they are drawn."""
    answer = answer_of(CHECK, subject(train=loaders([960, 40], balanced)))

    assert () == answer.findings
    assert answer.says.endswith("as `WeightedRandomSampler` draws them")


def test_a_sampler_that_does_not_balance_is_no_excuse():
    """Equal weights draw what is there."""
    answer = answer_of(
        CHECK, subject(train=loaders([970, 30], lambda labels: WeightedRandomSampler(torch.ones(len(labels)), 1000)))
    )

    assert [Severity.WARNING] == severities(answer)


def test_yes_or_no_gets_the_weight_of_yes():
    """A model with one output is weighed by `pos_weight`."""
    loader = loaders([970, 30])
    data = TensorDataset(loader.dataset.tensors[0], loader.dataset.tensors[1].float())
    looked_at = subject(nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), DataLoader(data, batch_size=16, shuffle=True))

    assert (
        "loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([32.3]))"
        == answer_of(CHECK, looked_at).findings[0].to_type
    )


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param([[1, 0, 1], [0, 1, 1], [1, 1, 0], [0, 0, 0]] * 20, [], id="all-labels-both-ways"),
        pytest.param([[1, 0, 0], [0, 0, 1], [1, 0, 1], [0, 0, 0]] * 20, [Severity.WARNING], id="a-label-never-yes"),
        pytest.param([[1, 1, 0], [0, 1, 1], [1, 1, 1], [0, 1, 0]] * 20, [Severity.WARNING], id="a-label-always-yes"),
    ],
)
def test_several_labels_need_both_answers_each(labels, expected):
    """A label that is always the same cannot be learnt."""
    answer = answer_of(CHECK, subject_of(scan(np.zeros((80, 2)), labels)))

    assert expected == severities(answer)


@pytest.mark.parametrize("labels", [None, np.linspace(0, 1, 30)], ids=["none", "numbers"])
def test_without_classes_it_is_not_applicable(labels):
    """Regression and unlabelled data have no classes."""
    assert "targets" in why_not(CHECK, subject_of(scan(np.zeros((30, 2)), labels)))


def test_one_class_is_only_a_note_where_a_step_computes_the_loss():
    """An autoencoder has no use for the targets."""
    assert [Severity.NOTE] == severities(answer_of(CHECK, labelled(40, step=lambda model, batch: None)))


def test_one_class_so_far_is_no_proof():
    """Where only a part was looked at, the rest may hold others."""
    part = scan(np.zeros((40, 2)), np.zeros(40, dtype=int), samples=1000)

    assert [Severity.WARNING] == severities(answer_of(CHECK, subject_of(part)))


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        pytest.param([20.0, 1.0], [Severity.WARNING], id="turned-round"),
        pytest.param([1.0, 20.0], [], id="as-they-should-be"),
    ],
)
def test_weights_of_the_loss_may_not_make_rare_classes_rarer(weight, expected):
    """Else what was meant to help does harm."""
    answer = answer_of(CHECK, labelled(90, 10, loss=nn.CrossEntropyLoss(weight=torch.tensor(weight))))

    assert expected == severities(answer)


@pytest.mark.parametrize(("weight", "found"), [(0.05, True), (1.0, False), (4.0, False)])
def test_a_rare_yes_of_several_labels_that_hardly_counts(weight, found):
    """A `pos_weight` that makes rare labels rarer is named; one that makes them more even is not."""
    targets = (torch.arange(600).reshape(200, 3) % 5 == 0).float()
    data = DataLoader(TensorDataset(torch.randn(200, 4), targets), batch_size=50)
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.full((3,), weight))
    answer = answer_of(ClassImbalance(), Subject(nn.Linear(4, 3), data, loss=loss))

    assert found == any("rarer than they are" in finding.says for finding in answer.findings)
