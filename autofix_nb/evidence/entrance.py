"""What the first layer of a model gets: the inputs as they are after whatever the model does to them itself."""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.evidence.raised import raised_in
from autofix_nb.evidence.subject import Subject
from autofix_nb.objective import forward, hookable

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.modules.normalization.LocalResponseNorm)
"""Layers that scale whatever they get."""

LOOKUPS = (nn.Embedding, nn.EmbeddingBag)
"""Layers that look numbers up in a table instead of computing with them."""


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """The first layer with weights that was called, and what it was called with."""

    name: str
    layer: nn.Module
    tensor: torch.Tensor | None
    """Its first input, detached; None where it got no tensor."""


def entrance_of(subject: Subject, inputs: Any) -> Entrance | None:
    """Return the first layer with weights that `inputs` reach in eval mode; None where none was reached.

    The forward pass ends there: nothing more is computed.
    """
    reached: list[Entrance] = []

    def watching(name: str) -> Any:
        def hook(layer: nn.Module, given: tuple[Any, ...]) -> None:
            if not reached:
                tensor = given[0].detach() if given and isinstance(given[0], torch.Tensor) else None
                reached.append(Entrance(name=name, layer=layer, tensor=tensor))
                raise _Reached

        return hook

    with warnings.catch_warnings(), subject.borrowed(training=False) as model:
        warnings.simplefilter("ignore")
        handles = [
            module.register_forward_pre_hook(watching(name))
            for name, module in hookable(model)
            if (any(True for _ in module.parameters(recurse=False)) and not _has_children_with_weights(module))
            or isinstance(module, NORMS)
        ]
        try:
            forward(model, structure.to_device(inputs, subject.device))
        except Exception:  # noqa: BLE001, S110 - only what came before is asked for
            pass
        finally:
            for handle in handles:
                handle.remove()
    return reached[0] if reached else None


def raised_at_the_entrance(subject: Subject, error: BaseException) -> bool | None:
    """Tell whether the layer that raised is the first one, which the inputs themselves reach; None where unknown."""
    layer = raised_in(error, subject.model)
    first = entrance_of(subject, subject.trial.inputs) if subject.step is None else None
    return None if layer is None or first is None else first.name == layer[0]


class _Reached(Exception):
    """Ends a forward pass at its first layer with weights."""


def _has_children_with_weights(module: nn.Module) -> bool:
    return any(True for child in module.children() for _ in child.parameters())
