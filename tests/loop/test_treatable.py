"""What a winner's changes leave behind."""

from types import SimpleNamespace

import pytest

from autofix_nb.fixes import Change, Controls
from autofix_nb.loop.treatable import Treatable
from autofix_nb.policy import Candidate


@pytest.mark.parametrize(("fix", "threshold"), [("class_weights", None), ("mask_easy", None), ("scale_lr", 0.06)])
def test_a_threshold_of_other_probabilities_is_forgotten(fix, threshold):
    """Where rows are weighed otherwise, the same rows get other probabilities."""
    guard = SimpleNamespace(controls=Controls(threshold=0.06))
    change = Change(fix=fix, touches="loop", says="", before={}, after={}, permanent="")
    Treatable._forget_threshold(guard, Candidate(fixes=[(None, change)]))

    assert threshold == guard.controls.threshold
