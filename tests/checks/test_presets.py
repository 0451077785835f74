"""Presets: named thresholds that exist, and checks made with them."""

import dataclasses

import numpy as np
import pytest

from autofix_nb.checks import CHECKS, ask
from autofix_nb.checks.presets import PRESETS, make_checks
from autofix_nb.errors import ConfigurationError
from autofix_nb.finding import Severity
from tests.checks.subjects import scan, subject_of

FIELDS = {check.code: {field.name for field in dataclasses.fields(check)} for check in CHECKS}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_field_of_a_preset_exists(preset):
    """A threshold that was renamed must not vanish from the presets unseen."""
    named = {code: set(fields) for code, fields in PRESETS[preset].items()}

    assert {} == {
        code: fields - FIELDS.get(code, set()) for code, fields in named.items() if fields - FIELDS.get(code, set())
    }


def test_the_default_preset_changes_nothing():
    """It is every check as it is written."""
    assert tuple(check() for check in CHECKS) == make_checks()


def test_the_design_preset_sets_its_thresholds():
    """The round numbers people know."""
    made = {check.code: check for check in make_checks("design")}

    assert (100, 1000) == (made["D02"].std_ratio, made["D02"].range_ratio)
    assert (0.05, 0.1) == (made["D03"].some, made["D03"].many)
    assert (0.2, 0.2, 0.5) == (made["D04"].statistic, made["D04"].feature_share, made["D04"].severe)


@pytest.mark.parametrize(
    ("far", "default", "design"),
    [
        pytest.param(20, Severity.WARNING, Severity.NOTE, id="2-percent"),
        pytest.param(70, Severity.WARNING, Severity.WARNING, id="7-percent"),
        pytest.param(120, Severity.WARNING, Severity.CRITICAL, id="12-percent"),
    ],
)
def test_the_share_of_outliers_grades_them_in_the_design_preset(far, default, design):
    """By default a single unmistakable value is a warning."""
    features = np.random.default_rng(0).normal(size=(1000, 10))
    features[np.arange(far), np.arange(far) % 10] = 1e4
    found = [
        ask(next(check for check in make_checks(preset) if check.code == "D03"), subject_of(scan(features))).severity
        for preset in ("default", "design")
    ]

    assert [default, design] == found


@pytest.mark.parametrize(
    ("shifted", "by", "default", "design"),
    [
        pytest.param(1, 0.8, Severity.WARNING, Severity.NOTE, id="one-of-ten"),
        pytest.param(3, 0.8, Severity.WARNING, Severity.WARNING, id="three-of-ten"),
        pytest.param(3, 3.0, Severity.WARNING, Severity.CRITICAL, id="far-apart"),
    ],
)
def test_the_share_of_features_grades_a_shift_in_the_design_preset(shifted, by, default, design):
    """By default one feature that certainly differs is a warning."""
    random = np.random.default_rng(0)
    train, val = random.normal(size=(1000, 10)), random.normal(size=(500, 10))
    val[:, :shifted] += by
    found = [
        ask(
            next(check for check in make_checks(preset) if check.code == "D04"),
            subject_of(scan(train), scan(val, side="val")),
        ).severity
        for preset in ("default", "design")
    ]

    assert [default, design] == found


@pytest.mark.parametrize("ignore", ["D01", ["D01"], ("D01",), {"D01"}], ids=["text", "list", "tuple", "set"])
def test_ignored_checks_are_left_out(ignore):
    """By their codes, however they are given."""
    assert {check.code for check in CHECKS} - {"D01"} == {check.code for check in make_checks(ignore=ignore)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"preset": "strict"}, "`preset` is 'strict', wanted one of 'default', 'design'", id="preset"),
        pytest.param({"ignore": ["Z99"]}, r"`ignore` holds 'Z99', wanted codes of checks: E01, ", id="code"),
        pytest.param({"ignore": ["d01"]}, r"did you mean 'D01'\?", id="lower-case"),
        pytest.param({"ignore": [3]}, "`ignore` holds 3", id="no-text"),
    ],
)
def test_unknown_names_are_refused(options, message):
    """The message lists what there is."""
    with pytest.raises(ConfigurationError, match=message):
        make_checks(**options)
