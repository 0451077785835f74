"""Mean 0 and standard deviation 1, as the training data have them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

from autofix_nb.evidence.profile import Profile
from autofix_nb.fixes.preparing import Owned
from autofix_nb.fixes.standardise import MOST_FEATURES, Standardise
from tests.runs import finding


def numbers(*shape, scale=20.0, shift=5.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)) * scale + shift


def loader(*parts, **options):
    return DataLoader(TensorDataset(*parts, torch.arange(len(parts[0])) % 2), **({"batch_size": 16} | options))


def planned(train, val=None, **more):
    fix, owned = Standardise(), Owned(train=train, val=val, **more)
    return fix, owned, fix.plan(finding(step=0), owned)


def applied(train, val=None, **more):
    fix, owned, change = planned(train, val, **more)
    fix.apply(change, owned)
    return change


def inputs_of(one):
    return torch.cat([batch[0] for batch in one])


def test_a_table_becomes_what_scikit_learns_scaler_makes_of_it():
    """Validation with the numbers of the training data."""
    rows = torch.tensor(load_wine().data, dtype=torch.float32)
    train, val = loader(rows[:120]), loader(rows[120:])
    applied(train, val)
    scaler = StandardScaler().fit(rows[:120].double().numpy())

    for side, part in ((train, rows[:120]), (val, rows[120:])):
        expected = torch.tensor(scaler.transform(part.double().numpy()), dtype=torch.float32)
        assert torch.allclose(expected, inputs_of(side), atol=1e-6)


def test_large_numbers_with_small_differences_keep_them():
    """Dates in seconds have more digits than float32 can subtract from."""
    days = torch.arange(64, dtype=torch.float64).view(64, 1) * 86_400 + 1.6e9
    train = loader(days)
    applied(train)
    got = inputs_of(train)

    assert torch.allclose((days - days.mean()) / days.std(correction=0), got, atol=1e-6)


@pytest.mark.parametrize(
    ("parts", "what", "dims"),
    [
        pytest.param((numbers(64, 3, 5, 5),), "3 input channels", (0, 2, 3), id="pictures"),
        pytest.param((numbers(64, 5, 5, 3),), "3 input channels", (0, 1, 2), id="channels-last"),
        pytest.param((numbers(64, 9, 4),), "4 input channels", (0, 1), id="sequences"),
        pytest.param((numbers(64, 4),), "4 input features", (0,), id="tables"),
        pytest.param((numbers(64),), "the input feature", (0,), id="one-number"),
    ],
)
def test_each_feature_or_channel_on_its_own(parts, what, dims):
    """Over everything else."""
    train = loader(*parts)
    change = applied(train)
    got = inputs_of(train).double()

    assert what in change.says
    assert torch.allclose(torch.zeros(()).double(), got.mean(dims), atol=1e-5)
    assert torch.allclose(torch.ones(()).double(), got.std(dims, correction=0), atol=1e-5)


def test_channels_of_a_convolution_over_time_come_first():
    """The model tells which dimension they are."""
    change = planned(loader(numbers(64, 4, 9)), model=nn.Sequential(nn.Conv1d(4, 2, 3)))[2]

    assert 4 == len(change.after["parts"]["[0]"]["mean"])


def test_constant_features_are_divided_by_1_and_missing_values_stay():
    """Nothing becomes infinite that was not."""
    rows = numbers(64, 3)
    rows[:, 1] = 0.1
    rows[5, 0], rows[6, 2] = float("nan"), float("inf")
    train = loader(rows)
    change = applied(train)
    got = inputs_of(train)

    assert 1.0 == change.after["parts"]["[0]"]["std"][1]
    assert torch.allclose(torch.zeros(64), got[:, 1], atol=1e-6)
    assert [(5, 0), (6, 2)] == [tuple(place) for place in (~got.isfinite()).nonzero().tolist()]


class Named(Dataset):
    """Samples as dicts, with a mask, words and a target that is a number."""

    def __init__(self, target="y"):
        self.values, self.target = numbers(64, 4), target

    def __len__(self):
        return 64

    def __getitem__(self, index):
        return {
            "values": self.values[index],
            "words": torch.tensor([index, 3]),
            "mask": torch.tensor([1.0, float(index % 2)]),
            self.target: self.values[index].sum(),
        }


def test_only_numbers_among_the_inputs_are_touched():
    """Neither words nor masks nor the target, whatever its kind."""
    train = DataLoader(Named(), batch_size=64)
    (before,) = train
    change = applied(train)
    (after,) = train

    assert ["['values']"] == list(change.after["parts"])
    assert ["values"] == [name for name in before if not torch.equal(before[name], after[name])]


def test_two_inputs_have_their_own_numbers():
    """As many as the model takes."""
    train = loader(numbers(64, 2), numbers(64, 3, scale=0.01))
    applied(train)
    first, second, _ = (torch.cat(parts) for parts in zip(*train, strict=True))

    assert torch.allclose(torch.ones(2), first.std(0, correction=0))
    assert torch.allclose(torch.ones(3), second.std(0, correction=0))


@pytest.mark.parametrize(
    "train",
    [
        pytest.param(loader((numbers(64, 3) - numbers(64, 3).mean(0)) / numbers(64, 3).std(0, correction=0)), id="is"),
        pytest.param(loader((numbers(64, 3) > 0).float()), id="masks"),
        pytest.param(loader(torch.ones(64, 3, dtype=torch.long)), id="words"),
        pytest.param(loader(numbers(8, MOST_FEATURES + 1)), id="too-wide-to-say"),
        pytest.param(loader(numbers(64, 3) * float("nan")), id="nothing-finite"),
        pytest.param(DataLoader(Named("price"), batch_size=64), id="no-target-can-be-told"),
        pytest.param(DataLoader(numbers(64, 3)), id="no-targets"),
        pytest.param([(numbers(4, 3), torch.ones(4))], id="no-loader"),
    ],
)
def test_what_needs_none_or_cannot_be_told_is_left_alone(train):
    """Rather not than wrongly."""
    assert None is planned(train)[2]


def evidence(rows, kind="table"):
    scan = SimpleNamespace(kind=kind, profile=Profile.of(rows.numpy()), indices=np.arange(len(rows)))
    return SimpleNamespace(scan=lambda side: scan, step=None)


def noisy(samples):
    inputs, targets = default_collate(samples)
    return inputs * 100, targets


@pytest.mark.parametrize(
    ("options", "mean"),
    [
        pytest.param({}, 7.0, id="as-the-model-gets-it"),
        pytest.param({"collate_fn": noisy}, None, id="the-loader-makes-something-else-of-it"),
    ],
)
def test_what_was_looked_at_before_is_not_measured_again(options, mean):
    """All samples of a table, unless the model gets other numbers."""
    rows = numbers(64, 1)
    known = evidence(torch.tensor([[-1000.0], [1014.0]]))
    change = planned(loader(rows, **options), evidence=known)[2]

    expected = float(rows.mean()) * 100 if mean is None else mean
    assert pytest.approx([expected], rel=1e-4) == change.after["parts"]["[0]"]["mean"]
    assert f"on {64 if mean is None else 2} training samples" in change.says


def test_the_line_to_type_does_the_same():
    """With the numbers in it, where they are few."""
    rows = numbers(64, 3)
    train = loader(rows)
    change = applied(train)
    names = {"torch": torch, "inputs": rows}
    exec(change.permanent, names)  # noqa: S102

    assert torch.allclose(inputs_of(train), names["inputs"], atol=1e-4)
    assert planned(loader(numbers(64, 3, 5, 5)))[2].permanent.startswith("transforms.Normalize(mean=[")
    assert "StandardScaler().fit(train_inputs)" in planned(loader(numbers(64, 13)))[2].permanent


def test_says_what_it_does():
    """With the spread before, and on how many samples it was measured."""
    rows = torch.tensor([[-1.0, -100.0], [1.0, 100.0]]).repeat(600, 1)

    assert (
        "each of the 2 input features is brought to mean 0 and standard deviation 1 (it was 1 to 100), as measured on "
        "1,200 training samples; validation is treated alike" == planned(loader(rows), loader(rows))[2].says
    )
