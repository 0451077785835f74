"""Feature scales: columns far apart are found, pixels and flags are left alone."""

import numpy as np
import pytest
from sklearn import datasets
from sklearn.preprocessing import StandardScaler
from torch import nn

from autofix_nb.checks.feature_scales import FeatureScales
from autofix_nb.evidence.profile import Profile
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, scan, subject_of, why_not

CHECK = FeatureScales()
RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=(200, 5))


def table(features, **options):
    return subject_of(scan(features, **options.pop("fields", {})), **options)


def of(name, *, standardised=False):
    rows = getattr(datasets, f"load_{name}")().data
    return StandardScaler().fit_transform(rows) if standardised else rows


def with_columns(*columns):
    return np.column_stack([NORMAL, *columns])


def sparse_pixels(top):
    """Pictures of which the edge is lit once in a while, and dimly."""
    rows = RANDOM.integers(0, top, size=(500, 20)).astype(float)
    rows[:, :5] = 0
    rows[3, :5] = 1
    return rows


@pytest.mark.parametrize(
    "features",
    [
        pytest.param(NORMAL * [1, 1, 1, 1, 1000], id="times-1000"),
        pytest.param(NORMAL * [1, 1, 1, 1, 200], id="times-200"),
        pytest.param(NORMAL * [1, 1, 1, 1, 1e-3], id="times-a-thousandth"),
        pytest.param(with_columns(np.arange(200) * 1e4), id="a-count"),
        pytest.param(of("wine"), id="wine-as-it-is"),
        pytest.param(of("breast_cancer"), id="breast-cancer-as-it-is"),
    ],
)
def test_columns_far_apart_are_found(features):
    """By more than 100 standard deviations."""
    findings = answer_of(CHECK, table(features)).findings

    assert [Severity.WARNING] == [finding.severity for finding in findings]
    assert "StandardScaler().fit(X_train)" in findings[0].to_type


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(np.full(200, -1e4), id="a-constant"),
        pytest.param(2010 + RANDOM.integers(0, 14, 200), id="years"),
        pytest.param(RANDOM.integers(0, 2, 200) * 1e4, id="a-flag"),
    ],
)
def test_a_column_far_from_zero_is_found(column):
    """Also where it does not spread: what is far from 0 drowns the others in the first layer."""
    (found,) = answer_of(CHECK, table(with_columns(column))).findings

    assert ("`feature 5`",) == tuple(found.where)
    assert found.severity == Severity.WARNING
    assert found.measured > CHECK.distance_ratio == found.limit


@pytest.mark.parametrize(
    "features",
    [
        pytest.param(NORMAL, id="normal"),
        pytest.param(NORMAL * [1, 1, 1, 1, 50], id="times-50"),
        pytest.param(with_columns(RANDOM.integers(0, 2, 200) * 200), id="a-flag"),
        pytest.param(with_columns(np.arange(200) == 3), id="a-rare-flag"),
        pytest.param(with_columns(np.full(200, 200.0)), id="a-constant"),
        pytest.param(with_columns(1 + 1e-9 * RANDOM.normal(size=200)), id="a-constant-but-for-rounding"),
        pytest.param(with_columns(np.where(np.arange(200) % 50 == 0, 900.0, 0) + (np.arange(200) == 100)), id="sparse"),
        pytest.param(with_columns(np.full(200, np.nan)), id="an-empty-column"),
        pytest.param(RANDOM.lognormal(size=(500, 8)), id="lognormal"),
        pytest.param(RANDOM.standard_t(3, size=(500, 8)), id="heavy-tails"),
        pytest.param(sparse_pixels(256), id="pixels"),
        *(pytest.param(of(name), id=name) for name in ("iris", "digits", "diabetes")),
        *(pytest.param(of(name, standardised=True), id=f"{name}-standardised") for name in ("wine", "breast_cancer")),
    ],
)
def test_columns_of_a_size_are_fine(features):
    """Flags, constants and pixels that are dark nearly everywhere have no scale of their own."""
    assert () == answer_of(CHECK, table(features)).findings


def test_says_which_and_how_far():
    """The largest and the smallest column, by name."""
    finding = answer_of(CHECK, table(NORMAL * [1, 1, 0.5, 1, 1000])).findings[0]

    assert ("`feature 4`", "`feature 2`") == finding.where[:2]
    assert finding.says.endswith("times apart, limit 100")


def test_ranges_apart_alone_are_enough():
    """One column uniform, one with a single value a thousand times as far out."""
    rows = RANDOM.uniform(size=(200_000, 2)).astype(np.float32)
    rows[7, 1] = 5000

    assert "ranges are 5,0" in answer_of(CHECK, table(rows)).findings[0].says


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param(nn.Linear(5, 1), [Severity.WARNING], id="linear"),
        pytest.param(nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 1)), [], id="batch-norm-first"),
        pytest.param(nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5)), [Severity.WARNING], id="batch-norm-second"),
        pytest.param(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(5)), [], id="after-a-layer-without-weights"),
        pytest.param(nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 1)), [Severity.NOTE], id="layer-norm-scales-rows"),
    ],
)
def test_a_model_that_normalises_by_itself(model, expected):
    """Batch norm gives each column a scale of its own; layer norm gives each row one, and columns stay apart."""
    findings = answer_of(CHECK, table(NORMAL * [1, 1, 1, 1, 1000], model=model)).findings

    assert expected == [finding.severity for finding in findings]


def test_the_profile_of_all_samples_is_used():
    """Where only some rows were kept."""
    features = (NORMAL * [1, 1, 1, 1, 1000]).astype(np.float32)
    looked_at = table(features[:50], fields={"profile": Profile.of(features), "samples": 200})

    spread = features[:, 4].astype(np.float64).std()

    assert f"standard deviation {spread:.3g} in" in answer_of(CHECK, looked_at).findings[0].says


@pytest.mark.parametrize(
    ("features", "fields", "why"),
    [
        pytest.param(NORMAL, {"kind": "image"}, "kind `image`", id="images"),
        pytest.param(NORMAL, {"kind": "tokens"}, "kind `tokens`", id="tokens"),
        pytest.param(NORMAL[:1], {}, "fewer than 2 rows", id="one-row"),
        pytest.param(NORMAL[:, :1], {}, "1 of 1 features", id="one-column"),
        pytest.param(np.zeros((50, 3)), {}, "0 of 3 features", id="constant"),
    ],
)
def test_without_columns_it_is_not_applicable(features, fields, why):
    """Pictures and texts have no columns, and one column nothing to be compared with."""
    assert why in why_not(CHECK, table(features, fields=fields))
