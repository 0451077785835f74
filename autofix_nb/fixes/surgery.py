"""How fixes change a model in place, so that the names, weights and moments of what was there stay.

A layer that gets a child (a normalisation behind it, dropout before it), and a module in whose `forward` another
activation is to be called, get a subclass of their own class: `isinstance`, names, copies and pickles go on as before.
"""

from abc import abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import torch
from torch import nn

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Fix, Trainee
from autofix_nb.fixes.recalling import recalled
from autofix_nb.fixes.scaling import cast_inputs, filled_inputs, held_inputs, scaled_answer, scaled_inputs

WayBack = Callable[[], Any]

NAMED = 3
"""Modules named in a sentence."""


class ModelFix(Fix):
    """Base class of the fixes that change the model. A subclass writes `plans` and `operate`."""

    touches: ClassVar = "model"

    def __init__(self) -> None:
        self._ways_back: list[WayBack] = []

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    @abstractmethod
    def plans(self, finding: Finding, run: Trainee) -> list[Change]: ...

    @abstractmethod
    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        """Do what `change.after` says, and return the ways back in the order of doing."""

    def apply(self, change: Change, run: Trainee) -> None:
        if not self._ways_back:
            self._ways_back = self.operate(change, run)

    def undo(self, change: Change, run: Trainee) -> None:
        """Put the parts back that were there before, with their values, newest change first."""
        for go_back in reversed(self._ways_back):
            go_back()
        self.forget()

    def forget(self) -> None:
        self._ways_back = []


def put_module(model: nn.Module, old: nn.Module, new: nn.Module) -> list[WayBack]:
    """Let `new` stand wherever `old` stands in the model, under the same names and in the same order."""
    ways_back: list[WayBack] = []
    for parent in list(model.modules()):
        for name, child in parent._modules.items():
            if child is old:
                parent._modules[name] = new
                ways_back.append(lambda parent=parent, name=name: parent._modules.update({name: old}))
        if getattr(parent, "activation", None) is new and getattr(parent, "activation_relu_or_gelu", 0):
            # torch's transformer layers compute relu and gelu by themselves in eval mode, whatever module stands there.
            kind, parent.activation_relu_or_gelu = parent.activation_relu_or_gelu, 0
            ways_back.append(lambda parent=parent, kind=kind: setattr(parent, "activation_relu_or_gelu", kind))
    new.train(old.training)
    return ways_back


def adopt(layer: nn.Module, trick: str, child: nn.Module) -> list[WayBack]:
    """Give a layer a child named `trick`, which its forward pass calls: `norm` behind it, `dropout` before it."""
    child.train(layer.training)
    ways_back = learn(layer, trick)
    layer._modules[trick] = child
    return [*ways_back, lambda: layer._modules.pop(trick)]


def can_adopt(model: nn.Module, name: str, trick: str) -> bool:
    """Tell whether a layer may get a child: it is called as it stands, and has none of that name yet."""
    layer = model.get_submodule(name)
    weights = layer._parameters.get("weight")
    parents = [model.get_submodule(name.rpartition(".")[0])] if name else []
    return (
        isinstance(weights, nn.Parameter)
        and not isinstance(weights, nn.parameter.UninitializedParameter)
        and not hasattr(layer, trick)
        and "forward" not in vars(layer)
        # These multiply by their layers' weights without calling the layers.
        and not any(isinstance(one, nn.MultiheadAttention | nn.TransformerEncoderLayer) for one in parents)
    )


def learn(module: nn.Module, trick: str) -> list[WayBack]:
    """Give a module the subclass of its class that knows one trick more."""
    plain, tricks = plain_class(module), getattr(module, "_tricks", ())
    if trick in tricks:
        return []
    module.__class__ = _taught(plain, (*tricks, trick))
    return [lambda: _unlearn(module, trick)]


def plain_class(module: nn.Module) -> type[nn.Module]:
    """Return the class that a module had from its user."""
    return getattr(module, "_plain", type(module))


def listed(names: list[str]) -> str:
    """Return the first few names as words of a sentence."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(f"`{name}`" if name else "the model" for name in names[:NAMED]) + more


def in_code(name: str) -> str:
    """Return how a submodule is written in code: `model.body[0].linear`."""
    parts = [f"[{part}]" if part.isdigit() else f".{part}" for part in name.split(".") if part]
    return "model" + "".join(parts)


def forget_moments(run: Trainee, parameters: list[nn.Parameter]) -> list[WayBack]:
    """Take what the optimizer remembers of these parameters; it begins anew with them."""
    optimizer = getattr(run, "optimizer", None)
    if optimizer is None:
        return []
    before = {one: optimizer.state.get(one) for one in parameters}

    def go_back() -> None:
        for parameter, state in before.items():
            run.optimizer.state.pop(parameter, None)
            if state is not None:
                run.optimizer.state[parameter] = state

    for parameter in parameters:
        optimizer.state.pop(parameter, None)
    return [go_back]


def _unlearn(module: nn.Module, trick: str) -> None:
    left = tuple(one for one in module._tricks if one != trick)
    module.__class__ = _taught(module._plain, left) if left else module._plain


def _norm(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    sums, norm = inner(self, *args, **kwargs), self._modules["norm"]
    alone = isinstance(norm, nn.modules.batchnorm._BatchNorm) and sums.numel() == sums.shape[1]
    if alone and norm.training:  # one row has no spread: the last batch of an epoch may be that small
        return nn.functional.batch_norm(sums, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
    return norm(sums)


def _dropout(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return inner(self, self._modules["dropout"](args[0]), *args[1:], **kwargs)


def _link(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    answer = inner(self, *args, **kwargs)
    return self._modules["link"](answer) if isinstance(answer, torch.Tensor) else answer


def _bend(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return self._modules["bend"](inner(self, *args, **kwargs))


def _calls(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    exchange, name = vars(self).get("_exchanged") or (None, "")
    if exchange is None:  # a slice of a Sequential has its class, and nothing to exchange
        return inner(self, *args, **kwargs)
    with exchange.inside(name):
        return inner(self, *args, **kwargs)


_TRICKS = {
    "norm": _norm,
    "dropout": _dropout,
    "link": _link,
    "bend": _bend,
    "calls": _calls,
    "recalls": recalled,
    "columns": held_inputs,
    "gaps": filled_inputs,
    "inputs": scaled_inputs,
    "kinds": cast_inputs,
    "answer": scaled_answer,
}


@cache
def _taught(plain: type[nn.Module], tricks: tuple[str, ...]) -> type[nn.Module]:
    base = _taught(plain, tricks[:-1]) if len(tricks) > 1 else plain
    trick = _TRICKS[tricks[-1]]

    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return trick(self, base.forward, *args, **kwargs)

    def __reduce_ex__(self: nn.Module, protocol: Any) -> Any:  # noqa: N807 - how copies and pickles find the class
        return _again, (plain, tricks), self.__getstate__()

    told = {"__module__": plain.__module__, "__qualname__": plain.__qualname__, "__doc__": plain.__doc__}
    more = {"forward": forward, "__reduce_ex__": __reduce_ex__, "_plain": plain, "_tricks": tricks}
    return type(plain)(plain.__name__, (base,), told | more)


def _again(plain: type[nn.Module], tricks: tuple[str, ...]) -> nn.Module:
    kind = _taught(plain, tricks)
    return kind.__new__(kind)
