"""A slip in the user's code stops the training at once with its place, and no sample is blamed for it."""

import sys
from pathlib import Path

import pytest
from torch import nn

import autofix_nb as af
from autofix_nb.data import Fault
from autofix_nb.loop.users_code import is_of_the_code, place_in_code
from tests.cases import digits_loaders, mlp
from tests.loop.failing import adam


class SlipsFrom:
    """A loss whose author misspelt something that is come to at its n-th call."""

    def __init__(self, at, error=TypeError):
        self.at, self.error, self.calls = at, error, 0
        self.__name__ = "cross_entropy"

    def __call__(self, outputs, targets):
        self.calls += 1
        if self.calls >= self.at:
            raise self.error("smooth() got an unexpected keyword argument")
        return nn.functional.cross_entropy(outputs, targets)


def own_loop(tmp_path, loss, resume="auto"):
    """Train one epoch of 44 batches in a loop of the user's own, which nothing looks at before."""
    train, _ = digits_loaders()
    model = mlp()
    with af.Guard(
        model, adam(model), name="run", store=tmp_path, seed=3, show="none", save_every=10, resume=resume
    ) as guard:
        for _ in guard.epochs(2):
            for batch in guard.batches(train):
                guard.step(batch, lambda part: loss(model(part[0]), part[1]))


def test_in_the_first_batch(tmp_path):
    """Nothing was trained, and nobody set aside."""
    with pytest.raises(TypeError, match="unexpected keyword") as caught:
        own_loop(tmp_path, SlipsFrom(1))

    notes = "\n".join(caught.value.__notes__)
    run = af.open_run(tmp_path / "run")
    assert "each of the 32 samples of this batch gives this error: it is the code in line" in notes
    assert "'test_users_code.py' (in `__call__`)" in notes
    assert 0 == len(run.quarantine)


def test_in_mid_training(tmp_path):
    """Batches passed before: their samples give the error now, too, and so it is the code."""
    with pytest.raises(TypeError) as caught:
        own_loop(tmp_path, SlipsFrom(60))

    notes = "\n".join(caught.value.__notes__)
    run = af.open_run(tmp_path / "run")
    assert "those that passed before give it now, too" in notes
    assert 0 == len(run.quarantine)
    assert 59 == run.journal.last("error")["step"], "the first batch that fails ends it"


def test_in_a_run_that_goes_on(tmp_path):
    """The cell was changed between two turns: the samples that passed before the stop tell, too."""
    with pytest.raises(ValueError, match="unexpected"):
        own_loop(tmp_path, SlipsFrom(60, ValueError))
    before = len(af.open_run(tmp_path / "run").quarantine)
    with pytest.raises(TypeError) as caught:
        own_loop(tmp_path, SlipsFrom(1))

    assert "it is the code" in "\n".join(caught.value.__notes__)
    assert before == len(af.open_run(tmp_path / "run").quarantine) == 0


def test_samples_of_another_kind_are_still_set_aside(fit):
    """A shard whose rows the model cannot take: what passed before passes still, so it is the samples."""
    bad = range(640, 704)
    train, _ = digits_loaders(nan=bad)
    train = type(train)(train.dataset, batch_size=32)

    class Strict(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, rows):
            if bool(rows.isnan().any()):
                raise TypeError("rows without a number")
            return self.net(rows)

    model = Strict()
    run = fit(model, train, epochs=2, optimizer=adam(model))

    assert list(bad) == sorted(run.quarantine.indices())
    assert "finished" == run.status


@pytest.mark.parametrize(
    ("error", "reasons", "rows", "expected"),
    [
        pytest.param(TypeError("a"), ["a", "a"], 2, True, id="each-the-same"),
        pytest.param(NameError("a"), ["a", "a"], 2, True, id="a-name"),
        pytest.param(TypeError("a"), ["a", "b"], 2, False, id="different-words"),
        pytest.param(TypeError("a"), ["a", "a"], 3, False, id="not-all"),
        pytest.param(TypeError("a"), ["a"], 1, False, id="one-alone"),
        pytest.param(ConnectionError("a"), ["a", "a"], 2, False, id="may-pass"),
    ],
)
def test_what_is_taken_for_a_slip(error, reasons, rows, expected):
    """An error for code that cannot run, given by each row in the same words."""
    assert expected == is_of_the_code(error, [Fault(place, "raises", said) for place, said in enumerate(reasons)], rows)


def test_the_place_is_the_users_own_innermost_line():
    """Not the line in a package that noticed it; nothing where no line is the user's."""
    try:
        Path("x").joinpath(3)
    except TypeError as error:
        caught = error
    line, name = caught.__traceback__.tb_lineno, sys._getframe().f_code.co_name

    assert f" in line {line} of {Path(__file__).name!r} (in `{name}`)" == place_in_code(caught)
    assert "" == place_in_code(TypeError("never raised"))
