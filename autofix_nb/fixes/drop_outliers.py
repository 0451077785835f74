"""Leave out samples whose inputs or targets lie absurdly far from all others: one row of 1e9 drowns all others' slopes.

How far is told by the median and the median absolute deviation, which the samples themselves cannot move (Leys et al.
2013, Detecting outliers). Far out is not enough, since prices and counts have long tails: a gap must lie before them.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from autofix_nb.data import Fault
from autofix_nb.data.quarantine import key_of
from autofix_nb.evidence.far_targets import MOST_MARKED, are_marks, far_targets
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Fix, Trainee
from autofix_nb.fixes.collating import batches_spread, first_parts, input_parts
from autofix_nb.objective import split_batch

FAR = 50.0
"""Robust standard deviations from the median of a feature beyond which a value lies absurdly far."""

FAR_AS_A_WHOLE = 100.0
"""Times the usual norm beyond which a sample as a whole does."""

GAP = 3.0
"""Times as far as the farthest sample that stays that those left out lie at least."""

MOST = 0.05
"""Share of the samples looked at that may be left out; where more lie so far, far is usual."""

SAMPLES = 20_000
"""Rows looked at, spread over the data."""

PICTURES = 2_000
"""Pictures, sequences and long rows looked at."""

MOST_TARGETS = 64
"""Numbers of one target up to which they are looked at."""

FEWEST = 20
"""Samples without which nothing can be called usual."""

MOST_FEATURES = 2048
"""A row of more numbers than these is looked at as a whole only."""

REASON = "its inputs lie {times:.3g} times as far out as is absurd"

NAMED = 5
"""Samples named in the sentence."""


class DropOutliers(Fix):
    """Set such samples aside, as those are that raise: at most 5 % of the data."""

    name: ClassVar = "drop_outliers"
    touches: ClassVar = "data"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        seen = _look(getattr(run, "train", None))
        if seen is None:
            return None
        new = {index: times for index, times in seen.far_out().items() if index not in run.quarantine}
        if not new and getattr(run, "task", None) is not None and run.task.kind not in ("regression", "custom"):
            return None  # numbers of classes are no targets that could lie far out
        if not new:
            return self._of_targets(seen, run)
        if not new:
            return None
        names = sorted(new, key=lambda index: (isinstance(index, str), index))
        shown = ", ".join(map(str, names[:NAMED])) + (", ..." if len(names) > NAMED else "")
        what = f"{len(names)} samples ({shown}) are" if len(names) > 1 else f"sample {shown} is"
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"{what} set aside, whose inputs lie up to {max(new.values()):.3g} times as far out as is absurd",
            before={"samples": []},
            after={"samples": names, "times": [float(f"{new[name]:.4g}") for name in names]},
            permanent=f"train = torch.utils.data.Subset(train, [i for i in range(len(train)) if i not in {names}])",
        )

    def _of_targets(self, seen: "_Seen", run: Trainee) -> Change | None:
        new = {index: far for index, far in seen.far_targets().items() if index not in run.quarantine}
        if not new:
            return None
        names = sorted(new, key=lambda index: (isinstance(index, str), index))
        shown = ", ".join(map(str, names[:NAMED])) + (", ..." if len(names) > NAMED else "")
        values = sorted({float(f"{seen.target_of(index):.4g}") for index in names})
        what = f"is {values[0]:g}" if len(values) == 1 else f"is from {values[0]:g} to {values[-1]:g}"
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"{len(names)} samples ({shown}) are set aside, whose target {what}, {min(new.values()):.3g} times "
            "the usual spread or more from all others",
            before={"samples": []},
            after={
                "samples": names,
                "times": [float(f"{new[name]:.4g}") for name in names],
                "reason": "its target lies {times:.3g} times the usual spread from all others",
                "sure": seen.are_marks(names),
            },
            permanent=f"train = torch.utils.data.Subset(train, [i for i in range(len(train)) if i not in {names}])",
        )

    def apply(self, change: Change, run: Trainee) -> None:
        for index, times in zip(change.after["samples"], change.after["times"], strict=True):
            if index not in run.quarantine:
                reason = change.after.get("reason", REASON).format(times=times)
                # Not `set_aside`, which writes down what is tried on the side as if it had happened.
                epoch, position = getattr(run, "epoch", 0), getattr(run, "position", 0)
                run.quarantine.add(Fault(index, "outlier", reason), epoch=epoch, position=position)

    def undo(self, change: Change, run: Trainee) -> None:
        for index in change.after["samples"]:
            run.quarantine.release(index)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """Samples that were looked at."""

    indices: list[Any]
    rows: dict[str, np.ndarray]
    """By part, the numbers of each sample, shape (N, F), where they are few."""

    norms: dict[str, np.ndarray]
    """By part, the root mean square of each sample."""

    targets: np.ndarray | None = None
    """The target of each sample, shape (N, k), where it is a few numbers."""

    def far_targets(self) -> dict[Any, float]:
        """Return the samples whose targets lie far out, and how many times the usual spread."""
        found = {} if self.targets is None else far_targets(self.targets)
        if len(found) > MOST_MARKED * len(self.indices):
            return {}
        return {self.indices[row]: far for row, far in found.items()}

    def are_marks(self, names: list[Any]) -> bool:
        """Tell whether these samples have one and the same target, which stands for none."""
        return self.targets is not None and are_marks(self.targets, [self.indices.index(name) for name in names])

    def target_of(self, index: Any) -> float:
        """Return the number farthest from 0 of a sample's target."""
        row = self.targets[self.indices.index(index)]  # type: ignore[index]
        return float(row[np.abs(row).argmax()])

    def far_out(self) -> dict[Any, float]:
        """Return the samples that lie absurdly far, and how many times as far as the limit."""
        times_N = np.zeros(len(self.indices))
        with np.errstate(all="ignore"):
            for rows_NF in self.rows.values():
                rows_NF = rows_NF[:, np.isfinite(rows_NF).any(0)]
                away_NF = np.abs(rows_NF - np.nanmedian(rows_NF, 0))
                spread_F = 1.4826 * np.nanmedian(away_NF, 0)
                away_NF = away_NF[:, spread_F > 0] / spread_F[spread_F > 0]
                times_N = np.fmax(times_N, np.nanmax(away_NF, 1, initial=0.0) / FAR)
            for norms_N in self.norms.values():
                usual = np.nanmedian(norms_N)
                if usual > 0:
                    times_N = np.fmax(times_N, norms_N / usual / FAR_AS_A_WHOLE)
        order = np.argsort(times_N)
        ahead = times_N[order]
        beyond = np.flatnonzero((ahead[1:] > 1) & (ahead[1:] >= GAP * ahead[:-1])) + 1
        if not len(beyond) or len(order) - beyond[0] > MOST * len(order):
            return {}
        return {self.indices[place]: float(times_N[place]) for place in order[beyond[0] :]}


def _look(source: Any) -> _Seen | None:
    """Return samples of a loader; None where there are too few, or nobody can tell which is which."""
    if not isinstance(source, DataLoader) or isinstance(source.dataset, IterableDataset):
        return None
    indices: list[Any] = []
    rows: dict[str, list[np.ndarray]] = {}
    norms: dict[str, list[np.ndarray]] = {}
    targets: list[np.ndarray] = []
    try:
        many = any(part.dim() > 2 or part[0].numel() > MOST_FEATURES for part in first_parts(source)[1].values())
        for batch in batches_spread(source, PICTURES if many else SAMPLES):
            here = {path: part for path, part in input_parts(batch.data).items() if part.is_floating_point()}
            if batch.indices is None or any(len(part) != len(batch.indices) for part in here.values()):
                return None
            targets += _targets_of(batch.data, len(batch.indices))
            for path, part in here.items():
                values = part.detach().cpu().double().reshape(len(part), -1)
                norms.setdefault(path, []).append(torch.nan_to_num(values, posinf=0, neginf=0).square().mean(1).numpy())
                if part.dim() <= 2 and values.shape[1] <= MOST_FEATURES:
                    finite = torch.where(values.isfinite(), values, torch.nan)
                    rows.setdefault(path, []).append(finite.numpy())
            indices += map(key_of, batch.indices)
        if len(indices) < FEWEST:
            return None
        return _Seen(
            indices=indices,
            rows={path: np.concatenate(parts) for path, parts in rows.items()},
            norms={path: np.sqrt(np.concatenate(parts)) for path, parts in norms.items()},
            targets=np.concatenate(targets) if sum(map(len, targets)) == len(indices) else None,
        )
    except Exception:  # noqa: BLE001 - data that cannot be had or put together is found elsewhere
        return None


def _targets_of(batch: Any, rows: int) -> list[np.ndarray]:
    """Return the targets of a batch as one part of shape (rows, k); none where they are not a few numbers a row."""
    targets = split_batch(batch)[1]
    if not isinstance(targets, torch.Tensor) or not targets.is_floating_point() or targets.dim() == 0:
        return []
    if len(targets) != rows or targets[0].numel() > MOST_TARGETS:
        return []
    return [targets.detach().cpu().double().reshape(rows, -1).numpy()]
