"""What the tests of races share: a detector that fires when told to, candidates of every kind, and what a run left."""

import random
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from autofix_nb.detectors import Detector
from autofix_nb.finding import Severity
from autofix_nb.fixes import FIXES
from autofix_nb.fixes.base import Change, Fix
from autofix_nb.policy import Candidate, Score, candidates, races, treating
from tests.runs import finding

CLOCKS = frozenset(
    {"seconds", "time", "at", "load_seconds", "step_seconds", "memory_bytes", "measured", "says", "text"}
)
"""Fields of the journal that come from the clock or the machine, or say such numbers in words."""

TIMED = ("R", "E")
"""First letters of the codes that are found by the clock or the machine."""


@dataclass(frozen=True, kw_only=True)
class Alarm(Detector):
    """Fires at the steps it was told, whatever the run is like."""

    code: ClassVar = "L05"
    title: ClassVar = "Underfitting"
    when: ClassVar = "step"
    reads: ClassVar = ("loss",)
    fixes: ClassVar = ("regularise",)

    steps: tuple[int, ...] = (50,)

    def check(self, history: Any) -> Any:
        step = history.step("loss")
        return self.found(history, "told to", severity=Severity.WARNING) if step in self.steps else None


class Raising(Fix):
    """Changes something, and then cannot go on."""

    name: ClassVar = "clip_gradients"
    touches: ClassVar = "loop"

    def plan(self, finding: Any, run: Any) -> Change | None:
        return None

    def apply(self, change: Change, run: Any) -> None:
        run.controls.clip_norm = 1e-3
        raise RuntimeError("cannot be done")


KINDS = {
    "settings": [("scale_lr", {"lr_scale": 0.5}), ("regularise", {"weight_decay": 0.1})],
    "blow-up": [("scale_lr", {"lr_scale": 1e30})],
    "warm-up": [("warm_up", {"warm_up": {"from": 0, "steps": 200}})],
    "held": [("hold_lr", {"lr_floor": [0.05]})],
    "clipped": [("clip_gradients", {"clip_norm": 1e-3})],
    "optimizer": [("swap_optimizer", {"optimizer": {"kind": "SGD", "lr": 0.01, "momentum": 0.9}})],
    "another": [("swap_optimizer", {"optimizer": {"kind": "RMSprop", "lr": 0.001}})],
    "reshuffle": [("shuffle", {"reshuffle": True})],
    "loss": [("mend_loss", {"loss": "mean_squared_error"})],
    "weights": [("class_weights", {"class_weights": [2.0] * 5 + [1.0] * 5})],
    "norm": [("insert_norm", None)],
    "drawn": [("reinitialise", None)],
    "scaled": [("standardise", None)],
    "activations": [("swap_activations", None)],
    "raising": [("raising", {})],
}
"""By kind of candidate, its fixes with the settings after; None lets the fix plan by itself."""


def candidate(run: Any, kind: str, *, fresh: bool = False) -> Candidate:
    """Return a candidate of one kind, or of several joined by "+"; with a "!" at its end it is a last resort."""
    fixes = []
    for one in kind.rstrip("!").split("+"):
        for name, after in KINDS[one]:
            if name == "raising":
                fixes.append((Raising(), Change(fix="clip_gradients", touches="loop", says="raises")))
                continue
            if after is None:
                change = FIXES[name]().plan(finding(step=max(1, run.step_count), code="G02"), run)
                assert change is not None, name
            else:
                before = {setting: getattr(run.controls, setting) for setting in after}
                change = Change(fix=name, touches=FIXES[name].touches, says=name, before=before, after=after)
            fixes.append((FIXES[name](), change))
    return Candidate(fixes=fixes, fresh=fresh, resort=kind.endswith("!"))


@dataclass
class Booked:
    """Lets each race be run by the candidates that a test wants, and its winner be whom the test wants."""

    kinds: tuple[str, ...]
    fresh: bool = False
    steps: int = 20
    winner: int | None = None
    scores: list[list[Score]] = field(default_factory=list)

    def put(self, monkeypatch: Any) -> "Booked":
        """Take the place of who plans candidates and decides."""
        monkeypatch.setattr(treating, "wants_race", lambda policy, finding, run: policy.mode == "auto")
        monkeypatch.setattr("autofix_nb.policy.policy.wants_race", lambda policy, finding, run: policy.mode == "auto")
        monkeypatch.setattr(candidates.Offers, "against", lambda offers, *_, **__: self.of(offers.run))
        monkeypatch.setattr(races.Races, "steps_each", lambda *_, **__: (self.steps, 10_000))
        monkeypatch.setattr(treating, "winner_of", lambda race, **_: self.choose(race))
        return self

    def of(self, run: Any) -> list[Candidate]:
        """Return the candidates."""
        return [candidate(run, kind, fresh=self.fresh) for kind in self.kinds]

    def choose(self, race: Any) -> int | None:
        """Return the winner, if its training was kept."""
        if self.scores and self.scores[-1][0] is race.control:  # asked again, with more candidates
            self.scores.pop()
        self.scores.append([race.control, *race.scores])
        return self.winner if self.winner in race.trained else None


def left_behind(run: Any, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return all that a run left which must be the same when nothing came of a race."""
    return {
        "weights": {name: part.tolist() for name, part in run.last_weights.items()},
        "optimizer": _plain(optimizer.state_dict()),
        "streams": (torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()),
        "losses": run.history.values("loss").tolist(),
        "rates": run.history.values("lr").tolist(),
        "norms": run.history.values("grad_norm").tolist(),
        "looks": run.history.values("update_ratio").tolist(),
        "goals": [row.get("val/loss") for row in run.history.epochs],
    }


def told(run: Any) -> list[dict[str, Any]]:
    """Return the journal without what comes from the clock or the machine."""
    entries = [
        {name: value for name, value in entry.items() if name not in CLOCKS | {"n"}}
        for entry in run.journal
        if entry["kind"] not in ("save", "start", "end") and not str(entry.get("code", "")).startswith(TIMED)
    ]
    return _plain(entries)


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return "NaN" if isinstance(value, float) and value != value else value


class Norm(nn.Module):
    """A perceptron with dropout and batch normalisation, and a buffer that its forward pass moves."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(64, 32)
        self.deeper = nn.Linear(32, 32)
        self.norm, self.drop, self.out = nn.BatchNorm1d(32), nn.Dropout(0.3), nn.Linear(32, 10)
        self.bend = nn.ReLU()
        self.register_buffer("seen", torch.zeros(()), persistent=False)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        return self.out(self.drop(self.bend(self.norm(self.deeper(self.bend(self.hidden(rows)))))))
