"""Nets, rows and a disk that break while they are used."""

import shutil
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import Dataset

from tests.gauntlet.case import Interruption
from tests.gauntlet.data import (
    Data,
)


class Small(nn.Module):
    """A net on a device that has room for a few rows only while it trains."""

    def __init__(self, net: nn.Module, rows: int) -> None:
        super().__init__()
        self.net, self.rows = net, rows

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.training and len(inputs) > self.rows:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {len(inputs)} rows")
        return self.net(inputs)


class Refusing(nn.Module):
    """A net that raises where one of the rows is brighter than it likes."""

    def __init__(self, net: nn.Module, brightest: float) -> None:
        super().__init__()
        self.net, self.brightest = net, brightest

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.training and bool((inputs.flatten(1).mean(1) > self.brightest).any()):
            raise RuntimeError("a row is too bright for this net")
        return self.net(inputs)


class Logarithm(nn.Module):
    """Takes the logarithm of what may be zero, and so gives infinite numbers for some rows."""

    def __init__(self, net: nn.Module, below: float) -> None:
        super().__init__()
        self.net, self.below = net, below

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        level = (inputs.flatten(1).mean(1, keepdim=True) - self.below).clamp_min(0.0).log()
        return self.net(inputs) + 0.01 * level


class Watched(Dataset):
    """Rows that count how often they were asked for, and do something then."""

    def __init__(self, data: Data) -> None:
        self.data, self.asked = data, 0

    def __len__(self) -> int:
        return len(self.data.inputs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        self.asked += 1
        self.before()
        return self.data.inputs[index], self.data.targets[index]

    def before(self) -> None:
        """Do it."""


class Interrupting(Watched):
    """Somebody stops the kernel in the third epoch."""

    def before(self) -> None:
        if self.asked == 2 * len(self) + 700:
            raise Interruption


class Slow(Watched):
    """Each row takes its time, as from a drive far away."""

    def before(self) -> None:
        time.sleep(0.0002)


class Disk:
    """A folder that cannot be written any more from some row on: files stand where folders were."""

    def __init__(self) -> None:
        self.folder: Path | None = None

    def store(self, folder: Path) -> Path:
        """Take the folder of a run."""
        self.folder = folder
        return folder

    def rows(self, data: Data, after: int) -> Dataset:
        """Return rows during which the disk breaks."""
        return _Breaking(data, self, after)

    def breaks(self) -> None:
        """Put a file in place of each folder with checkpoints."""
        for place in () if self.folder is None else list(self.folder.rglob("checkpoints")):
            if place.is_dir():
                shutil.rmtree(place)
                place.write_text("the disk is gone")


class _Breaking(Watched):
    def __init__(self, data: Data, disk: Disk, after: int) -> None:
        super().__init__(data)
        self.disk, self.after = disk, after

    def before(self) -> None:
        if self.asked >= self.after and self.asked % 100 == 0:
            self.disk.breaks()
