"""Where in a model an error was raised, and in which module's output the first NaN arose."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.data.fetch import describe_error
from autofix_nb.objective import hookable


def first_line(error: BaseException) -> str:
    """Return an error in one line: its type and the first line of its text."""
    return describe_error(error)[0]


def raised_in(error: BaseException, model: nn.Module) -> tuple[str, nn.Module] | None:
    """Return the innermost module of `model` that was at work when `error` was raised, with its name.

    Read from the frames of the traceback: each `forward` holds its module as `self`.
    """
    names = {id(module): name for name, module in model.named_modules()}
    found = None
    trace = error.__traceback__
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, nn.Module) and id(owner) in names:
            found = names[id(owner)], owner
        trace = trace.tb_next
    return found


def in_words(found: tuple[str, nn.Module] | None) -> str:
    """Return a module found by `raised_in` as people write it: `layers.2` (Linear)."""
    if found is None:
        return ""
    name, module = found
    return f"`{name}` ({type(module).__name__})" if name else f"the model itself ({type(module).__name__})"


def shapes(data: Any) -> str:
    """Return the shapes and types of the tensors in `data`: `(8, 3, 32, 32) float32, (8,) int64`."""
    return ", ".join(
        f"{path + ' ' if path else ''}{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
        for path, tensor in structure.tensors(data)
    )


def first_bad_parameter(model: nn.Module) -> str | None:
    """Return the name of the first parameter or running statistic that is NaN or infinite."""
    for name, tensor in (*model.named_parameters(), *_statistics(model)):
        if not isinstance(tensor, nn.parameter.UninitializedTensorMixin) and not bool(torch.isfinite(tensor).all()):
            return name
    return None


@contextmanager
def watch_outputs(model: nn.Module) -> Iterator[list[str]]:
    """Context that notes the modules whose output holds NaN or infinities, innermost and first first."""
    bad: list[str] = []

    def watching(said: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, outputs: Any) -> None:
            if any(_is_bad(tensor) for _, tensor in structure.tensors(outputs)):
                bad.append(said)

        return hook

    handles = [module.register_forward_hook(watching(in_words((name, module)))) for name, module in hookable(model)]
    try:
        yield bad
    finally:
        for handle in handles:
            handle.remove()


def _statistics(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    # Only running statistics: other buffers may hold -inf for good reason, such as attention masks.
    for prefix, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            yield from module.named_buffers(prefix, recurse=False)


def _is_bad(tensor: torch.Tensor) -> bool:
    # -inf may be a mask; what a mask leaves behind is never NaN or +inf.
    return tensor.is_floating_point() and bool((torch.isnan(tensor) | (tensor == torch.inf)).any())
