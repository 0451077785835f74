"""What holds for every detector, present and future."""

import ast
import dataclasses
import io
import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autofix_nb as af
from autofix_nb import detectors
from autofix_nb.detectors import DETECTORS, NotApplicable
from autofix_nb.finding import Finding
from autofix_nb.fixes import FIXES
from autofix_nb.history import History
from autofix_nb.report.evidence_plot import draw, plots_of
from tests.cases import digits_loaders, mlp
from tests.runs import epochs, history

every = pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.__name__)
HERE = Path(__file__).parent
MODULES = sorted(path.stem for path in Path(detectors.__file__).parent.glob("*.py"))
NO_DETECTORS = (
    *("__init__", "aims", "alike_units", "base", "behind", "faint", "goals", "hot", "learning", "life", "pace"),
    *("schedule", "uneven", "weak_signals"),
)
MODULES = [name for name in MODULES if name not in NO_DETECTORS]


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def with_columns(run, **columns):
    """Return a history whose rows have these values as well, one an epoch."""
    for name, values in columns.items():
        for row, value in zip(run.epochs, values, strict=True):
            row[name] = value
    return run


def with_series(run, **series):
    """Return a history that has these signals as well."""
    for name, values in series.items():
        run.extend(name, np.arange(len(values)), np.array(values))
    return run


def with_facts(run, **facts):
    """Return a history of whose run this is known as well."""
    run.facts.update(facts)
    return run


def sick(detector):
    """Return a history on which the detector fires."""
    return {
        "G01": lambda: history(grad_norm=[2.0] * 50 + [500.0] * 10, loss=[1.0] * 50 + [9.0] * 10),
        "G02": lambda: history(
            loss=[2.3, 2.4] * 25,
            grad_norm=[0.5] * 50,
            gain=[0.0] * 10,
            mispaired=[2.3] * 10,
            **{"grad_norm/first": [1e-9] * 50, "grad_norm/last": [0.5] * 50},
        ),
        "G03": lambda: history(loss=[1.0, math.nan], grad_norm=[1.0, 1.0]),
        "G04": lambda: history(lr=[0.1] * 9, update_ratio=[0.0] * 9),
        "G05": lambda: history(
            loss=[9.0] * 50,
            **{"loss/box": [8.0] * 50, "loss/class": [1.0, 1.1] * 25, "part_norm/box": [900.0] * 2},
            **{"part_norm/class": [1.0] * 2},
        ),
        "G06": lambda: history(clipped=[1.0] * 100, lr=[0.1] * 100),
        "G07": lambda: history(loss=[2.3, 2.4] * 25, **{"dead/act": [1.0] * 2}),
        "L01": lambda: history(loss=[2.3] + [9.0] * 60, mispaired=[9.0] * 12, gain=[0.0] * 12),
        "L02": lambda: with_facts(
            history(loss=[2.3, 2.4] * 50, lr=[1e-7] * 100, update_ratio=[1e-7] * 4), planned_steps=1000
        ),
        "L03": lambda: epochs([0.5] + [0.4] * 20),
        "L04": lambda: epochs([0.84, 0.85, 0.86, 0.86, 0.86, 0.86, 0.86, 0.8, 0.78, 0.76, 0.74, 0.72]),
        "L05": lambda: with_facts(
            history(loss=[2.2, 2.25] * 75, lr=[0.1] * 150, gain=[0.1, 0.2] * 15, mispaired=[2.4] * 30, chance=[2.3]),
            planned_steps=300,
            weight_decay=1.0,
        ),
        "L06": lambda: with_facts(
            history(lr=[0.1] * 150, top_share=[1.0] * 150, **{"share/1": [1.0] * 150, "target_share/1": [0.5] * 150}),
            planned_steps=300,
            batch_size=32,
        ),
        "L07": lambda: with_columns(
            epochs([0.5] * 6, **{"val/top_share": 0.6, "val/majority": 0.5}), **{"val/loss": [6, 5, 4, 3, 2, 1]}
        ),
        "L08": lambda: history(
            loss=[0.2] * 400,
            easy_share=[0.95] * 400,
            easy_pull=[0.6] * 400,
            **{"share/0": [1.0] * 400, "share/1": [0.0] * 400},
            **{"target_share/0": [0.9] * 400, "target_share/1": [0.1] * 400},
        ),
        "L09": lambda: epochs([0.5] * 3, **{"val/threshold": 0.25, "val/f1_at_half": 0.4, "val/f1_at_threshold": 0.6}),
        "L10": lambda: history(loss=[1.0, 1.1] * 45 + [9.0] + [4.0] * 35),
        "L11": lambda: with_series(
            epochs([0.5] * 6),
            **{"loss/main": [1.0] * 30, "part_cosine/main": [-0.8] * 3, "part_norm/main": [1.0] * 3},
            **{"loss/against": [0.5] * 30, "part_cosine/against": [-0.8] * 3, "part_norm/against": [1.0] * 3},
        ),
        "R01": lambda: history(out_of_memory=[16.0]),
        "R02": lambda: history(quarantined_share=[0.0, 0.3], quarantined=[0, 3]),
        "R03": lambda: history(save_failed=[1.0]),
        "R04": lambda: history(load_seconds=[0.1] * 100, step_seconds=[0.01] * 100),
        "R05": lambda: history(resumed=[40.0]),
    }[detector.code]()


def through_state(run):
    return History.from_state(run.state())


def through_file(run):
    file = io.BytesIO()
    np.savez_compressed(file, **dict(run.to_arrays()))
    file.seek(0)
    with np.load(file) as arrays:
        again = History.from_arrays((name, arrays[name]) for name in arrays.files)
    again.epochs = [json.loads(json.dumps(row)) for row in run.epochs]
    again.facts, again.since = json.loads(json.dumps(run.facts)), run.since
    return again


def verdict(detector, run):
    try:
        return str(detector.check(run))
    except NotApplicable as reason:
        return f"not applicable: {reason}"


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """Return the history of 25 healthy epochs."""
    train, val = digits_loaders(batch_size=64)
    options = {"store": tmp_path_factory.mktemp("runs"), "name": "healthy", "seed": 3, "show": "none"}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("autofix_nb.run.reporting.to_png", lambda *_: None)
        return af.fit(mlp(), train, val, epochs=25, goal="loss", ignore=["L03"], **options).history


def test_one_module_one_detector():
    """The file name is the class name in snake case."""
    assert MODULES == sorted(snake(detector.__name__) for detector in DETECTORS)


def test_codes_are_unique():
    """A code is an address: in the journal, in the docs, in `ignore=`."""
    codes = [detector.code for detector in DETECTORS]

    assert sorted(set(codes)) == codes
    assert all(re.fullmatch(r"[GLR]\d\d", code) for code in codes)


@every
def test_has_a_mirrored_test_file(detector):
    """A detector without its own test does not join."""
    assert (HERE / f"test_{snake(detector.__name__)}.py").exists()


@every
def test_class_variables_are_filled_in(detector):
    """So that the catalogue can be made from them."""
    assert detector.when in ("step", "epoch", "both")
    assert all(isinstance(name, str) for name in (*detector.reads, *detector.fixes, detector.title))
    assert detector.reads
    assert re.search(r"\w", detector.__doc__)


@every
def test_thresholds_are_plain_json(detector):
    """So that they can be printed, saved and compared."""
    thresholds = dataclasses.asdict(detector())

    assert thresholds == json.loads(json.dumps(thresholds, allow_nan=False))


@every
def test_a_sentence_stands_under_each_threshold(detector):
    """In the source, where whoever changes the number reads it."""
    path = Path(detectors.__file__).parent / f"{snake(detector.__name__)}.py"
    body = next(part.body for part in ast.parse(path.read_text()).body if isinstance(part, ast.ClassDef))
    described = {
        field.target.id
        for field, below in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and below.value.value.endswith(".")
    }

    assert {field.name for field in dataclasses.fields(detector)} <= described


@every
def test_fixes_it_names_exist(detector):
    """Gentlest first, by the names of the fix family."""
    assert set(detector.fixes) <= FIXES.keys()


@every
def test_an_empty_history_is_not_applicable_and_stays_empty(detector):
    """Three answers only: a finding, None, or a reason why not, with the signal's name in it."""
    run = History()

    with pytest.raises(NotApplicable, match=r"`\w+`: .*\w"):
        detector().check(run)

    assert ([], []) == (run.names(), run.epochs)


@every
def test_fires_on_its_own_sick_run_and_leaves_it_alone(detector):
    """The finding has its code, a step of the run, and survives a trip through JSON; the history is as before."""
    run = sick(detector)
    before = {name: run.values(name).tobytes() for name in run.names()}
    finding = detector().check(run)

    assert detector.code == finding.code
    assert before == {name: run.values(name).tobytes() for name in run.names()}
    assert finding.step == (run.step(detector.reads[0]) if detector.reads[0] in run else run.epochs[-1]["step"])
    assert str(finding) == str(Finding.from_dict(json.loads(json.dumps(finding.to_dict()))))
    assert not finding.says.endswith(".")


@every
def test_what_makes_it_plain_is_recorded(detector):
    """Each has plots to show, but for those whose event is all there is; the limit belongs to a curve in them."""
    finding = detector().check(sick(detector))
    facts = finding.to_dict() | {"first_step": finding.step, "where": list(finding.where)}
    plots = plots_of(facts, sick(detector), [])

    assert (detector.code not in ("R01", "R05")) == bool(plots)
    assert all("<svg" in draw(plot) for plot in plots)
    assert not finding.judged or 1 == sum(plot["limit"] == finding.limit for plot in plots)


@every
def test_only_its_own_illness_makes_it_fire(detector):
    """The other sick runs are none of its business."""
    for other in DETECTORS:
        if other is not detector:
            said = verdict(detector(), sick(other))

            assert said == "None" or said.startswith("not applicable"), other.code


@every
def test_silent_on_a_healthy_run(detector, healthy):
    """At every moment of it: each 50 steps, and after each epoch."""
    steps = healthy.series("loss")[0]
    for end in range(50, len(steps) + 1, 50):
        part = History()
        for name in healthy.names():
            at, values = healthy.series(name)
            part.extend(name, at[at <= end], values[at <= end])
        part.epochs = [row for row in healthy.epochs if row["step"] <= end]
        said = verdict(detector(), part)

        assert said == "None" or said.startswith("not applicable")


@every
@pytest.mark.parametrize("way", [through_state, through_file])
def test_same_verdict_on_what_was_saved(detector, healthy, way):
    """A run that goes on, or is read from disk, is judged as the live one was."""
    for run in (sick(detector), healthy, history(loss=[1.0] * 5)):
        assert verdict(detector(), run) == verdict(detector(), way(run))


@every
@given(st.lists(st.floats() | st.just(math.nan), max_size=150), st.lists(st.floats(), max_size=45))
@settings(max_examples=40, deadline=None)
def test_whatever_the_numbers_it_answers_the_same_after_a_replay(detector, values, goals):
    """NaN, infinities, the largest and smallest numbers: no error, no warning, one verdict."""
    run = epochs(goals, higher_is_better=False)
    if values:
        at = np.arange(len(values))
        for name in ("loss", "grad_norm", "grad_norm/a"):
            run.extend(name, at, np.array(values))

    assert verdict(detector(), run) == verdict(detector(), through_state(run))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1.0, 2.0, 3.0], [2.0, 3.0], id="newest"),
        pytest.param([1.0, math.nan, 3.0, math.inf], [1.0, 3.0], id="skipped-steps-left-out"),
    ],
)
def test_only_finite_values_are_counted(values, expected):
    """A step that was not taken is no part of what is usual."""
    assert expected == DETECTORS[0]().finite(history(loss=values), "loss", 2).tolist()


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan, math.nan]], ids=["none", "one", "one-and-nan"])
def test_too_few_finite_values_are_a_reason(values):
    """The message says how many there are."""
    there = sum(map(math.isfinite, values))

    with pytest.raises(NotApplicable, match=rf"^`loss`: {there} of 2 values recorded$"):
        DETECTORS[0]().finite(history(loss=values), "loss", 2)
