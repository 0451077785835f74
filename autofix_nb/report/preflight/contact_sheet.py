"""Contact sheets: samples as they lie on the disk, or as the model sees them."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from autofix_nb.checks import Shown
from autofix_nb.data import structure
from autofix_nb.data.colours import channels_last, to_colours
from autofix_nb.evidence import Subject
from autofix_nb.evidence.raw import Raw
from autofix_nb.report.preflight.tiles import Tile, to_sheet
from autofix_nb.report.preflight.words import one_line

MOST_TILES = 24
"""Samples shown; how many there are more is said under them."""

MOST_WORDS = 60
"""Characters of an error that stand in the place of a picture."""


def contact_sheet(shown: Shown, subject: Subject) -> bytes | None:
    """Return the samples as one PNG; None where they are no pictures."""
    chosen = shown.indices[:MOST_TILES]
    captions = [one_line(shown.captions[n]) if n < len(shown.captions) else "" for n in range(len(chosen))]
    tiles = (_after if shown.as_the_model_sees_it else _before)(shown, chosen, captions, subject)
    if not tiles:
        return None
    more = len(shown.indices) - len(chosen)
    return to_sheet(tiles, f"and {more:,} more" if more > 0 else "")


def _after(shown: Shown, chosen: Sequence[Any], captions: Sequence[str], subject: Subject) -> list[Tile]:
    """Rows of the first batch, as they go into the model."""
    batch = next((tensor for _, tensor in structure.tensors(subject.parts[0]) if tensor.dim() == 4), None)
    if batch is None:
        return []
    values = batch.detach().cpu()
    pictures = channels_last((values.float() if values.is_floating_point() else values).numpy())
    if pictures is None:
        return []
    places = {index: place for place, index in enumerate(subject.batch.indices)}
    colours = to_colours(pictures)
    return [
        Tile(caption=caption or f"sample {one_line(index)}", picture=Image.fromarray(colours[places[index]]))
        for index, caption in zip(chosen, captions, strict=True)
        if places.get(index, len(colours)) < len(colours)
    ]


def _before(shown: Shown, chosen: Sequence[Any], captions: Sequence[str], subject: Subject) -> list[Tile]:
    """Samples without their transforms; a box with the reason for those that cannot be read."""
    dataset = getattr(subject.train if shown.side == "train" else subject.val, "dataset", None)
    if dataset is None:
        return []
    raw = Raw(dataset)
    tiles, any_picture = [], False
    for index, caption in zip(chosen, captions, strict=True):
        path = _path(raw, index)
        caption = caption or (Path(path).name if path else f"sample {index}")
        picture, words = None, "no picture"
        try:
            picture = to_picture(raw.sample(index))
        except Exception as error:  # noqa: BLE001 - that it cannot be read is what the sheet shows
            words = one_line(error)[:MOST_WORDS] or type(error).__name__
        any_picture = any_picture or picture is not None or path is not None
        tiles.append(Tile(caption=one_line(caption), picture=picture, words=words))
    return tiles if any_picture else []


def _path(raw: Raw, index: Any) -> str | None:
    try:
        path = raw.path(index)
    except Exception:  # noqa: BLE001 - a caption is not worth an error
        return None
    return None if path is None else str(path)


def to_picture(sample: Any) -> Image.Image | None:
    """Return the first picture in a sample, in colours on white; None where there is none."""
    if isinstance(sample, Image.Image):
        return _in_colours(sample)
    if isinstance(sample, torch.Tensor | np.ndarray):
        return _of_array(sample)
    if isinstance(sample, Mapping):
        sample = tuple(sample.values())
    if isinstance(sample, tuple | list):
        for part in sample:
            picture = to_picture(part) if not isinstance(part, str | bytes) else None
            if picture is not None:
                return picture
    return None


def _of_array(sample: torch.Tensor | np.ndarray) -> Image.Image | None:
    values = sample.detach().cpu().numpy() if isinstance(sample, torch.Tensor) else sample
    if values.dtype == np.uint8 and values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or (values.shape[0] not in (1, 3, 4) and values.shape[2] not in (1, 3, 4)):
        return None
    pictures = channels_last(values[None])
    return None if pictures is None else Image.fromarray(to_colours(pictures)[0])


def _in_colours(picture: Image.Image) -> Image.Image:
    """Return it in RGB: 16-bit and float pictures by their own range, see-through ones on white."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if picture.mode.startswith("I") or picture.mode == "F":
            values = np.asarray(picture).astype(np.float32)
            low, high = float(values.min()), float(values.max())
            grey = (values - low) / max(high - low, 1e-12) * 255
            return Image.fromarray(np.nan_to_num(grey).astype(np.uint8)).convert("RGB")
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            paper = Image.new("RGBA", picture.size, "white")
            return Image.alpha_composite(paper, picture).convert("RGB")
        return picture.convert("RGB")
