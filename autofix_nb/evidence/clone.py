"""A shallow copy of a data set, with caches and random generators of its own, and without transforms if wanted.

What is replaced is replaced in the copy; the user's own object is never touched.
"""

import copy
import copyreg
import random
from collections import OrderedDict, defaultdict
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from autofix_nb.data.seeding import derive_seed

SEED = 0x5A3E
"""The same for every sample, so that two copies of one are cropped alike."""

_WORDS = ("transform", "augment", "tfm")
_METHODS = frozenset(
    ("transform", "transforms", "augment", "augmentation", "_transform", "_transforms", "_augment", "augmentations")
)
_OF_TARGETS = ("target", "label")
_LIBRARIES = ("torchvision.transforms", "albumentations", "kornia.augmentation", "monai.transforms", "timm.data")
_MOST_TRANSFORMS = 20
_GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
_CACHES = (dict, list, set, OrderedDict, defaultdict)


class Clone:
    """Gives the samples that the data set gives, each with its own generators as they began."""

    def __init__(self, dataset: Any, *, bare: bool = False, copied: bool = True) -> None:
        """`bare` takes the transforms out; `copied=False` asks the data set itself, where it cannot be copied."""
        self.found = False
        """Whether there was a place for transforms, be it an empty one."""

        self._bare = bare
        self._generators: list[tuple[Any, Any]] = []
        self._dataset = self._copy(dataset, {}) if copied else dataset

    def __getitem__(self, index: Any) -> Any:
        for generator, state in self._generators:
            _set_state(generator, state)
        return self._dataset[index]

    def _copy(self, dataset: Any, seen: dict[int, Any]) -> Any:
        if id(dataset) in seen:
            return seen[id(dataset)]
        clone = _shallow(dataset)
        if clone is None:
            return dataset
        seen[id(dataset)] = clone
        attributes = vars(clone)
        for name, part in list(attributes.items()):
            replaced = self._replaced(name, part, seen)
            if replaced is not part:
                attributes[name] = replaced
        for name in _METHODS - attributes.keys():
            if callable(getattr(type(clone), name, None)):
                self.found = True
                if self._bare:
                    attributes[name] = Identity()
        return clone

    def _replaced(self, name: str, part: Any, seen: dict[int, Any]) -> Any:
        if isinstance(part, Dataset):
            return self._copy(part, seen)
        if isinstance(part, list) and part and all(isinstance(each, Dataset) for each in part):
            return [self._copy(each, seen) for each in part]
        if _is_of_inputs(name) or _is_known(name, part):
            self.found = True
            return _without_transforms(part) if self._bare else part
        if type(part) in _CACHES:
            return copy.copy(part)  # a cache must not be filled with samples that lack their transforms
        if isinstance(part, _GENERATORS):
            fresh = _fresh(part)
            self._generators.append((fresh, _state(fresh)))
            return fresh
        return part


def _shallow(dataset: Any) -> Any:
    """Return a copy with the same attributes, or None where there is none to be had.

    Attribute by attribute, for `copy.copy` asks `__getstate__`, which leaves open files out.
    """
    try:
        clone = object.__new__(type(dataset))
        clone.__dict__.update(vars(dataset))
        for name in copyreg._slotnames(type(dataset)):  # type: ignore[attr-defined]
            if hasattr(dataset, name):
                object.__setattr__(clone, name, getattr(dataset, name))
    except Exception:  # noqa: BLE001 - a list with a name of its own, or something in C
        try:
            clone = copy.copy(dataset)
            return clone if clone is not dataset and vars(clone) is not vars(dataset) else None
        except Exception:  # noqa: BLE001 - it is left as it is
            return None
    return clone


class Identity:
    """Stands where a transform stood: gives back what it gets, in any of the ways in which transforms are called."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        """`t(image)`, `t(image, target)`, and `t(image=image)["image"]` as albumentations has it."""
        if not given:
            return named
        return given[0] if len(given) == 1 else given


class _TargetOnly(Identity):
    """Torchvision's pair of transforms, of which the target's is kept."""

    def __init__(self, change: Any) -> None:
        self._change = change

    def __call__(self, *given: Any, **named: Any) -> Any:
        if len(given) == 2 and callable(self._change):
            return given[0], self._change(given[1])
        return super().__call__(*given, **named)


def _is_of_inputs(name: str) -> bool:
    name = name.lower()
    return (
        any(word in name for word in _WORDS) or name.strip("_") in ("aug", "augs", "augs_fn", "aug_fn")
    ) and not any(word in name for word in _OF_TARGETS)


def _is_known(name: str, part: Any) -> bool:
    """Tell whether this is a transform of a library, or several of them, whatever it is called."""
    if isinstance(part, list | tuple | dict) and 0 < len(part) <= _MOST_TRANSFORMS:
        return all(_is_known(name, each) for each in (part.values() if isinstance(part, dict) else part))
    of_library = callable(part) and not isinstance(part, Dataset) and type(part).__module__.startswith(_LIBRARIES)
    return of_library and not any(word in name.lower() for word in _OF_TARGETS)


def _without_transforms(part: Any) -> Any:
    if callable(getattr(part, "target_transform", None)):
        return _TargetOnly(part.target_transform)
    if isinstance(part, list | tuple | nn.ModuleList):
        return [_without_transforms(each) for each in part]
    if isinstance(part, dict):
        return {name: _without_transforms(each) for name, each in part.items()}
    return Identity() if callable(part) else part


def _fresh(generator: Any) -> Any:
    """Return a generator of the same kind whose numbers are the same each time, whatever was drawn before."""
    if isinstance(generator, torch.Generator):
        return torch.Generator(device=generator.device).manual_seed(derive_seed(SEED) >> 1)
    if isinstance(generator, np.random.Generator):
        return np.random.default_rng(SEED)
    return np.random.RandomState(SEED) if isinstance(generator, np.random.RandomState) else random.Random(SEED)


def _state(generator: Any) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.getstate()


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)
