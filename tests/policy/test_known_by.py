"""What ailed a run is told by what stood in it before the mend."""

from types import SimpleNamespace

import pytest
from torch import nn

from autofix_nb.fixes import FIXES, Change
from autofix_nb.journal import Journal
from autofix_nb.policy import Candidate, Policy, known_by
from autofix_nb.policy.known_by import Standing, name_by_what_stood, standing_before
from autofix_nb.policy.races import Race
from autofix_nb.policy.verdict import Score
from tests.runs import finding, history

KNOWS = {"gains": (0.5, 0.6) * 4, "mispaired": 2.0}
NOTHING = {"decay": "", "odd": {}, "thrown": False, "spread": 0.5, "deaf": ""}


def named_after(fixes, before, *, said=(), ignore=(), control=None, winner=KNOWS):
    policy = Policy(Journal(), ignore=ignore)
    policy.findings += [finding(code=code) for code in said]
    control, one = Score(loss=2.3, **(control or {})), Score(loss=1.0, **winner)
    chosen = Candidate(fixes=[(FIXES[name](), Change(fix=name, touches="loop", says="")) for name in fixes])
    race = Race(start=control, control=control, steps=20, scores=[one], controls=[control], best=0)
    run = SimpleNamespace(step_count=60, model=nn.Linear(2, 2), sample_batches=lambda count: [])
    name_by_what_stood(policy, chosen, race, run, Standing(**NOTHING | before))
    return [one.code for one in policy.findings[len(said) :]]


DECAY, SMALL, WIDE = {"decay": "weight decay is 0.3"}, {"odd": {"0.weight": 0.01}}, {"odd": {"0.weight": 20.0}}


@pytest.mark.parametrize(
    ("fixes", "before", "named"),
    [
        pytest.param(["regularise"], DECAY, ["L05"], id="decay-taken-away"),
        pytest.param(["swap_activations", "swap_optimizer"], DECAY, ["L05", "G02"], id="decay-gone-with-the-optimizer"),
        pytest.param(["scale_lr"], DECAY, [], id="decay-that-stayed"),
        pytest.param(["reinitialise"], SMALL, ["G02"], id="small-weights"),
        pytest.param(["reinitialise"], WIDE, ["G01"], id="wide-weights-before-nothing-that-saturates"),
        pytest.param(["reinitialise"], {}, [], id="usual-weights"),
        pytest.param(["reinitialise"], {"deaf": "body"}, ["G02"], id="a-memory-that-heard-nothing"),
        pytest.param(["insert_norm"], {}, ["G02"], id="signals-let-through"),
        pytest.param(["insert_norm"], {"thrown": True}, [], id="thrown-by-the-rate"),
    ],
)
def test_what_stood_and_is_gone_is_the_illness(fixes, before, named):
    """Each remedy names what it took away, and nothing that it left alone."""
    assert named == named_after(fixes, before)


def test_nothing_is_said_twice_or_of_what_learnt_already():
    """One name for one illness; and a run that knew of its targets was not deaf."""
    assert [] == named_after(["regularise"], DECAY, said=("L05",))
    assert [] == named_after(["regularise"], DECAY, ignore=("L05",))
    assert [] == named_after(["insert_norm"], {}, said=("G07",))
    assert [] == named_after(["insert_norm"], {}, control=KNOWS)


def test_a_winner_that_knows_nothing_yet_names_it_where_all_rows_got_the_same_answer():
    """It won by its pace."""
    assert [] == named_after(["insert_norm"], {}, winner={})
    assert ["G02"] == named_after(["insert_norm"], {"spread": known_by.ALIKE / 2}, winner={})


def test_what_stands_is_read_from_the_run_as_it_was():
    """Decay, odd weights, the largest step and the spread of the answers."""
    run = history(loss=[1.0] * 20, output_spread=[0.01] * 10, update_ratio=[0.5] * 3, lr=[0.1] * 20)
    run.facts |= {"odd_weights": {"a.weight": 0.01}, "weight_decay": 0.3, "optimizer": "SGD"}

    read = Standing(decay="weight decay is 0.3", odd={"a.weight": 0.01}, thrown=True, spread=0.01, deaf="")
    assert read == standing_before(run)


@pytest.mark.parametrize(("reach", "deaf"), [([1e-5, 1e-4], "body"), ([1e-5, 0.1], ""), ([1e-5], "")])
def test_a_memory_is_deaf_that_heard_nothing_each_time(reach, deaf):
    """One look may be too few."""
    run = history(**{"loss": [1.0] * 20, "reach/body": reach})
    run.facts |= {"recurrent": ["body"]}

    assert deaf == standing_before(run).deaf
