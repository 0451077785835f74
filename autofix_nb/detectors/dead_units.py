"""Dead units: most units of a layer answer the same to every row, so that no gradient comes through.

A unit of a ReLU is dead when it is 0 for all rows of a batch, one of a sigmoid or tanh when it sits at a bound.
Published rules begin at 70 % of a layer (AUTOTRAINER, DeepDiagnosis) or 85 % saturated (TheDeepChecker). Wide
layers with mostly dead units are common in trainings that go well, so only a run that does not learn is told more
than a note; one layer that is all dead lets nothing through and is said at once, any other must last.

Reference: Zhang et al. (2021), AUTOTRAINER, https://doi.org/10.1109/ICSE43902.2021.00043; Lu et al. (2019), Dying
ReLU and Initialization, https://arxiv.org/abs/1903.06733
"""

from dataclasses import dataclass
from typing import ClassVar

from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.learning import is_learning
from autofix_nb.detectors.life import largest_update
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class DeadUnits(Detector):
    """Most units of a layer are the same for all rows, and nothing is learnt."""

    code: ClassVar = "G07"
    title: ClassVar = "Dead units"
    when: ClassVar = "step"
    reads: ClassVar = ("loss",)
    shows: ClassVar = (("dead/{where}",), ("loss",))
    fixes: ClassVar = ("swap_activations", "reinitialise", "insert_norm", "scale_lr")
    why: ClassVar = (
        "A unit that gives the same for every row tells the next layer nothing, and no gradient goes through it that "
        "could bring it back."
    )
    how: ClassVar = (
        "In two close looks one after the other, most units of some layer are the same for all rows of the batch (at "
        "their bounds, for sigmoid and tanh), and the run does not learn."
    )

    share: float = 0.7
    """Share of a layer's units from which it is mentioned."""

    all_of_it: float = 0.95
    """Share from which next to nothing comes through, and no waiting is needed."""

    saturated: float = 0.5
    """Share of a sigmoid's or tanh's outputs at their bounds that it takes besides."""

    looks: int = 2
    """Close looks in which it must be so."""

    patience: int = 150
    """Steps before a layer that is only mostly dead is judged."""

    thrown_update: float = 0.4
    """Share of the weights changed in one step from which the rate is blamed first: such steps kill units."""

    fewest_rows: int = 8
    """Rows a batch below which units are the same for all of them by accident."""

    def check(self, history: History) -> Finding | None:
        rows = history.facts.get("batch_size")
        if rows is not None and rows < self.fewest_rows:
            raise NotApplicable(f"`batch_size`: {rows} rows, at least {self.fewest_rows} are needed")
        shares = self._shares(history)
        if not shares:
            raise NotApplicable(f"`dead`: fewer than {self.looks} close looks at activations")
        dead = sorted((name for name in shares if shares[name] >= self.share), key=lambda name: -shares[name])
        if not dead:
            return None
        worst = shares[dead[0]]
        learns = is_learning(history)
        if learns is None:
            return None
        closed = worst >= self.all_of_it
        if not learns and not closed and history.now("loss").size < self.patience:
            raise NotApplicable(f"`dead`: {worst:.0%} of a layer, but fewer than {self.patience} steps recorded")
        severity = Severity.NOTE if learns else Severity.CRITICAL if closed else Severity.WARNING
        more = f" (and {len(dead) - 1} more layers)" if len(dead) > 1 else ""
        return self.found(
            history,
            f"{worst:.0%} of the units of `{dead[0]}`{more} give the same for every row, limit {self.share:.0%}, "
            f"{'though the run learns' if learns else 'and nothing is learnt'}",
            severity=severity,
            measured=worst,
            limit=self.share,
            judged=f"dead/{dead[0]}",
            where=tuple(dead),
            fixes=() if learns else self._fixes(history),
        )

    def _fixes(self, history: History) -> tuple[str, ...]:
        """Return what may help: other activations die of the next such step too where one replaced the weights."""
        if not largest_update(history) > self.thrown_update:
            return self.fixes
        return ("scale_lr", *(name for name in self.fixes if name != "scale_lr"))

    def _shares(self, history: History) -> dict[str, float]:
        """Return for each layer the smallest share of dead units in the newest looks."""
        shares = {}
        for name in history.names():
            if not name.startswith("dead/"):
                continue
            module = name.removeprefix("dead/")
            values = history.now(name, self.looks)
            if len(values) < self.looks:
                continue
            shares[module] = float(values.min())
            bounds = history.now(f"saturated/{module}", self.looks)
            # A sigmoid in its middle that hardly moves is no dead unit: its gradient vanishes, it is not shut.
            if len(bounds) and not bounds.min() >= self.saturated:
                shares[module] = 0.0
        return shares
