"""Bad numbers that no sample is to blame for: the weights go back, and the rate is lowered."""

import torch
from torch import nn

from tests.cases import digits_loaders, mlp
from tests.loop.failing import EPOCHS, accuracy, adam, clean_accuracy


class SpoiledOnce(nn.Module):
    """A model whose weights get a NaN at one step, as a cosmic ray or a bad kernel would do."""

    def __init__(self, at):
        super().__init__()
        self.net = mlp()
        self.at, self.steps = at, 0

    def forward(self, rows):
        if self.training and torch.is_grad_enabled():
            self.steps += 1
            if self.steps == self.at:
                with torch.no_grad():
                    self.net[0].weight[3, 5] = float("nan")
        return self.net(rows)


def test_nan_in_the_weights_rolls_back_and_lowers_the_rate(fit):
    """NaN put into the weights once at step 300: recovered, within one point."""
    train, _ = digits_loaders()
    model = SpoiledOnce(at=300)

    run = fit(model, train, epochs=EPOCHS, optimizer=adam(model))

    assert ["rollback", "scale_lr"] == [change.fix for change in run.fixes]
    assert 0 == len(run.quarantine)
    assert 5e-4 == run.history.values("lr").min()
    assert 1e-3 == run.history.last("lr"), "it happened once, so the precaution is lifted"
    finding = next(finding for finding in run.findings if finding.code == "G03")
    assert "weight net.0.weight" in finding.says
    assert accuracy(model) >= clean_accuracy() - 0.01
    assert {"rollback": "kept", "scale_lr": "lifted"} == {
        entry["fix"]: entry["verdict"] for entry in run.journal.entries("outcome")
    }


def test_weights_that_go_bad_again_and_again_keep_the_lower_rate(fit):
    """Twice within 500 steps is no accident: the rate stays down."""
    train, _ = digits_loaders()

    class Spoiled(SpoiledOnce):
        def forward(self, rows):
            if self.training and torch.is_grad_enabled() and self.steps in (150, 320):
                self.at = self.steps + 1
            return super().forward(rows)

    model = Spoiled(at=-1)

    run = fit(model, train, epochs=EPOCHS, optimizer=adam(model))

    assert 2 == sum(change.fix == "rollback" for change in run.fixes)
    assert 5e-4 == run.history.last("lr")
    assert accuracy(model) > 0.9


def test_weights_that_make_good_rows_overflow_are_an_optimisation_fault(fit):
    """Finite but huge weights: every row fails now, none under the last good weights."""
    train, _ = digits_loaders()

    class Blown(SpoiledOnce):
        def forward(self, rows):
            if self.training and torch.is_grad_enabled():
                self.steps += 1
                if self.steps == self.at:
                    with torch.no_grad():
                        self.net[0].weight.mul_(1e30)
                        self.net[2].weight.mul_(1e30)
            return self.net(rows)

    model = Blown(at=150)

    run = fit(model, train, epochs=6, optimizer=adam(model))

    assert 0 == len(run.quarantine)
    assert "rollback" in {change.fix for change in run.fixes}
    assert accuracy(model) > 0.85


def test_an_exception_that_comes_and_goes_neither_rolls_back_nor_lowers(fit):
    """A logger that is down for some calls says nothing about weights, rate or samples."""
    train, _ = digits_loaders()
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        if 185 < len(calls) <= 193:
            raise ConnectionError("logger down")
        return nn.functional.cross_entropy(outputs, targets)

    model = mlp()
    run = fit(model, train, epochs=8, optimizer=adam(model), loss=loss)

    assert {"rollback", "scale_lr"}.isdisjoint(change.fix for change in run.fixes)
    assert 0 == len(run.quarantine)
