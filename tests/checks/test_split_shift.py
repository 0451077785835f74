"""Train and validation differ: found where it matters, and random splits are left alone."""

import numpy as np
import pytest
import torch
from sklearn import datasets
from torch.utils.data import DataLoader, Dataset

from autofix_nb.checks.split_shift import SplitShift
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, scan, subject, subject_of, why_not

SETS = {name: getattr(datasets, f"load_{name}")(return_X_y=True) for name in ("wine", "breast_cancer", "digits")}


def split(values, labels, order, share=0.3):
    """Return the subject of a split in that order: the first share of it is for validation."""
    cut = int(share * len(order))
    val, train = order[:cut], order[cut:]
    return subject_of(scan(values[train], labels[train]), scan(values[val], labels[val], side="val"))


def of_rows(train, val, **fields):
    """Return the subject of two tables without labels."""
    return subject_of(scan(train, **fields), scan(val, side="val", **fields))


def noise(seed=0, train=1000, val=500, features=20):
    """Return two sets of rows of the same distribution."""
    random = np.random.default_rng(seed)
    return random.normal(size=(train, features)), random.normal(size=(val, features))


@pytest.mark.parametrize("name", SETS)
def test_random_splits_are_alike(name):
    """Ten of each set: 1 in 100 may be reported, so 2 of 10 would be a fault (of 200 each, none was)."""
    values, labels = SETS[name]
    orders = [np.random.default_rng(seed).permutation(len(labels)) for seed in range(10)]

    reported = sum(bool(answer_of(SplitShift(), split(values, labels, order)).findings) for order in orders)

    assert reported <= 1


@pytest.mark.parametrize("name", SETS)
def test_sorted_splits_differ(name):
    """In their features and in the shares of their classes."""
    values, labels = SETS[name]

    findings = answer_of(SplitShift(), split(values, labels, np.argsort(labels, kind="stable"))).findings

    assert [Severity.WARNING] * 2 == [finding.severity for finding in findings]
    assert "only one of them" not in findings[0].says
    assert "Cramér's V" in findings[1].says


def test_a_shifted_feature_is_named():
    """By half a standard deviation, in one of 20."""
    train, val = noise()
    val[:, 3] += 0.5

    (finding,) = answer_of(SplitShift(), of_rows(train, val)).findings

    assert "feature 3" == finding.where[0]
    assert finding.says.startswith(
        "1 of 20 features is distributed otherwise in val than in train: most of all feature 3"
    )
    assert finding.measured > finding.limit


def test_a_wider_feature_is_named():
    """Twice as wide, with the same mean."""
    train, val = noise()
    val[:, 7] *= 2

    (finding,) = answer_of(SplitShift(), of_rows(train, val)).findings

    assert ("feature 7",) == finding.where


def test_a_changed_correlation_is_seen_as_a_whole():
    """No feature shows it alone."""
    train, val = noise(features=8)
    val[:, 1] = 0.9 * val[:, 0] + np.sqrt(1 - 0.81) * val[:, 1]

    (finding,) = answer_of(SplitShift(), of_rows(train, val)).findings

    assert "though no feature alone shows it" in finding.says
    assert finding.measured > 0.55


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
@pytest.mark.parametrize("side", ["train", "val"])
def test_only_one_side_scaled(name, side):
    """Said in these words, with the code that scales both."""
    values, labels = SETS[name]
    order = np.random.default_rng(0).permutation(len(labels))
    train, val = values[order[100:]], values[order[:100]]
    if side == "val":
        val = (val - val.mean(0)) / val.std(0)
    else:
        train = (train - train.mean(0)) / train.std(0)

    (finding,) = answer_of(SplitShift(), of_rows(train, val)).findings

    assert "as if only one of them had been scaled" in finding.says
    assert "both with the numbers of train" in finding.to_type


def test_shares_of_classes():
    """Found for themselves, the features being alike."""
    train, val = noise()
    random = np.random.default_rng(0)
    looked_at = subject_of(
        scan(train, random.choice(3, 1000, p=[0.5, 0.3, 0.2])),
        scan(val, random.choice(3, 500, p=[0.2, 0.3, 0.5]), side="val"),
    )

    (finding,) = answer_of(SplitShift(), looked_at).findings

    assert "the classes have other shares in val than in train" in finding.says
    assert "stratify" in finding.to_type


def test_numbers_to_be_predicted():
    """Sorted by the target."""
    values, targets = datasets.load_diabetes(return_X_y=True)

    findings = answer_of(SplitShift(), split(values, targets, np.argsort(targets))).findings

    assert any("the targets are distributed otherwise" in finding.says for finding in findings)


def test_a_tiny_shift_of_many_rows_does_not_matter():
    """However sure it is."""
    train, val = noise(train=20_000, val=20_000, features=5)

    assert () == answer_of(SplitShift(), of_rows(train, val + 0.03)).findings


def test_brighter_pictures():
    """Their property is named; unchanged ones are alike."""
    random = np.random.default_rng(0)
    fields = {"kind": "image", "names": ("brightness", "contrast")}
    train, val = random.normal(0.5, 0.1, (300, 2)), random.normal(0.5, 0.1, (100, 2))
    pictures = [random.integers(0, 200, (count, 32, 32, 3), dtype=np.uint8) for count in (300, 100)]

    def asked(brighter):
        return answer_of(
            SplitShift(),
            subject_of(
                scan(train, thumbnails=pictures[0], **fields),
                scan(
                    val + np.array([brighter, 0]),
                    thumbnails=pictures[1] + np.uint8(200 * brighter),
                    side="val",
                    **fields,
                ),
            ),
        ).findings

    assert () == asked(0)
    assert ("brightness",) == asked(0.15)[0].where


def test_missing_values_and_constants():
    """They are left out."""
    train, val = noise(train=300, val=100, features=4)
    train[::2, 0], val[::2, 0] = np.nan, np.nan
    train[:, 1] = val[:, 1] = 5
    train[:, 2] = val[:, 2] = np.nan

    assert () == answer_of(SplitShift(), of_rows(train, val)).findings


def test_values_missing_on_one_side_only():
    """That is said, rather than a distance of what is left."""
    train, val = noise(train=300, val=100, features=4)
    val[:80, 2] = np.nan

    (finding,) = answer_of(SplitShift(), of_rows(train, val)).findings

    assert ("feature 2",) == finding.where
    assert "0% missing in train and 80% in val" in finding.says


@pytest.mark.parametrize(
    ("train", "val", "why"),
    [
        pytest.param(scan(np.zeros((50, 3))), scan(np.zeros((19, 3)), side="val"), "`val` has 19 rows", id="few-rows"),
        pytest.param(scan(np.zeros((50, 3))), scan(np.zeros((50, 4)), side="val"), "3 features", id="widths"),
        pytest.param(scan(np.zeros((50, 3))), scan(np.zeros((50, 3)), side="val"), "no feature", id="constant"),
        pytest.param(scan(np.zeros((50, 3))), None, "no `val` was given", id="no-val"),
    ],
)
def test_not_applicable(train, val, why):
    """With the reason."""
    assert why in why_not(SplitShift(), subject_of(train, val))


class Seen(Dataset):
    """Pictures as a transform of their data set's own gives them."""

    def __init__(self, transform, rows=60):
        self.pictures = torch.rand(rows, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        self.own = transform

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.own(self.pictures[index]), index % 2


@pytest.mark.parametrize(
    ("transform", "found"),
    [
        pytest.param(lambda picture: picture, False, id="none"),
        pytest.param(lambda picture: picture.flip(1), False, id="mirrored"),
        pytest.param(lambda picture: picture + 0.1 * torch.randn(picture.shape), False, id="a-little-noise"),
        pytest.param(lambda picture: picture * (0.6 + 0.8 * torch.rand(())), False, id="brighter-or-darker"),
        pytest.param(lambda picture: picture.index_fill(2, torch.tensor([1]), 1e6), False, id="glitches"),
        pytest.param(lambda picture: picture + 3 * torch.randn(picture.shape), True, id="far-too-much-noise"),
    ],
)
def test_transforms_of_one_side_that_change_how_wide_values_lie_are_found(transform, found):
    """Also those that a data set makes of its own, which a look at the samples cannot leave out."""
    train, val = (DataLoader(Seen(one), batch_size=30) for one in (transform, lambda picture: picture))
    said = [one.says for one in answer_of(SplitShift(), subject(train=train, val=val)).findings]

    assert found == any("as wide" in one for one in said)
