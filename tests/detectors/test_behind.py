"""Runs that will end far above what a simple model reaches on the same rows, and those that will not."""

import numpy as np
import pytest

from autofix_nb.detectors.behind import MARGIN_MENDED, TRIED, behind
from autofix_nb.detectors.underfitting import Underfitting
from autofix_nb.finding import NotApplicable, Severity
from tests.runs import history

NOISE = 0.005 * np.random.default_rng(0).normal(size=400)
SIMPLE = {"loss": 0.1, "constant": 1.0}


def run(steps=100, begins=1.0, level=0.9, *, planned=400, reference=SIMPLE, chance=1.0, mended=False, val=None):
    """Return a run whose loss falls in a line, in shares of that of a constant answer."""
    made = history(loss=np.linspace(begins, level, steps) + NOISE[:steps], lr=np.full(steps, 0.1), chance=[chance])
    made.facts |= {"planned_steps": planned, "reference": reference, "mended": mended}
    if val is not None:
        made.add_epoch({"epoch": 1, "step": steps, "val/loss": val})
    return made


@pytest.mark.parametrize(
    ("made", "is_behind"),
    [
        pytest.param(run(), True, id="slow"),
        pytest.param(run(begins=0.5, level=0.5), True, id="it-stands"),
        pytest.param(run(begins=1.0, level=0.5), False, id="it-will-be-there"),
        pytest.param(run(begins=0.2, level=0.2), False, id="a-little-short"),
        pytest.param(run(steps=39), False, id="too-soon"),
        pytest.param(run(planned=600), False, id="too-soon-for-a-long-run"),
        pytest.param(run(planned=0), False, id="without-an-end"),
        pytest.param(run(planned=140), False, id="a-trial"),
        pytest.param(run(planned=140, mended=True), True, id="a-trial-that-was-mended"),
        pytest.param(run(reference=None), False, id="nothing-to-compare-with"),
        pytest.param(run(reference={"loss": 0.8, "constant": 1.0}), False, id="simple-models-know-little"),
        pytest.param(run(val=0.2), False, id="training-is-made-harder"),
        pytest.param(run(val=0.9), True, id="validation-too"),
        pytest.param(run(begins=50.0, level=50.0, chance=100.0), True, id="in-other-units"),
        pytest.param(run(begins=5.0, level=5.0, chance=100.0), False, id="low-in-other-units"),
        pytest.param(run(begins=0.5, level=0.5, chance=np.nan), True, id="chance-unknown"),
    ],
)
def test_a_run_is_behind_where_it_will_end_far_above_a_simple_model(made, is_behind):
    """At its pace, by the training loss and the validation loss, in the units of the present loss."""
    assert (behind(made) is not None) == is_behind


def test_a_mended_run_is_suspected_sooner():
    """It was ill; a healthy one may end a little short."""
    made = run(begins=0.25, level=0.25)

    assert behind(made) is None
    assert behind(made, margin=MARGIN_MENDED) is not None


@pytest.mark.parametrize("mended", [False, True])
def test_underfitting_notes_it_with_what_is_to_be_tried(mended):
    """A note: what a race on the side shows may make it a warning."""
    finding = Underfitting().check(run(mended=mended))

    assert (finding.severity, finding.fixes) == (Severity.NOTE, TRIED)
    assert "0.1 is what a ridge regression comes to" in finding.says


def test_what_cannot_be_judged_otherwise_is_still_not_applicable():
    """Where simple models say nothing, that too few steps were taken stands."""
    with pytest.raises(NotApplicable):
        Underfitting().check(run(reference=None))
