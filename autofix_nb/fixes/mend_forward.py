"""Let a model's `forward` do what was meant, where shapes prove that it does something else (evidence/slips.py).

Axes are exchanged where a `view` scrambles them, a softmax goes over what it is to weigh, dropout is off in eval mode,
and a layer that took the rows of a batch for time is told that they come first.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import nn

from autofix_nb.data import structure
from autofix_nb.evidence.forward_calls import shares_called
from autofix_nb.evidence.slips import Slip, as_typed, rows_come_first, slips_in
from autofix_nb.finding import Finding
from autofix_nb.fixes.aside import left_as_it_was
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.recalling import RULES
from autofix_nb.fixes.surgery import ModelFix, WayBack, learn, listed
from autofix_nb.objective import evaluating, forward


class MendForward(ModelFix):
    """Mend all that shapes prove at once. A race need only show that it does no harm: slips are no matter of taste."""

    name: ClassVar = "mend_forward"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        slips = _slips_of(run)
        return [_change(slips)] if slips else []

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        ways_back: list[WayBack] = []
        for name in change.after["layers"]:
            module = run.model.get_submodule(name)
            for part in (module, *_inside(module)):
                if getattr(part, "batch_first", None) is False:
                    part.batch_first = True
                    ways_back.append(lambda part=part: setattr(part, "batch_first", False))
        rules = {kind: change.after[kind] for kind in ("shape", "softmax", "quiet") if change.after[kind]}
        if rules:
            ways_back += recall(run.model, rules)
        run.rewire()
        return [run.rewire, *ways_back]


def recall(model: nn.Module, rules: dict[str, Any]) -> list[WayBack]:
    """Add rules to those beside the model, and return the ways back."""
    before = vars(model).get(RULES)
    vars(model)[RULES] = (before or {}) | rules

    def go_back() -> None:
        if before is None:
            vars(model).pop(RULES)
        else:
            vars(model)[RULES] = before

    return [go_back, *learn(model, "recalls")]


def functional_shares(run: Trainee) -> list[float]:
    """Return the shares of dropout that the model calls as a function; empty where no batch can be had."""
    seen = _rows_of(run)
    if seen is None:
        return []
    inputs, _ = seen
    with left_as_it_was(run.model), evaluating(run.model):
        return shares_called(run.model, lambda given: forward(run.model, given), inputs)


def _slips_of(run: Trainee) -> list[Slip]:
    seen = _rows_of(run)
    if seen is None:
        return []
    inputs, rows = seen
    first = rows_come_first(getattr(run, "train", None))
    with left_as_it_was(run.model), evaluating(run.model):
        return slips_in(run.model, lambda given: forward(run.model, given), inputs, rows, rows_first=first)


def _rows_of(run: Trainee) -> tuple[Any, int] | None:
    for batch in run.sample_batches(1):
        try:
            return run.split(batch)[0], structure.rows(batch)
        except Exception:  # noqa: BLE001 - a batch that only the user's `step` can take apart, or without rows
            return None
    return None


def _inside(module: nn.Module) -> list[nn.Module]:
    """Return the attentions that an encoder or decoder layer hands its order of axes on to."""
    attentions = (getattr(module, name, None) for name in ("self_attn", "multihead_attn"))
    return [one for one in attentions if isinstance(one, nn.MultiheadAttention)]


def _change(slips: Sequence[Slip]) -> Change:
    layers = [slip.name for slip in slips if slip.kind == "layer"]
    inner = {f"{name}.{part}" for name in layers for part in ("self_attn", "multihead_attn")}
    layers = [name for name in layers if name not in inner]
    shapes = [slip for slip in slips if slip.kind == "shape"]
    softmaxes = [slip for slip in slips if slip.kind == "softmax"]
    dropped = [slip.share for slip in slips if slip.kind == "dropout"]
    said = []
    if layers:
        said.append(f"{listed(layers)} {'takes' if len(layers) == 1 else 'take'} the first axis for the rows")
    said += [f"axes of {slip.before} are exchanged, in the place of a `view` as {slip.after}" for slip in shapes]
    said += [
        f"a softmax goes over dimension {slip.after[1]} of {slip.before}, before it was {slip.after[0]}"
        for slip in softmaxes
    ]
    if dropped:
        said.append(f"dropout of {max(dropped):.0%} is off in eval mode")
    return Change(
        fix=MendForward.name,
        touches="model",
        says=", and ".join(said),
        after={
            "layers": layers,
            "shape": {str(slip.number): list(slip.order) for slip in shapes},
            "softmax": {str(slip.number): [len(slip.before), slip.after[1]] for slip in softmaxes},
            "quiet": bool(dropped),
            "sure": True,
            "proven": True,
        },
        permanent="\n".join(dict.fromkeys(as_typed(slip) for slip in slips if slip.name not in inner)),
    )
