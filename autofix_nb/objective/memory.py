"""Out of memory, told apart from other errors, and what it leaves behind cleared away."""

import gc
from collections.abc import Iterator

import torch

SIGNS = (
    "out of memory",  # CUDA, HIP, MPS, XPU: "CUDA out of memory.", "CUDA error: out of memory"
    "cudnn_status_alloc_failed",
    "cublas_status_alloc_failed",
    "unable to find a valid cudnn algorithm",
    "can't allocate memory",  # DefaultCPUAllocator
    "not enough memory: you tried to allocate",  # DefaultCPUAllocator on Windows
)
"""Texts by which the allocators are known; a type of its own exists only for some (torch.OutOfMemoryError)."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error, or one that it was raised from, says that memory ran out."""
    return any(_says_so(one) for one in _chain(error))


DEVICE_LOST = (
    "device-side assert",
    "cudaerrorassert",
    "illegal memory access",
    "cudaerrorillegaladdress",
    "unspecified launch failure",
    "misaligned address",
    "illegal instruction was encountered",
    "uncorrectable ecc error",
)
"""Texts of CUDA errors after which "any further CUDA work will return the same error" (runtime API, cudaError_t)."""


def is_device_lost(error: BaseException) -> bool:
    """Tell whether the accelerator cannot be used any more in this process."""
    return any(isinstance(one, RuntimeError) and _names(one, DEVICE_LOST) for one in _chain(error))


def free_memory(error: BaseException | None = None) -> None:
    """Let go of the frames that an error holds, and give cached blocks back. Call it outside of `except`."""
    for one in _chain(error) if error is not None else ():
        one.__traceback__ = None
    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _names(error: BaseException, signs: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in signs)


def _says_so(error: BaseException) -> bool:
    kind = getattr(torch, "OutOfMemoryError", None) or torch.cuda.OutOfMemoryError
    if isinstance(error, kind | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in SIGNS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those behind it: any of them keeps its frames, and the frames their tensors."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
