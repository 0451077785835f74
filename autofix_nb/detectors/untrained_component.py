"""A component does not train: its weights do not move, though nobody said that they should not.

Weights are compared before and after a step in a few close looks. What is frozen (`requires_grad=False`) in front
of a head that trains is meant so, and so is a large front that only the optimizer leaves out. It is a mistake when
nothing moves at all, when a layer wants gradients and is in no group of the optimizer, when the last layer or one
that was never trained is frozen, or when no gradient comes to a layer of a run that does not learn. And where all units
of a layer are copies of one another, one trains and the others only follow.

Reference: Jiang et al. (2025), TrainCheck, https://www.usenix.org/conference/osdi25/presentation/jiang, among whose
silent errors are a frozen new head and an optimizer that holds weights which are no longer the model's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.detectors.alike_units import alike_layers
from autofix_nb.detectors.base import Detector
from autofix_nb.detectors.learning import is_learning
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.history import History


@dataclass(frozen=True, kw_only=True)
class UntrainedComponent(Detector):
    """The weights of a component stay exactly as they are, and not on purpose."""

    code: ClassVar = "G04"
    title: ClassVar = "A component does not train"
    when: ClassVar = "step"
    reads: ClassVar = ("update_ratio", "lr")
    shows: ClassVar = (("update_ratio",), ("loss",))
    fixes: ClassVar = ("join_optimizer", "unfreeze")
    why: ClassVar = (
        "A part that does not train keeps the weights that it was drawn with. The rest works around it, and nothing "
        "in the loss says so."
    )
    how: ClassVar = (
        "Weights are compared before and after a step, in several steps whose rate is above 0. A part that never moved "
        "is looked up: in no group of the optimizer, frozen though it is new or the last one, or without a gradient. "
        "Or all units of a layer give the same as one another in each of the first looks."
    )

    looks: int = 3
    """Close looks in which it must not have moved."""

    looks_outside: int = 4
    """The same for what no group of the optimizer holds: whether the rest learns without it must be known by then."""

    patience: int = 100
    """Steps without learning anything after which whatever is frozen is suspected."""

    least_rate: float = 1e-6
    """Learning rate up to which a weight may stay the same because of rounding."""

    head_share: float = 0.1
    """Share of the values up to which an optimizer with the last layers alone is taken to train a head on purpose."""

    all_off: float = 0.95
    """Share of dead units that explains why no gradient comes to what lies before them."""

    def check(self, history: History) -> Finding | None:
        ratios = _while_it_steps(history, "update_ratio", self.least_rate)
        if len(ratios) < self.looks:
            raise NotApplicable(f"`update_ratio`: {len(ratios)} of {self.looks} close looks taken")
        if not ratios.any():
            return self._nothing_moves(history)
        found = [
            *(self._in_no_group(history) if len(ratios) >= self.looks_outside else ()),
            *self._frozen_by_mistake(history),
            *self._without_gradient(history),
            *self._all_alike(history),
        ]
        return max(found, key=lambda finding: finding.severity, default=None)

    def _nothing_moves(self, history: History) -> Finding:
        norms = history.now("grad_norm")
        no_gradient = bool(len(norms)) and not norms.any()
        # Where every gradient is 0 the optimizer is sound: a softmax over one output, a constant loss, dead units.
        fixes = ("mend_output", "mend_loss", "swap_activations", "reinitialise", "insert_norm")
        fixes = ("unfreeze", *fixes) if history.facts.get("frozen") else fixes
        why = "every gradient is exactly 0" if no_gradient else "the optimizer holds none of the weights that are used"
        return self.found(
            history,
            f"the change of all weights in a step is 0, limit 0: {why}",
            severity=Severity.CRITICAL,
            measured=0.0,
            limit=0.0,
            where=tuple(history.facts.get("components", ())),
            fixes=fixes if no_gradient else None,
        )

    def _in_no_group(self, history: History) -> Iterator[Finding]:
        outside = _names(history, "outside_optimizer")
        owners = _owners(history, outside)
        # One that moves all the same is in another optimizer, as in adversarial training.
        still = {name for name in owners if not _moves(history, name, self.least_rate)}
        outside = [name for name in outside if _owner(history, name) in still]
        if not outside or history.facts.get("task") == "custom":
            return
        owners = [name for name in owners if name in still]
        sizes = history.facts.get("component_sizes", {})
        trained = sum(size for name, size in sizes.items() if name not in owners)
        front = list(history.facts.get("components", ()))[: len(owners)] == owners
        meant = front and trained <= self.head_share * sum(sizes.values()) and is_learning(history) is not False
        yield self.found(
            history,
            f"{len(outside)} parameters want a gradient and are in no group of the optimizer, limit 0"
            f"{'; only the last layers are trained' if meant else ', so they stay as they are'}",
            severity=Severity.NOTE if meant else Severity.WARNING,
            measured=len(outside),
            limit=0,
            where=tuple(owners),
            fixes=() if meant else ("join_optimizer",),
        )

    def _frozen_by_mistake(self, history: History) -> Iterator[Finding]:
        frozen = _names(history, "frozen")
        new = _names(history, "frozen_untrained")
        components = list(history.facts.get("components", ()))
        last = [name for name in frozen if components and _owner(history, name) == components[-1]]
        last = [] if not last or _moves(history, components[-1], self.least_rate) else last
        learns = is_learning(history)
        stuck = bool(frozen) and learns is False and history.count("loss") >= self.patience
        if not new and not last and not stuck:
            return
        sure = history.facts.get("task") != "custom" and (bool(new) or learns is False)
        what = "look as if they were never trained" if new else "belong to the last layer"
        what = what if new or last else "may keep the rest from learning, which learns nothing"
        yield self.found(
            history,
            f"{len(frozen)} parameters are frozen (`requires_grad=False`), and {len(new or last or frozen)} of them "
            f"{what}, limit 0",
            # Fresh weights that stay so, in a run that learns nothing: going on as it is leads nowhere.
            severity=(Severity.CRITICAL if new and learns is False else Severity.WARNING) if sure else Severity.NOTE,
            measured=len(new or last or frozen),
            limit=0,
            where=tuple(_owners(history, new or last or frozen)),
            fixes=("unfreeze",) if sure else (),
        )

    def _without_gradient(self, history: History) -> Iterator[Finding]:
        meant = set(_owners(history, [*_names(history, "frozen"), *_names(history, "outside_optimizer")]))
        names = [name for name in history.facts.get("components", ()) if name not in meant]
        cut_off = [name for name in names if not history.now(f"grad_norm/{name}").any()]
        cut_off = [name for name in cut_off if not _moves(history, name, self.least_rate)]
        if not cut_off or len(cut_off) == len(names):
            return
        if any(history.last(name) >= self.all_off for name in history.names() if name.startswith("dead/")):
            return  # that is another illness
        sure = is_learning(history) is False and history.facts.get("task") != "custom"
        yield self.found(
            history,
            f"no gradient ever came to {len(cut_off)} of {len(names)} parts of the model, limit 0: they are not used, "
            "or something cuts the gradient off (`detach()`, `.data`, `torch.no_grad()`)",
            severity=Severity.WARNING if sure else Severity.NOTE,
            measured=len(cut_off),
            limit=0,
            where=tuple(cut_off),
            fixes=("let_through",) if sure else (),
        )

    def _all_alike(self, history: History) -> Iterator[Finding]:
        """Return that the units of layers are copies of one another, and learn as one unit would."""
        alike = alike_layers(history)
        if not alike:
            return
        equal = _names(history, "equal_weights")
        because = f"all numbers of `{equal[0]}` began the same" if equal else "their weights are the same"
        yield self.found(
            history,
            f"all units of {len(alike)} layers, such as `{alike[0]}`, have given the same as one another since the "
            f"first step, limit 0 layers: {because}, so that they get the same gradient, if any",
            severity=Severity.WARNING,
            measured=len(alike),
            limit=0,
            where=tuple(alike),
            fixes=("reinitialise",),
        )


def _while_it_steps(history: History, name: str, least_rate: float) -> np.ndarray:
    """Return the finite values of a series at the steps whose learning rate was not 0 (a warm-up begins there)."""
    at, rates = history.now_series("lr")
    stood_still = at[~(rates > least_rate)]
    steps, values = history.now_series(name)
    return values[np.isfinite(values) & ~np.isin(steps, stood_still)]


def _moves(history: History, component: str, least_rate: float) -> bool:
    """Tell whether the weights of a component changed in any close look; no look at it counts as no change."""
    return bool(_while_it_steps(history, f"update_ratio/{component}", least_rate).any())


def _names(history: History, fact: str) -> list[str]:
    return list(history.facts.get(fact) or ())


def _owner(history: History, parameter: str) -> str:
    """Return the component that a parameter belongs to: the longest whose name it begins with."""
    having = [name for name in history.facts.get("components", ()) if parameter.startswith(f"{name}.")]
    return max(having, key=len) if having else parameter.rpartition(".")[0] or parameter


def _owners(history: History, parameters: list[str]) -> list[str]:
    return list(dict.fromkeys(_owner(history, name) for name in parameters))
