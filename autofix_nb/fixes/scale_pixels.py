"""Turn pixels from 0..255 into float numbers from 0 to 1, as `transforms.ToTensor()` does with pictures."""

from typing import Any, ClassVar

import torch

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.collating import (
    Converted,
    Scaling,
    first_parts,
    is_taken_apart_by_the_user,
    loaders_to_convert,
)
from autofix_nb.fixes.in_model import InModelFix, sampled_inputs
from autofix_nb.fixes.preparing import Owned, WayBack

BRIGHTEST = 255

DARK = 32
"""A batch whose brightest pixel is darker counts from 0 to something else, such as the 16 of scanned digits."""


class ScalePixels(InModelFix):
    """Divide pixels by 255 behind the loader's collate function; inside the model while it trains.

    Pixels that are from 0 to 1 already are left alone.
    """

    name: ClassVar = "scale_pixels"
    touches: ClassVar = "data"
    purpose: ClassVar = "scale inputs"

    def fit(self, finding: Finding, owned: Owned) -> Change | None:
        if is_taken_apart_by_the_user(owned):
            return None
        sides = {}
        for loader in loaders_to_convert(owned.train, owned.val, Scaling):
            paths = [path for path, part in first_parts(loader)[1].items() if _are_pixels(part)]
            if paths:
                sides["train" if loader is owned.train else "val"] = paths
        if "train" not in sides:
            return None
        sort = _sort(first_parts(owned.train)[1][sides["train"][0]])
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"pixels become float numbers from 0 to 1 ({sort} from 0 to {BRIGHTEST} before), "
            f"in {' and '.join(sides)}",
            before={"highest": BRIGHTEST},
            after={"highest": 1, "paths": sides},
            permanent=_line(sort),
        )

    def build_in(self, finding: Finding, run: Trainee) -> list[Change]:
        parts = next(iter(sampled_inputs(run, 1, 1)), {})
        found = {
            name: _sort(part)
            for name, part in parts.items()
            if _are_pixels(part) and (part.is_floating_point() or part.dtype == torch.uint8)
        }
        if not found:
            return []
        sort = next(iter(found.values()))
        return [
            Change(
                fix=self.name,
                touches="model",
                says=f"the model divides its pixels by {BRIGHTEST} ({sort} from 0 to {BRIGHTEST} before)",
                after={"inputs": {name: {"mean": [0.0], "std": [float(BRIGHTEST)], "shape": []} for name in found}},
                permanent=_line(sort),
            )
        ]

    def do(self, change: Change, owned: Owned) -> list[WayBack]:
        ways_back = []
        for loader in loaders_to_convert(owned.train, owned.val, Scaling):
            paths = change.after["paths"].get("train" if loader is owned.train else "val")
            if paths:
                made = Converted.put_behind(loader, PixelScale(tuple(paths)))
                ways_back.append(lambda loader=loader, made=made: made.take_away(loader))
        return ways_back

    def touched(self, owned: Owned) -> tuple[Any, ...]:
        return owned.train, owned.val


class PixelScale(Scaling):
    """Pixels from 0..255 to 0..1."""

    def convert(self, path: str, part: torch.Tensor) -> torch.Tensor:
        return part.to(torch.float32) / BRIGHTEST


def _are_pixels(part: torch.Tensor) -> bool:
    """Tell whether a part of a batch holds pixels from 0 to 255: bytes, pictures, or rows of whole numbers."""
    if part.dim() < 2 or not part.numel() or part.is_complex() or part.dtype == torch.bool:
        return False
    whole = not part.is_floating_point()
    if part.dtype != torch.uint8 and whole and part.dim() < 4:
        return False  # rather numbers of words
    low, high = float(part.min()), float(part.max())
    if not (low >= 0 and DARK < high <= BRIGHTEST):  # NaN is refused, too
        return False
    return whole or part.dim() > 2 or bool((part == part.round()).all())


def _line(sort: str) -> str:
    if sort == "uint8":
        return "transforms.ToTensor()  # for pictures; for tensors transforms.v2.ToDtype(torch.float32, scale=True)"
    return f"inputs = inputs.float() / {BRIGHTEST}"


def _sort(part: torch.Tensor) -> str:
    return str(part.dtype).removeprefix("torch.")
