"""Parameters that will not be trained: no gradient reaches them, or no optimizer holds them.

Gradients are those of one trial step on a copy. Membership is compared by identity, since a layer that was replaced
after the optimizer was made looks the same by name. Frozen parameters (`requires_grad=False`) are taken as meant; so is
a backbone whose parameters only the optimizer leaves out, in front of a small head. Gradients that are zero are no
fault by themselves: a head that begins at zero lets none through in the first step.

Reference: PyTorch documentation, `torch.nn.ModuleList`, and `DistributedDataParallel(find_unused_parameters)`, which
asks the same of the graph.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from autofix_nb.checks.base import Answer, Check
from autofix_nb.checks.typed import in_code
from autofix_nb.evidence import Subject
from autofix_nb.evidence.calls import called_layers, is_one_of_several
from autofix_nb.evidence.parameters import Hidden, by_module, hidden_parameters, membership, owner_of, size_of
from autofix_nb.finding import Finding, NotApplicable, Severity


@dataclass(frozen=True, kw_only=True)
class UnreachedParameters(Check):
    """Does a gradient reach every parameter, and does the optimizer hold each of them, once?"""

    code: ClassVar = "B07"
    title: ClassVar = "Parameters that will not be trained"
    needs: ClassVar = frozenset({"model"})
    fixes: ClassVar = ("join_optimizer",)

    unused_share: float = 0.1
    """Share of the trainable values above which parameters without a gradient are a warning, not a note."""

    head_share: float = 0.1
    """Share of the values up to which an optimizer with the last layers alone is taken to train a head on purpose."""

    def look(self, subject: Subject) -> Answer:
        model = subject.original
        named = dict(model.named_parameters())
        hidden = hidden_parameters(model)
        if not named and not hidden:
            raise NotApplicable("the model has no parameters")
        trainable = {name: part for name, part in named.items() if part.requires_grad}
        if not trainable and not hidden:
            return self.bad(
                self.found(
                    f"not one of the {len(named)} parameters wants a gradient, at least 1 must",
                    severity=Severity.CRITICAL,
                    measured=0,
                    limit=1,
                    to_type="for parameter in model.parameters():\n    parameter.requires_grad_(True)",
                    fixes=(),
                )
            )
        trial = _trial(subject)
        findings = self._in_the_optimizer(subject, model, trainable, trial)
        said = f"{len(trainable)} parameters ({sum(map(size_of, trainable.values())):,} values)"
        evidence = [f"{len(named) - len(trainable)} of {len(named)} parameters are frozen"]
        findings += [self._is_hidden(one) for one in _really_hidden(hidden, subject, trial)]
        if trial is None:
            said += ", no trial step could be taken"
        else:
            findings += self._in_the_trial(subject, trial, trainable)
            silent = [name for name, norm in trial.gradients.items() if norm == 0]
            evidence += [f"gradient of exactly 0: {line}" for line in by_module(silent, model)[:8]]
            said += f", {len(trial.gradients)} got a gradient"
        if subject.optimizer is not None:
            said += ", each once in the optimizer"
        return self.bad(*findings, evidence=evidence) if findings else self.fine(said, evidence=evidence)

    def _in_the_optimizer(
        self, subject: Subject, model: nn.Module, trainable: dict[str, Any], trial: Any
    ) -> list[Finding]:
        if not hasattr(subject.optimizer, "param_groups"):
            return []
        loss = subject.original_loss if isinstance(subject.original_loss, nn.Module) else None
        of_the_loss = dict(loss.named_parameters()) if loss is not None else {}
        without = trial.without_gradient if trial is not None and trial.gradients else ()
        held = membership(model, subject.optimizer, of_the_loss.values(), without)
        anew = f"optimizer = {_made_as(subject.optimizer)}"
        findings = []
        if not held.held:
            findings.append(
                self.found(
                    f"the optimizer holds 0 of the model's {len(trainable)} parameters, wanted all of them: it was "
                    "made for another model, or before this one was rebuilt",
                    severity=Severity.CRITICAL,
                    measured=0,
                    limit=len(trainable),
                    where=by_module(held.missing, model),
                    evidence=[f"in the optimizer: {_shapes(held.strangers)}"],
                    to_type=anew,
                )
            )
        elif held.missing:
            findings.append(self._missing(subject, model, trainable, held, anew))
        if held.twice:
            findings.append(
                self.found(
                    f"{len(held.twice)} parameters are in the optimizer more than once, wanted once: each step moves "
                    "them that many times",
                    severity=Severity.WARNING,
                    measured=len(held.twice),
                    limit=0,
                    where=by_module(held.twice, model),
                    to_type=anew,
                    fixes=(),
                )
            )
        if held.frozen:
            findings.append(
                self.found(
                    f"{len(held.frozen)} parameters in the optimizer are frozen (`requires_grad=False`) and will not "
                    "move; that does no harm if it is meant",
                    severity=Severity.NOTE,
                    measured=len(held.frozen),
                    limit=0,
                    where=by_module(held.frozen, model),
                    fixes=(),
                )
            )
        members = {id(part) for group in subject.optimizer.param_groups for part in group["params"]}
        lost = [name for name, part in of_the_loss.items() if part.requires_grad and id(part) not in members]
        if lost:
            findings.append(
                self.found(
                    f"{len(lost)} parameters of the loss itself are not in the optimizer, wanted 0 left out: they stay "
                    "as they were made",
                    severity=Severity.WARNING,
                    measured=len(lost),
                    limit=0,
                    where=[f"loss.{name}" for name in lost],
                    to_type='optimizer.add_param_group({"params": loss.parameters()})',
                    fixes=(),
                )
            )
        return findings

    def _missing(self, subject: Subject, model: nn.Module, trainable: dict[str, Any], held: Any, anew: str) -> Finding:
        lines = by_module(held.missing, model)
        first = owner_of(held.missing[0])
        values = sum(size_of(trainable[name]) for name in held.missing)
        share = values / max(1, sum(map(size_of, trainable.values())))
        if held.strangers:
            return self.found(
                f"`{held.missing[0]}` was replaced after the optimizer was made: the optimizer holds "
                f"{len(held.strangers)} tensors that are no longer the model's, and {len(held.missing)} of the model's "
                f"{len(trainable)} are in no group, wanted 0 ({share:.1%} of the values)",
                severity=Severity.WARNING,
                measured=len(held.missing),
                limit=0,
                where=lines,
                evidence=[f"in the optimizer, not in the model: {_shapes(held.strangers)}"],
                to_type=anew,
            )
        names = list(trainable)
        front = names[: len(held.missing)] == list(held.missing)
        on_purpose = front and 1 - share <= self.head_share
        says = (
            f"{len(held.missing)} of {len(trainable)} parameters ({share:.1%} of the values) want a gradient and are "
            "in no group of the optimizer, wanted 0"
        )
        where = in_code(model, first)
        return self.found(
            f"{says}; only the last layers are trained, and freezing the others would save their gradients"
            if on_purpose
            else f"{says}: they stay as they are",
            severity=Severity.NOTE if on_purpose else Severity.WARNING,
            measured=len(held.missing),
            limit=0,
            where=lines,
            to_type=f"{where}.requires_grad_(False)  # and the other layers that are not to be trained"
            if on_purpose
            else f'optimizer.add_param_group({{"params": {where}.parameters()}})'
            if len(lines) == 1
            else anew,
            fixes=() if on_purpose else None,
        )

    def _is_hidden(self, hidden: Hidden) -> Finding:
        place = f"{hidden.owner or 'the model'}: {hidden.place}"
        values = sum(map(size_of, hidden.tensors))
        if hidden.kind in ("tensor", "Parameter"):
            says = f"`{hidden.place}` is a plain tensor of {values:,} values that wants a gradient"
            to_type = f"{hidden.place} = nn.Parameter({hidden.place}.detach())"
        elif hidden.kind == "dict":
            says = f"`{hidden.place}` is a plain dict with {len(hidden.tensors)} parameters of {values:,} values"
            to_type = f"{hidden.place} = nn.ModuleDict({hidden.place})"
        else:
            says = (
                f"`{hidden.place}` is a plain {hidden.kind} with {len(hidden.tensors)} parameters of {values:,} values"
            )
            to_type = f"{hidden.place} = nn.ModuleList({hidden.place})"
        return self.found(
            f"{says}, wanted 0 outside of `model.parameters()`: no optimizer made from it trains them, and they are "
            "not saved",
            severity=Severity.WARNING,
            measured=len(hidden.tensors),
            limit=0,
            where=[place],
            to_type=to_type,
            fixes=("register_layers",),
        )

    def _in_the_trial(self, subject: Subject, trial: Any, trainable: dict[str, Any]) -> list[Finding]:
        without = [name for name in trial.without_gradient if name in trainable]
        if len(without) == len(trainable):
            return [] if not without else [self._nothing_reached(without)]
        if trial.gradients and not without and not any(trial.gradients.values()):
            return [
                self.found(
                    f"the gradient of all {len(trial.gradients)} parameters is exactly 0, wanted more for some: "
                    "nothing will be learnt (a softmax over one output, a constant loss, or units that are all off)",
                    severity=Severity.WARNING,
                    measured=0,
                    limit=0,
                    fixes=(),
                )
            ]
        if not without:
            return []
        members = {id(part) for group in getattr(subject.optimizer, "param_groups", ()) for part in group["params"]}
        if subject.optimizer is not None and not any(id(trainable[name]) in members for name in without):
            return []  # left out twice over: by the forward pass and by the optimizer, so it is meant
        return [self._not_reached(subject, without, trainable)]

    def _nothing_reached(self, without: list[str]) -> Finding:
        return self.found(
            f"`step` gave a loss from which no gradient reached any of the model's {len(without)} parameters, wanted "
            "all: it uses another model than the one it is given",
            severity=Severity.NOTE,
            measured=0,
            limit=len(without),
            to_type="def step(model, batch): ...  # call the `model` that is given here",
            fixes=(),
        )

    def _not_reached(self, subject: Subject, without: list[str], trainable: dict[str, Any]) -> Finding:
        share = sum(size_of(trainable[name]) for name in without) / max(1, sum(map(size_of, trainable.values())))
        called = called_layers(subject)
        order = list(trainable)
        cut_off = [name for name in without if owner_of(name) in called]
        uncalled = [name for name in without if name not in cut_off]
        chosen = all(is_one_of_several(name, called, subject.original) for name in without)
        ends = order[-1] in without or (order[0] in cut_off)
        why = "their layers are never called"
        if cut_off:
            why = (
                "their layers are called, but something cuts the gradient off (`detach()`, `.data`, `torch.no_grad()`)"
            )
        return self.found(
            f"{len(without)} of {len(trainable)} parameters ({share:.1%} of the values, limit {self.unused_share:.0%}) "
            f"got no gradient in a trial step: {why}",
            severity=Severity.WARNING if not chosen and (share > self.unused_share or ends) else Severity.NOTE,
            measured=share,
            limit=self.unused_share,
            where=by_module(without, subject.original),
            evidence=[
                *(f"called, no gradient: {line}" for line in by_module(cut_off, subject.original)[:6]),
                *(f"not called: {line}" for line in by_module(uncalled, subject.original)[:6]),
            ],
            fixes=("let_through",) if cut_off else (),
        )


def _trial(subject: Subject) -> Any:
    """Return the trial step where it came to its end."""
    if subject.train is None:
        return None
    try:
        trial = subject.trial
    except NotApplicable:
        return None
    return None if trial.error is not None else trial


def _really_hidden(hidden: tuple[Hidden, ...], subject: Subject, trial: Any) -> list[Hidden]:
    """Leave out what gets no gradient, such as a teacher that is hidden on purpose."""
    if trial is None:
        return list(hidden)
    # The trial ran on the copy, whose own hidden tensors kept the gradients that they were given.
    reached = {
        (one.owner, one.place)
        for one in hidden_parameters(subject.model)
        if any(tensor.grad is not None for tensor in one.tensors)
    }
    return [one for one in hidden if (one.owner, one.place) in reached]


def _made_as(optimizer: Any) -> str:
    rate = optimizer.param_groups[0].get("lr") if optimizer.param_groups else None
    rate = f", lr={float(rate):g}" if rate is not None else ""
    return f"torch.optim.{type(optimizer).__name__}(model.parameters(){rate})  # after the last change to the model"


def _shapes(tensors: tuple[Any, ...]) -> str:
    shown = ", ".join(str(tuple(tensor.shape)) for tensor in tensors[:6])
    return f"{len(tensors)} tensors of shape {shown}{' …' if len(tensors) > 6 else ''}"
