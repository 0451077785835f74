"""Missing values: named with their samples and columns, and judged by what becomes of them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from autofix_nb.checks.missing_values import MissingValues
from autofix_nb.evidence.frames import as_source
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, scan, subject, subject_of

CHECK = MissingValues()
NOTE, WARNING, CRITICAL = Severity


def rows(count=1200, columns=4, seed=0):
    return torch.randn(count, columns, generator=torch.Generator().manual_seed(seed))


def loader(inputs, targets=None):
    targets = torch.arange(len(inputs)) % 3 if targets is None else targets
    return DataLoader(TensorDataset(inputs, targets), batch_size=32, shuffle=True)


def spoilt(places, value=float("nan"), **shape):
    inputs = rows(**shape)
    inputs[places] = value
    return inputs


def severities(answer):
    return [finding.severity for finding in answer.findings]


def test_ten_nan_rows_at_index_1000_are_named():
    """Found every time, wherever the first batches look."""
    finding = answer_of(CHECK, subject(nn.Linear(4, 3), loader(spoilt(slice(1000, 1010))))).findings[0]

    assert (CRITICAL, 10) == (finding.severity, finding.measured)
    assert tuple(f"sample {place}" for place in range(1000, 1010)) == finding.where
    assert (
        "10 of 1,200 training samples (0.83%) hold missing or infinite inputs, wanted 0 (samples 1000–1009): a single "
        "one turns the loss and all weights of a plain training loop into NaN"
    ) == finding.says
    assert "`af.fit` sets such samples aside and goes on without them" in finding.evidence


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [(0, 0), (1199, 3), (500, slice(None))], ids=["first", "last", "a-whole-row"])
def test_one_value_is_enough(value, place):
    """Any value that is no finite number, anywhere."""
    answer = answer_of(CHECK, subject(nn.Linear(4, 3), loader(spoilt(place, value))))

    assert [CRITICAL] == severities(answer)
    assert (f"sample {place[0]}",) == answer.findings[0].where


def test_validation_data_is_looked_at_too():
    """It cannot harm the weights, but the score."""
    answer = answer_of(CHECK, subject(nn.Linear(4, 3), loader(rows()), loader(spoilt([5], count=100))))

    assert [WARNING] == severities(answer)
    assert ("val sample 5",) == answer.findings[0].where


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        pytest.param(None, [CRITICAL], id="chosen-for-the-user"),
        pytest.param(nn.MSELoss(), [CRITICAL], id="of-torch"),
        pytest.param(lambda outputs, targets: outputs.mean(), [NOTE], id="of-their-own"),
    ],
)
def test_missing_targets(loss, expected):
    """A loss of the user's own may leave them out on purpose."""
    targets = rows(columns=1)
    targets[[3, 4]] = float("nan")

    assert expected == severities(answer_of(CHECK, subject(nn.Linear(4, 1), loader(rows(), targets), loss=loss)))


class Filled(Dataset):
    """Missing values that a transform fills in."""

    def __init__(self, inputs):
        self.inputs, self.transform = inputs, torch.nan_to_num

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return self.transform(self.inputs[index]), index % 3


class Fills(nn.Module):
    """A model that fills them in by itself."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, inputs):
        return self.layer(torch.nan_to_num(inputs))


@pytest.mark.parametrize(
    ("model", "train", "words"),
    [
        pytest.param(
            nn.Linear(4, 3), DataLoader(Filled(spoilt([7], count=60)), 8, shuffle=True), "transforms fill them in",
            id="transforms",
        ),
        pytest.param(Fills(), loader(spoilt([7], count=60)), "model's outputs for them are finite", id="model"),
    ],
)  # fmt: skip
def test_what_is_filled_in_later_is_a_note(model, train, words):
    """What counts is what reaches the weights."""
    answer = answer_of(CHECK, subject(model, train))

    assert [NOTE] == severities(answer)
    assert words in answer.findings[0].says


def test_a_column_that_is_mostly_missing_is_named_first():
    """It is better dropped than filled in."""
    inputs = spoilt((slice(0, 900), 2))
    finding = answer_of(CHECK, subject(nn.Linear(4, 3), loader(inputs))).findings[0]

    assert "column `feature 2`" == finding.where[0]
    assert finding.to_type.startswith("left_out = [2]\n")
    assert "column `feature 2`: 75.0% missing" in finding.evidence


@pytest.mark.parametrize(
    ("value", "line"),
    [pytest.param(np.nan, "X_train.dropna()", id="gaps"), pytest.param(np.inf, "X_train.iloc[kept]", id="infinite")],
)
def test_rows_of_a_frame_are_left_out_with_their_targets(value, line):
    """A frame has no data set that could be typed."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(100, 4)), columns=list("abcd"))
    frame.iloc[[3, 7], 1] = value
    target = pandas.Series(np.arange(100) % 2, name="y")
    source, table = as_source((frame, target), "train")
    finding = answer_of(CHECK, subject(train=source, tables={"train": table})).findings[0]
    places = {"X_train": frame, "y_train": target}
    exec(finding.to_type, places)  # noqa: S102 - the code is what is tested

    assert line in finding.to_type
    assert (98, 98) == (len(places["X_train"]), len(places["y_train"]))
    assert np.isfinite(places["X_train"]).all(axis=None)


def test_few_rows_are_left_out_and_many_filled_in():
    """The code fits the case."""
    few = answer_of(CHECK, subject(train=loader(spoilt([1, 2])))).findings[0]
    many = answer_of(CHECK, subject(train=loader(spoilt((slice(0, 400), 1))))).findings[0]

    assert few.to_type.startswith("left_out = {1, 2}\n")
    assert "SimpleImputer" in many.to_type


@pytest.mark.parametrize(
    ("constant", "kind", "expected"),
    [
        pytest.param(0, "table", [], id="none"),
        pytest.param(1, "table", [NOTE], id="one"),
        pytest.param(5, "table", [NOTE], id="half"),
        pytest.param(6, "table", [WARNING], id="more-than-half"),
        pytest.param(6, "sequence", [NOTE], id="of-a-sequence"),
        pytest.param(6, "image", [], id="properties-of-images-are-no-features"),
    ],
)
def test_constant_features(constant, kind, expected):
    """They tell nothing; a table made mostly of them was read wrongly."""
    features = np.random.default_rng(0).normal(size=(50, 10))
    features[:, :constant] = 3.5

    assert expected == severities(answer_of(CHECK, subject_of(scan(features, kind=kind))))


class OfTheirOwn(Dataset):
    """A data set that says nothing about how it is made: one feature constant, one drawn at random, one a count."""

    def __len__(self):
        return 60

    def __getitem__(self, index):
        return torch.cat([torch.ones(1), torch.rand(1), torch.tensor([float(index)])]), index % 2


def test_what_is_drawn_at_random_is_not_constant():
    """Though it is the same for all samples that are loaded with the same random numbers."""
    finding = answer_of(CHECK, subject(train=DataLoader(OfTheirOwn(), 8, shuffle=True))).findings[0]

    assert ("`feature 0`",) == finding.where


def test_few_rows_make_no_constant():
    """Nine equal values may be chance."""
    assert () == answer_of(CHECK, subject_of(scan(np.ones((9, 3))))).findings


def test_says_what_was_looked_at():
    """Where nothing is missing."""
    answer = answer_of(CHECK, subject(train=loader(rows())))

    assert (
        "no missing or infinite value in 1,200 training samples of 4 features each (all 1,200 samples)" == answer.says
    )


def test_the_model_and_the_random_numbers_are_left_as_they_were():
    """Trying what becomes of bad samples leaves nothing behind."""
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 3))
    before = {name: part.clone() for name, part in model.state_dict().items()}
    state = torch.get_rng_state()
    answer_of(CHECK, subject(model, loader(spoilt([3]))))

    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(part, before[name]) for name, part in model.state_dict().items())
    assert model.training
