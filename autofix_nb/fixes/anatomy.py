"""What a model is made of: its layers, its activations, and which feeds which.

One batch on its way through the model shows it (tracing.py), so that activations that a `forward` calls are found as
well as modules. Where no batch can be had, what stands in the model in which order has to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from autofix_nb.objective import hookable

ACTIVATIONS = {
    **{name: name for name in ("relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish")},
    **{name: name for name in ("sigmoid", "hardsigmoid", "tanh", "hardtanh", "softsign", "exp", "softplus")},
    **{name: name for name in ("logsigmoid", "hardswish", "softmax", "log_softmax", "prelu", "rrelu")},
    "expit": "sigmoid",
    **dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max"), "clamp"),
}
"""Kind of activation by the name of the function."""

SATURATING = frozenset({"sigmoid", "hardsigmoid", "tanh", "hardtanh", "softsign", "exp", "logsigmoid"})
"""Kinds whose gradient dies out on both sides, or that overflow."""

DYING = frozenset({"relu", "relu6"})
"""Kinds without a gradient on one side."""

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)
"""Modules that multiply by weights, and hand on what an activation bends."""


@dataclass(slots=True)
class Site:
    """One place where an activation is called."""

    owner: str
    """Name of the module whose `forward` calls it."""

    turn: int
    """Which of the owner's calls in one pass, from 0."""

    index: int
    """Which of the activations in that call, from 0."""

    kind: str
    sources: set[str] = field(default_factory=set)
    """Names of the layers whose sums it bends."""

    feeds: bool = False
    """Whether a layer takes what it gives."""

    gates: bool = False
    """Whether what it gives is multiplied with something else."""

    ends: bool = False
    """Whether what it gives is the model's answer."""

    follows: int | None = None
    """Number of the activation right before it, where nothing but the shape is changed in between."""


@dataclass(slots=True)
class Layer:
    """A linear layer or convolution that was called."""

    name: str
    calls: int = 0
    kinds: set[str] = field(default_factory=set)
    """Activations that take its sums."""

    normed: bool = False
    """Whether a normalisation comes before or after it."""

    ends: bool = False
    """Whether it gives the model's answer."""

    dims: int = 2
    """Dimensions of what it gives."""


@dataclass(slots=True)
class Anatomy:
    """Layers and activations in the order in which they are called."""

    layers: dict[str, Layer] = field(default_factory=dict)
    sites: list[Site] = field(default_factory=list)
    matrices: list[str] = field(default_factory=list)
    """Names of weights that are multiplied without a layer of torch's around them."""

    rows: int = 0
    """Rows of the batch; 0 where none was seen."""

    outputs: Any = None
    """The answer to the batch, with dropout off."""

    targets: Any = None

    def hidden(self, kinds: frozenset[str]) -> list[Site]:
        """Return the activations of these kinds between two layers: no gates, no answers, no cells of a recurrence."""
        found = []
        for one in self.sites:
            again = any(self.layers[name].calls > 1 for name in one.sources if name in self.layers)
            bends = one.kind not in SATURATING or (one.sources and not one.gates and not again)
            if one.kind in kinds and one.feeds and bends and not one.ends:
                found.append(one)
        return found

    @property
    def ending(self) -> list[Site]:
        """The activations that the answer comes out of, the last one first."""
        chain = [one for one in self.sites if one.ends]
        while len(chain) > 0 and chain[-1].follows is not None:
            chain.append(self.sites[chain[-1].follows])
        return chain

    @property
    def last(self) -> Layer | None:
        """The layer that gives the answer."""
        ending = [one for one in self.layers.values() if one.ends]
        return ending[-1] if ending else None


def as_listed(model: nn.Module) -> Anatomy:
    """Return the modules in the order in which the model lists them, each taken to feed the next."""
    seen = Anatomy()
    before: Layer | None = None
    open_sites: list[Site] = []
    for name, module in hookable(model):
        if isinstance(module, LAYERS):
            for site in open_sites:
                site.feeds = True
            open_sites = []
            before = seen.layers[name] = Layer(name, calls=1)
        elif before is not None and "Norm" in type(module).__name__:
            before.normed = True
        elif is_plain_activation(module):
            kind = kind_of(module)
            site = Site(name, 0, 0, kind, {before.name} if before else set())
            if before is not None:
                before.kinds.add(kind)
            seen.sites.append(site)
            open_sites.append(site)
    if before is not None:
        before.ends = True
    return seen


def is_plain_activation(module: nn.Module) -> bool:
    """Tell whether a module is one of torch's activations, which do nothing else."""
    return type(module).__module__ == "torch.nn.modules.activation" and kind_of(module) != ""


def kind_of(module: nn.Module) -> str:
    """Return the kind of one of torch's activation modules; empty where it is none that is known."""
    name = type(module).__name__.lower()
    return {"leakyrelu": "leaky_relu", "logsoftmax": "log_softmax"}.get(name, ACTIVATIONS.get(name, ""))


def tensors_in(value: Any, depth: int = 3) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested dicts, lists and tuples."""
    if isinstance(value, torch.Tensor):
        yield value
    elif depth and isinstance(value, dict):
        for part in value.values():
            yield from tensors_in(part, depth - 1)
    elif depth and isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part, depth - 1)
