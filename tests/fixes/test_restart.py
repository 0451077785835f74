"""From the first weights: a name by which that is allowed or refused."""

import pytest
import torch

from autofix_nb.detectors import DETECTORS
from autofix_nb.fixes import FIXES
from autofix_nb.journal import Journal
from autofix_nb.policy import Policy, treat
from autofix_nb.policy.candidates import NO_CANDIDATES
from tests.runs import finding, history, trainee


def test_it_is_never_done_by_itself():
    """What is changed with it is what may help."""
    assert "restart" in NO_CANDIDATES
    assert not any("restart" in kind.fixes for kind in DETECTORS)


@pytest.mark.parametrize("allowed", [True, False])
def test_a_race_begins_at_the_first_weights_only_where_that_is_allowed(tmp_path, allowed):
    """`fixes=` without `restart` keeps a run from beginning again, whatever could help."""
    begun = []
    names = set(FIXES) if allowed else set(FIXES) - {"restart"}
    policy = Policy(Journal(tmp_path / "journal.jsonl"), fixes=names)
    run = trainee(
        history(loss=[2.3] * 50),
        step_count=50,
        found_before=[],
        optimizer=torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.003),
        race=lambda candidates, *_, fresh, **__: begun.append((fresh, [one.fresh for one in candidates])),
    )
    run.history.facts["planned_steps"] = 1000
    treat(policy, finding(code="L01", step=50, fixes=("warm_up", "clip_gradients")), run)

    assert begun[0][1]
    assert [(allowed, [allowed] * len(begun[0][1]))] == begun
