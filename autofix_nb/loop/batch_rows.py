"""The rows of a batch: counted, cut out, or loaded again where the batch cannot be cut."""

from dataclasses import replace
from typing import Any

from autofix_nb.data import Batch, structure


def rows_of(batch: Batch) -> range:
    """Return the places of a batch's rows.

    Raises:
        NotSliceable: when nothing tells how many there are.
    """
    return range(len(batch.indices) if batch.indices is not None else structure.rows(batch.data))


def load_again(batch: Batch) -> None:
    """Put the batch back as the loader gives it: the model or the step may have changed it in place."""
    again = batch.reload(batch.indices) if batch.indices else None
    if again is not None and again.indices == batch.indices:
        batch.data = again.data


def take_rows(batch: Batch, rows: list[int]) -> Any:
    """Return the data of these rows: cut out of the batch, or, where it cannot be cut, loaded again.

    Raises:
        NotSliceable: when neither can be done.
    """
    try:
        return structure.take(batch.data, rows, len(rows_of(batch)))
    except structure.NotSliceable:
        if batch.indices is None:
            raise
        part = batch.reload([batch.indices[row] for row in rows])
        if part is None:
            raise
        return part.data


def without_rows(batch: Batch, rows: list[int]) -> Batch | None:
    """Return the batch without these rows; None where the loader cannot give the others any more."""
    rest = [row for row in rows_of(batch) if row not in set(rows)]
    if batch.indices is not None:
        return batch.reload([batch.indices[row] for row in rest])
    return replace(batch, data=structure.take(batch.data, rest, len(rows_of(batch))))
