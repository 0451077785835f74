"""Profiles of features: they merge, and agree with a slow count."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.evidence.profile import Profile

NUMBERS = st.one_of(
    st.floats(-1e6, 1e6, width=32), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1.0])
)


def tables(most=8):
    return st.lists(st.tuples(NUMBERS, NUMBERS), max_size=most).map(lambda rows: np.array(rows).reshape(-1, 2))


def slowly(rows):
    """Return the same facts, one value after the other."""
    facts = []
    for column in range(rows.shape[1]):
        values = [float(row[column]) for row in rows]
        finite = [value for value in values if math.isfinite(value)]
        mean = math.fsum(finite) / len(finite) if finite else math.nan
        facts.append(
            {
                "count": len(finite),
                "missing": sum(map(math.isnan, values)),
                "infinite": sum(map(math.isinf, values)),
                "mean": mean,
                "m2": math.fsum((value - mean) ** 2 for value in finite),
                "min": min(finite, default=math.inf),
                "max": max(finite, default=-math.inf),
            }
        )
    return facts


def assert_same(expected, profile):
    for name in ("count", "missing", "infinite", "min", "max"):
        assert [fact[name] for fact in expected] == getattr(profile, name).tolist(), name
    for name in ("mean", "m2"):
        np.testing.assert_allclose([fact[name] for fact in expected], getattr(profile, name), rtol=1e-6, atol=1e-4)


@settings(deadline=None)
@given(tables())
def test_agrees_with_a_slow_count(rows):
    """Counts and ends exactly, mean and spread closely."""
    assert_same(slowly(rows), Profile.of(rows))


@settings(deadline=None)
@given(tables(), tables(), tables())
def test_profiles_merge(one, two, three):
    """profile(a) + profile(b) + profile(c) = profile(a + b + c), however it is bracketed."""
    whole = slowly(np.concatenate([one, two, three]))

    assert_same(whole, (Profile.of(one) + Profile.of(two)) + Profile.of(three))
    assert_same(whole, Profile.of(one) + (Profile.of(two) + Profile.of(three)))


def test_far_from_zero_the_spread_is_kept():
    """A sum of squares would lose it: 1e8 ± 1."""
    rows = 1e8 + np.tile([[-1.0], [1.0]], (500, 1))

    halves = Profile.of(rows[:300]) + Profile.of(rows[300:])

    assert pytest.approx(1.0) == halves.std[0]


def test_blocks_do_not_show(monkeypatch):
    """Many rows are taken block by block."""
    rows = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    whole = Profile.of(rows)
    monkeypatch.setattr("autofix_nb.evidence.profile.BLOCK", 64)

    blocks = Profile.of(rows)

    np.testing.assert_allclose(whole.mean, blocks.mean, rtol=1e-9)
    np.testing.assert_allclose(rows.astype(float).std(axis=0), blocks.std, rtol=1e-9)


def test_constant_is_one_value_and_nothing_else():
    """Missing values beside it do not count, infinities do, and no value at all is no constant."""
    nan, inf = math.nan, math.inf
    rows = np.array([[3, 3, 3, nan, 1], [3, nan, inf, nan, 2]], dtype=np.float32)

    profile = Profile.of(rows)

    assert [True, True, False, False, False] == profile.constant.tolist()
    assert [0, 0, 0, 0.5] == profile.std[[0, 1, 2, 4]].tolist()
    assert 2 == profile.rows


def test_profiles_of_other_features_do_not_add():
    """The numbers of features must agree."""
    with pytest.raises(ValueError, match="of 2 and 3 features"):
        Profile.empty(2) + Profile.empty(3)
