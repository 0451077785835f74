"""Where the first NaN or Inf of a step arose: input, output of which module, loss, or gradient of which weight."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.objective import hookable
from autofix_nb.signals import GradientNorms


def first_bad_weight(model: nn.Module) -> str | None:
    """Say which parameter first holds NaN or Inf, or which buffer NaN; None where all are well."""
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            return f"weight {name} is not finite"
    for prefix, module in model.named_modules():
        # Only running statistics: other buffers may hold NaN or -inf for good reason, such as attention masks.
        if isinstance(module, nn.modules.batchnorm._NormBase):
            for name, buffer in module.named_buffers(prefix, recurse=False):
                if buffer.is_floating_point() and bool(torch.isnan(buffer).any()):
                    return f"buffer {name} holds NaN"
    return None


def bad_inputs(data: Any) -> list[str]:
    """Return a sentence for each tensor in a batch that holds NaN or Inf: its path, which, and in how many values."""
    said = []
    for path, tensor in structure.tensors(data):
        if not tensor.is_floating_point() or bool(torch.isfinite(tensor).all()):
            continue
        nan, inf = int(torch.isnan(tensor).sum()), int(torch.isinf(tensor).sum())
        what = "NaN and Inf" if nan and inf else "NaN" if nan else "Inf"
        said.append(f"input{path} holds {what} in {(nan + inf) / tensor.numel():.0%} of its values")
    return said


def locate(model: nn.Module, data: Any, forward: Callable[[Any], torch.Tensor], norms: GradientNorms) -> str:
    """Run one forward and backward pass that is known to fail and say where it went wrong first."""
    inputs = bad_inputs(data)
    trail = _Trail(model)
    error: Exception | None = None
    with trail:
        try:
            loss = forward(data)
            loss.backward()
        except Exception as caught:  # noqa: BLE001 - the error was seen before; here only its place is asked for
            error = caught
    if error is not None and trail.first_bad and not inputs:
        return f"{trail.first_bad} is not finite, then {type(error).__name__}"
    if error is not None:
        return f"{trail.inside or 'the loss or step function'} raises {type(error).__name__}"
    if inputs:
        return inputs[0]
    if trail.first_bad:
        return f"{trail.first_bad} is not finite"
    if not bool(torch.isfinite(loss).all()):
        return "the loss is not finite"
    name = norms.first_bad()
    if name:
        return f"the gradient of {name} is not finite"
    norm = torch.linalg.vector_norm(norms.measure()[0])
    return "everything is finite again" if bool(torch.isfinite(norm)) else "the gradients are too large to be measured"


class _Trail:
    """Context that watches the modules of a model: which one is at work, and which first gave a bad output."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._stack: list[str] = []
        self.first_bad = ""

    @property
    def inside(self) -> str:
        """The innermost module that was entered and not left."""
        return self._stack[-1] if self._stack else ""

    def __enter__(self) -> "_Trail":
        self._handles = []
        for name, module in hookable(self._model):
            said = f"{name or 'the model'} ({type(module).__name__})"
            self._handles.append(module.register_forward_pre_hook(self._entering(said)))
            self._handles.append(module.register_forward_hook(self._leaving(said)))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _entering(self, said: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any) -> None:
            self._stack.append(said)

        return hook

    def _leaving(self, said: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, outputs: Any) -> None:
            self._stack.pop()
            # -inf may be a mask; what a mask leaves behind is never NaN or +inf.
            if not self.first_bad and any(_is_bad(tensor) for _, tensor in structure.tensors(outputs)):
                self.first_bad = f"the output of {said}"

        return hook


def _is_bad(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and bool((torch.isnan(tensor) | (tensor == torch.inf)).any())
