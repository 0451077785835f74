"""The input size that a model wants, as the model tells it, or as a probe finds out."""

import re
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from autofix_nb.data import structure
from autofix_nb.evidence.subject import Subject
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import forward

PROBED_SIZES = (224, 32, 28, 64, 96, 128, 256, 384, 448, 512, 8, 16, 48, 112, 160, 192, 288, 299, 320, 336, 240, 380)
"""Sides of square images that are tried, the usual ones first."""

PROBE_SHARE = 0.05
"""Share of the time budget that the probe may take."""

_CHANNELS = re.compile(r"to have (\d+) channels, but got (\d+) channels")
_PRODUCT = re.compile(r"\((\d+)x(\d+) and (\d+)x(\d+)\)")
_RECURRENT = re.compile(r"[Ee]xpected (\d+),? got (\d+)")
_NORMALISED = re.compile(r"running_mean should contain (\d+) elements not (\d+)")
_LAYER_NORM = re.compile(r"normalized_shape=\[(\d+)\].*size\s?\[(?:.*, )?(\d+)\]")


@dataclass(frozen=True, kw_only=True)
class WantedSize:
    """Height and width of the images that a model wants."""

    height: int
    width: int
    told_by: str
    """Where it stands: `patch_embed.img_size`, or `a probe with zeros`."""

    strict: bool
    """Whether the model refuses any other."""


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A number that a layer wants and what it got, read from an error of torch's."""

    kind: str
    """`channels` of images, or `features`."""

    wanted: int
    got: int


def told_size(model: nn.Module) -> WantedSize | None:
    """Return the size that the model itself tells; None where it tells none."""
    for name, module in model.named_modules():
        size = _pair(getattr(module, "img_size", None))
        if size and hasattr(module, "patch_size") and hasattr(module, "proj"):
            strict = bool(getattr(module, "strict_img_size", True)) and not getattr(module, "dynamic_img_size", False)
            return _told(size, f"{name}.img_size", strict=strict)
    for name, module in model.named_modules():
        size = _pair(getattr(module, "image_size", None))
        if size and hasattr(module, "patch_size"):
            return _told(size, f"{name + '.' if name else ''}image_size", strict=True)
        config = getattr(module, "config", None)
        size = _pair(getattr(config, "image_size", None))
        if size and hasattr(config, "patch_size"):
            return _told(size, f"{name + '.' if name else ''}config.image_size", strict=True)
    config = weights_config(model)
    size = config.get("input_size") if config else None
    if isinstance(size, list | tuple) and len(size) == 3:
        return _told((size[1], size[2]), "timm's `pretrained_cfg`", strict=bool(config.get("fixed_input_size")))
    return None


def weights_config(model: nn.Module) -> dict[str, Any]:
    """Return what timm notes of a model's weights (size, mean, standard deviation), also where it is a part."""
    for module in model.modules():
        for name in ("pretrained_cfg", "default_cfg"):
            config = getattr(module, name, None)
            if isinstance(config, dict) and "input_size" in config:
                return config
    return {}


def has_learnt(model: nn.Module) -> bool:
    """Tell whether the weights were trained before: norm layers begin with ones and zeros, and leave them."""
    for module in model.modules():
        weight = getattr(module, "weight", None)
        is_norm = isinstance(module, nn.modules.batchnorm._NormBase | nn.LayerNorm | nn.GroupNorm)
        if is_norm and isinstance(weight, torch.Tensor) and weight.numel():
            kept = weight.detach()
            # timm begins the last norm of a residual branch with zeros.
            if not (bool((kept == 1).all()) or bool((kept == 0).all())):
                return True
    return False


def image_size(tensor: torch.Tensor) -> tuple[int, int] | None:
    """Return height and width of a batch of images (N, C, H, W) or (N, H, W, C); None for anything else."""
    if tensor.dim() != 4:
        return None
    return (tensor.shape[1], tensor.shape[2]) if channels_are_last(tensor) else (tensor.shape[2], tensor.shape[3])


def channels_are_last(tensor: torch.Tensor) -> bool:
    """Tell whether images look like (N, H, W, C), as NumPy and matplotlib keep them."""
    return tensor.dim() == 4 and tensor.shape[-1] in (1, 3, 4) and min(tensor.shape[1:3]) > 4


def main_input(data: Any) -> tuple[str, torch.Tensor] | None:
    """Return the input that matters: the largest tensor, with its path in the inputs."""
    found = sorted(structure.tensors(data), key=lambda one: -one[1].numel())
    return found[0] if found else None


def misfit(error: BaseException) -> Misfit | None:
    """Return what an error says of numbers that do not fit; None where it says nothing of the kind."""
    text = str(error)
    if match := _CHANNELS.search(text):
        return Misfit(kind="channels", wanted=int(match[1]), got=int(match[2]))
    if match := _PRODUCT.search(text):
        return Misfit(kind="features", wanted=int(match[3]), got=int(match[2]))
    if "input_size" in text and (match := _RECURRENT.search(text)):
        return Misfit(kind="features", wanted=int(match[1]), got=int(match[2]))
    if match := _NORMALISED.search(text):
        return Misfit(kind="features", wanted=int(match[2]), got=int(match[1]))
    if match := _LAYER_NORM.search(text):
        return Misfit(kind="features", wanted=int(match[1]), got=int(match[2]))
    return None


def forward_error(subject: Subject, inputs: Any) -> Exception | None:
    """Return what the model raises for these inputs in eval mode; None when it takes them."""
    try:
        with warnings.catch_warnings(), subject.borrowed(training=False) as model:
            warnings.simplefilter("ignore")
            forward(model, structure.to_device(inputs, subject.device))
    except Exception as error:  # noqa: BLE001 - that it raises is the answer
        return error
    return None


def probed_size(subject: Subject, channels: int, dtype: torch.dtype) -> WantedSize | None:
    """Return the first of the usual sizes that the model takes, tried with one image of zeros; None where none is."""
    until = subject.clock.spent + PROBE_SHARE * subject.clock.budget_seconds
    for side in PROBED_SIZES:
        if subject.clock.spent > until:
            return None
        if forward_error(subject, torch.zeros(1, channels, side, side, dtype=dtype)) is None:
            return WantedSize(height=side, width=side, told_by="a probe with images of zeros", strict=True)
    return None


def inputs_of(subject: Subject) -> Any:
    """Return the inputs of the first batch; with a `step` that takes another form apart, the whole batch."""
    try:
        return subject.parts[0]
    except NotApplicable:
        if subject.step is None:
            raise
        return subject.batch.data


def _pair(size: Any) -> tuple[int, int] | None:
    if isinstance(size, int) and not isinstance(size, bool):
        return size, size
    if isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(part, int) for part in size):
        return int(size[0]), int(size[1])
    return None


def _told(size: tuple[int, int], told_by: str, *, strict: bool) -> WantedSize:
    return WantedSize(height=int(size[0]), width=int(size[1]), told_by=told_by, strict=strict)
