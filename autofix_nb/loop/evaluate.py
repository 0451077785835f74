"""Validation: loss and metrics over a whole loader, with nothing of the training changed by it."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from autofix_nb.data import GuardedLoader, structure
from autofix_nb.data.loader import IterableGuard
from autofix_nb.data.seeding import LoadingRandomness
from autofix_nb.errors import ConfigurationError
from autofix_nb.loop.thresholds import answers
from autofix_nb.objective import Objective, evaluating, total_loss

Metric = Callable[[Any, Any], Any]

MOST_GATHERED = 50_000_000
"""Numbers of outputs and targets kept for metrics over the whole set; beyond, metrics are means over batches."""

_VALIDATION = 0x7A1


def evaluate(
    objective: Objective,
    source: GuardedLoader | IterableGuard,
    metrics: Mapping[str, Metric],
    device: torch.device,
    autocast: Callable[[], Any],
    heed: Callable[[int], None] = lambda done: None,
) -> tuple[dict[str, float], list[str]]:
    """Return loss and metrics, named `val/...`, and sentences about samples that could not be used.

    Every epoch sees the same order and the same random numbers. The random streams of the training are left alone.
    `heed` is told before each batch how many are done; what it raises ends the validation.
    """
    losses = _Mean()
    parts: dict[str, _Mean] = {}
    means = {name: _Mean() for name in metrics}
    gathered: list[tuple[Any, Any]] = []
    held = 0
    problems: list[str] = []
    with evaluating(objective.model), LoadingRandomness(source.seed, _VALIDATION):
        for done, batch in enumerate(source.epoch(0)):
            heed(done)
            problems += [f"validation sample {fault.index} {fault.kind}: {fault.reason}" for fault in batch.faults]
            if batch.data is None:
                continue
            data = structure.to_device(batch.data, device)
            for loss, named, size in _passing(objective, data, problems, autocast, raising=not losses.weight):
                losses.add(float(loss), size)
                for name, part in named.items():
                    parts.setdefault(name, _Mean()).add(float(part), size)
                if not metrics or not isinstance(objective.outputs, torch.Tensor):
                    continue
                outputs, targets = objective.outputs.detach().float().cpu(), _to_cpu(objective.targets)
                if held < MOST_GATHERED:
                    gathered.append((outputs, targets))
                    held += outputs.numel()
                else:
                    for name, metric in metrics.items():
                        means[name].add(_number(name, metric(outputs, targets)), size)
        row = {"val/loss": losses.value} | {f"val/loss/{name}": mean.value for name, mean in parts.items()}
        row |= _metrics(metrics, gathered, means)
        row["val/rows"] = float(losses.weight)
        row |= {name: value for name, value in answers(objective.task, gathered).items() if name not in row}
    if not math.isfinite(losses.value) and losses.weight:
        problems.append(f"the validation loss is {losses.value}")
    return row, problems


def _metrics(
    metrics: Mapping[str, Metric], gathered: list[tuple[Any, Any]], means: Mapping[str, "_Mean"]
) -> dict[str, float]:
    row = {}
    together = _together(gathered)
    for name, metric in metrics.items():
        if together is not None and not means[name].weight:
            row[f"val/{name}"] = _number(name, metric(*together))
            continue
        for outputs, targets in gathered:
            means[name].add(_number(name, metric(outputs, targets)), len(outputs))
        if means[name].weight:
            row[f"val/{name}"] = means[name].value
    return row


def _together(gathered: list[tuple[Any, Any]]) -> tuple[Any, Any] | None:
    """Return all outputs and all targets as two tensors, or None where batches differ in shape (sequences)."""
    if not gathered or not all(isinstance(targets, torch.Tensor) for _, targets in gathered):
        return None
    shapes = {(outputs.shape[1:], targets.shape[1:]) for outputs, targets in gathered}
    if len(shapes) != 1:
        return None
    return torch.cat([outputs for outputs, _ in gathered]), torch.cat([targets for _, targets in gathered])


def _passing(
    objective: Objective, data: Any, problems: list[str], autocast: Callable[[], Any], *, raising: bool
) -> Iterator[tuple[Any, Mapping[str, Any], int]]:
    """Yield loss, parts and rows of the batch, or, where the model raises for it, of those pieces of it that pass.

    `raising` lets the error out when no row of the batch passes: then it is no matter of single samples.
    """
    try:
        size = structure.rows(data)
    except structure.NotSliceable:
        size = 1
    waiting = [list(range(size))]
    passed, last = False, None
    while waiting:
        part = waiting.pop(0)
        piece = data if len(part) == size else structure.take(data, part, size)
        error = None
        try:
            with autocast():
                loss, named = total_loss(objective(piece))
        except Exception as caught:  # noqa: BLE001 - one bad sample must not end a validation
            error = caught
        if error is None:
            passed = True
            yield loss, named, len(part)
        elif len(part) == 1:
            last = error
            problems.append(f"a validation sample raises {type(error).__name__}: {error}")
        else:
            middle = len(part) // 2
            waiting = [part[:middle], part[middle:], *waiting]
    if raising and not passed and last is not None:
        raise last


def _to_cpu(targets: Any) -> Any:
    return structure.to_device(targets, torch.device("cpu"))


class _Mean:
    """A mean weighted by rows."""

    def __init__(self) -> None:
        self.total = 0.0
        self.weight = 0

    def add(self, value: float, weight: int) -> None:
        self.total += value * weight
        self.weight += weight

    @property
    def value(self) -> float:
        return self.total / self.weight if self.weight else math.nan


def _number(name: str, value: Any) -> float:
    """Return what a metric gave as a number.

    Raises:
        ConfigurationError: naming the metric, when it is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        what = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"
        raise ConfigurationError(f"`metrics[{name!r}]` returned {what}, wanted one number") from error
