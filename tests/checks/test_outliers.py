"""Outliers: unmistakable ones are found in any set, and honest sets have none."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn import datasets

from autofix_nb.checks.outliers import Outliers
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, scan, subject_of, why_not


@cache
def honest() -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Return sets without outliers: features and labels."""
    random = np.random.default_rng(0)
    sets = {
        name: getattr(datasets, f"load_{name}")(return_X_y=True)
        for name in ("iris", "wine", "breast_cancer", "digits", "diabetes")
    }
    normal = random.normal(size=(1000, 6))
    tenth = (random.random(1000) < 0.1).astype(int)
    few = (random.random(1000) < 0.03).astype(int)
    group = random.integers(0, 4, 1000)
    away = np.array([1, 1, 0, 0, 1, 0])
    spent = np.where(random.random(1000) < 0.6, 0, random.lognormal(3, 1, 1000))
    sets |= {
        "gauss": (normal, None),
        "tiny": (normal[:100], None),
        "wide": (random.normal(size=(60, 300)), None),
        "student-5": (random.standard_t(5, size=(1000, 10)), None),
        "lognormal": (random.lognormal(size=(1000, 10)), None),
        "exponential": (random.exponential(size=(1000, 8)), None),
        "poisson": (random.poisson(0.1, size=(1000, 8)), None),
        "clusters": (normal + 6 * random.normal(size=(4, 6))[group], group),
        "minority": (normal + 5 * tenth[:, None] * away, tenth),
        "a-few-far-away-of-their-own-class": (normal + 60 * few[:, None] * away, few),
        "sparse": (random.random((1000, 64)) * (random.random((1000, 64)) < 0.1), None),
        "one-hot": (np.column_stack([np.eye(8)[random.choice(8, 1000)], normal]), None),
        "mostly-zero": (np.column_stack([spent, normal]), None),
    }
    return sets


def planted(kind: str, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return a damaged copy."""
    values = np.array(values, dtype=np.float64)
    if kind == "one-value":
        values[rows, 3] = values[:, 3].mean() + 50 * values[:, 3].std()
    elif kind == "thousandfold":
        values[rows] *= 1000
    else:
        values[rows, 3] = float(kind)
    return values


@pytest.mark.parametrize("name", honest())
def test_honest_sets_have_no_warning(name):
    """Skewed, heavy-tailed, sparse or in clusters: as they are, and standardised."""
    values, labels = honest()[name]
    values = np.asarray(values, dtype=np.float64)
    deviations = values.std(0)
    standardised = (values - values.mean(0)) / np.where(deviations > 0, deviations, 1)

    for features in (values, standardised):
        findings = answer_of(Outliers(), subject_of(scan(features, labels))).findings

        assert [] == [finding.says for finding in findings if finding.severity > Severity.NOTE]


@pytest.mark.parametrize("kind", ["one-value", "thousandfold", "-99999", "99999"])
@pytest.mark.parametrize("count", [1, 3, 0.02])
@pytest.mark.parametrize("name", ["iris", "wine", "diabetes", "gauss", "lognormal", "minority"])
def test_unmistakable_rows_are_named(kind, count, name):
    """A few, or two in a hundred: all of them, and they come first."""
    values, labels = honest()[name]
    count = max(2, round(count * len(values))) if count < 1 else count
    rows = np.random.default_rng(1).choice(len(values), count, replace=False)

    answer = answer_of(Outliers(), subject_of(scan(planted(kind, values, rows), labels)))

    if (kind, name) != ("one-value", "lognormal") or count > 3:
        named = {name for finding in answer.findings for name in finding.where}
        assert answer.findings[0].severity == Severity.WARNING
        assert {f"sample {row}" for row in rows} <= named
        assert len(named) <= count + 2


@pytest.mark.parametrize("name", ["digits", "lognormal"])
def test_rows_strange_as_a_whole_are_noted(name):
    """Drawn evenly from the box of the features: no single value is strange."""
    random = np.random.default_rng(0)
    values = np.array(honest()[name][0], dtype=np.float64)
    rows = random.choice(len(values), len(values) // 50, replace=False)
    values[rows] = random.uniform(values.min(0), values.max(0), size=(len(rows), values.shape[1]))

    (finding,) = answer_of(Outliers(), subject_of(scan(values))).findings

    assert finding.severity == Severity.NOTE
    assert len({f"sample {row}" for row in rows} & set(finding.where)) > 0.8 * len(rows)


def test_rows_that_break_a_pattern():
    """Each value is usual, all together are far from all others."""
    random = np.random.default_rng(0)
    hidden = random.uniform(-1, 1, size=(1000, 2))
    values = hidden @ random.normal(size=(2, 20)) + 0.02 * random.normal(size=(1000, 20))
    values[[5, 500]] = 2 * random.normal(size=(2, 20))

    (finding,) = answer_of(Outliers(), subject_of(scan(values))).findings

    assert finding.severity == Severity.WARNING
    assert {"sample 5", "sample 500"} == set(finding.where)
    assert "times as far from its 10 nearest rows as usual" in finding.says


def test_says_what_is_where():
    """The sample by the data set's own number, the column by its name, and what to type."""
    values = np.random.default_rng(0).normal(size=(200, 3))
    values[17, 1] = -999
    looked_at = scan(values, indices=np.arange(200) * 10, names=("age", "height", "weight"))

    (finding,) = answer_of(Outliers(), subject_of(looked_at)).findings

    assert finding.says.startswith("1 of 200 rows holds values far out, such as height = -999 in sample 170, ")
    assert finding.says.endswith("times the usual spread from the median (limit 12)")
    assert ("sample 170",) == finding.where
    assert "left_out = {170}" in finding.to_type


def test_missing_values_are_no_outliers():
    """Nor are infinities, which are a matter of their own; what is far out is found beside them."""
    values = np.random.default_rng(0).normal(size=(300, 4))
    values[::3, 0], values[::7, 1], values[3, 2] = np.nan, np.nan, np.inf

    clean = answer_of(Outliers(), subject_of(scan(values)))
    values[5, 1] = 1e6
    damaged = answer_of(Outliers(), subject_of(scan(values)))

    assert () == clean.findings
    assert ("sample 5",) == damaged.findings[0].where


def pictures(count=200, **properties):
    """Return the scan of pictures with usual properties, some of them replaced, and thumbnails of noise."""
    random = np.random.default_rng(0)
    names = ("width", "height", "aspect", "brightness", "contrast")
    usual = {
        "width": np.full(count, 640.0),
        "height": np.full(count, 480.0),
        "aspect": np.full(count, 4 / 3),
        "brightness": random.normal(0.5, 0.1, count),
        "contrast": random.normal(0.2, 0.03, count),
    }
    features = np.column_stack([properties.get(name, usual[name]) for name in names])
    thumbnails = random.integers(0, 255, (count, 32, 32, 3), dtype=np.uint8)
    return scan(features, kind="image", names=names, thumbnails=thumbnails)


def test_usual_pictures():
    """Nothing to say."""
    assert () == answer_of(Outliers(), subject_of(pictures())).findings


def test_blank_pictures_are_shown():
    """All of one colour, whichever."""
    looked_at = pictures()
    looked_at.thumbnails[[4, 9]] = np.array([[0, 0, 0], [200, 30, 30]], dtype=np.uint8)[:, None, None]

    answer = answer_of(Outliers(), subject_of(looked_at))

    assert answer.findings[0].severity == Severity.WARNING
    assert ("sample 4", "sample 9") == answer.findings[0].where
    assert (4, 9) == answer.pictures[0].indices


def test_pictures_of_another_size_are_noted():
    """Relative to the others: sizes that vary are not odd."""
    random = np.random.default_rng(1)
    width = random.integers(400, 800, 200).astype(float)
    varied = answer_of(Outliers(), subject_of(pictures(width=width)))
    width[11] = 8
    answer = answer_of(Outliers(), subject_of(pictures(width=width)))

    assert () == varied.findings
    assert [(Severity.NOTE, ("sample 11",))] == [(one.severity, one.where) for one in answer.findings]
    assert ("width 8",) == answer.pictures[0].captions


@pytest.mark.parametrize(
    ("looked_at", "why"),
    [
        pytest.param(scan(np.zeros((29, 3))), "29 rows, at least 30", id="few-rows"),
        pytest.param(scan(np.zeros((50, 0)), kind="tokens"), "kind `tokens`", id="tokens"),
        pytest.param(scan(np.zeros((0, 3))), "no rows of numbers", id="empty"),
    ],
)
def test_not_applicable(looked_at, why):
    """With the reason."""
    assert why in why_not(Outliers(), subject_of(looked_at))


@pytest.mark.parametrize("values", [np.ones((50, 3)), np.full((50, 3), np.nan), np.eye(2)[np.arange(50) % 2]])
def test_features_without_a_spread(values):
    """Nothing is far from what never varies."""
    assert () == answer_of(Outliers(), subject_of(scan(values))).findings


@pytest.mark.parametrize(
    "make",
    [
        lambda random: np.stack([np.bincount(random.zipf(1.3, 60) % 400, minlength=400) for _ in range(500)]),
        lambda random: random.poisson(random.gamma(0.2, 0.5, 1000)[None], (400, 1000)),
        lambda random: (random.random((200, 200)) < 0.02) * 1.0,
    ],
    ids=["words by Zipf", "counts", "neighbours in a graph"],
)
def test_sparse_counts_are_far_from_each_other_by_nature(make):
    """No more than a note."""
    features = make(np.random.default_rng(0))
    answer = answer_of(Outliers(), subject_of(scan(features, np.arange(len(features)) % 2)))

    assert all(finding.severity == Severity.NOTE for finding in answer.findings)


@pytest.mark.parametrize(("far", "expected"), [(300.0, [Severity.WARNING]), (3.0, [])])
def test_targets_far_out_are_named_too(far, expected):
    """One target drowns the squares of all others as well as a feature does."""
    random = np.random.default_rng(0)
    targets = random.normal(size=600)
    targets[::100] = far
    findings = answer_of(Outliers(), subject_of(scan(random.normal(size=(600, 4)), targets))).findings

    assert expected == [finding.severity for finding in findings if "the target" in finding.says]


def test_marks_among_the_targets_of_ids_are_named():
    """Ratings of numbered people have no features; 99 of five points is no rating, also as a whole number."""
    ratings = np.random.default_rng(0).integers(1, 6, 600).astype(float)
    ratings[::40] = 99
    (finding,) = answer_of(Outliers(), subject_of(replace(scan(np.zeros((600, 1)), ratings), features=None))).findings

    assert Severity.WARNING == finding.severity
    assert "15 of 600 targets lie far out, such as 99 in sample 0" in finding.says
    assert "15 of them the same" in finding.says


@pytest.mark.parametrize("every", [4, 20])
def test_marks_for_none_among_the_inputs_are_named(every):
    """In many rows, too, where each of them lies in the company of others like it."""
    values = np.random.default_rng(5).normal(size=(400, 4))
    values[::every, 2] = -999.0
    found = [one for one in answer_of(Outliers(), subject_of(scan(values))).findings if "a mark for none" in one.says]

    assert [Severity.WARNING] == [one.severity for one in found]
    assert f"such as -999 in {400 // every} of 400 rows of" in found[0].says


def test_what_a_class_is_like_is_no_mark():
    """All its rows have the same value, far from the others."""
    values, labels = np.random.default_rng(5).normal(size=(400, 4)), (np.arange(400) % 10 == 0).astype(int)
    values[labels == 1, 2] = -999.0

    assert [] == [
        one for one in answer_of(Outliers(), subject_of(scan(values, labels))).findings if "a mark" in one.says
    ]
