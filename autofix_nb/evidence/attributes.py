"""What objects hold: their attributes, what lists and dicts among these contain, and where random generators stand."""

import random
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from operator import is_
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

_CONTAINERS = (dict, OrderedDict, defaultdict, list, set, deque)
_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
_PLAIN = (type, ModuleType, FunctionType, nn.Module, torch.Tensor, np.ndarray, np.generic)
_DEPTH = 5
"""Attributes of attributes followed in search of random generators: data set, transform, its parts, theirs."""

_MOST_PARTS = 100
"""Longest list whose entries may be transforms; longer ones hold samples."""


class Attributes:
    """Remembers attributes, contents and generators of objects, one level deep; `restore` puts back what changed."""

    def __init__(self, objects: Iterable[Any]) -> None:
        owners = [one for one in {id(one): one for one in objects}.values() if hasattr(one, "__dict__")]
        self._held = [(vars(owner), dict(vars(owner))) for owner in owners]
        containers = [part for _, held in self._held for part in held.values() if type(part) in _CONTAINERS]
        self._contents = [(part, part.copy()) for part in containers]
        self._generators = [way_back for owner in owners for way_back in _generators(owner, _DEPTH, set())]

    def restore(self) -> None:
        """Make every object hold what it held; what did not change is not touched."""
        for now, held in self._held:
            _put(now, held)
        for part, kept in self._contents:
            if isinstance(part, dict):
                _put(part, kept)
            elif isinstance(part, set):
                if part != kept:
                    part.clear()
                    part.update(kept)
            elif len(part) != len(kept) or not all(map(is_, part, kept)):
                part.clear()
                part.extend(kept)
        for set_state, state in self._generators:
            set_state(state)


def of_loaders(loaders: Iterable[Any]) -> list[Any]:
    """Return what loading may change: samplers, data sets with those inside them, collate functions, own loaders."""
    found: list[Any] = []
    for loader in loaders:
        if loader is None:
            continue
        if not isinstance(loader, DataLoader):
            found.append(loader)
        for part in (getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)):
            found += [part, getattr(part, "sampler", None)]
        found.append(getattr(loader, "collate_fn", None))
        found += _data_sets(getattr(loader, "dataset", None), [])
    return [one for one in found if one is not None and not isinstance(one, _PLAIN)]


def _data_sets(dataset: Any, found: list[Any]) -> list[Any]:
    if any(dataset is one for one in found):
        return found
    found.append(dataset)
    for part in vars(dataset).values() if hasattr(dataset, "__dict__") else ():
        for inside in part if type(part) in (list, tuple) and len(part) <= _MOST_PARTS else (part,):
            if isinstance(inside, Dataset):
                _data_sets(inside, found)
    return found


def _put(now: dict[Any, Any], kept: dict[Any, Any]) -> None:
    for name in [name for name in now if name not in kept]:
        del now[name]
    for name, part in kept.items():
        if name not in now or now[name] is not part:
            now[name] = part


def _generators(part: Any, depth: int, seen: set[int]) -> Iterator[tuple[Callable[[Any], Any], Any]]:
    """Yield for each random generator within reach how to set its state, and that state."""
    if id(part) in seen or isinstance(part, _PLAIN):
        return
    seen.add(id(part))
    if isinstance(part, np.random.Generator):
        yield lambda state: setattr(part.bit_generator, "state", state), part.bit_generator.state
    elif isinstance(part, random.Random):
        yield part.setstate, part.getstate()
    elif isinstance(part, _GENERATORS):
        yield part.set_state, part.get_state()
    elif depth:
        inside = part if isinstance(part, list | tuple) else ()
        inside = part.values() if isinstance(part, dict) else inside
        inside = vars(part).values() if hasattr(part, "__dict__") else inside
        for each in list(inside) if len(inside) <= _MOST_PARTS else ():
            yield from _generators(each, depth - 1, seen)
