"""Out of memory is told apart, and the frames that an error holds are let go (facts/loops.md §5.1-5.3)."""

import gc
import weakref

import pytest
import torch

from autofix_nb.objective.memory import free_memory, is_device_lost, is_out_of_memory


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (RuntimeError("HIP out of memory. Tried"), True),
        (RuntimeError("XPU out of memory."), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
        (RuntimeError("Unable to find a valid cuDNN algorithm to run convolution"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
            True,
        ),
        (torch.OutOfMemoryError("anything"), True),
        (MemoryError(), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
        (AssertionError(), False),
    ],
    ids=str,
)
def test_messages_of_every_allocator_are_known(error, expected):
    """Accelerate, Lightning and Composer each miss some of these."""
    assert expected is is_out_of_memory(error)


def test_an_error_raised_from_out_of_memory_is_known_too():
    """Users wrap errors."""
    try:
        try:
            raise RuntimeError("CUDA out of memory.")
        except RuntimeError as inner:
            raise ValueError("my model failed") from inner
    except ValueError as outer:
        error = outer

    assert is_out_of_memory(error)


def test_a_really_failed_allocation_on_the_cpu_is_known():
    """Not a text of ours: torch's own error for more memory than there can be."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)

    assert is_out_of_memory(caught.value)


def test_device_side_asserts_are_known():
    """After one, nothing on the device can be read any more."""
    assert is_device_lost(RuntimeError("CUDA error: device-side assert triggered"))
    assert not is_device_lost(RuntimeError("CUDA out of memory"))


def test_what_the_failed_frames_held_is_freed():
    """Also through chained errors: each keeps its own frames."""

    class Big:
        pass

    held = []

    def inner():
        big = Big()
        held.append(weakref.ref(big))
        raise RuntimeError("out of memory")

    def outer():
        big = Big()
        held.append(weakref.ref(big))
        try:
            inner()
        except RuntimeError as error:
            raise ValueError("wrapped") from error

    error = None
    try:
        outer()
    except ValueError as caught:
        error = caught
    free_memory(error)
    gc.collect()

    assert [None, None] == [reference() for reference in held]
