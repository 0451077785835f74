"""What a pass over a data set collects: rows, labels, digests, small pictures, faults; bounded however many arrive."""

from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import default_collate

from autofix_nb.data import Fault
from autofix_nb.data.fetch import describe_error
from autofix_nb.evidence.digests import SIZE, digest_of, digest_rows
from autofix_nb.evidence.frames import Table
from autofix_nb.evidence.labels import Labels
from autofix_nb.evidence.parts import (
    MOST_NUMBERS,
    Kind,
    is_image,
    is_numeric,
    kind_of,
    leaves,
    non_finite,
    split_sample,
    target_array,
)
from autofix_nb.evidence.pictures import Pictures
from autofix_nb.evidence.rows import Rows
from autofix_nb.evidence.scan import Scan

FIRST = 32
"""Samples by which it is told what kind of data this is."""

USUAL_SHARE = 0.8
"""Share of the first samples that must agree in shape for another shape to be odd."""


class Gathered:
    """Takes samples one by one (`add`) or many at once (`add_block`), and makes a `Scan` of them."""

    def __init__(self, model: nn.Module | None, table: Table | None, *, strict: bool = False) -> None:
        """`strict`: samples of different shapes cannot be collated, so that one of an odd shape is a fault."""
        self._model, self._table, self._strict = model, table, strict
        self.keys: list[Any] = []
        self.faults: list[Fault] = []
        self._digests: list[bytes] = []
        self._labels = Labels()
        self._non_finite: dict[int, str] = {}
        self._waiting: list[tuple[Any, Any, Any, bytes | None, Any]] | None = []
        self._kind: Kind = "other"
        self._usual: tuple | None = None
        self._usual_target: tuple[tuple, Any] | None = None
        self._rows: Rows | None = None
        self._pictures: Pictures | None = None

    # --- samples one by one ---------------------------------------------------------------------------------------

    def add(self, key: Any, sample: Any, digest: bytes | None = None, small: Any = None) -> None:
        """Add one sample as the data set gives it.

        `digest` and `small` (small picture, and size of the picture itself) where its file told them already.
        """
        inputs, target = split_sample(sample)
        parts = leaves(inputs)
        if small is not None and not any(is_image(part) for _, part in parts):
            small = None  # made from a picture, but none itself
        self._add(key, parts, target, digest_of(inputs) if digest is None else digest, small)

    def add_file(self, key: Any, target: Any, digest: bytes, small: np.ndarray, size: tuple[int, int]) -> None:
        """Add an image of which only its file was read."""
        self._add(key, [], target, digest, (small, size))

    def fault(self, key: Any, error: Exception) -> None:
        """Note a sample that could not be had."""
        said, trace = describe_error(error)
        self.faults.append(Fault(key, "raises", said, trace))

    def _add(self, key: Any, parts: list, target: Any, digest: bytes, small: Any) -> None:
        if self._waiting is not None:
            self._waiting.append((key, parts, target, digest, small))
            numbers = sum(part.size for _, part in parts if isinstance(part, np.ndarray))
            if len(self._waiting) >= (FIRST if numbers <= MOST_NUMBERS else FIRST // 4):
                self._decide()
            return
        odd = "" if small is not None else self._odd(parts, target)
        if odd:
            self.faults.append(Fault(key, "odd shape", odd))
            return
        array = target_array(target)
        looked_at = [(_called(name), part) for name, part in parts if isinstance(part, np.ndarray)]
        looked_at += [] if array is None else [("target", array)]
        self._wrong(key, [said for name, part in looked_at if (said := non_finite(name, part))])
        place = len(self.keys)
        self.keys.append(key)
        self._digests.append(digest)
        self._labels.add(None if array is None else array[None], 1)
        if self._pictures is not None and small is not None:
            self._pictures.add_small(place, *small)
        elif self._pictures is not None:
            self._pictures.add(place, next((part for _, part in parts if is_image(part)), None))
        elif self._rows is not None:
            fits = all(is_numeric(part) for _, part in parts) and self._rows.add(place, [part for _, part in parts])
            self._give_up_rows(fits)

    def _odd(self, parts: list, target: Any) -> str:
        """Say why a sample cannot be collated with the usual ones; empty where it can."""
        if self._usual is not None and _signature(parts) != self._usual:
            return f"is {_shapes(_signature(parts))}, usual is {_shapes(self._usual)}"
        if self._usual_target is None:
            return ""
        form, usual = self._usual_target
        here = _form(target)
        if here == form or (_collates(usual, target) and _collates(target, usual)):
            return ""
        return f"target is {_shapes(here)}, usual is {_shapes(form)}"

    def _decide(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        from_files = any(small is not None for *_, small in waiting)
        samples = [parts for _, parts, *_ in waiting if parts]
        self._kind = "image" if from_files else kind_of(samples, self._model)
        if self._strict and samples and not from_files:
            signature, times = Counter(map(_signature, samples)).most_common(1)[0]
            if times >= USUAL_SHARE * len(samples):
                self._usual = signature
                samples = [parts for parts in samples if _signature(parts) == signature]
                self._kind = kind_of(samples, self._model)
        if self._strict and waiting and not from_files:
            targets = [target for _, _, target, *_ in waiting]
            form, times = Counter(map(_form, targets)).most_common(1)[0]
            if times >= USUAL_SHARE * len(targets):
                self._usual_target = form, next(target for target in targets if _form(target) == form)
        self._begin(samples)
        for one in waiting:
            try:
                self._add(*one)
            except Exception as error:  # noqa: BLE001 - a sample of a form of its own
                self.fault(one[0], error)

    # --- many at once ---------------------------------------------------------------------------------------------

    def add_block(
        self, keys: list[Any], parts: list[tuple[str, Any]], targets: Any, digests: np.ndarray | None = None
    ) -> None:
        """Add rows at once: each part is an array (B, ...), or something else with B entries."""
        count = len(keys)
        if digests is None:
            digests = digest_rows([part for _, part in parts]) if _numbers(parts) else _digests_of(parts, count)
        if self._waiting is not None:
            self._waiting = None
            first_rows = range(min(FIRST, count) if _numbers(parts) else 0)
            samples = [[(name, np.asarray(part[row])) for name, part in parts] for row in first_rows]
            self._kind = kind_of(samples, self._model)
            self._begin(samples)
        first = len(self.keys)
        self.keys += keys
        self._digests.append(digests.tobytes())
        self._labels.add(target_array(targets), count)
        places = np.arange(first, first + count)
        for name, part in [*((_called(name), part) for name, part in parts), ("target", target_array(targets))]:
            self._look_for_non_finite(name, part, keys)
        arrays = [part for _, part in parts]
        if self._pictures is not None and _numbers(parts):
            self._pictures.add_block(places, next(part for part in arrays if part.ndim > 1 and is_image(part[0])))
        elif self._rows is not None:
            self._give_up_rows(_numbers(parts) and self._rows.add_block(places, arrays))

    def _look_for_non_finite(self, name: str, part: Any, keys: list[Any]) -> None:
        if not isinstance(part, np.ndarray) or part.dtype.kind not in "fc":
            return
        flat = part.reshape(len(keys), -1)
        for row in np.flatnonzero(~np.isfinite(flat).all(axis=1)).tolist():
            self._wrong(keys[row], [non_finite(name, flat[row])])

    # --- both -----------------------------------------------------------------------------------------------------

    def _begin(self, samples: list) -> None:
        """Prepare for what the first samples showed."""
        if self._kind == "image":
            self._pictures = Pictures([part for parts in samples for _, part in parts if is_image(part)])
        elif self._kind != "tokens" and samples and all(is_numeric(part) for parts in samples for _, part in parts):
            widths = {sum(part.size for _, part in parts) for parts in samples}
            if len(widths) == 1 and max(widths):
                self._rows = Rows(samples[0], () if self._table is None else self._table.columns)

    def _give_up_rows(self, fits: bool) -> None:
        """Leave the features out where samples turn out to be of different lengths."""
        if not fits:
            self._rows, self._kind = None, "other" if self._kind == "table" else self._kind

    def _wrong(self, key: Any, said: list[str]) -> None:
        if said:
            known = [self._non_finite[key]] if key in self._non_finite else []
            self._non_finite[key] = "; ".join([*known, *said])

    def finish(self, side: Any, samples: int | None, digested: str, files: tuple[Any, ...], seconds: float) -> Scan:
        """Return everything gathered, by index."""
        if self._waiting is not None:
            self._decide()
        plain = all(isinstance(key, int) for key in self.keys)
        indices = np.asarray(self.keys if plain else range(len(self.keys)), dtype=np.int64)
        order = np.argsort(indices, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        labels = self._labels.joined(len(order))
        scan = Scan(
            side=side,
            kind=self._kind,
            samples=samples,
            indices=indices[order],
            labels=None if labels is None else labels[order],
            digests=np.frombuffer(b"".join(self._digests), dtype=f"V{SIZE}")[order] if len(order) else None,
            digested=digested,
            faults=tuple(sorted(self.faults, key=lambda fault: fault.index if isinstance(fault.index, int) else 0)),
            non_finite=dict(sorted(self._non_finite.items())) if plain else self._non_finite,
            files=files,
            text_columns=() if self._table is None else self._table.text_columns,
            seconds=seconds,
        )
        if self._pictures is not None:
            rows, scan.features, scan.thumbnails, scan.profile = self._pictures.finish()
            scan.names = self._pictures.names
        elif self._rows is not None:
            rows, scan.features = self._rows.finish()
            scan.names, scan.profile = self._rows.names, self._rows.profile
        if scan.features is not None:
            places = rank[rows]
            by_index = np.argsort(places, kind="stable")
            moved = not bool((by_index == np.arange(len(by_index))).all())
            scan.rows = places[by_index] if moved else places
            scan.features = scan.features[by_index] if moved else scan.features
            if scan.thumbnails is not None:
                scan.thumbnails = scan.thumbnails[by_index] if moved else scan.thumbnails
        return scan


def _called(name: str) -> str:
    return f"input {name}" if name else "input"


def _signature(parts: list[tuple[str, Any]]) -> tuple:
    return tuple((name, part.shape if isinstance(part, np.ndarray) else type(part).__name__) for name, part in parts)


def _form(target: Any) -> tuple:
    """Return what of a target must agree for it to be collated, types included: beside a tensor goes no number."""
    parts, kind = leaves(target), type(target).__name__
    if len(parts) != 1 or parts[0][0]:
        return _signature(parts)
    has_shape = isinstance(target, torch.Tensor | np.ndarray | list | tuple) and isinstance(parts[0][1], np.ndarray)
    return ((kind, parts[0][1].shape) if has_shape else ("", "None" if target is None else kind),)


def _collates(first: Any, second: Any) -> bool:
    try:
        default_collate([first, second])
    except Exception:  # noqa: BLE001 - that it refuses is the answer
        return False
    return True


def _shapes(signature: tuple) -> str:
    return ", ".join(f"{name} {shape}".strip() for name, shape in signature)


def _numbers(parts: list[tuple[str, Any]]) -> bool:
    return bool(parts) and all(is_numeric(part) and part.ndim > 0 for _, part in parts)


def _digests_of(parts: list[tuple[str, Any]], count: int) -> np.ndarray:
    """Return digests of rows that are not all numbers: lists of texts; what has no rows belongs to each of them."""
    split = [isinstance(part, np.ndarray | list | tuple) and np.ndim(part) and len(part) == count for _, part in parts]
    rows = ([part[row] if rows else part for (_, part), rows in zip(parts, split, strict=True)] for row in range(count))
    return np.frombuffer(b"".join(map(digest_of, rows)), dtype=f"V{SIZE}")
