"""Samples absurdly far from all others are left out; long tails stay."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from autofix_nb.data import Quarantine
from autofix_nb.fixes.drop_outliers import MOST_FEATURES, DropOutliers
from tests.runs import finding


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def loader(*parts, **options):
    return DataLoader(
        TensorDataset(*parts, torch.zeros(len(parts[0]))), **({"batch_size": 16, "shuffle": True} | options)
    )


def running(train):
    """Return what a fix sees of a training on a loader."""
    return SimpleNamespace(train=train, quarantine=Quarantine())


def plan(train):
    return DropOutliers().plan(finding(code="D03"), running(train))


def with_far(part, *places, value=1e6):
    part = part.clone()
    for place in places:
        part[place] = value
    return part


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        pytest.param(lambda: loader(with_far(drawn(100, 4), 7)), [7], id="a-row"),
        pytest.param(lambda: loader(with_far(drawn(100, 4), (7, 2), (30, 0))), [7, 30], id="one-value-each"),
        pytest.param(lambda: loader(with_far(drawn(100, 4), 7), shuffle=False), [7], id="in-order"),
        pytest.param(lambda: loader(with_far(drawn(100, 3, 4, 4), 5)), [5], id="a-picture"),
        pytest.param(lambda: loader(with_far(drawn(100, MOST_FEATURES + 1), 5)), [5], id="a-long-row"),
        pytest.param(lambda: loader(drawn(100, 2), with_far(drawn(100, 3), 8)), [8], id="the-second-input"),
        pytest.param(
            lambda: loader(with_far(with_far(drawn(100, 4), 7), 3, value=float("nan"))), [7], id="beside-missing-values"
        ),
    ],
)
def test_finds_them_by_their_index(train, expected):
    """In whatever order the loader gives them."""
    assert expected == plan(train()).after["samples"]


class Stream(IterableDataset):
    def __iter__(self):
        raise AssertionError("a stream must not be read")


@pytest.mark.parametrize(
    "train",
    [
        pytest.param(lambda: loader(drawn(200, 4)), id="none"),
        pytest.param(lambda: loader(drawn(2000, 3).mul(2.5).exp()), id="long-tails"),
        pytest.param(lambda: loader(drawn(2000, 3) / drawn(2000, 3).abs().flip(0).clamp_min(0.003)), id="longer-tails"),
        pytest.param(lambda: loader((drawn(2000, 3) > 2.9).float()), id="rare-words"),
        pytest.param(lambda: loader(with_far(drawn(100, 4), *range(6))), id="more-than-5-percent"),
        pytest.param(lambda: loader(with_far(drawn(18, 4), 7)), id="too-few-to-tell"),
        pytest.param(lambda: loader(torch.ones(100, 4, dtype=torch.long)), id="words"),
        pytest.param(lambda: loader(torch.full((100, 4), float("nan"))), id="no-numbers"),
        pytest.param(lambda: DataLoader(drawn(100, 4)), id="no-targets"),
        pytest.param(lambda: DataLoader(Stream()), id="stream"),
        pytest.param(lambda: [(drawn(100, 4), drawn(100))], id="no-loader"),
        pytest.param(lambda: None, id="none-at-all"),
    ],
)
def test_leaves_out_nothing_that_may_be_usual(train):
    """Nor what nobody can name."""
    assert plan(train()) is None


def test_there_and_back():
    """Set aside as samples that raise are, and released again; none twice."""
    run = running(loader(with_far(drawn(100, 4), 7)))
    fix = DropOutliers()
    change = fix.plan(finding(code="D03"), run)
    fix.apply(change, run)
    (sample,) = run.quarantine

    assert (7, "outlier", True) == (sample.index, sample.kind, "times as far out as is absurd" in sample.reason)
    assert fix.plan(finding(code="D03"), run) is None
    fix.undo(change, run)
    assert 0 == len(run.quarantine)


def test_the_line_to_type_leaves_them_out():
    """And no others."""
    train = TensorDataset(drawn(10, 2))
    change = plan(loader(with_far(drawn(100, 4), 7)))
    names = {"torch": torch, "train": train}
    exec(change.permanent, names)  # noqa: S102

    assert [0, 1, 2, 3, 4, 5, 6, 8, 9] == names["train"].indices


def test_says_which_and_how_far():
    """The first few by name."""
    assert plan(loader(with_far(drawn(200, 4), *range(20, 28)))).says.startswith(
        "8 samples (20, 21, 22, 23, 24, ...) are set aside, whose inputs lie up to "
    )


def of_numbers(*marks, value=99.0, every=None):
    """Return a loader of numbered inputs whose targets are a mark at some places."""
    targets = drawn(200)
    targets[list(marks) if every is None else slice(None, None, every)] = value
    return DataLoader(TensorDataset(torch.arange(200), targets), batch_size=16, shuffle=True)


@pytest.mark.parametrize(
    ("train", "expected", "sure"),
    [
        pytest.param(of_numbers(3, 40, 77), [3, 40, 77], True, id="a-mark"),
        pytest.param(of_numbers(3, value=5000.0), [3], False, id="a-slip"),
        pytest.param(of_numbers(every=10, value=-999.0), list(range(0, 200, 10)), True, id="many-marks"),
    ],
)
def test_targets_far_out_are_left_out(train, expected, sure):
    """Whatever the inputs are; one that stands for none in several rows is sure."""
    change = plan(train)

    assert (expected, sure) == (change.after["samples"], change.after["sure"])


@pytest.mark.parametrize(
    "train",
    [
        pytest.param(of_numbers(3, value=4.0), id="near"),
        pytest.param(of_numbers(every=5), id="a-fifth-of-all"),
        pytest.param(DataLoader(TensorDataset(drawn(200, 2), drawn(200, 65) * 0 + 1)), id="long-targets"),
    ],
)
def test_targets_that_may_be_usual_stay(train):
    """As what a large part of the data holds is what the data is like."""
    assert plan(train) is None


def test_numbers_of_classes_are_no_targets_far_out():
    """Whatever their type."""
    run = running(of_numbers(3, 40, 77))
    run.task = SimpleNamespace(kind="classification")

    assert DropOutliers().plan(finding(code="D03"), run) is None


def test_a_sample_says_why_it_was_set_aside():
    """By how far its target lies out."""
    run = running(of_numbers(3, 40, 77))
    fix = DropOutliers()
    fix.apply(fix.plan(finding(code="D03"), run), run)

    assert all(sample.reason.startswith("its target lies ") for sample in run.quarantine)
