"""Sample order: batches of one class are a warning, unshuffled but mixed a note, shuffled fine."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, Sampler, SubsetRandomSampler, TensorDataset
from torch.utils.data import WeightedRandomSampler as Weighted

from autofix_nb.checks.sample_order import SampleOrder
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, subject, why_not

CHECK = SampleOrder()
NOTE, WARNING, CRITICAL = Severity
SORTED = torch.arange(300) // 100
MIXED = torch.randint(0, 3, (300,), generator=torch.Generator().manual_seed(0))


def loader(labels, batch_size=16, **options):
    labels = torch.as_tensor(labels)
    inputs = torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(1))
    return DataLoader(TensorDataset(inputs, labels), **({"batch_size": batch_size} | options))


def severities(answer):
    return [finding.severity for finding in answer.findings]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param(SORTED, [WARNING], id="sorted"),
        pytest.param(SORTED.flip(0), [WARNING], id="sorted-downwards"),
        pytest.param(SORTED.float().clamp(max=1), [WARNING], id="yes-and-no"),
        pytest.param((torch.arange(300) // 40) % 3, [WARNING], id="in-blocks"),
        pytest.param(torch.arange(300) > 284, [WARNING], id="sorted-and-imbalanced"),
        pytest.param(load_iris().target, [WARNING], id="iris"),
        pytest.param(load_wine().target, [WARNING], id="wine"),
        pytest.param(MIXED, [NOTE], id="mixed"),
        pytest.param(torch.arange(300) % 3, [NOTE], id="in-turn"),
        pytest.param(load_digits().target, [NOTE], id="digits"),
        pytest.param(load_breast_cancer().target, [NOTE], id="breast-cancer"),
        pytest.param(torch.linspace(0, 1, 300), [WARNING], id="sorted-by-a-number"),
        pytest.param(torch.sin(torch.arange(300) / 20), [NOTE], id="a-series-in-time"),
        pytest.param(torch.randn(300, generator=torch.Generator().manual_seed(2)), [NOTE], id="numbers-mixed"),
        pytest.param(torch.randn(300, 4, generator=torch.Generator().manual_seed(2)), [NOTE], id="several-numbers"),
    ],
)
def test_without_shuffling_the_order_decides(labels, expected):
    """Batches of one class are a warning; a good mixture that never changes is worth a note."""
    assert expected == severities(answer_of(CHECK, subject(train=loader(labels))))


@pytest.mark.parametrize("labels", [SORTED, MIXED, torch.linspace(0, 1, 300)], ids=["sorted", "mixed", "numbers"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"shuffle": True}, id="shuffle"),
        pytest.param({"sampler": SubsetRandomSampler(range(300))}, id="subset-random"),
        pytest.param({"sampler": Weighted(torch.ones(300), 300)}, id="weighted"),
        pytest.param({"sampler": RandomSampler(range(300), replacement=True)}, id="replacement"),
    ],
)
def test_shuffled_is_fine(labels, options):
    """Whatever lies on the disk."""
    answer = answer_of(CHECK, subject(train=loader(labels, **options)))

    assert () == answer.findings
    assert "drawn in a new order" in answer.says


def test_says_how_many_batches_hold_one_class():
    """And how to shuffle."""
    finding = answer_of(CHECK, subject(train=loader(SORTED, 20))).findings[0]

    assert (
        "the loader does not shuffle, and 100% of the batches of 20 samples hold one class only (between a mixture, "
        "0%, and one class a batch, 100%, they are at 100%, limit 30%): the samples are ordered by class"
    ) == finding.says
    assert "train = DataLoader(train_set, batch_size=20, shuffle=True)" == finding.to_type
    assert ("shuffle",) == finding.fixes


def test_a_series_in_time_is_not_shuffled_unasked():
    """The model may carry its state from batch to batch."""
    finding = answer_of(CHECK, subject(train=loader(torch.sin(torch.arange(300) / 20)))).findings[0]

    assert () == finding.fixes


class InOrder(Sampler):
    """A sampler of somebody's own that does not mix."""

    def __iter__(self):
        return iter(range(300))

    def __len__(self):
        return 300


class OneClassEach(InOrder):
    """A batch sampler that puts one class into each batch."""

    batch_size = 20

    def __iter__(self):
        return iter(np.arange(300).reshape(15, 20).tolist())

    def __len__(self):
        return 15


@pytest.mark.parametrize(
    ("labels", "options", "expected"),
    [
        pytest.param(SORTED, {"sampler": InOrder()}, [WARNING], id="sampler-in-order"),
        pytest.param(MIXED, {"sampler": InOrder()}, [], id="sampler-of-a-mixture"),
        pytest.param(SORTED, {"batch_sampler": OneClassEach(), "batch_size": 1}, [WARNING], id="batch-sampler"),
        pytest.param(MIXED, {"batch_sampler": OneClassEach(), "batch_size": 1}, [], id="batch-sampler-of-a-mixture"),
    ],
)
def test_samplers_of_ones_own_are_measured(labels, options, expected):
    """What they give counts, and they are not replaced."""
    answer = answer_of(CHECK, subject(train=loader(labels, **options)))

    assert expected == severities(answer)
    assert all(finding.fixes == () for finding in answer.findings)


class Stream(IterableDataset):
    """Samples one after the other."""

    def __init__(self, labels):
        self.labels = labels

    def __iter__(self):
        return ((torch.zeros(2) + label, int(label)) for label in self.labels)


@pytest.mark.parametrize(
    ("labels", "expected"), [pytest.param(SORTED, [WARNING], id="sorted"), pytest.param(MIXED, [], id="mixed")]
)
def test_streams_are_judged_by_what_came(labels, expected):
    """A stream may mix by itself, and nothing can be done from outside."""
    answer = answer_of(CHECK, subject(train=DataLoader(Stream(labels), batch_size=16)))

    assert expected == severities(answer)
    assert all(finding.fixes == () for finding in answer.findings)


def test_one_batch_has_no_order():
    """All samples at once."""
    answer = answer_of(CHECK, subject(train=loader(SORTED, 300)))

    assert () == answer.findings
    assert "one batch holds all 300 samples" in answer.says


def test_too_few_samples_are_not_applicable():
    """Nineteen may be in any order."""
    assert "19 samples were seen, of 20 needed" in why_not(CHECK, subject(train=loader(SORTED[:19], 4)))


def test_random_orders_are_no_warning():
    """A hundred shuffled sets of few classes and small batches: chance is accounted for."""
    random = np.random.default_rng(0)
    found = [
        severities(answer_of(CHECK, subject(train=loader(random.permutation(np.arange(count) % classes), size))))
        for count, classes, size in [(24, 2, 4), (40, 3, 8), (100, 2, 2), (60, 5, 16)]
        for _ in range(25)
    ]

    assert [[NOTE]] * 100 == found
