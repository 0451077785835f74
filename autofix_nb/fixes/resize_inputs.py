"""Bring pictures to the size that the model wants, by bilinear interpolation with antialiasing."""

import re
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import interpolate

from autofix_nb.data.structure import tensors
from autofix_nb.evidence.input_size import told_size
from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change
from autofix_nb.fixes.collating import (
    Conversion,
    Converted,
    channel_axis,
    first_parts,
    is_taken_apart_by_the_user,
    loaders_to_convert,
)
from autofix_nb.fixes.preparing import Owned, PreparingFix, WayBack

Size = tuple[int, int]

LARGEST = 100_000
"""A limit beyond is no side of a picture."""


class ResizeInputs(PreparingFix):
    """Resize the pictures of a batch behind the loader's collate function.

    The wanted size stands in the finding: `where` begins with `224x224` (height first), or `limit` is the height, and
    the width the same unless the model tells another.
    """

    name: ClassVar = "resize_inputs"
    touches: ClassVar = "data"

    def fit(self, finding: Finding, owned: Owned) -> Change | None:
        wanted = wanted_size(finding, owned.model)
        if wanted is None or is_taken_apart_by_the_user(owned):
            return None
        sides: dict[str, list[str]] = {}
        before: Size | None = None
        for loader in loaders_to_convert(owned.train, owned.val, Resize):
            batch, parts = first_parts(loader)
            pictures = {path: part for path, part in parts.items() if channel_axis(part) is not None}
            sizes = {_size(part) for part in pictures.values()}
            if len(sizes) != 1 or _has_masks(batch, parts, *sizes):
                return None
            # Later batches of validation may have other sizes: all of it is resized where training is.
            if sizes != {wanted} or sides:
                sides["train" if loader is owned.train else "val"] = list(pictures)
                before = before or sizes.pop()
        if before is None:
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"pictures are resized from {_said(before)} to the {_said(wanted)} pixels that the model wants, in "
            f"{' and '.join(sides)}",
            before={"size": list(before)},
            after={"size": list(wanted), "paths": sides},
            permanent=f"transforms.Resize({wanted})",
        )

    def do(self, change: Change, owned: Owned) -> list[WayBack]:
        ways_back = []
        for loader in loaders_to_convert(owned.train, owned.val, Resize):
            paths = change.after["paths"].get("train" if loader is owned.train else "val")
            if paths:
                made = Converted.put_behind(loader, Resize(tuple(paths), tuple(change.after["size"])))
                ways_back.append(lambda loader=loader, made=made: made.take_away(loader))
        return ways_back

    def touched(self, owned: Owned) -> tuple[Any, ...]:
        return owned.train, owned.val


class Resize(Conversion):
    """Pictures (N, C, H, W) or (N, H, W, C) of any size to one size."""

    def __init__(self, paths: tuple[str, ...], size: Size) -> None:
        super().__init__(paths)
        self.size = size

    def convert(self, path: str, part: torch.Tensor) -> torch.Tensor:
        axis = channel_axis(part)
        if axis is None or _size(part) == self.size:
            return part
        pictures_NCHW = part if axis == 1 else part.movedim(axis, 1)
        values = pictures_NCHW if part.is_floating_point() else pictures_NCHW.float()
        resized = interpolate(values, size=self.size, mode="bilinear", antialias=True, align_corners=False)
        if not part.is_floating_point():
            resized = resized.round().to(part.dtype)
        return resized if axis == 1 else resized.movedim(1, axis).contiguous()


def wanted_size(finding: Finding, model: Any = None) -> Size | None:
    """Return height and width that a finding asks for; None where it names none."""
    named = re.fullmatch(r"(\d+)\s*[x×]\s*(\d+)", finding.where[0].strip()) if finding.where else None
    if named:
        height, width = int(named[1]), int(named[2])
    elif 0 < finding.limit < LARGEST and finding.limit == int(finding.limit):
        height = width = int(finding.limit)
        told = told_size(model) if isinstance(model, nn.Module) else None
        if told is not None and told.height == height:
            width = told.width
    else:
        return None
    return (height, width) if height and width else None


def _has_masks(batch: Any, inputs: dict[str, torch.Tensor], size: Size) -> bool:
    """Tell whether targets have the size of the pictures, and would have to be resized with them."""
    targets = [part for path, part in tensors(batch) if path not in inputs]
    return any(part.dim() > 2 and size in (tuple(part.shape[-2:]), tuple(part.shape[1:3])) for part in targets)


def _size(part: torch.Tensor) -> Size:
    return (part.shape[2], part.shape[3]) if channel_axis(part) == 1 else (part.shape[1], part.shape[2])


def _said(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
