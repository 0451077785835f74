"""Sixteen bytes that are equal where two inputs are equal bit for bit: BLAKE2b over type, shape and bytes."""

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

SIZE = 16
"""Bytes of a digest. Two of a billion different samples share one with a chance of 1e-21."""

DEEPEST = 6
"""Levels of lists, dicts and objects that are followed."""


def digest_rows(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the digest of each row of arrays (N, ...); shape (N,), `V16`. Several arrays make one row together."""
    flat = [np.ascontiguousarray(part) for part in parts]
    count = len(flat[0])
    heads = [_head(part.dtype, part.shape[1:]) for part in flat]
    views = [memoryview(part.reshape(-1).view(np.uint8)) for part in flat]
    widths = [len(view) // max(1, count) for view in views]
    begun = hashlib.blake2b(heads[0], digest_size=SIZE)
    digests = bytearray()
    if len(flat) == 1:
        view, width = views[0], widths[0]
        for start in range(0, count * width, width) if width else [0] * count:
            row = begun.copy()
            row.update(view[start : start + width])
            digests += row.digest()
    else:
        for place in range(count):
            row = begun.copy()
            row.update(views[0][place * widths[0] : (place + 1) * widths[0]])
            for head, view, width in zip(heads[1:], views[1:], widths[1:], strict=True):
                row.update(head)
                row.update(view[place * width : (place + 1) * width])
            digests += row.digest()
    return np.frombuffer(bytes(digests), dtype=f"V{SIZE}")


def digest_of(data: Any) -> bytes:
    """Return the digest of one sample's input: tensors, arrays, PIL images, text, numbers, and what holds them.

    A row of a tensor has the digest that `digest_rows` gives it.
    """
    hasher = hashlib.blake2b(digest_size=SIZE)
    _update(hasher, data, DEEPEST)
    return hasher.digest()


def digest_of_bytes(data: bytes) -> bytes:
    """Return the digest of a file's bytes."""
    return hashlib.blake2b(data, digest_size=SIZE).digest()


def to_array(data: Any) -> np.ndarray | None:
    """Return a tensor, array, NumPy number or PIL image as an array (a view where possible); None for all else."""
    if isinstance(data, torch.Tensor):
        tensor = data.detach()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.float()  # NumPy has no such type; every value keeps its own float32
        return tensor.cpu().resolve_conj().resolve_neg().numpy()
    if isinstance(data, np.ndarray):
        return data
    if isinstance(data, np.generic):
        return np.asarray(data)
    if is_picture(data):
        return np.asarray(data.convert("RGBA") if data.mode in ("P", "PA") else data)
    return None


def is_picture(data: Any) -> bool:
    """Tell whether `data` is a PIL image, without importing PIL."""
    return hasattr(data, "getbands") and hasattr(data, "convert") and hasattr(data, "mode")


def _update(hasher: Any, data: Any, deeper: int) -> None:
    array = to_array(data)
    if array is not None and array.dtype != object:
        hasher.update(_head(array.dtype, array.shape))
        hasher.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    elif isinstance(data, str):
        text = data.encode(errors="surrogatepass")
        hasher.update(b"text%d:" % len(text) + text)
    elif isinstance(data, bytes | bytearray):
        hasher.update(b"bytes%d:" % len(data) + data)
    elif data is None or isinstance(data, bool | int | float | complex):
        hasher.update(f"{type(data).__name__} {data!r};".encode())
    elif isinstance(data, Mapping) and deeper:
        for name, part in data.items():
            hasher.update(f"key {name!r};".encode()) if deeper < DEEPEST else None
            _update(hasher, part, deeper - 1)
    elif (isinstance(data, list | tuple) or array is not None) and deeper:
        for part in data if array is None else array.reshape(-1).tolist():
            _update(hasher, part, deeper - 1)
    elif hasattr(data, "__dict__") and not callable(data) and deeper:
        hasher.update(type(data).__qualname__.encode())
        _update(hasher, vars(data), deeper - 1)
    else:
        try:
            hasher.update(pickle.dumps(data))
        except Exception:  # noqa: BLE001 - what cannot be told apart by its bytes equals itself alone
            hasher.update(f"{id(data)} {data!r}".encode())


def _head(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    return f"{dtype.str}{tuple(shape)};".encode()
