"""Which functions a forward pass calls whose shapes or settings may be wrong: reshaping, softmax, dropout.

They are seen by a `TorchFunctionMode`, which sees what modules call, too. Calls of one kind are numbered as they come.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from autofix_nb.objective import hookable

Kind = Literal["shape", "softmax", "dropout", "layer"]

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("view", "reshape", "view_as", "reshape_as"), "shape"),
    **dict.fromkeys(("softmax", "log_softmax"), "softmax"),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"), "dropout"),
}
"""Kind of call by the name of the function; calls of one kind are numbered in the order of a forward pass."""

LEGACY_FIRST = frozenset({0, 1, 3})
"""Numbers of dimensions with which a softmax that is told no dimension takes the first one; else the second."""


TIMED = (nn.RNNBase, nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
"""Layers that take the first axis for time unless they are told otherwise."""

USUAL_SHARE = 0.5
"""What dropout drops that is told no share."""


@dataclass(frozen=True, slots=True)
class Call:
    kind: Kind
    before: tuple[int, ...]
    after: tuple[int, ...]
    dim: int = 0
    share: float = 0.0
    on: bool = False
    result: Any = None


def watched(model: nn.Module, call: Callable[[Any], Any], inputs: Any) -> tuple[list[Call], dict, Any]:
    """Return the calls of one forward pass, by name what layers with time first were given, and the answer."""
    watcher = Watcher()
    with _listening(model) as layers, watcher:
        outputs = call(inputs)
    return watcher.calls, layers, outputs


@contextmanager
def _listening(model: nn.Module) -> Iterator[dict[str, tuple[int, ...]]]:
    given: dict[str, tuple[int, ...]] = {}

    def listen(name: str) -> Any:
        def hook(_module: nn.Module, arguments: tuple, named: dict[str, Any]) -> None:
            first = next((one for one in (*arguments, *named.values()) if isinstance(one, torch.Tensor)), None)
            if first is not None:
                given.setdefault(name, tuple(first.shape))

        return hook

    parts = [(name, part) for name, part in hookable(model) if takes_time_first(part)]
    handles = [part.register_forward_pre_hook(listen(name), with_kwargs=True) for name, part in parts]
    try:
        yield given
    finally:
        for handle in handles:
            handle.remove()


def takes_time_first(module: nn.Module) -> bool:
    """Tell whether a layer of torch's takes the first axis for time; those inside of it are told by it."""
    if not isinstance(module, TIMED):
        return False
    return getattr(getattr(module, "self_attn", module), "batch_first", True) is False


def shares_called(model: nn.Module, call: Callable[[Any], Any], inputs: Any) -> list[float]:
    """Return the shares of dropout that a forward pass calls as a function, or as a layer made on the way."""
    inside: list[int] = []
    handles = []
    for _, part in hookable(model):
        if isinstance(part, nn.modules.dropout._DropoutNd):
            handles.append(part.register_forward_pre_hook(lambda *_: inside.append(1)))
            handles.append(part.register_forward_hook(lambda *_: inside.clear()))
    watcher = Watcher(lambda: not inside)
    try:
        with watcher:
            call(inputs)
    except Exception:  # noqa: BLE001 - what fails is told by the trial step
        return []
    finally:
        for handle in handles:
            handle.remove()
    return [one.share for one in watcher.calls if one.kind == "dropout" and one.share > 0]


def argument(args: Sequence[Any], kwargs: dict[str, Any], place: int, name: str) -> Any:
    """Return an argument given by its place or its name; None where it was not given."""
    return kwargs.get(name, args[place] if len(args) > place else None)


class Watcher(TorchFunctionMode):
    def __init__(self, asked: Callable[[], bool] = lambda: True) -> None:
        self.calls: list[Call] = []
        self._asked = asked

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        kind = KINDS.get(getattr(func, "__name__", ""))
        given = args[0] if args else kwargs.get("input")
        before = tuple(given.shape) if isinstance(given, torch.Tensor) else ()
        result = func(*args, **kwargs)
        if kind is None or not isinstance(result, torch.Tensor) or not self._asked():
            return result
        dim, share, on = 0, 0.0, False
        if kind == "softmax":
            dim = argument(args, kwargs, 1, "dim")
            dim = (0 if len(before) in LEGACY_FIRST else 1) if dim is None else int(dim) % max(1, len(before))
        if kind == "dropout":
            share, on = argument(args, kwargs, 1, "p"), is_on(args, kwargs)
            share = USUAL_SHARE if share is None else float(share)
        kept = result if kind == "softmax" else None
        self.calls.append(Call(kind, before, tuple(result.shape), dim=dim, share=share, on=on, result=kept))
        return result


def is_on(args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Tell whether a call of a dropout function drops anything: it does, unless it is told otherwise."""
    told = kwargs.get("training", kwargs.get("train", args[2] if len(args) > 2 else True))
    return bool(told)
