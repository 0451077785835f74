"""`autofix="suggest"` and `"off"`: a failed step stays as it is."""

import pytest

from tests.cases import digits_loaders, mlp, plain_loop, same_weights
from tests.loop.failing import Picky, adam, marked


@pytest.mark.parametrize("mode", ["suggest", "off"])
def test_other_modes_change_nothing(fit, mode):
    """A plain loop would take the NaN step, and so do they; `suggest` says what it would have done."""
    train, _ = digits_loaders(nan=(777,))
    plain_model = mlp()
    plain_loop(plain_model, adam(plain_model), train, epochs=1, seed=3)
    model = mlp()

    run = fit(model, train, epochs=1, optimizer=adam(model), autofix=mode)

    weights = {name: value.nan_to_num(9.0) for name, value in run.last_weights.items()}
    assert same_weights({name: value.nan_to_num(9.0) for name, value in plain_model.state_dict().items()}, weights)
    assert [] == run.fixes
    assert 0 == len(run.quarantine)
    assert ["G03"] == [finding.code for finding in run.findings], "said once, not at every step that follows"
    assert (["quarantine", "skip_batch"] if mode == "suggest" else []) == [
        entry["fix"] for entry in run.journal.entries("suggestion")
    ][:2]


@pytest.mark.parametrize("mode", ["suggest", "off"])
def test_other_modes_leave_errors_to_the_user(fit, mode):
    """A raising sample and a raising model come out as the user's own exception."""
    train, _ = digits_loaders(raising=(5,))
    model = mlp()
    with pytest.raises(ValueError, match=r"sample 5 is broken"):
        fit(model, train, epochs=1, optimizer=adam(model), autofix=mode)

    model = Picky()
    with pytest.raises(AssertionError, match=r"not to my taste"):
        fit(model, marked([3]), epochs=1, optimizer=adam(model), autofix=mode, name="other")
