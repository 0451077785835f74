"""Broken samples: what keeps a batch from being built, in words and with names."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from autofix_nb.checks.broken_samples import BrokenSamples
from autofix_nb.finding import Severity
from tests.cases import Damaged, mlp
from tests.checks.subjects import answer_of, subject, why_not
from tests.checks.trainings import CLEAN, labels, loader, numbers

CHECK = BrokenSamples()
ROWS = 48


def damaged(**damage):
    return DataLoader(Damaged(numbers(ROWS, 4), labels(ROWS), **damage), batch_size=8)


def table(rows=ROWS, **options):
    return DataLoader(TensorDataset(numbers(ROWS, 4)[:rows], labels(ROWS)[:rows]), **({"batch_size": 8} | options))


class Nothing(Dataset):
    """Every sample is None."""

    def __len__(self):
        return 20

    def __getitem__(self, index):
        return None


class Stream(IterableDataset):
    """Rows without numbers, of which some raise."""

    def __init__(self, error=None):
        self.error = error

    def __iter__(self):
        for place in range(32):
            if self.error:
                raise self.error
            yield torch.zeros(4), place % 3


def findings_of(train, val=None, **options):
    return answer_of(CHECK, subject(mlp(4, 3), train, val, loss=nn.CrossEntropyLoss(), **options)).findings


@pytest.mark.parametrize(
    ("train", "says"),
    [
        pytest.param(
            lambda: damaged(raising=range(ROWS)), "none of the 40 samples of the first batches", id="all-raise"
        ),
        pytest.param(lambda: DataLoader(Nothing(), batch_size=8), "none of the 20 samples", id="samples-of-none"),
        pytest.param(lambda: table(collate_fn=lambda rows: None), "gives batches of `None`", id="collates-to-none"),
        pytest.param(lambda: [None, None], "gives batches of `None`", id="list-of-none"),
        pytest.param(lambda: table(rows=0), "holds 0 samples", id="length-0"),
        pytest.param(lambda: table(batch_size=64, drop_last=True), "48 samples in batches of 64", id="drops-all"),
        pytest.param(lambda: table(sampler=[]), "its sampler gives none", id="empty-sampler"),
        pytest.param(list, "`train` (list) gives 0 batches", id="empty-list"),
        pytest.param(lambda: (row for row in [1]), "which can be read once only", id="generator"),
        pytest.param(lambda: 5, "wanted a `torch.utils.data.DataLoader`", id="a-number"),
        pytest.param(
            lambda: DataLoader(Stream(OSError("gone")), batch_size=8), "OSError: gone", id="stream-that-raises"
        ),
        pytest.param(lambda: loader(numbers(ROWS, 4)), "without targets", id="no-targets"),
        pytest.param(lambda: damaged(raising=range(0, ROWS, 3)), "16 of 48 samples", id="a-third-raises"),
    ],
)
def test_what_leaves_no_batches_is_critical(train, says):
    """One sentence, never a traceback."""
    worst = findings_of(train())[0]

    assert Severity.CRITICAL == worst.severity
    assert says in worst.says


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param({"raising": [3, 9]}, "sample 3: ValueError: sample 3 is broken", id="raise"),
        pytest.param({"odd": [3, 9]}, "sample 3: is (3,), usual is (4,)", id="odd-shape"),
    ],
)
def test_some_broken_samples_are_named(damage, reason):
    """With count and share, the first one's reason, and how to leave them out."""
    finding = findings_of(damaged(**damage))[0]

    assert Severity.WARNING == finding.severity
    assert f"2 of 48 samples of `train` (4.2%) cannot be loaded into a batch, limit 0; {reason}" == finding.says
    assert ("sample 3", "sample 9") == finding.where
    assert "left_out = {3, 9}" in finding.to_type


@pytest.mark.parametrize(
    ("data_sets", "data"),
    [pytest.param({"train"}, "train", id="a-data-set"), pytest.param(set(), "train.dataset", id="a-loader")],
)
def test_code_names_what_was_given(data_sets, data):
    """A data set has no attribute `dataset`."""
    some = findings_of(damaged(raising=[3]), data_sets=frozenset(data_sets))[0]
    none = findings_of(damaged(raising=range(ROWS)), data_sets=frozenset(data_sets))[0]

    assert f"Subset({data}, " in some.to_type
    assert f"{data}[0]  # raises the same error" == none.to_type


def test_what_is_no_error_of_the_sample_is_not_promised_as_one():
    """A sample of `None` raises only where it is put into a batch."""
    finding = findings_of(DataLoader(Nothing(), batch_size=8))[0]

    assert "train.dataset[0]  # look at what it gives" == finding.to_type


def test_broken_samples_beyond_the_first_batches_are_found():
    """The pass over all samples meets them."""
    assert ("sample 47",) == findings_of(damaged(raising=[47]))[0].where


def test_validation_is_looked_at_too():
    """Its samples break just as well."""
    assert "of `val`" in findings_of(table(), damaged(raising=[5]))[0].says


def test_a_sampler_that_draws_one_sample_is_noticed():
    """All rows of a batch are the same."""
    finding = findings_of(table(sampler=[7] * ROWS))[0]

    assert "8 of the 8 rows of a batch of `train` are one and the same sample, 1 of 48 are drawn" in finding.says


def test_batches_of_one_row_are_worth_a_note():
    """A loader without `batch_size` gives them; with few samples nobody minds."""
    many = DataLoader(TensorDataset(numbers(80, 4), labels(80)))

    assert [Severity.NOTE] == [finding.severity for finding in findings_of(many)]
    assert () == findings_of(table(rows=20, batch_size=1))


@pytest.mark.parametrize(
    "train",
    [
        pytest.param(lambda: table(), id="table"),
        pytest.param(lambda: table(sampler=[7, 7, *range(2, ROWS)]), id="a-sample-drawn-twice"),
        pytest.param(lambda: DataLoader(Stream(), batch_size=8), id="stream"),
        pytest.param(lambda: [(numbers(4, 4), labels(4))], id="list-of-batches"),
    ],
)
def test_near_misses(train):
    """Unusual, and well."""
    assert () == findings_of(train())


def test_a_step_takes_any_form():
    """Batches without targets are the step's matter."""
    assert () == findings_of(loader(numbers(ROWS, 4)), step=lambda model, batch: model(batch[0]).mean())


def test_without_data_it_is_not_applicable():
    """There is nothing to look at."""
    assert "no `train` was given" == why_not(CHECK, subject(mlp(4, 3)))


@pytest.mark.parametrize("name", CLEAN)
def test_clean_trainings(name):
    """Nothing is found."""
    model, train, loss = CLEAN[name]()

    assert () == answer_of(CHECK, subject(model, train, loss=loss)).findings
