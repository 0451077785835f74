"""Norms of the gradients that a backward pass left behind."""

from collections.abc import Sequence

import torch
from torch import nn

from autofix_nb.signals.components import components_of, parameter_names


class GradientNorms:
    """Norms of the gradients of some parameters: of each one, and of all together."""

    def __init__(self, model: nn.Module, parameters: Sequence[torch.Tensor]) -> None:
        self.parameters = list(parameters)
        self.names = parameter_names(model, self.parameters)
        self.components, self._component_of = components_of(model, self.parameters)
        self._with_grad: list[int] = []
        self._owners: tuple[int, ...] = ()

    def measure(self) -> tuple[torch.Tensor, tuple[int, ...], list[torch.Tensor]]:
        """Return the norms of the gradients one by one (shape (parameters,)), their components, and the gradients.

        All on the parameters' device, nothing is waited for.
        """
        grads = []
        with_grad = []
        for place, parameter in enumerate(self.parameters):
            grad = parameter.grad
            if grad is not None:
                grads.append(grad)
                with_grad.append(place)
        if with_grad != self._with_grad:
            self._with_grad = with_grad
            self._owners = tuple(self._component_of[place] for place in with_grad)
        if not grads:
            return torch.zeros(0), (), grads
        return torch.stack(_norms(grads)), self._owners, grads

    def first_bad(self) -> str | None:
        """Return the name of the first parameter whose gradient holds NaN or Inf, or None."""
        for place, parameter in enumerate(self.parameters):
            grad = parameter.grad
            if grad is not None and not bool(torch.isfinite(_dense_part(grad)).all()):
                return self.names[place]
        return None


def _norms(grads: list[torch.Tensor]) -> list[torch.Tensor]:
    first = grads[0]
    usual = all(grad.device == first.device and grad.layout == torch.strided for grad in grads)
    if usual:
        return list(torch._foreach_norm(grads))
    return [torch.linalg.vector_norm(_dense_part(grad)).to(first.device) for grad in grads]


def _dense_part(grad: torch.Tensor) -> torch.Tensor:
    """Return the numbers that a gradient holds, also where it is sparse."""
    return grad.coalesce().values() if grad.is_sparse else grad
