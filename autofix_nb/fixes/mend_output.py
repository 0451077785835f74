"""Let the model end in what the loss takes: scores, probabilities, or numbers without bounds.

Softmax or relu before a cross-entropy that takes scores, softmax over a single output, relu before targets that are
negative: faults that fill the tables of broken trainings (DeepLocalize 2021, NeuraLint 2021). What the loss takes is
told by asking it, what the model ends in by following its answer back, where the targets lie by a batch.
"""

from typing import Any, ClassVar

import torch

from autofix_nb.evidence.chance import Takes, expectation
from autofix_nb.evidence.free_answers import is_held_back
from autofix_nb.evidence.silent import silent_columns
from autofix_nb.finding import Finding
from autofix_nb.fixes.anatomy import Anatomy, Site, is_plain_activation
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.exchange import CODE, MADE, exchange, place_of
from autofix_nb.fixes.linking import link_of, put_link
from autofix_nb.fixes.surgery import ModelFix, WayBack, in_code, put_module
from autofix_nb.fixes.tracing import anatomy_of
from autofix_nb.objective import last_bounds, shares

BOUNDS = {
    "sigmoid": (0.0, 1.0),
    "hardsigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, float("inf")),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, float("inf")),
    "exp": (0.0, float("inf")),
    "log_softmax": (-float("inf"), 0.0),
    "logsigmoid": (-float("inf"), 0.0),
    "clamp": (-float("inf"), float("inf")),
}
"""Between what an activation's values lie; others have no bounds that matter."""

WANTED: dict[Takes, tuple[frozenset[str], str]] = {
    "logits": (frozenset({"log_softmax"}), "identity"),
    "yes-or-no logits": (frozenset(), "identity"),
    "log-probabilities": (frozenset({"log_softmax"}), "log_softmax"),
    "probabilities": (frozenset({"softmax"}), "softmax"),
    "yes-or-no probabilities": (frozenset({"sigmoid", "hardsigmoid", "softmax"}), "sigmoid"),
}
"""By what a loss takes: the activations that fit, and the one to put where none does."""


class MendOutput(ModelFix):
    """Exchange the last activation for the one that fits the loss, and take away others right before it."""

    name: ClassVar = "mend_output"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        if run.task is None or run.task.loss is None or run.controls.loss:
            return []
        anatomy = anatomy_of(run)
        outputs, targets = anatomy.outputs, anatomy.targets
        chain = [one for one in anatomy.ending if one.kind in BOUNDS]
        if not chain:
            linked = link_of(run)
            return [] if linked is None else [linked]
        if not isinstance(outputs, torch.Tensor) or not isinstance(targets, torch.Tensor):
            return []
        if chain[0].kind == "sigmoid" and shares.name_of(targets):
            return []  # it is the targets that are written otherwise than as shares
        wanted = _wanted(chain[0].kind, run.task.loss, outputs, targets)
        if wanted is None:
            return []
        exchanged = [(chain[0], wanted)] if wanted != chain[0].kind else []
        exchanged += [(site, "identity") for site in chain[1:]]
        silent = targets.numel() == outputs.numel() and bool(silent_columns(outputs, targets).any())
        return [_change(run, anatomy, exchanged, silent=silent)] if exchanged else []

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        after, model = change.after, run.model
        ways_back: list[WayBack] = put_link(model, after["link"]) if "link" in after else []
        for name, to in after["modules"].items():
            ways_back += put_module(model, model.get_submodule(name), MADE[to]())
        for to, places in after["places"].items():
            ways_back += exchange(model, places, after["callers"], to)
        run.rewire()
        return [run.rewire, *ways_back]


def _wanted(kind: str, loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> str | None:
    """Return the activation that fits, which may be the one there is; None where nothing can be said."""
    takes = expectation(loss, outputs, targets).takes
    single = kind in ("softmax", "log_softmax") and outputs.shape[1:].numel() == 1
    if takes in WANTED:
        fitting, instead = WANTED[takes]
        if (
            takes == "yes-or-no probabilities"
            and kind == "softmax"
            and not single
            and not _sum_to_one(targets, outputs)
        ):
            return instead
        return kind if kind in fitting and not single else instead
    if takes == "unknown" and targets.is_floating_point() and bool(silent_columns(outputs, targets).any()):
        return "identity"
    if takes == "unknown" and is_held_back(loss, outputs, targets, *last_bounds(outputs)[1:]):
        return "identity"
    if takes != "numbers" or targets.numel() != outputs.numel():
        return None
    low, high = float(targets.min()), float(targets.max())
    within = low >= 0 and high <= 1
    if single:
        return "sigmoid" if within else "identity"
    if kind == "softmax":
        if within and _sum_to_one(targets, outputs):
            return kind
        return "sigmoid" if within else "identity"
    bottom, top = last_bounds(outputs)[1:] if kind == "clamp" else BOUNDS[kind]
    silent = kind in ("relu", "relu6", "clamp") and bool(silent_columns(outputs, targets).any())
    return kind if bottom <= low and high <= top and not silent else "identity"


def _sum_to_one(targets: torch.Tensor, outputs: torch.Tensor) -> bool:
    sums = targets.reshape(outputs.shape).float().sum(1)
    return torch.allclose(sums, torch.ones_like(sums), atol=1e-3)


def _change(run: Trainee, anatomy: Anatomy, exchanged: list[tuple[Site, str]], *, silent: bool) -> Change:
    elsewhere = {one.owner for one in anatomy.sites} - {""}
    modules: dict[str, str] = {}
    places: dict[str, list[list[Any]]] = {}
    for site, to in exchanged:
        calls = sum(one.owner == site.owner for one in anatomy.sites)
        if calls == 1 and site.owner in elsewhere and is_plain_activation(run.model.get_submodule(site.owner)):
            modules[site.owner] = to
        else:
            places.setdefault(to, []).append(place_of(site, turn=True))
    kinds = [site.kind for site, _ in exchanged]
    new = [to for _, to in exchanged if to != "identity"]
    says = f"the model's answer goes through {new[0]} in the place of" if new else "the model's answer leaves out its"
    lines = [f"{in_code(name)} = {CODE[to]}" for name, to in modules.items()]
    lines += [f"# in `forward`: {CODE[to]}(x) in the place of the last activation" for to in places]
    return Change(
        fix=MendOutput.name,
        touches="model",
        says=f"{says} {' and '.join(reversed(kinds))}, which {'does' if len(kinds) == 1 else 'do'} not fit the loss",
        before={"modules": {name: site.kind for site, _ in exchanged if (name := site.owner) in modules}},
        after={
            "modules": modules,
            "places": places,
            "callers": list(dict.fromkeys(one.owner for one in anatomy.sites)) if places else [],
            "sure": True,
            **({"silent": True} if silent else {}),
        },
        permanent="\n".join(lines),
    )
