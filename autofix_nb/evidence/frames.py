"""Frames and arrays as data: `(X, y)` of pandas, NumPy or torch made into a loader, and what its columns are."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from autofix_nb.errors import ConfigurationError, DataError
from autofix_nb.evidence.tabular import (
    column_name,
    in_order,
    is_frame,
    is_series,
    read_features,
    read_targets,
    readable,
)
from autofix_nb.evidence.text_kinds import TextKind, text_kinds

TARGET_COLUMNS = ("target", "label", "y", "class")
"""Names by which the target is found in a frame that comes alone."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a side that came as a frame or as arrays is made of."""

    columns: tuple[str, ...]
    """Names of the features, in the order in which the model gets them: columns of numbers or of yes and no."""

    framed: bool = False
    """Whether the features came as a frame of pandas."""

    text_columns: tuple[str, ...] = ()
    """Names of columns that hold text, dates or objects, and were left out."""

    text_kinds: tuple[TextKind, ...] = ()
    """What each of these holds; empty where that is not known."""

    target: str = ""
    """Name of the target's column, where it has one."""

    classes: tuple[str, ...] = ()
    """What each class number stands for, where the target held text or other numbers."""


def as_source(
    given: Any, side: Literal["train", "val"], batch_size: int = 32, *, like: Table | None = None
) -> tuple[Any, Table | None]:
    """Return something to iterate for batches, and what is known of its columns if it came as a table.

    A loader or any other iterable is given back as it is. Texts in a target become class numbers, in sorted order.
    With `like`, the table of the other side, columns come in its order and classes have its numbers; new ones follow.

    Raises:
        ConfigurationError: when it is no data, or a frame without a column that is known to be the target.
        DataError: when features and target differ in length, hold nothing, or cannot be made into numbers.
    """
    if given is None or isinstance(given, DataLoader):
        return given, None
    if is_frame(given):
        given = _split_frame(given, side)
    if isinstance(given, tuple):
        given = _as_pair(given, side)
    if isinstance(given, tuple) and len(given) == 2 and all(map(_is_table_part, given)):
        return _from_pair(given[0], given[1], side, batch_size, like)
    if isinstance(given, IterableDataset):
        return DataLoader(given, batch_size=batch_size), None
    if isinstance(given, Dataset) or _is_map_style(given):
        # Without a length no order can be drawn, and the data set's own check will say so.
        shuffle = side == "train" and hasattr(given, "__len__") and len(given) > 0
        return DataLoader(given, batch_size=batch_size, shuffle=shuffle), None
    if isinstance(given, np.ndarray | torch.Tensor) or is_series(given):
        raise ConfigurationError(
            f"`{side}` is one {type(given).__name__} of shape {tuple(given.shape)}, without targets; "
            f"wanted a `DataLoader`, or features and targets: `{side}=(X, y)`"
        )
    if isinstance(given, str | bytes | dict) or not hasattr(given, "__iter__"):
        raise ConfigurationError(
            f"`{side}` is a {type(given).__name__}, wanted a `torch.utils.data.DataLoader`, a data set, or features "
            f"and targets: `{side}=(X, y)`"
        )
    return given, None


def _from_pair(features: Any, target: Any, side: str, batch_size: int, like: Table | None) -> tuple[DataLoader, Table]:
    if len(features) != len(target):
        raise DataError(f"`{side}`: X has {len(features)} rows and y has {len(target)}, wanted one target for each row")
    if not len(features):
        raise DataError(f"`{side}`: X has 0 rows, wanted at least one: look at the filter or the split before it")
    matrix, columns, texts = read_features(features, side)
    if like is not None and like.columns and is_frame(features):
        matrix, columns = in_order(matrix, columns, like.columns, side), list(like.columns)
    targets, classes = read_targets(target, side, () if like is None else like.classes)
    dataset = TensorDataset(matrix, targets)
    name = getattr(target, "name", None)
    if name is None and is_frame(target) and len(target.columns) == 1:
        name = column_name(target.columns[0])
    table = Table(
        columns=tuple(columns),
        framed=is_frame(features),
        text_columns=tuple(texts),
        text_kinds=text_kinds(features, texts),
        target="" if name is None else str(name),
        classes=classes,
    )
    return DataLoader(dataset, batch_size=batch_size, shuffle=side == "train"), table


# --- what was given -----------------------------------------------------------------------------------------------


def _split_frame(frame: Any, side: str) -> tuple[Any, Any]:
    names = [column_name(column).lower() for column in frame.columns]
    places = [place for place, name in enumerate(names) if name in TARGET_COLUMNS]
    if len(places) != 1:
        found = "none of them" if not places else f"{len(places)} of them"
        shown = ", ".join(column_name(column) for column in frame.columns[:8])
        raise ConfigurationError(
            f"`{side}` is a frame with the columns {shown}; {found} named as a target ({', '.join(TARGET_COLUMNS)}). "
            f'Give features and target: `{side}=(frame.drop(columns="price"), frame["price"])`'
        )
    place = places[0]
    return frame.iloc[:, [other for other in range(len(names)) if other != place]], frame.iloc[:, place]


def _as_pair(given: tuple[Any, ...], side: str) -> tuple[Any, ...]:
    """Return a tuple's parts as what can be read as features and target; batches stay as they are.

    Raises:
        ConfigurationError: when there are frames or arrays in it, and they are no pair.
        DataError: when a part is a sparse matrix.
    """
    for name, part in zip(("X", "y"), given, strict=False):
        if hasattr(part, "toarray") and hasattr(part, "nnz"):
            raise DataError(
                f"`{side}`: {name} is a sparse {type(part).__name__} of shape {part.shape}, wanted rows that a model "
                f"can compute with: `{name}.toarray()`"
            )
    parts = tuple(readable(part) for part in given)
    if len(parts) == 2 and all(map(_is_table_part, parts)):
        return parts
    if any(is_frame(part) or is_series(part) or isinstance(part, np.ndarray) for part in parts):
        held = ", ".join(type(part).__name__ for part in given)
        raise ConfigurationError(f"`{side}` is a tuple of {held}; wanted features and targets: `{side}=(X, y)`")
    return given


def _is_table_part(part: Any) -> bool:
    if is_frame(part) or is_series(part):
        return True
    if isinstance(part, np.ndarray | torch.Tensor):
        return part.ndim > 0
    if not isinstance(part, list) or not part:
        return isinstance(part, list)
    first = part[0]
    return isinstance(first, bool | int | float | str | np.generic) or (
        isinstance(first, list | tuple) and all(isinstance(value, bool | int | float | str) for value in first)
    )


def _is_map_style(given: Any) -> bool:
    """Tell whether this is a data set by its looks: rows by index, and a length, and not a list of batches."""
    return (
        hasattr(given, "__getitem__")
        and hasattr(given, "__len__")
        and not hasattr(given, "__iter__")
        and not isinstance(given, list | tuple)
    )
