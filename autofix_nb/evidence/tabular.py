"""Columns of frames and arrays made into numbers: features and targets, of pandas, NumPy, torch or lists.

Pandas is looked for among what is imported already: whoever gives a frame has imported it.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from autofix_nb.errors import DataError

MOST_CLASSES = 100
"""Texts that differ in a target before they are taken for names, not for classes."""


# --- features -----------------------------------------------------------------------------------------------------


def read_features(features: Any, side: str) -> tuple[torch.Tensor, list[str], list[str]]:
    """Return features as float32, the names of their columns, and of those that are no numbers."""
    if isinstance(features, torch.Tensor):
        matrix = features.detach().cpu()
        if matrix.dim() == 1:
            matrix = matrix[:, None]
        return matrix.float(), _numbered(matrix), []
    if is_frame(features) or is_series(features):
        frame = features if is_frame(features) else features.to_frame()
        names = column_names(frame)
        columns = [_numbers(frame.iloc[:, place]) for place in range(frame.shape[1])]
    else:
        array = features if isinstance(features, np.ndarray) else as_array(features, side, "X")
        if array.dtype.kind in "biuf":
            array = array[:, None] if array.ndim == 1 else array
            matrix = torch.from_numpy(np.array(array, dtype=np.float32))
            return matrix, _numbered(matrix), []
        array = array.reshape(len(array), -1)
        names = [f"feature {place}" for place in range(array.shape[1])]
        columns = [_numbers(array[:, place]) for place in range(array.shape[1])]
    kept = [(name, column) for name, column in zip(names, columns, strict=True) if column is not None]
    texts = [name for name, column in zip(names, columns, strict=True) if column is None]
    if not kept:
        raise DataError(
            f"`{side}`: none of the {len(names)} columns of X holds numbers ({', '.join(names[:5])}); turn text into "
            "numbers first, for example with `pd.get_dummies(X)`"
        )
    return torch.from_numpy(np.stack([column for _, column in kept], axis=1)), [name for name, _ in kept], texts


def in_order(matrix: torch.Tensor, columns: list[str], wanted: Sequence[str], side: str) -> torch.Tensor:
    missing = [name for name in wanted if name not in columns]
    new = [name for name in columns if name not in wanted]
    if missing or new:
        said = [f"lacks {', '.join(missing[:5])}"] if missing else []
        said += [f"also has {', '.join(new[:5])}"] if new else []
        raise DataError(
            f"`{side}`: the columns of numbers are not those of the other side: X {' and '.join(said)}; "
            f"give both sides the same columns"
        )
    return matrix[:, [columns.index(name) for name in wanted]]


def _numbers(column: Any) -> np.ndarray | None:
    """Return a column as float32 with NaN where a value is missing; None where it holds no numbers."""
    if hasattr(column, "dtype") and str(column.dtype).startswith(("datetime", "timedelta", "period", "category")):
        return None
    try:
        with np.errstate(all="ignore"):
            if is_series(column):
                if column.dtype == object or not _is_number_type(column):
                    return None
                return column.to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)
            array = np.asarray(column)
            if array.dtype == object:
                array = np.array([np.nan if part is None else part for part in array.tolist()])
            return array.astype(np.float32) if array.dtype.kind in "biuf" else None
    except (TypeError, ValueError):
        return None


def _is_number_type(column: Any) -> bool:
    types = sys.modules["pandas"].api.types
    return (types.is_numeric_dtype(column) and not types.is_complex_dtype(column)) or types.is_bool_dtype(column)


def _numbered(matrix: torch.Tensor) -> list[str]:
    return [f"feature {place}" for place in range(matrix.shape[1])] if matrix.dim() == 2 else []


def column_name(column: Any) -> str:
    """Return a column's name; the levels of a MultiIndex are joined."""
    return ".".join(str(part) for part in column if str(part)) if isinstance(column, tuple) else str(column)


def column_names(frame: Any) -> list[str]:
    """Return the names of a frame's columns, of which none comes twice."""
    return _unique([column_name(column) for column in frame.columns])


def _unique(names: list[str]) -> list[str]:
    """Return names of which none comes twice: the second `a` is `a (2)`."""
    times: Counter[str] = Counter()
    unique = []
    for name in names:
        times[name] += 1
        unique.append(name if times[name] == 1 else f"{name} ({times[name]})")
    return unique


# --- targets ------------------------------------------------------------------------------------------------------


def read_targets(target: Any, side: str, known: tuple[str, ...]) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Return targets: class numbers as int64, all other numbers as float32; and what the class numbers stand for."""
    if isinstance(target, torch.Tensor):
        target = target.detach().cpu()
        return (target.float() if target.is_floating_point() else target.long()), ()
    if is_frame(target):
        if target.shape[1] != 1:
            columns = [_numbers(target.iloc[:, place]) for place in range(target.shape[1])]
            if any(column is None for column in columns):
                raise DataError(f"`{side}`: y has {target.shape[1]} columns, not all of them numbers")
            return torch.from_numpy(np.stack(columns, axis=1)), ()
        target = target.iloc[:, 0]
    if is_series(target):
        column = target
        if str(column.dtype) == "category" or not _is_number_type(column) or column.dtype == object:
            return _class_numbers(column.astype(object).to_numpy(), side, known)
        array = _from_series(column)
    else:
        array = target if isinstance(target, np.ndarray) else as_array(target, side, "y")
    if array.dtype.kind in "biu":
        return torch.from_numpy(array.astype(np.int64)), ()
    if array.dtype.kind == "f":
        return torch.from_numpy(array.astype(np.float32)), ()
    return _class_numbers(array, side, known)


def _from_series(column: Any) -> np.ndarray:
    whole = sys.modules["pandas"].api.types.is_integer_dtype(column) or sys.modules["pandas"].api.types.is_bool_dtype(
        column
    )
    if whole and not column.isna().any():
        return column.to_numpy(dtype=np.int64)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _class_numbers(values: np.ndarray, side: str, known: tuple[str, ...]) -> tuple[torch.Tensor, tuple[str, ...]]:
    if values.ndim != 1:
        raise DataError(f"`{side}`: y has shape {values.shape} of {values.dtype}, wanted one number for each row")
    missing = [row for row, value in enumerate(values.tolist()) if _is_missing(value)]
    if missing:
        raise DataError(
            f"`{side}`: y is missing in {len(missing)} of {len(values)} rows, the first is row {missing[0]}; "
            "leave them out with `dropna`"
        )
    plain = values.tolist()
    if all(isinstance(value, bool | int) for value in plain):
        return torch.tensor([int(value) for value in plain]), ()
    if all(isinstance(value, bool | int | float) for value in plain):
        return torch.tensor([float(value) for value in plain]), ()
    if not all(isinstance(value, str) for value in plain):
        kinds = sorted({type(value).__name__ for value in plain})
        raise DataError(f"`{side}`: y holds {', '.join(kinds)}, wanted numbers, yes and no, or names of classes")
    names = [*known, *sorted(set(plain) - set(known))]
    if len(names) > MOST_CLASSES and len(names) > len(plain) / 2:
        raise DataError(
            f"`{side}`: y holds {len(names)} different texts in {len(plain)} rows, wanted numbers or names of classes"
        )
    number = {name: place for place, name in enumerate(names)}
    return torch.tensor([number[value] for value in plain]), tuple(names)


def _is_missing(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    if value is None or (pandas is not None and value is pandas.NA):
        return True
    return isinstance(value, float) and value != value


# --- what it is ---------------------------------------------------------------------------------------------------


def as_array(values: Any, side: str, name: str) -> np.ndarray:
    try:
        array = np.array(values)
    except ValueError as error:
        raise DataError(f"`{side}`: the rows of {name} differ in length, wanted one length for all") from error
    return array if array.dtype != object else np.array(values, dtype=object)


def readable(part: Any) -> Any:
    """Return other forms of columns as frames, arrays or lists: masked ones, pandas' own, those of other libraries."""
    pandas = sys.modules.get("pandas")
    if isinstance(part, np.ma.MaskedArray):
        filled = part.astype(np.promote_types(part.dtype, np.float32)) if part.dtype.kind in "biuf" else part
        return filled.filled(np.nan) if np.ma.is_masked(part) and filled.dtype.kind == "f" else np.asarray(part)
    if pandas is not None and isinstance(part, pandas.api.extensions.ExtensionArray | pandas.Index):
        return pandas.Series(part)
    if isinstance(part, tuple) and part and isinstance(part[0], bool | int | float | str | np.generic):
        return list(part)
    known = isinstance(part, np.ndarray | torch.Tensor) or is_frame(part) or is_series(part)
    return np.asarray(part) if hasattr(part, "__array__") and hasattr(part, "__len__") and not known else part


def is_frame(given: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(given, pandas.DataFrame)


def is_series(given: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(given, pandas.Series)
