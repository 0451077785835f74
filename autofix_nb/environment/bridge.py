"""Whether a tensor passes from torch to NumPy and back: a torch built for another NumPy imports, and fails at this."""

from __future__ import annotations

import importlib
import warnings


def numpy_bridge_works() -> tuple[bool, str]:
    """Pass a tensor to NumPy and back: whether it arrived, and in words what happened."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch 2.2 says here in a warning what the next lines find out
            numpy, torch = importlib.import_module("numpy"), importlib.import_module("torch")
            there = torch.arange(3.0).numpy() + numpy.ones(3, dtype=numpy.float32)
            back = torch.from_numpy(there).tolist()
            number = torch.as_tensor(numpy.int64(4)).item()  # fails alone on Windows: pytorch/pytorch#135013
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is no
        return False, f"{type(error).__name__}: {error}"
    if back != [1.0, 2.0, 3.0] or number != 4:
        return False, f"a tensor came back from NumPy as {back}, wanted [1.0, 2.0, 3.0]"
    return True, "a tensor went from torch to NumPy and back"
