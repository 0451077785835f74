"""Pictures for tests: seeded noise with structure, and folders of them, whole and damaged."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (40, 32), mode: str = "RGB") -> Image.Image:
    """Return a picture of soft blotches, another for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return the bytes of a file of this kind."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def image_folder(root: Path, count: int, copies: int = 0, classes: int = 2) -> Path:
    """Write `count` pictures into folders of classes, the last `copies` of them equal to the first."""
    for place in range(count):
        folder = root / f"class{place % classes}"
        folder.mkdir(parents=True, exist_ok=True)
        seed = place if place < count - copies else place - (count - copies)
        (folder / f"{place:04d}.png").write_bytes(encoded(picture(seed)))
    return root
