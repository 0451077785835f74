"""Dead units: said of runs that do not learn, mentioned in those that do."""

import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.dead_units import DeadUnits
from autofix_nb.finding import Severity
from tests.runs import history

DETECTOR = DeadUnits()
KNOWN, UNKNOWN = [0.5, 0.6] * 5, [0.01, -0.01] * 5
C, W, N = Severity.CRITICAL, Severity.WARNING, Severity.NOTE


def run(*shares, gains=UNKNOWN, steps=50, **more):
    """A run in whose close looks so many units of one layer were dead."""
    return history(
        loss=[2.3, 2.4] * (steps // 2),
        gain=gains,
        mispaired=[2.3] * len(gains),
        **({"dead/relu": list(shares), "dead/other": [0.1] * len(shares)} | more),
    )


@pytest.mark.parametrize(
    ("sick", "severity"),
    [
        pytest.param(run(0.0, 1.0, 1.0), C, id="all-of-a-layer"),
        pytest.param(run(0.0, 0.95, 0.95), C, id="next-to-all"),
        pytest.param(run(0.0, 0.0, 1.0), None, id="in-one-look-only"),
        pytest.param(run(0.7, 0.7, steps=200), W, id="most"),
        pytest.param(run(0.69, 0.69, steps=200), None, id="under-the-share"),
        pytest.param(run(1.0, 1.0, gains=KNOWN), N, id="learns-all-the-same"),
        pytest.param(run(1.0, 1.0, gains=[0.01, 0.012] * 5), None, id="a-sign-of-life"),
        pytest.param(run(1.0, 1.0, **{"saturated/relu": [0.0] * 2}), None, id="a-sigmoid-in-its-middle"),
        pytest.param(run(1.0, 1.0, **{"saturated/relu": [0.9] * 2}), C, id="a-sigmoid-at-its-bounds"),
    ],
)
def test_share_and_learning_decide_together(sick, severity):
    """In two looks, and nothing learnt."""
    finding = DETECTOR.check(sick)

    assert severity == (finding and finding.severity)


def test_a_mostly_dead_layer_is_given_time():
    """What is left of it may do."""
    with pytest.raises(NotApplicable, match="80% of a layer, but fewer than 150 steps"):
        DETECTOR.check(run(0.8, 0.8, steps=148))


@pytest.mark.parametrize(("rows", "fits"), [(7, False), (8, True), (None, True)])
def test_few_rows_are_the_same_by_accident(rows, fits):
    """A batch of one is the same for all of its rows."""
    sick = run(1.0, 1.0)
    sick.facts["batch_size"] = rows

    if fits:
        assert DETECTOR.check(sick) is not None
    else:
        with pytest.raises(NotApplicable, match="`batch_size`: 7 rows"):
            DETECTOR.check(sick)


def test_says_what_it_measured():
    """The worst layer, how many more, and the limit."""
    sick = run(1.0, 1.0, **{"dead/last": [0.8] * 2})

    assert str(DETECTOR.check(sick)) == (
        "G07 Dead units at step 49: 100% of the units of `relu` (and 1 more layers) give the same for every row, "
        "limit 70%, and nothing is learnt. Where: relu, last. "
        "Try swap_activations, reinitialise, insert_norm, scale_lr."
    )


def test_only_the_present_chapter_counts():
    """What another activation replaced is gone."""
    mended = run(1.0, 1.0)
    mended.since = 1

    with pytest.raises(NotApplicable, match="`dead`: fewer than 2 close looks"):
        DETECTOR.check(mended)
