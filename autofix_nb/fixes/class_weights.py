"""Weigh the classes in the loss so that rare ones count as much as frequent ones (King and Zeng 2001: n / (K n_k)).

While a training is under way the square roots of these weights are tried before them: full weights make a handful of
rare rows as loud as all others together. Weights that a loss has already stay, unless they make rare classes rarer.
Against one class that swallows all, the focal loss (Lin et al. 2017) follows.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from autofix_nb.evidence.classes import are_turned_round
from autofix_nb.finding import Finding, NotApplicable
from autofix_nb.fixes.answers import answers, weighable_loss
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.counting import are_places, balanced, class_counts, labels_of, yes_and_no
from autofix_nb.fixes.preparing import Owned, WayBack
from autofix_nb.fixes.under_way import UnderWayFix
from autofix_nb.objective.treatment import form_of, replaced

SAID = 6
"""Weights listed in the sentence; more are said by the smallest and the largest."""

TYPED = 12
"""Weights written into the line to type; for more, the line computes them."""

MOST = 100.0
"""Largest weight while a training is under way: with more, single rows would throw it about."""

FOCAL = 2.0
"""Exponent of the focal loss, as its authors chose it."""

FOCAL_CODES = frozenset({"L06", "L07"})
"""Illnesses against which the focal loss follows the weights."""


class ClassWeights(UnderWayFix):
    """Give a loss object of torch's its weights, or weigh rows while training; one that has weights is left alone."""

    name: ClassVar = "class_weights"
    touches: ClassVar = "loop"

    def fit(self, finding: Finding, owned: Owned) -> Change | None:
        setting = _free_setting(owned.loss)
        labels = labels_of(owned) if setting else None
        if labels is None:
            return None
        counts = yes_and_no(labels) if setting == "pos_weight" else class_counts(labels, owned)
        if counts is None:
            return None
        weights = [counts[0] / counts[1]] if setting == "pos_weight" else balanced(counts)
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"all classes count the same in the loss, however rare: {_rarest(counts)} "
            f"({setting} {_said(weights)})",
            before={setting: None},
            after={setting: weights},
            permanent=_line(type(owned.loss).__name__, setting, weights),
        )

    def settle(self, finding: Finding, run: Trainee) -> list[Change]:
        try:
            loss = weighable_loss(run)
        except NotApplicable:
            return []
        changes = [] if run.controls.class_weights is not None else _weighings(loss, run)
        if finding.code in FOCAL_CODES and run.controls.focal is None:
            says = f"rows that the model is sure of count less (focal loss with exponent {FOCAL:g})"
            changes.append((says, {"focal": FOCAL}, f"loss = ((1 - torch.exp(-losses)) ** {FOCAL:g} * losses).mean()"))
        named = {} if loss == run.controls.loss else {"loss": loss}
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=says,
                before={name: getattr(run.controls, name) for name in after | named},
                after=after | named,
                permanent=permanent,
            )
            for says, after, permanent in changes
        ]

    def do(self, change: Change, owned: Owned) -> list[WayBack]:
        loss = owned.loss
        (setting, weights), *_ = change.after.items()
        if _free_setting(loss) != setting:
            return []
        parameter = next(owned.model.parameters(), None) if isinstance(owned.model, nn.Module) else None
        device = torch.device("cpu") if parameter is None else parameter.device
        setattr(loss, setting, torch.tensor(weights, dtype=torch.float32, device=device))
        return [lambda: setattr(loss, setting, None)]

    def touched(self, owned: Owned) -> tuple[Any, ...]:
        return (owned.loss,)


def _weighings(name: str, run: Trainee) -> list[tuple[str, dict[str, Any], str]]:
    """Return sentence, settings and line of the weights, halfway and in full; none where classes are even."""
    own = run.task.loss
    form = form_of(replaced(name, own)) or ""
    yes_or_no = form.startswith("yes-or-no")
    weights = _pos_weights(run) if yes_or_no else _full_weights(run)
    given = None if yes_or_no and getattr(own, "weight", None) is not None else _given(own, weights)
    if weights is None or given is None:
        return []
    turned = given.size > 0
    given = given if turned else np.ones(1)
    if turned and not _are_turned_round(weights, given, yes_or_no=yes_or_no):
        return []
    if np.allclose(weights / given, 1, rtol=0.05):
        return []
    kind, setting = ("BCEWithLogitsLoss", "pos_weight") if yes_or_no else ("CrossEntropyLoss", "weight")
    found = []
    for power, says in ((0.5, "rare classes count more in the loss"), (1.0, "all classes count the same in the loss")):
        listed = np.minimum(weights, MOST) ** power
        if turned:
            says += f", in place of the weights {_said(given.tolist())}, which make them count even less"
        if found and np.allclose(listed, found[-1][1]["class_weights"] * given):
            continue  # of even classes the root is the whole
        lines = _line(kind, setting, listed.tolist())
        listed = (listed / given).tolist()
        found.append((f"{says} ({_said(listed)})", {"class_weights": listed}, lines))
    # Before anything is learnt there is nothing that full weights could throw about. But of places beside each other
    # the frequent ones around a rare one look like it: with full weights they are all taken for it.
    return found if run.history.count("loss") or are_places(run) else found[::-1]


def _given(loss: Any, weights: np.ndarray | None) -> np.ndarray | None:
    """Return the weights that a loss has already, shape (K,), or (0,) without any; None where they do not fit ours."""
    given = [getattr(loss, name, None) for name in ("weight", "pos_weight")]
    there = [one for one in given if isinstance(one, torch.Tensor)]
    if weights is None or len(there) > 1:
        return None
    if not there:
        return np.zeros(0)
    own = there[0].detach().double().cpu().numpy().reshape(-1)
    fits = own.size in (1, weights.size) and np.isfinite(own).all() and (own > 0).all()
    return own if fits else None


def _are_turned_round(weights: np.ndarray, given: np.ndarray, *, yes_or_no: bool) -> bool:
    """Tell whether the weights that a loss has make rare classes rarer; `weights` are those that make them even."""
    if not yes_or_no:
        return are_turned_round(1 / weights, np.broadcast_to(given, weights.shape))
    pairs = np.broadcast_arrays(weights, given)  # of several labels, one is enough
    return any(are_turned_round(np.array([no, 1.0]), np.array([1.0, own])) for no, own in zip(*pairs, strict=True))


def _full_weights(run: Trainee) -> np.ndarray | None:
    """Return balanced weights, one for each output of the model."""
    classes = run.task.classes
    if not classes:
        asked = answers(run)
        classes = 0 if asked is None or asked.outputs.dim() < 2 else asked.outputs.shape[1]
    labels = labels_of(Owned.of(run))
    counts = None if labels is None else class_counts(labels, Owned(loss=run.task.loss))
    if counts is None or len(counts) > classes:
        counts = np.array([_share(run, number) for number in range(classes)])
    if (counts > 0).sum() < 2:
        return None
    weights = np.ones(classes)
    weights[: len(counts)] = balanced(counts)
    return weights


def _pos_weights(run: Trainee) -> np.ndarray | None:
    """Return how many no's there are for each yes, shape (1,) or (labels,)."""
    labels = labels_of(Owned.of(run))
    if labels is not None and np.isin(labels, (0, 1)).all():
        # Of pictures and the like all places count together.
        yes = np.atleast_1d(labels.mean(0) if labels.ndim <= 2 else labels.mean())
    else:
        yes = np.array([_share(run, 1)])
    yes = np.where((yes > 0) & (yes < 1), yes, 0.5)  # of what was never seen nothing is known
    return (1 - yes) / yes


def _share(run: Trainee, number: int) -> float:
    shares = run.history.values(f"target_share/{number}")
    shares = shares[np.isfinite(shares)]
    return float(shares.mean()) if len(shares) else 0.0


def _free_setting(loss: Any) -> str:
    """Return the name of the setting that takes the weights; empty where there is none, or it is taken."""
    if isinstance(loss, nn.BCEWithLogitsLoss):
        return "pos_weight" if loss.pos_weight is None and loss.weight is None else ""
    if isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss):
        return "weight" if loss.weight is None else ""
    return ""


def _rarest(counts: np.ndarray) -> str:
    there = np.flatnonzero(counts)
    rarest = there[counts[there].argmin()]
    return f"class {rarest} has {counts[rarest]:,} of {counts.sum():,} samples"


def _said(weights: list[float]) -> str:
    if len(weights) <= SAID:
        return ", ".join(f"{weight:.3g}" for weight in weights)
    return f"from {min(weights):.3g} to {max(weights):.3g}"


def _line(loss: str, setting: str, weights: list[float]) -> str:
    if len(weights) <= TYPED:
        return f"loss = nn.{loss}({setting}=torch.tensor([{', '.join(f'{weight:.3g}' for weight in weights)}]))"
    return (
        f"counts = torch.bincount(train_labels, minlength={len(weights)})\n"
        f"loss = nn.{loss}({setting}=counts.sum() / (len(counts) * counts.clamp(min=1)))"
    )
