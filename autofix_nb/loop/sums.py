"""Running sums of the epoch at hand, from which its row of the epoch table is made."""

import math
from typing import Any

from autofix_nb.signals import Measured


class EpochSums:
    """Means over the steps of one epoch. Non-finite losses (steps not taken) are left out."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin a new epoch."""
        self.steps = 0
        self.loss = 0.0
        self.counted = 0
        self.clipped = 0
        self.skipped = 0
        self.seconds = 0.0
        self.load_seconds = 0.0
        self.parts: dict[str, float] = {}
        self.accuracy = 0.0
        self.judged = 0

    def add(self, steps: list[Measured]) -> None:
        """Add the steps of one hand-over."""
        for one in steps:
            self.steps += 1
            self.seconds += one.step_seconds
            self.load_seconds += one.load_seconds
            self.clipped += one.clipped
            if one.accuracy is not None:
                self.judged += 1
                self.accuracy += one.accuracy
            loss = float(one.loss)
            if not math.isfinite(loss):
                continue
            self.counted += 1
            self.loss += loss
            for name, part in one.parts.items():
                self.parts[name] = self.parts.get(name, 0.0) + float(part)

    def row(self) -> dict[str, Any]:
        """Return the columns of the epoch table that training gives."""
        mean = self.loss / self.counted if self.counted else math.nan
        row: dict[str, Any] = {"loss": mean, "steps": self.steps}
        row |= {f"loss/{name}": total / max(1, self.counted) for name, total in self.parts.items()}
        if self.judged:
            row["train/accuracy"] = self.accuracy / self.judged
        row |= {
            "clip_share": self.clipped / max(1, self.steps),
            "skipped": self.skipped,
            "step_seconds": self.seconds,
            "load_seconds": self.load_seconds,
        }
        return row

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint in mid-epoch."""
        return dict(vars(self))

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        vars(self).update(state)
