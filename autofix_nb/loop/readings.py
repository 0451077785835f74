"""Targets that are written otherwise than the loss takes them, read as it does: class numbers from 1, -1 and 1 for two
classes, 255 for "not to be learnt", class numbers as floats, a loss that is left as a list of numbers.

None of them can be trained with as it is: torch raises at the first step. Where all labels agree on what they mean, the
loss is handed what it takes, and it is said; where they do not, the error stays. All labels of the training data are
looked at, as far as they can be had without loading samples, and those of the first batches.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from autofix_nb.errors import DataError, ModelError
from autofix_nb.evidence.batches import first_batches
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import FIXES, Change
from autofix_nb.fixes.prepared import Prepared, note
from autofix_nb.loop.probe import Sample, labels_of, probe, sample_of
from autofix_nb.loop.widening import WIDEN, outputs_wanted, widened
from autofix_nb.objective import infer_task, split_batch, takes_class_ids, task_of, total_loss

Reading = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(outputs, targets) -> targets as the loss takes them."""

MOST_BATCHES = 5
"""Batches whose labels are looked at where the data set does not tell them all."""

LEFT_OUT = (255, -1)
"""Labels by which people mark what is not to be learnt (Pascal VOC, Cityscapes, scikit-learn's unlabelled rows)."""

NEVER = -100
"""The label that torch's losses leave out unless told otherwise."""

SAYS = {
    "from one": "the loss is given labels less 1: they count from 1, the model's outputs from 0",
    "codes": "the loss is given the place of each label among all that there are, as many as the model has outputs",
    "signs": "the loss is given the classes 0 and 1 for the labels -1 and 1",
    "left out": "the loss leaves out the labels {odd}, which none of the model's outputs stands for",
    "whole": "the loss is given the class numbers as whole numbers",
    "flat": "the loss is given the class numbers in one dimension",
    "floats": "the loss is given the targets as floats",
    "shaped": "the loss is given the targets as floats in the shape of the outputs",
    "mean": "the loss is the mean of the numbers that it gave for each row",
}
"""What each reading does."""

LINES = {
    "from one": "targets = targets - 1",
    "codes": "targets = torch.searchsorted(labels.unique(), targets)  # of all labels, sorted",
    "signs": "targets = (targets + 1) // 2",
    "left out": "loss = nn.CrossEntropyLoss(ignore_index={odd})",
    "whole": "targets = targets.long()",
    "flat": "targets = targets.squeeze(1)",
    "floats": "targets = targets.float()",
    "shaped": "targets = targets.float().reshape(outputs.shape)",
    "mean": "return loss.mean()",
}
"""What to type for it."""

CODES = dict.fromkeys(("from one", "codes", "signs", "left out", "whole"), ("B04", "Label range")) | {
    "mean": ("B06", "First step")
}
"""Code and title of the finding; those of the shapes for all others."""

AS_THEY_SEEM = frozenset({"mean", "whole"})
"""Readings after which the class numbers mean what they did."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """What a look at the first batch tells, and the loss to train with."""

    sample: Sample
    loss: Any
    found: tuple[Finding, ...] = ()
    """What was wrong with the targets, where the loss had to read them otherwise."""

    outputs: tuple[int, int] = (0, 0)
    """How many outputs the model is to have, and has, where it has fewer than the labels count."""


def probe_and_read(
    model: Any, train: Any, loss: Any, step: Any, device: Any, autocast: Any, *, may: Collection[str]
) -> Read:
    """Look at the first batch; where the loss takes the targets only if they are read otherwise, or the model has fewer
    outputs than the labels count, tell how they are made to fit by the fixes that one `may` use.

    Raises:
        DataError, ModelError: when targets and outputs fit no loss, or the given loss does not take them.
    """
    try:
        return Read(sample=probe(model, train, loss, step, device, autocast), loss=loss)
    except (DataError, ModelError) as error:
        found = None
        if WIDEN in may and step is None:
            found = _widened(model, train, loss, device, autocast)
        if found is None and "mend_loss" in may and step is None:
            found = _read(model, train, loss, device, autocast, error)
        if found is None:
            raise
        return found


def may_read(mode: str, allow: Collection[str], fixes: Collection[str] | None) -> frozenset[str]:
    """Return which of the ways to make targets and outputs fit the user allows; without any the error comes out."""
    ways = ("mend_loss", WIDEN) if mode == "auto" else ()
    return frozenset(name for name in ways if FIXES[name].touches in allow and (fixes is None or name in fixes))


def _widened(model: Any, train: Any, loss: Any, device: Any, autocast: Any) -> Read | None:
    """Return what a model with the outputs that are missing would tell; None where none are, or that does not help.

    The numbers of the classes stay the user's, so that whoever compares the largest output with the labels is right.
    """
    if not (loss is None or takes_class_ids(loss)):
        return None
    outputs, targets = sample_of(model, train, device, autocast)
    labels = labels_of(train)
    wanted = outputs_wanted(outputs, targets, None if labels is None or labels.is_floating_point() else labels)
    if not wanted:
        return None
    wide = widened(outputs, wanted)
    try:
        task = infer_task(wide, targets) if loss is None else task_of(loss, wide, targets)
    except (DataError, ModelError):
        return None
    says = f"Loss: {task.says}." if loss is None else ""
    sample = Sample(task, says, getattr(task.loss, "__name__", type(task.loss).__name__))
    return Read(sample=sample, loss=loss, outputs=(wanted, outputs.shape[1]))


def _read(model: Any, train: Any, loss: Any, device: Any, autocast: Any, error: Exception) -> Read | None:
    outputs, targets = sample_of(model, train, device, autocast)
    if not (isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor) and outputs.dim()):
        return None
    given = nn.CrossEntropyLoss() if loss is None else loss
    rows = isinstance(error, ModelError)  # a loss that takes the targets, and gives no single number
    for name, reading, odd in _readings(train, given, outputs, targets):
        if rows != (name == "mean"):
            continue
        read = _reading_loss(given, reading, mean=name == "mean")
        if not _takes(read, outputs, targets):
            continue
        says, line = (words[name].format(odd=odd) for words in (SAYS, LINES))
        change = Change(
            fix="mend_loss", touches="loop", says=says, before={"loss": ""}, after={"reads": name}, permanent=line
        )
        code, title = CODES.get(name, ("B05", "Loss shapes"))
        note(Prepared(code=code, change=change), read)
        finding = Finding(
            code=code,
            title=title,
            severity=Severity.CRITICAL,
            step=0,
            measured=float("nan"),
            limit=0.0,
            says=f"{error} ({says})",
            to_type=line,
        )
        sample = Sample.of_own(read, "", outputs, targets, classes=name in AS_THEY_SEEM)
        return Read(sample=sample, loss=read, found=(finding,))
    return None


def _readings(
    train: Any, loss: Any, outputs: torch.Tensor, targets: torch.Tensor
) -> Iterator[tuple[str, Reading, int | None]]:
    """Yield the readings that these targets allow, with the label that none of them means, if there is one."""
    width = outputs.shape[1] if outputs.dim() > 1 else 1
    whole = not targets.is_floating_point()
    yield "mean", lambda outputs, targets: targets, None
    if width > 1 and whole:
        labels = _labels(train, targets)
        low, high = int(labels.min()), int(labels.max())
        if low == 1 and high == width:
            yield "from one", lambda outputs, targets: targets - 1, None
        values = labels.unique()
        if len(values) == width and low != 1 and low >= 0 and (high - low + 1 == width or low >= width):
            codes = values.to(outputs.device)
            yield "codes", lambda outputs, targets: torch.searchsorted(codes, targets), None
        if width == 2 and set(labels.unique().tolist()) == {-1, 1}:
            yield "signs", lambda outputs, targets: torch.div(targets + 1, 2, rounding_mode="floor"), None
        odd = sorted(set(labels[(labels < 0) | (labels >= width)].tolist()))
        inside = labels[(labels >= 0) & (labels < width)]
        if len(odd) == 1 and odd[0] in LEFT_OUT and len(inside.unique()) > 1:
            ignored = int(getattr(loss, "ignore_index", NEVER))
            yield "left out", lambda outputs, targets: torch.where(targets == odd[0], ignored, targets), odd[0]
        if targets.dim() == 2 and targets.shape[1] == 1:
            yield "flat", lambda outputs, targets: targets.squeeze(1), None
    if width > 1 and not whole and _are_class_numbers(targets, outputs, width):
        yield "whole", lambda outputs, targets: targets.reshape(len(outputs)).long(), None
    if targets.shape == outputs.shape and whole:
        yield "floats", lambda outputs, targets: targets.to(outputs.dtype), None
    if targets.numel() == outputs.numel() and targets.shape != outputs.shape:
        yield "shaped", lambda outputs, targets: targets.to(outputs.dtype).reshape(outputs.shape), None


def _are_class_numbers(targets: torch.Tensor, outputs: torch.Tensor, width: int) -> bool:
    whole = bool((targets == targets.round()).all()) and targets.numel() == len(outputs)
    return whole and float(targets.min()) >= 0 and float(targets.max()) < width and len(targets.unique()) > 1


def _labels(train: Any, targets: torch.Tensor) -> torch.Tensor:
    """Return all labels that can be had without loading samples, else those of the first batches; flat."""
    told = labels_of(train)
    if told is not None and not told.is_floating_point():
        return told.flatten()
    parts = [targets.flatten().cpu()]
    for batch in first_batches(train, MOST_BATCHES):
        try:
            parts.append(torch.as_tensor(split_batch(batch.data)[1]).flatten().cpu())
        except Exception:  # noqa: BLE001, S112 - a batch that cannot be had tells nothing
            continue
    return torch.cat(parts)


def _reading_loss(loss: Any, reading: Reading, *, mean: bool) -> Any:
    def read(outputs: Any, targets: Any) -> Any:
        value = loss(outputs, reading(outputs, targets))
        return value.mean() if mean else value

    read.__name__ = getattr(loss, "__name__", type(loss).__name__)
    return read


def _takes(loss: Any, outputs: Any, targets: Any) -> bool:
    try:
        with torch.no_grad():
            return bool(torch.isfinite(total_loss(loss(outputs, targets))[0]))
    except Exception:  # noqa: BLE001 - then it does not
        return False
