"""Parts that are all learnt from the targets, of which one is thousands of times too quiet."""

import numpy as np
import pytest

from autofix_nb.detectors.unbalanced_losses import UnbalancedLosses
from autofix_nb.detectors.uneven import LOOKS, TIMES, drowned_parts, uneven_parts
from autofix_nb.finding import Severity
from tests.runs import history

FAR = 2 * TIMES


def run(loud=FAR, quiet=1.0, gain=0.1, looks=LOOKS, goal="val/loss", **facts):
    """Return a run of which a part pulls so hard, and another one falls as it should."""
    made = history(
        loss=[3.0] * 60,
        **{"loss/kind": np.linspace(2.0, 1.0, 60), "loss/place": [1.0] * 60, "loss/size": [0.5] * 60},
        **{"part_norm/kind": [quiet] * looks, "part_norm/place": [loud] * looks, "part_norm/size": [1e-9] * looks},
        **{"part_gain/kind": [0.2] * looks, "part_gain/place": [gain] * looks, "part_gain/size": [0.0] * looks},
    )
    made.facts |= {"goal": goal} | facts
    return made


@pytest.mark.parametrize(
    ("sick", "expected"),
    [
        pytest.param(run(), (["kind"], "place"), id="quiet"),
        pytest.param(run(gain=-0.3), (["kind"], "place"), id="worse-than-by-chance"),
        pytest.param(run(blind_parts=["size"]), (["kind"], "place"), id="beside-a-penalty"),
        pytest.param(run(loud=1e-6, quiet=1e-6 / FAR), (["kind"], "place"), id="whatever-the-unit"),
        pytest.param(run(loud=TIMES / 2), ([], ""), id="on-purpose"),
        pytest.param(run(gain=0.0), ([], ""), id="not-learnt-from-the-targets"),
        pytest.param(run(quiet=0.0), ([], ""), id="turned-off"),
        pytest.param(run(quiet=float("nan")), ([], ""), id="no-number"),
        pytest.param(run(looks=LOOKS - 1), ([], ""), id="too-early"),
        pytest.param(run(goal="val/loss/place"), ([], ""), id="the-goal-is-one-part"),
    ],
)
def test_a_part_that_is_learnt_from_the_targets_is_quiet_by_mistake(sick, expected):
    """A penalty is quiet on purpose, and so is what is for watching alone."""
    assert expected == drowned_parts(sick)


def test_each_look_must_agree():
    """A part may be learnt long before another one."""
    sick = run(looks=LOOKS - 1)
    sick.record(100, **{"part_norm/kind": 1.0, "part_norm/place": TIMES / 2})

    assert ([], "") == drowned_parts(sick)


def test_what_they_began_with_stays():
    """Also when they have been weighed since, and a new chapter has begun."""
    sick = run()
    sick.record(100, **{"part_norm/kind": 1.0, "part_norm/place": 1.0, "loss/kind": 0.1, "loss/place": 0.1})
    first = float(np.median(np.linspace(2.0, 1.0, 60)[:10]))

    assert None is UnbalancedLosses().check(sick)
    sick.since = 99
    assert {"kind": pytest.approx(first), "place": 1.0} == uneven_parts(sick)


def test_it_is_a_finding_though_the_quiet_part_falls():
    """An optimizer that divides by the size of gradients learns a little of it all the same."""
    found = UnbalancedLosses().check(run())

    assert (Severity.WARNING, ("kind", "place")) == (found.severity, found.where)
    assert "the gradient of `place` is 6e+03 times that of `kind`, limit 3,000" in found.says
