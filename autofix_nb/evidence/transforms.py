"""The transforms of a data set, found by walking its attributes: torchvision's, albumentations' and the user's own."""

import inspect
import linecache
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEEPEST = 8
"""Levels of nesting looked through: loaders in loaders, subsets of subsets, lists of lists of transforms."""

MOST_LINES = 3
"""Lines of source shown."""

_OF_SIZES = re.compile(r"(?<!batch_)size|resiz|crop|height|width|interpol", re.IGNORECASE)

_PLACES = (
    "dataset",
    "datasets",
    "transform",
    "transforms",
    "tfms",
    "tfm",
    "augment",
    "augmentation",
    "augmentations",
    "preprocess",
    "pre_transform",
    "image_transform",
    "img_transform",
)


@dataclass(frozen=True)
class Step:
    """One transform: how to write where it is, and the transform."""

    path: str
    transform: Any

    @property
    def name(self) -> str:
        """Name of its class, or of the function."""
        return getattr(self.transform, "__name__", type(self.transform).__name__)

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width that it gives; one number for a shorter side; empty where it tells none."""
        size = getattr(self.transform, "size", None)
        if size is None and _whole(getattr(self.transform, "height", None)):
            size = (self.transform.height, getattr(self.transform, "width", self.transform.height))
        if _whole(size):
            return (int(size),)
        if isinstance(size, list | tuple) and 1 <= len(size) <= 2 and all(map(_whole, size)):
            return tuple(map(int, size))
        return ()

    @property
    def said(self) -> str:
        """The transform as it would be written, with its size: `Resize(size=448)`."""
        size = self.size
        return f"{self.name}(size={size[0] if len(size) == 1 else size})" if size else self.name

    def with_size(self, height: int, width: int) -> str:
        """Return the line that makes the same transform with another size."""
        module = type(self.transform).__module__
        if module.startswith("albumentations"):
            return f"A.{self.name}(height={height}, width={width})"
        prefix = "v2." if ".v2." in module else "transforms." if module.startswith("torchvision") else ""
        return f"{prefix}{self.name}(({height}, {width}))"


def steps_of(loader: Any, name: str) -> list[Step]:
    """Return the transforms of a loader's data set, in the order in which they are applied, as far as they show."""
    found: list[Step] = []
    dataset = getattr(loader, "dataset", None)
    if dataset is not None:
        _walk(dataset, f"{name}.dataset", found, set(), DEEPEST)
    return found


def innermost(dataset: Any) -> Any:
    """Return the data set under `Subset`s and `ConcatDataset`s."""
    for _ in range(DEEPEST):
        inner = getattr(dataset, "dataset", None)
        if inner is None:
            inner = next(iter(getattr(dataset, "datasets", None) or ()), None)
        if inner is None:
            return dataset
        dataset = inner
    return dataset


def numbers_of(loader: Any, name: str, wanted: int) -> list[str]:
    """Return attributes of the data set that hold the number `wanted`, written as code: `train.dataset.size = 448`."""
    dataset = getattr(loader, "dataset", None)
    if dataset is None:
        return []
    inner = innermost(dataset)
    path = f"{name}.dataset" if inner is dataset else f"{type(inner).__name__}"
    return [
        f"{path}.{key} = {value}"
        for key, value in _attributes(inner).items()
        if (_whole(value) and value == wanted)
        or (isinstance(value, list | tuple) and all(map(_whole, value)) and tuple(value) == (wanted, wanted))
    ]


def lines_of_source(loader: Any, steps: list[Step], number: int) -> list[str]:
    """Return the lines of the user's own code that hold `number`, as `file.py:12: size = getattr(cfg, "size", 448)`.

    Looked at are the files, or notebook cells, that the data set's class, its transforms and the functions of
    `__main__` come from.
    """
    dataset = innermost(getattr(loader, "dataset", None))
    owners = [dataset, *(step.transform for step in steps), *_functions_of_main()]
    files: dict[str, None] = {}
    for owner in owners:
        file = _file_of(owner)
        if file and not _is_installed(file):
            files[file] = None
    pattern = re.compile(rf"(?<![\w.]){number}(?![\w.])")
    found = []
    for file in files:
        for place, line in enumerate(linecache.getlines(file), 1):
            if pattern.search(line.split("#")[0]):
                is_cell = file.startswith("<") or "ipykernel" in file
                where = f"line {place} of a cell" if is_cell else f"{Path(file).name}:{place}"
                found.append(f"{where}: {line.strip()}")
    return [line for line in found if _OF_SIZES.search(line)][:MOST_LINES]


def _walk(part: Any, path: str, found: list[Step], seen: set[int], depth: int) -> None:
    if part is None or id(part) in seen or depth < 0:
        return
    seen.add(id(part))
    if isinstance(part, list | tuple):
        for place, child in enumerate(part):
            # The same transform twice in a list is applied twice.
            _walk(child, f"{path}[{place}]", found, seen - {id(child)}, depth - 1)
        return
    inner = [(name, value) for name, value in _attributes(part).items() if name in _PLACES and value is not None]
    # torchvision keeps `transform` and, made of it, `transforms`: the first is what was written.
    for name, value in sorted(inner, key=lambda one: _PLACES.index(one[0])):
        _walk(value, f"{path}.{name}", found, seen, depth - 1)
    if not inner and type(part).__name__ == "Sequential":
        for place, child in enumerate(part):
            _walk(child, f"{path}[{place}]", found, seen, depth - 1)
    elif not inner and callable(part):
        found.append(Step(path, part))


def _attributes(part: Any) -> dict[str, Any]:
    attributes = dict(getattr(part, "__dict__", {}) or {})
    return attributes | dict(attributes.get("_modules") or {})


def _functions_of_main() -> Iterator[Any]:
    for value in list(vars(sys.modules.get("__main__", sys)).values()):
        if inspect.isfunction(value) or inspect.isclass(value):
            yield value


def _file_of(owner: Any) -> str:
    """Return the file of the code of a function, or of the methods of a class; classes of a cell have no other."""
    if inspect.isfunction(owner):
        return owner.__code__.co_filename
    kind = owner if inspect.isclass(owner) else type(owner)
    for method in vars(kind).values():
        if inspect.isfunction(method):
            return method.__code__.co_filename
    return ""


def _is_installed(file: str) -> bool:
    return "site-packages" in file or "dist-packages" in file or file.startswith(sys.base_prefix)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
