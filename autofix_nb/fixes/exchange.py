"""Let another activation be called where a model's own `forward` calls one: `F.relu(x)`, `x.sigmoid()`, `torch.exp(x)`.

While the model runs, a `TorchFunctionMode` counts the activations that each module calls and exchanges those that are
listed. The modules concerned know the trick `calls` (surgery.py), which says whose turn it is.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from autofix_nb.fixes.anatomy import ACTIVATIONS, Site
from autofix_nb.fixes.surgery import WayBack, learn

SLOPE = 0.1
"""What leaky ReLU lets through below 0: enough for dead units to come back (0.01 hardly is)."""

MADE = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(SLOPE),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(1),
    "log_softmax": lambda: nn.LogSoftmax(1),
    "identity": nn.Identity,
}
"""The modules that take the place of others."""

CODE = {
    "relu": "nn.ReLU()",
    "leaky_relu": f"nn.LeakyReLU({SLOPE})",
    "gelu": "nn.GELU()",
    "silu": "nn.SiLU()",
    "selu": "nn.SELU()",
    "tanh": "nn.Tanh()",
    "sigmoid": "nn.Sigmoid()",
    "softmax": "nn.Softmax(1)",
    "log_softmax": "nn.LogSoftmax(1)",
    "identity": "nn.Identity()",
}
"""How they are typed."""


def place_of(site: Site, *, turn: bool = False) -> list[Any]:
    """Return where an activation is called, as plain values: owner, number in its call, and turn (None for all)."""
    return [site.owner, site.index, site.turn if turn else None]


def exchange(model: nn.Module, places: list[list[Any]], callers: list[str], to: str) -> list[WayBack]:
    """Let `to` be called at these places. `callers` are all modules that call activations, the others' being theirs."""
    own = vars(model).get("_exchanged")
    made = own[0] if own else Exchange()
    ways_back: list[WayBack] = []
    for name in dict.fromkeys(["", *(place[0] for place in places), *callers]):
        module = model.get_submodule(name)
        if "_exchanged" not in vars(module):
            vars(module)["_exchanged"] = (made, name)
            ways_back.append(lambda module=module: vars(module).pop("_exchanged"))
        ways_back += learn(module, "calls")
    for owner, index, turn in places:
        key = (owner, index, turn)
        before = made.places.get(key)
        made.places[key] = to

        def go_back(key: Any = key, before: str | None = before) -> None:
            made.places.pop(key)
            if before is not None:
                made.places[key] = before

        ways_back.append(go_back)
    return ways_back


class Exchange:
    """What is called in place of what, and who is calling at the moment."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, int, int | None], str] = {}
        self._callers: list[tuple[str, int]] = []
        self._counts: list[int] = []
        self._turns: Counter[str] = Counter()

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Context of one call of a module's `forward`."""
        outermost = not self._callers
        if outermost:
            self._turns.clear()
        self._callers.append((name, self._turns[name]))
        self._counts.append(0)
        self._turns[name] += 1
        try:
            with _Mode(self) if outermost else nullcontext():
                yield
        finally:
            self._callers.pop()
            self._counts.pop()

    def next(self) -> str | None:
        """Count one activation, and return what is to be called in its place."""
        (name, turn), index = self._callers[-1], self._counts[-1]
        self._counts[-1] += 1
        return self.places.get((name, index, turn), self.places.get((name, index, None)))


class _Mode(TorchFunctionMode):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        to = self._exchange.next() if name.strip("_") in ACTIVATIONS else None
        if to is None:
            return func(*args, **kwargs)
        given = args[0] if args else kwargs["input"]
        if kwargs.get("inplace") or name.endswith("_"):
            return given.copy_(_called(to, given.clone()))
        return _called(to, given)


def _called(to: str, given: torch.Tensor) -> torch.Tensor:
    return MADE[to]()(given)
