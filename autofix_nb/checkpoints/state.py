"""What a checkpoint holds, as tensors and plain values only, so that it loads with `weights_only=True`."""

import random
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from autofix_nb.errors import StoreError


def random_state() -> dict[str, Any]:
    """Return the state of torch's (CPU and accelerators), NumPy's and `random`'s global streams."""
    version, words, gauss = random.getstate()
    state = {
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(legacy=False),
        "python": (version, torch.tensor(words), gauss),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return portable(state)


def set_random_state(state: Mapping[str, Any]) -> None:
    """Set the global streams to what `random_state` returned; accelerators that are gone are passed over."""
    torch.set_rng_state(state["torch"].cpu())
    numpy = _as_numpy(state["numpy"])
    if type(np.random.get_bit_generator()).__name__ != numpy["bit_generator"]:
        np.random.set_bit_generator(getattr(np.random, numpy["bit_generator"])())
    np.random.set_state(numpy)
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    if "cuda" in state and torch.cuda.is_available():
        for place, one in enumerate(state["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(one.cpu(), place)


def portable(value: Any, path: str = "state") -> Any:
    """Return `value` with NumPy arrays and numbers as tensors and plain numbers.

    Raises:
        StoreError: for anything that only a pickle could hold, named by its path.
    """
    if isinstance(value, bytes) and not value:
        raise _refusal("bytes of length 0", path)  # torch pickles them by a name that `weights_only=True` refuses
    if value is None or type(value) in (bool, int, float, str, bytes, torch.Tensor, torch.Size, torch.dtype):
        return value
    if isinstance(value, torch.Tensor):
        return value.detach().as_subclass(torch.Tensor)
    if isinstance(value, np.ndarray):
        array = value.astype(np.int64) if value.dtype == np.uint32 else value
        try:
            return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), order="C"))
        except TypeError:  # text, dates, objects, numbers of 16 bytes
            raise _refusal(f"NumPy array of {array.dtype}", path) from None
    if isinstance(value, np.generic) and type(value.item()) in (bool, int, float, str, bytes):
        return value.item()
    if isinstance(value, bool | int | float | str):
        return _base_of(value)
    if isinstance(value, Mapping):
        kind = OrderedDict if isinstance(value, OrderedDict) else dict
        kept = kind((_key(name, path), portable(part, f"{path}[{name!r}]")) for name, part in value.items())
        if hasattr(value, "_metadata"):  # versions of a state dict's modules, by which they load it
            kept._metadata = portable(value._metadata, f"{path}._metadata")
        return kept
    if isinstance(value, tuple):
        return tuple(portable(part, f"{path}[{place}]") for place, part in enumerate(value))
    if isinstance(value, list):
        return [portable(part, f"{path}[{place}]") for place, part in enumerate(value)]
    if isinstance(value, set | frozenset):
        return sorted((portable(part, path) for part in value), key=lambda part: (type(part).__name__, part))
    raise _refusal(type(value).__name__, path)


def as_before(kept: Any, live: Any) -> Any:
    """Return what `portable` made of a value in the types that the live one of the same object has."""
    if isinstance(live, Counter) and isinstance(kept, Mapping):
        return Counter(kept)
    if isinstance(live, np.ndarray) and isinstance(kept, torch.Tensor):
        return kept.numpy().astype(live.dtype)
    if isinstance(live, set | frozenset) and isinstance(kept, list | tuple):
        return type(live)(kept)
    if isinstance(live, dict) and type(kept) is dict:
        return {name: as_before(part, live.get(name)) for name, part in kept.items()}
    if isinstance(live, list) and isinstance(kept, list) and len(live) == len(kept):
        return [as_before(part, now) for part, now in zip(kept, live, strict=True)]
    return kept


def portable_or_dropped(state: Mapping[str, Any], path: str) -> tuple[dict[str, Any], list[str]]:
    """Return the portable entries of a user object's state, and the names of those that are not."""
    kept, dropped = {}, []
    for name, value in state.items():
        try:
            kept[name] = portable(value, f"{path}[{name!r}]")
        except StoreError:
            dropped.append(f"{path}[{name!r}]")
    return kept, dropped


def _refusal(kind: str, path: str) -> StoreError:
    return StoreError(
        f"`{path}` is a {kind}, which a checkpoint cannot hold without a pickle; "
        "wanted tensors, numbers, text, lists and dicts"
    )


def _key(name: Any, path: str) -> Any:
    """Return the key of a dict as plain number or text, or a tuple of these."""
    key = portable(name, f"{path}: key {name!r}")
    if isinstance(key, torch.Tensor | list | dict):
        raise _refusal(f"dict with a {type(name).__name__} as key", path)
    return key


def _base_of(value: Any) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _as_numpy(state: Any) -> Any:
    """Undo `portable` for the state of a bit generator: its words are unsigned."""
    if isinstance(state, Mapping):
        return {name: _as_numpy(part) for name, part in state.items()}
    if isinstance(state, torch.Tensor):
        return state.numpy().astype(np.uint32) if state.dtype == torch.int64 else state.numpy()
    return state
