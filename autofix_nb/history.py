"""What a run looked like: named series of (step, value) in constant memory, and a row per epoch.

The newest `RECENT` points of a series are kept one by one. Older points are thinned into buckets that
remember their smallest, largest, last and first non-finite value, so that a spike is never lost however
long the run. All full buckets cover the same number of points; when there are too many, neighbours merge.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

RECENT = 2048
"""Newest points kept in full detail (up to twice as many between two thinnings)."""

BUCKETS = 512
"""Buckets that hold the rest (up to twice as many between two merges)."""

_BUCKET = np.dtype(
    [
        ("count", "i8"),
        ("min_step", "i8"),
        ("min", "f8"),
        ("max_step", "i8"),
        ("max", "f8"),
        ("last_step", "i8"),
        ("last", "f8"),
        ("bad_step", "i8"),  # first non-finite value, -1 where there is none
        ("bad", "f8"),
    ]
)


class Series:
    """One named signal. Steps never decrease."""

    def __init__(self, recent: int = RECENT, buckets: int = BUCKETS) -> None:
        self._recent = recent
        self._most = 2 * buckets
        self._width = max(1, recent // buckets)
        self._steps = np.empty(2 * recent, dtype=np.int64)
        self._values = np.empty(2 * recent, dtype=np.float64)
        self._size = 0
        self._old = np.empty(0, dtype=_BUCKET)
        self._old_points: tuple[np.ndarray, np.ndarray] | None = None  # of the buckets, until these change

    def __len__(self) -> int:
        """Points recorded since the start, thinned ones included."""
        return int(self._old["count"].sum()) + self._size

    def extend(self, steps: np.ndarray, values: np.ndarray) -> None:
        """Append points, oldest first; both arrays have shape (points,)."""
        done = 0
        while done < len(steps):
            if self._size == len(self._steps):
                self._thin()
            take = min(len(steps) - done, len(self._steps) - self._size)
            here = slice(self._size, self._size + take)
            self._steps[here] = steps[done : done + take]
            self._values[here] = values[done : done + take]
            self._size += take
            done += take

    def recent(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and values of the newest `count` points still in full detail."""
        start = max(0, self._size - count)
        return self._steps[start : self._size].copy(), self._values[start : self._size].copy()

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and values of everything kept: thinned first, then in full detail."""
        if self._old_points is None:
            self._old_points = _points_of(self._old)
        steps, values = self._old_points
        return (
            np.concatenate([steps, self._steps[: self._size]]),
            np.concatenate([values, self._values[: self._size]]),
        )

    def state(self) -> dict[str, Any]:
        """Return plain arrays from which `from_state` rebuilds the same series."""
        return {
            "steps": self._steps[: self._size].copy(),
            "values": self._values[: self._size].copy(),
            "width": self._width,
            "old": np.frombuffer(self._old.tobytes(), dtype=np.uint8).copy(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Series":
        """Rebuild a series from `state`."""
        series = cls()
        series._width = int(state["width"])
        series._old = np.frombuffer(np.asarray(state["old"]).tobytes(), dtype=_BUCKET).copy()
        series.extend(np.asarray(state["steps"]), np.asarray(state["values"]))
        return series

    def _thin(self) -> None:
        """Move the older half of the detailed points into buckets."""
        self._old_points = None
        size = self._recent
        for start in range(0, size, self._width):
            stop = min(size, start + self._width)
            bucket = _bucket_of(self._steps[start:stop], self._values[start:stop])
            if len(self._old) and self._old[-1]["count"] + bucket[0]["count"] <= self._width:
                self._old[-1:] = _merged(self._old[-1:], bucket)
            else:
                self._old = np.concatenate([self._old, bucket])
        rest = self._size - size
        self._steps[:rest] = self._steps[size : self._size]
        self._values[:rest] = self._values[size : self._size]
        self._size = rest
        if len(self._old) > self._most:
            odd = self._old[len(self._old) // 2 * 2 :]
            self._old = np.concatenate([_merged(self._old[:-1:2], self._old[1::2]), odd])
            self._width *= 2


class History:
    """Every signal the loop recorded. Detectors read it and never write to it."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self.epochs: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}
        """What is known of the run and no series, as plain values: `planned_steps`, `batch_size`, `task`, ..."""

        self.since = -1
        """Step after which the present chapter begins: a restart, or a change that was kept. What was measured before
        belongs to another training, and `now`, `now_series` and `rows` leave it out."""

    def record(self, step: int, /, **values: float) -> None:
        """Append one value to each named series."""
        at = np.array([step])
        for name, value in values.items():
            self.extend(name, at, np.array([float(value)]))

    def extend(self, name: str, steps: np.ndarray, values: np.ndarray) -> None:
        """Append many values to one series; both arrays have shape (points,)."""
        if name not in self._series:
            self._series[name] = Series()
        self._series[name].extend(steps, values)

    def add_epoch(self, row: Mapping[str, Any]) -> None:
        """Append one row of the epoch table; `row["epoch"]` counts from 1."""
        self.epochs.append(dict(row))

    def names(self) -> list[str]:
        """Return the names of all recorded signals, in order of appearance."""
        return list(self._series)

    def __contains__(self, name: str) -> bool:
        return name in self._series

    def count(self, name: str) -> int:
        """Return how many points one series was given since the start; 0 when it was never recorded."""
        return len(self._series[name]) if name in self._series else 0

    def values(self, name: str, count: int | None = None) -> np.ndarray:
        """Return the values of one series, or its newest `count`; empty when it was never recorded."""
        return self.series(name, count)[1]

    def series(self, name: str, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and values of one series, thinned where old, or its newest `count` points."""
        if name not in self._series:
            return np.empty(0, dtype=np.int64), np.empty(0)
        series = self._series[name]
        return series.points() if count is None else series.recent(count)

    def now_series(self, name: str, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and values of one series in the present chapter, or its newest `count` points there."""
        steps, values = self.series(name, count)
        here = steps > self.since
        return steps[here], values[here]

    def now(self, name: str, count: int | None = None) -> np.ndarray:
        """Return the values of one series in the present chapter, or its newest `count` there."""
        return self.now_series(name, count)[1]

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the epochs that began in the present chapter."""
        return [row for row in self.epochs if row.get("step", 0) - row.get("steps", 0) >= self.since]

    def step(self, name: str) -> int:
        """Return the step of the newest value of one series; -1 when it was never recorded."""
        steps, _ = self.series(name, 1)
        return int(steps[-1]) if len(steps) else -1

    def last(self, name: str) -> float:
        """Return the newest value of one series; NaN when it was never recorded."""
        _, values = self.series(name, 1)
        return float(values[-1]) if len(values) else float("nan")

    def worst(self, prefix: str, count: int = 3) -> tuple[str, ...]:
        """Return the names under `prefix` with the largest newest values, largest first."""
        newest = {name.removeprefix(prefix): self.last(name) for name in self._series if name.startswith(prefix)}
        finite = {name: value for name, value in newest.items() if np.isfinite(value)}
        return tuple(sorted(finite, key=finite.__getitem__, reverse=True)[:count])

    def column(self, name: str) -> list[float]:
        """Return one column of the epoch table, NaN where an epoch has no such value."""
        return [float(row.get(name, "nan")) for row in self.epochs]

    def state(self) -> dict[str, Any]:
        """Return plain arrays and rows from which `from_state` rebuilds the same history."""
        return {
            "series": {name: series.state() for name, series in self._series.items()},
            "epochs": [dict(row) for row in self.epochs],
            "facts": dict(self.facts),
            "since": self.since,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "History":
        """Rebuild a history from `state`."""
        history = cls()
        history._series = {name: Series.from_state(series) for name, series in state["series"].items()}
        history.epochs = [dict(row) for row in state["epochs"]]
        history.facts = dict(state.get("facts", {}))
        history.since = int(state.get("since", -1))
        return history

    def to_arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield (name, array of shape (2, points)) for each series: steps and values, thinned where old."""
        for name, series in self._series.items():
            yield name, np.stack([part.astype(np.float64) for part in series.points()])

    @classmethod
    def from_arrays(cls, arrays: Iterable[tuple[str, np.ndarray]]) -> "History":
        """Rebuild a history to look at (not to go on with) from `to_arrays`."""
        history = cls()
        for name, both in arrays:
            history.extend(name, both[0].astype(np.int64), both[1])
        return history


def _bucket_of(steps: np.ndarray, values: np.ndarray) -> np.ndarray:
    bucket = np.zeros(1, dtype=_BUCKET)
    finite = np.isfinite(values)
    bucket["count"] = len(values)
    bucket["last_step"], bucket["last"] = steps[-1], values[-1]
    bucket["bad_step"], bucket["bad"] = -1, np.nan
    bucket["min_step"] = bucket["max_step"] = -1
    bucket["min"], bucket["max"] = np.inf, -np.inf
    if finite.any():
        low = int(np.argmin(np.where(finite, values, np.inf)))
        high = int(np.argmax(np.where(finite, values, -np.inf)))
        bucket["min_step"], bucket["min"] = steps[low], values[low]
        bucket["max_step"], bucket["max"] = steps[high], values[high]
    if not finite.all():
        first = int(np.argmin(finite))
        bucket["bad_step"], bucket["bad"] = steps[first], values[first]
    return bucket


def _merged(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Merge buckets pairwise; `right` follows `left` in time."""
    merged = left.copy()
    merged["count"] += right["count"]
    lower, higher = right["min"] < left["min"], right["max"] > left["max"]
    for field in ("min", "min_step"):
        merged[field] = np.where(lower, right[field], left[field])
    for field in ("max", "max_step"):
        merged[field] = np.where(higher, right[field], left[field])
    merged["last"], merged["last_step"] = right["last"], right["last_step"]
    was_well = left["bad_step"] < 0
    for field in ("bad", "bad_step"):
        merged[field] = np.where(was_well, right[field], left[field])
    return merged


def _points_of(buckets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the remembered points of all buckets in order of their steps, each once."""
    kinds = ("min", "max", "last", "bad")
    steps = np.concatenate([buckets[f"{kind}_step"] for kind in kinds])
    values = np.concatenate([buckets[kind] for kind in kinds])
    there = steps >= 0
    steps, values = steps[there], values[there]
    order = np.lexsort((values, steps))
    steps, values = steps[order], values[order]
    # One point may be smallest and last at once; two points of one step may differ, and both stay.
    same = np.zeros(len(steps), dtype=bool)
    same[1:] = (steps[1:] == steps[:-1]) & ((values[1:] == values[:-1]) | np.isnan(values[1:]) & np.isnan(values[:-1]))
    return steps[~same], values[~same]
