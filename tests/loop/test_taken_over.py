"""A run whose race was won goes on from there: also after a kill, after an undone trial, and with its best weights."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler
from torch.optim.optimizer import register_optimizer_step_pre_hook

from autofix_nb.checkpoints import Store
from autofix_nb.finding import Severity
from autofix_nb.fixes import FIXES
from autofix_nb.policy import Policy, daring, treating
from tests.cases import digits_loaders, same_weights
from tests.loop.sides import Alarm, Booked, Norm
from tests.loop.test_resume import StopAt, press_stop, raise_interrupt
from tests.runs import structure

MENDED = {
    "swapped": (("optimizer",), False),
    "normed-and-drawn": (("norm+drawn",), True),
    "normed": (("norm",), False),
    "standardised": (("scaled",), False),
    "activations": (("activations",), False),
    "other-loss": (("loss",), False),
    "reshuffled": (("reshuffle",), False),
    "begun-again": (("settings",), True),
    "normed-and-swapped": (("norm+optimizer+reshuffle",), True),
    "rate-held": (("held",), False),
    "rate-held-from-the-first": (("held+clipped!",), True),
}


PART_OF_ANOTHER = {"swapped", "normed", "reshuffled", "rate-held"}
"""Those whose fixes are among another one's: alone they are slow tests."""


class Steady:
    """A metric that is less, or more, with each call."""

    def __init__(self, *, falls):
        self.calls, self.falls = 0, falls

    def __call__(self, outputs, targets):
        self.calls += 1
        return 1 / self.calls if self.falls else 1 - 1 / self.calls


def trained(fit, *, seed=5, stop=(-1, None), every=25, epochs=3, alarms=(45,), scheduler=None, lr=1e-3, **options):
    """Return a run of 50 steps an epoch on digits that come in their own order, looked at every 15 steps."""
    train, val = digits_loaders(batch_size=28)
    train = torch.utils.data.DataLoader(train.dataset, batch_size=28)
    torch.manual_seed(seed)
    model = Norm()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    options = {
        "detectors": [Alarm(steps=tuple(alarms))],
        "fixes": set(FIXES) - {"train_longer"},
        "save_every": every,
        "scheduler": scheduler,
    } | options
    return fit(model, train, val, epochs=epochs, optimizer=optimizer, loss=StopAt(*stop), **options)


@pytest.fixture
def won(monkeypatch):
    """Let races be won by the candidate that a test names, and their verdicts be good."""
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 15)
    monkeypatch.setattr("autofix_nb.policy.trials.is_worse", lambda *_: False)
    monkeypatch.setattr("autofix_nb.policy.trials.ask_again", lambda *_: None)

    def once_a_step(policy, finding, run):
        """An epoch that ends at once is looked at again, at the same step."""
        return policy.mode == "auto" and (policy.journal.last("race") or {}).get("step") != finding.step

    def book(kinds, fresh=False, **more):
        booked = Booked(kinds, fresh=fresh, winner=0, **more).put(monkeypatch)
        monkeypatch.setattr("autofix_nb.policy.policy.wants_race", once_a_step)
        return booked

    return book


@pytest.mark.parametrize(
    ("kinds", "fresh", "action"),
    [
        pytest.param(
            *value,
            (press_stop, raise_interrupt)[place % 2],
            id=name,
            marks=pytest.mark.slow if name in PART_OF_ANOTHER else (),
        )
        for place, (name, value) in enumerate(MENDED.items())
    ],
)
def test_a_run_that_was_mended_goes_on_as_if_never_stopped(fit, won, kinds, fresh, action):
    """Weights, history, settings and the end are those of the run that nothing interrupted."""
    won(kinds, fresh)
    options = {"scheduler": lambda made: (lr_scheduler.ExponentialLR(made, 0.99), "step")}
    whole = trained(fit, name="whole", **options)
    with suppress(KeyboardInterrupt):
        trained(fit, stop=(110, action), **options)

    run = trained(fit, seed=99, alarms=(), **options)

    assert 1 == len(run.journal.entries("resume"))
    assert ["finished"] * 2 == [whole.status, run.status]
    assert whole.history.values("loss").tolist() == run.history.values("loss").tolist()
    assert same_weights(whole.last_weights, run.last_weights)
    assert [row.get("val/loss") for row in whole.history.epochs] == [row.get("val/loss") for row in run.history.epochs]
    assert whole.history.facts["planned_steps"] == run.history.facts["planned_steps"]


@dataclass(frozen=True, kw_only=True)
class Dead(Alarm):
    """Says that the run is dead at the steps it was told."""

    code: ClassVar = "L01"
    title: ClassVar = "Learning rate too high"

    def check(self, history):
        said = super().check(history)
        return said and replace(said, severity=Severity.CRITICAL)


@pytest.mark.parametrize("gained", [True, False])
@pytest.mark.parametrize("raced", [True, False])
def test_a_dared_change_stays_only_if_something_is_learnt(fit, won, monkeypatch, raced, gained):
    """After a race that nobody won, or where no steps are left for one; undone and said else, and never dared again."""
    booked = won(("settings", "optimizer+clipped!"))
    booked.winner = None
    said = []
    monkeypatch.setattr(daring, "has_learnt", lambda history: False)
    monkeypatch.setattr(daring, "WORSE", 100.0)
    monkeypatch.setattr("autofix_nb.policy.trials.has_gained", lambda now, before: gained)
    monkeypatch.setattr("autofix_nb.policy.trials.dare_more", lambda *_: False)
    if not raced:
        monkeypatch.setattr("autofix_nb.policy.policy.wants_race", lambda *_: False)
    own = Policy.__init__
    monkeypatch.setattr(Policy, "__init__", lambda self, *a, **more: own(self, *a, **more | {"say": said.append}))

    run = trained(fit, epochs=5, alarms=(), detectors=[Dead(steps=(45, 195))])
    changes, outcomes = run.journal.entries("change"), run.journal.entries("outcome")

    assert ["swap_optimizer", "clip_gradients"] == [entry["fix"] for entry in changes]
    assert (2 if raced else 0) >= len(run.journal.entries("race")) >= raced
    assert ["kept" if gained else "undone"] * 2 == [entry["verdict"] for entry in outcomes]
    assert {145 - 145 % 15 + 15 * (145 % 15 > 0)} == {entry["step"] for entry in outcomes}
    assert gained == (not any("did not keep what it promised" in text for text in said))
    assert any("nothing was surely better, and there is nothing to lose" in text for text in said)
    store = Store(run.folder / "checkpoints", writable=False)
    settings = store.load(store.whole(), "state")["controls"]
    assert gained == (settings["optimizer"] is not None) == (settings["clip_norm"] is not None)


def test_a_resumed_run_can_begin_again_from_its_first_weights(fit, won):
    """They are a piece of the checkpoint: a race of a resumed run starts where that of the whole one does."""
    booked = won(("settings",), True)
    whole = trained(fit, name="whole", alarms=(90,))
    with pytest.raises(KeyboardInterrupt):
        trained(fit, stop=(60, raise_interrupt), alarms=(90,))

    run = trained(fit, seed=99, alarms=(90,))

    assert booked.scores[0] == booked.scores[1]
    assert whole.history.values("loss").tolist() == run.history.values("loss").tolist()
    assert same_weights(whole.last_weights, run.last_weights)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(
    "kinds",
    [
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("norm", "optimizer")),  # parts of others
        *("norm+scaled", "norm+drawn+optimizer", "activations+reshuffle"),
    ],
)
def test_a_winner_that_does_not_keep_its_promise_is_undone(fit, won, monkeypatch, kinds, fresh):
    """All its changes, the newest first: settings and structure are those from before."""
    won((kinds,), fresh)
    monkeypatch.setattr("autofix_nb.policy.trials.is_worse", lambda *_: True)
    run = trained(fit, epochs=4, metrics={"later": Steady(falls=False)})
    changed = [entry["fix"] for entry in run.journal.entries("change")]
    undone = run.journal.entries("outcome", verdict="undone")

    assert changed[::-1] == [entry["fix"] for entry in undone]
    assert 1 == len({entry["step"] for entry in undone})
    assert [str(part) for part in structure(Norm()) if isinstance(part[1], type)] == [
        str(part) for part in structure(run.model) if isinstance(part[1], type)
    ]
    assert Norm().state_dict().keys() == run.last_weights.keys()
    store = Store(run.folder / "checkpoints", writable=False)
    settings = store.load(store.whole(), "state")["controls"]
    assert (None, False, "") == (settings["optimizer"], settings["reshuffle"], settings["loss"])


def test_the_best_weights_fit_a_model_without_its_later_changes(fit, won):
    """The best epoch was before the race: the model ends with what it was then."""
    won(("norm+scaled",))
    run = trained(fit, metrics={"early": Steady(falls=True)}, alarms=(75,))

    assert "finished" == run.status
    assert 1 == run.journal.last("end")["restored"]
    assert Norm().state_dict().keys() == run.model.state_dict().keys() == run.best_weights.keys()
    assert same_weights(run.best_weights, run.model.state_dict())


def test_best_weights_that_cannot_be_had_leave_the_last_ones(fit, won, monkeypatch):
    """A change that cannot be undone any more: those before it are made again, and the weights are the last."""
    won(("norm+scaled",))
    from autofix_nb.fixes.insert_norm import InsertNorm

    def cannot(*_):
        raise RuntimeError("somebody else changed it")

    monkeypatch.setattr(InsertNorm, "undo", cannot)
    monkeypatch.setattr("autofix_nb.policy.races.Candidate.undo", _undone_for_real)
    run = trained(fit, metrics={"early": Steady(falls=True)}, alarms=(75,))

    assert not run.journal.last("end")["restored"]
    assert same_weights(run.last_weights, run.model.state_dict())


def _undone_for_real(candidate, run):
    from autofix_nb.fixes.surgery import ModelFix

    for fix, change in reversed(candidate.fixes):
        (ModelFix.undo if isinstance(fix, ModelFix) else type(fix).undo)(fix, change, run)


@pytest.mark.parametrize(("planned", "fresh"), [(300, False), (300, True), (400, True)])
def test_extra_steps_stay_within_half_of_the_plan(fit, monkeypatch, planned, fresh):
    """Races that are won and lost, restarts and all: as many optimizer steps as planned, and half as many more."""
    monkeypatch.setattr("autofix_nb.loop.steps.EVERY", 25)
    steps = monkeypatch.context
    booked = Booked(("settings", "clipped", "optimizer", "weights"), fresh=fresh, winner=0)
    real = treating._race.__globals__["wants_race"]
    with steps() as patch:
        from autofix_nb.policy.races import Races

        own = Races.steps_each
        booked.put(patch)
        patch.setattr(Races, "steps_each", own)
        patch.setattr(treating, "wants_race", real)
        patch.setattr("autofix_nb.policy.policy.wants_race", real)
        count = {"steps": 0}
        hook = register_optimizer_step_pre_hook(lambda *_: count.update(steps=count["steps"] + 1))
        try:
            run = trained(fit, epochs=planned // 50, alarms=tuple(range(25, planned, 25)), every="auto")
        finally:
            hook.remove()

    assert "race" in {entry["kind"] for entry in run.journal}
    assert count["steps"] <= 1.5 * planned
    assert np.isfinite(run.history.values("loss")).all()


CALM = {}
"""Last weights of the run without a detector: the same for all that ask for them."""


def calm(fit):
    """Return them, trained once."""
    if not CALM:
        CALM.update(trained(fit, name="calm", epochs=4, alarms=()).last_weights)
    return CALM


@pytest.mark.parametrize(
    ("options", "raced"),
    [
        pytest.param({}, {"regularise"}, id="auto"),
        pytest.param({"allow": {"data", "model"}}, {"set_dropout"}, id="loop-not-allowed"),
        pytest.param({"fixes": ["clip_gradients"]}, set(), id="only-another-fix"),
        pytest.param({"autofix": "suggest"}, set(), id="suggest"),
        pytest.param({"autofix": "off"}, set(), id="off"),
    ],
)
def test_only_what_is_allowed_is_raced(fit, monkeypatch, options, raced):
    """`autofix`, `allow` and `fixes` narrow the candidates, and the weights are those of a run without a detector."""
    seen = []
    own = treating._race

    def watched(policy, finding, run, candidates, **more):
        seen.extend(change.touches for one in candidates for _, change in one.fixes)
        return own(policy, finding, run, candidates, **more)

    monkeypatch.setattr(treating, "_race", watched)
    monkeypatch.setattr(Alarm, "fixes", ("regularise", "set_dropout", "insert_norm"))

    run = trained(fit, epochs=4, alarms=(100,), **options)

    assert bool(raced) == bool(seen) == bool(run.journal.entries("race"))
    assert set(seen) <= set(options.get("allow", {"loop", "data", "model"}))
    if not raced:
        assert same_weights(calm(fit), run.last_weights)
