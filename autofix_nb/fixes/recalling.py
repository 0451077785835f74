"""Let a model's own `forward` call something else than it says: axes exchanged where it reshapes, another dimension for
a softmax, no dropout.

The model concerned knows the trick `recalls` (surgery.py), whose rules stand beside it as plain values. Calls of one
kind are numbered as by the look that found them (evidence/forward_calls.py). Where a call is not the one looked at,
as its shapes say, it is left alone.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from autofix_nb.evidence.forward_calls import KINDS, is_on

RULES = "_recalled"
"""Name of the rules beside a model, by kind: `shape` {number: order of axes}, `softmax` {number: [dimensions, the one
to take]}, `quiet` (no dropout in eval mode), `dropped` (the share that dropout drops while it trains), and `through`
(gradients are not cut off)."""

CUTS = {"detach": "`detach()`", "__get__": "`.data`"}
"""What cuts gradients off, by the name of the function, in words."""


def recalled(self: nn.Module, inner: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a model's `forward` by the rules beside it."""
    rules = vars(self).get(RULES)
    if not rules:  # a slice of a Sequential has its class, and no rules
        return inner(self, *args, **kwargs)
    with _Recalling(rules, training=self.training):
        return inner(self, *args, **kwargs)


def is_cut(func: Any) -> bool:
    """Tell whether a function gives a tensor without its gradients."""
    return getattr(func, "__name__", "") == "detach" or func == torch.Tensor.data.__get__


class _Recalling(TorchFunctionMode):
    def __init__(self, rules: dict[str, Any], *, training: bool) -> None:
        self._rules, self._training = rules, training
        self._counts: Counter[str] = Counter()
        self._learns = torch.is_grad_enabled()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._rules.get("through"):
            if is_cut(func):
                return args[0]
            if self._learns and not torch.is_grad_enabled() and "grad_enabled" not in getattr(func, "__name__", ""):
                with torch.enable_grad():
                    return self._called(func, args, kwargs)
        return self._called(func, args, kwargs)

    def _called(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name = getattr(func, "__name__", "")
        kind = KINDS.get(name)
        if kind is None:
            return func(*args, **kwargs)
        given = args[0] if args else kwargs["input"]
        if kind == "dropout":
            return self._dropped(func, given, args, kwargs)
        number = self._counts[kind]
        self._counts[kind] += 1
        rule = self._rules.get(kind, {}).get(str(number))
        if rule is None or given.dim() != (len(rule) if kind == "shape" else rule[0]):
            return func(*args, **kwargs)
        # The call itself is not made, so that who looks again finds one call in its place, and a sound one.
        if kind == "softmax":
            return getattr(torch, name)(given, dim=rule[1])
        sizes = _sizes(args, kwargs)
        return func(*args, **kwargs) if sizes is None else given.permute(rule).reshape(sizes)

    def _dropped(self, func: Any, given: torch.Tensor, args: Any, kwargs: dict[str, Any]) -> Any:
        off = self._rules.get("dropped") == 0 if self._training else self._rules.get("quiet")
        return given if off and is_on(args, kwargs) else func(*args, **kwargs)


def _sizes(args: Any, kwargs: dict[str, Any]) -> Any:
    """Return the sizes that a `view` or `reshape` asks for, of which one may be -1; None for another type."""
    told = kwargs.get("shape", kwargs.get("size", kwargs.get("other", args[1] if len(args) > 1 else None)))
    if isinstance(told, torch.Tensor):
        return told.shape
    if isinstance(told, int):
        return tuple(args[1:])
    return None if told is None or isinstance(told, torch.dtype) else told
