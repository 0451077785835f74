"""Easy examples drown the hard ones, unless the training gets to them by itself."""

import numpy as np
import pytest

from autofix_nb.detectors import NotApplicable
from autofix_nb.detectors.easy_examples import EasyExamples
from autofix_nb.history import History


def run(
    steps=400,
    *,
    easy=0.95,
    pull=0.6,
    shares=(0.99, 0.01),
    true=(0.9, 0.1),
    losses=None,
    goals=(),
    val_losses=None,
    **facts,
):
    made = History()
    at = np.arange(1, steps + 1)
    made.extend("loss", at, np.full(steps, 0.2) if losses is None else np.array(losses, dtype=float))
    sampled = at[::5]
    signals = {"easy_share": easy, "easy_pull": pull}
    signals |= {f"share/{place}": share for place, share in enumerate(shares)}
    signals |= {f"target_share/{place}": share for place, share in enumerate(true)}
    for name, value in signals.items():
        made.extend(name, sampled, np.full(len(sampled), value))
    for epoch, goal in enumerate(goals, start=1):
        row = {"epoch": epoch, "step": epoch * 40, "goal": goal, "higher_is_better": True}
        made.add_epoch(row | {"val/loss": 0.2 if val_losses is None else val_losses[epoch - 1]})
    made.facts |= {"batch_size": 32} | facts
    return made


@pytest.mark.parametrize(
    ("history", "where"),
    [
        pytest.param(run(), ("class 1",), id="drowned"),
        pytest.param(run(easy=0.85), None, id="not-so-many-easy-ones"),
        pytest.param(run(pull=0.4), None, id="the-hard-ones-pull-more"),
        pytest.param(run(shares=(0.95, 0.05)), None, id="the-class-is-predicted"),
        pytest.param(run(true=(0.99, 0.01), shares=(1.0, 0.0)), None, id="too-few-rows-of-the-class"),
        pytest.param(run(true=(0.99, 0.01), shares=(1.0, 0.0), batch_size=512), ("class 1",), id="rare-but-many-rows"),
        pytest.param(
            run(shares=(1.0, 0.0, 0.0), true=(0.8, 0.12, 0.08)), ("class 1", "class 2"), id="two-classes-drowned"
        ),
        pytest.param(run(losses=np.linspace(1, 0.2, 400)), None, id="the-loss-still-falls"),
        pytest.param(run(goals=[0.1, 0.1, 0.1, 0.1, 0.1, 0.1]), ("class 1",), id="the-goal-stays"),
        pytest.param(run(goals=[0.1, 0.1, 0.1, 0.1, 0.1, 0.5]), None, id="the-goal-becomes-better"),
        pytest.param(
            run(goals=[0.1] * 6, val_losses=[0.6, 0.5, 0.4, 0.3, 0.2, 0.1]), None, id="the-validation-loss-falls"
        ),
    ],
)
def test_what_makes_them_drown(history, where):
    """Many, heavy, a class that is never predicted, and no way out by itself."""
    finding = EasyExamples().check(history)

    assert where == (finding and finding.where)


@pytest.mark.parametrize(
    ("history", "why"),
    [
        pytest.param(run(150), "`loss`: 150 of 200 steps recorded", id="a-young-training"),
        pytest.param(run(planned_steps=4000), "`loss`: 400 of 800 steps recorded", id="young-beside-its-plan"),
        pytest.param(run(50), "`easy_share`: 10 of 20 values recorded", id="few-samples"),
    ],
)
def test_where_it_is_too_early(history, why):
    """With the reason."""
    with pytest.raises(NotApplicable, match=why):
        EasyExamples().check(history)


def test_says_what_it_measured():
    """Share, pull, limit, and the class."""
    assert str(EasyExamples().check(run())) == (
        "L08 Easy examples drown the hard ones at step 396: 95% of the targets are predicted with a probability above "
        "0.9, and these easy ones make 60% of the pull (limit 50%), while class 1 is 10.0% of the targets and 1.0% of "
        "the predictions. Where: class 1. Try mask_easy, class_weights."
    )
