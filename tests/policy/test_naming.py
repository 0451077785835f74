"""What a race tells of the illness: by what helped, by what the run came to on the side, by its gradients."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, RMSprop

from autofix_nb.fixes import Change
from autofix_nb.fixes.set_dropout import SetDropout
from autofix_nb.journal import Journal
from autofix_nb.policy import Candidate, Policy
from autofix_nb.policy.naming import (
    EXPLODING,
    TIMES_AS_LARGE,
    _of_another_rate,
    name_by_its_gradients,
    name_by_what_helped,
    name_by_what_the_control_did,
)
from autofix_nb.policy.races import Race
from autofix_nb.policy.verdict import Score
from tests.runs import finding


@pytest.mark.parametrize(
    ("failed", "before", "ignore", "named"),
    [
        pytest.param("the numbers went bad after 3 steps", (), (), ["G03"], id="went-bad"),
        pytest.param("", (), (), [], id="sound"),
        pytest.param("ValueError: no after 3 steps", (), (), [], id="raised"),
        pytest.param("the numbers went bad after 3 steps", ("G03",), (), [], id="said-before"),
        pytest.param("the numbers went bad after 3 steps", (), ("G03",), [], id="ignored"),
    ],
)
def test_a_control_whose_numbers_went_bad_is_named(failed, before, ignore, named):
    """No step of the run's own could show that: what was changed trains on finite ones."""
    policy = Policy(Journal(), ignore=ignore)
    policy.findings += [finding(code=code) for code in before]
    sound, control = Score(loss=1.0), Score(loss=2.0, failed=failed)
    race = Race(start=sound, control=control, steps=20, scores=[sound], controls=[control], best=0)

    name_by_what_the_control_did(policy, race, SimpleNamespace(step_count=60))

    assert named == [one.code for one in policy.findings[len(before) :]]
    assert all(60 == one.step and "after 3 steps" in one.says for one in policy.findings[len(before) :])


@pytest.mark.parametrize(
    ("kind", "rates", "scale", "named"),
    [
        pytest.param(Adam, (0.003, 30.0), 1.0, "L01", id="far-too-high-in-one-group"),
        pytest.param(Adam, (0.03,), 1.0, "L01", id="ten-times-as-high"),
        pytest.param(Adam, (0.02,), 1.0, "", id="not-far-off"),
        pytest.param(RMSprop, (1e-5,), 1.0, "L02", id="far-too-low"),
        pytest.param(Adam, (0.3,), 0.01, "", id="scaled-already"),
        pytest.param(SGD, (0.5,), 1.0, "", id="rates-with-a-unit"),
        pytest.param(SGD, (1e-5,), 1.0, "", id="rates-with-a-unit-far-below"),
        pytest.param(SGD, (1.0,), 1.0, "L01", id="ten-times-a-usual-one-all-the-same"),
    ],
)
def test_an_optimizer_of_the_same_sort_tells_what_was_wrong_with_the_rate(kind, rates, scale, named):
    """Where it won, at a usual one."""
    groups = [{"params": [nn.Parameter(torch.zeros(2))], "lr": rate} for rate in rates]
    run = SimpleNamespace(stepper=SimpleNamespace(users_optimizer=kind(groups, lr=0.1)))
    change = Change(
        fix="swap_optimizer",
        touches="loop",
        says="",
        before={"optimizer": None, "lr_scale": scale},
        after={"optimizer": {"kind": "AdamW", "lr": 0.003}},
    )

    assert named == _of_another_rate(change, run)[0]
    assert ("", "") == _of_another_rate(change, SimpleNamespace())


@pytest.mark.parametrize(
    ("after", "named"),
    [
        pytest.param({"dropouts": {"2": 0.0}, "before": {}}, ["L05"], id="drops-nothing"),
        pytest.param({"dropouts": {"2": 0.5}, "before": {}}, [], id="drops-more"),
        pytest.param({"dropouts": {}, "before": {"2": 0.5}}, [], id="drops-where-nothing-was"),
    ],
)
def test_a_model_that_was_held_back_is_named(after, named):
    """Where it won with nothing dropped."""
    policy, change = Policy(Journal()), Change(fix="set_dropout", touches="model", says="", after=after)
    one = Score(loss=1.0)
    race = Race(start=one, control=one, steps=20, scores=[one], controls=[one], best=0)

    name_by_what_helped(policy, Candidate(fixes=[(SetDropout(), change)]), race, SimpleNamespace(step_count=60))

    assert named == [said.code for said in policy.findings]


INFINITE, UNKNOWN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("as_it_was", "winner", "before", "ignore", "named"),
    [
        pytest.param(5000.0, 2.0, (), (), True, id="exploded"),
        pytest.param(INFINITE, 2.0, (), (), True, id="too-large-for-its-type"),
        pytest.param(EXPLODING, 0.1, (), (), False, id="not-severe"),
        pytest.param(5000.0, 5000.0 / TIMES_AS_LARGE, (), (), False, id="a-loss-in-large-units"),
        pytest.param(INFINITE, INFINITE, (), (), False, id="both-too-large"),
        pytest.param(UNKNOWN, 2.0, (), (), False, id="unknown"),
        pytest.param(5000.0, UNKNOWN, (), (), False, id="the-winners-unknown"),
        pytest.param(5000.0, 2.0, ("G01",), (), False, id="said-before"),
        pytest.param(5000.0, 2.0, (), ("G01",), False, id="ignored"),
    ],
)
def test_gradients_that_exploded_as_it_was_are_named(as_it_was, winner, before, ignore, named):
    """Once, with both norms; large units have large gradients, and are no worse for it."""
    policy = Policy(Journal(), ignore=ignore)
    policy.findings += [finding(code=code) for code in before]
    control, one = Score(loss=2.0, first_norm=as_it_was), Score(loss=1.0, first_norm=winner)
    race = Race(start=control, control=control, steps=20, scores=[one], controls=[control], best=0)

    name_by_its_gradients(policy, race, SimpleNamespace(step_count=60))
    new = policy.findings[len(before) :]

    assert named == (["G01"] == [one.code for one in new]) == bool(new)
    assert all((60, as_it_was, EXPLODING) == (said.step, said.measured, said.limit) for said in new)
    assert all(f"{as_it_was:.3g}" in said.says and "2 with what was changed" in said.says for said in new)
