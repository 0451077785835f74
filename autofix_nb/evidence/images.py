"""Opens an image file and says what is the matter with it: PIL's `verify` and a full `load`, whatever they raise.

`verify` alone passes truncated JPEG files, and `load` alone passes PNG files with wrong checksums (documentation of
Pillow, `Image.verify`).
"""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autofix_nb.evidence.thumbnails import small_picture

UNREADABLE = ("missing", "empty", "not an image", "corrupt", "truncated", "too large")
"""Problems of files that give no picture. `wrongly named` is none of them: PIL goes by the bytes."""

ROTATED = range(2, 9)
"""EXIF orientations in which the picture is to be turned or mirrored before it is shown."""

_SAME_FORMAT = {"MPO": "JPEG", "APNG": "PNG", "DIB": "BMP"}
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*")
_ENDS = {b"\x89PNG": b"IEND\xaeB`\x82", b"\xff\xd8": b"\xff\xd9", b"GIF8": b";"}
_EXIF_ORIENTATION = 0x0112
_DRAFT = (128, 128)


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """One file of a data set of images, opened and decoded."""

    path: str
    problem: str = ""
    """`missing`, `empty`, `not an image`, `corrupt`, `truncated`, `too large` (more pixels than PIL opens), or
    `wrongly named`; empty where it is fine."""

    detail: str = ""
    """What the decoder said, or what the file is instead."""

    format: str = ""
    """As PIL calls it: `JPEG`, `PNG`."""

    mode: str = ""
    """As PIL calls it: `RGB`, `L`, `P`, `RGBA`, `CMYK`, `I;16`."""

    size: tuple[int, int] = (0, 0)
    """Width and height."""

    orientation: int = 1
    """EXIF orientation: 1 is upright, 2 to 8 are mirrored or turned."""

    bytes: int = 0
    frames: int = 1
    """More than one in animations and in files of many pages."""

    index: Any = None
    """The sample that it belongs to."""

    @property
    def readable(self) -> bool:
        """Whether it gives a picture."""
        return self.problem not in UNREADABLE

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is special about it: `grey`, `palette`, `transparent`, `CMYK`, `16-bit`, `animated`, `rotated`."""
        mode = self.mode
        said = [
            ("grey", mode in ("1", "L", "LA", "La")),
            ("palette", mode in ("P", "PA")),
            ("transparent", mode in ("RGBA", "RGBa", "LA", "La", "PA")),
            ("CMYK", mode == "CMYK"),
            ("16-bit", mode.startswith(("I", "F"))),
            ("animated", self.frames > 1),
            ("rotated", self.orientation in ROTATED),
        ]
        return tuple(word for word, holds in said if holds)


def open_image(
    path: str | os.PathLike, index: Any = None, data: bytes | None = None
) -> tuple[ImageFile, np.ndarray | None]:
    """Return what is known of a file, and its picture made small, (h, w, 3) bytes; None where it gives none.

    `data` are its bytes, where they were read already. Never raises.
    """
    facts: dict[str, Any] = {"path": os.fspath(path), "index": index}
    if data is None:
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            return ImageFile(**facts, problem="missing", detail="no such file"), None
        except OSError as error:
            return ImageFile(**facts, problem="corrupt", detail=_said(error)), None
    facts["bytes"] = len(data)
    if not data:
        return ImageFile(**facts, problem="empty", detail="0 bytes"), None
    with _quiet_decoder() as image_module:
        return _decode(facts, data, image_module)


def _decode(facts: dict[str, Any], data: bytes, pil: Any) -> tuple[ImageFile, np.ndarray | None]:
    small = None
    try:
        with pil.open(io.BytesIO(data)) as image:
            facts |= {"format": image.format or "", "mode": image.mode, "size": image.size}
            most = pil.MAX_IMAGE_PIXELS
            if most and image.size[0] * image.size[1] > most:
                detail = f"{image.size[0]} × {image.size[1]} pixels, PIL's limit is {most:,}"
                return ImageFile(**facts, problem="too large", detail=detail), None
            image.verify()
        with pil.open(io.BytesIO(data)) as image:
            # JPEG is read to its end all the same, but at an eighth of the work.
            image.draft(image.mode, _DRAFT)
            image.load()
            facts |= {"orientation": _orientation(image), "frames": int(getattr(image, "n_frames", 1))}
            small = small_picture(image)
    except Exception as error:  # noqa: BLE001 - decoders raise OSError, SyntaxError, struct.error, and what not
        return ImageFile(**facts, problem=_problem(error, data), detail=_detail(error, data)), None
    expected = _format_of(facts["path"], pil)
    actual = _SAME_FORMAT.get(facts["format"], facts["format"])
    if expected and actual and expected != actual:
        name = Path(facts["path"]).suffix
        return ImageFile(**facts, problem="wrongly named", detail=f"named {name}, is {actual}"), small
    return ImageFile(**facts), small


@contextmanager
def _quiet_decoder() -> Iterator[Any]:
    """Give PIL's `Image`, without warnings, and strict about truncated files whatever the user set."""
    from PIL import Image, ImageFile  # PIL is needed for files of images only

    lenient = ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield Image
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = lenient


def suffixes() -> set[str]:
    """Return the endings of file names that PIL knows, such as `.png`."""
    from PIL import Image

    return set(Image.registered_extensions())


def _problem(error: Exception, data: bytes) -> str:
    if type(error).__name__ == "DecompressionBombError":
        return "too large"
    if type(error).__name__ == "UnidentifiedImageError" and not data.startswith(_BEGINNINGS):
        return "not an image"
    said = str(error).lower()
    if "truncated" in said or "end of file" in said or "unexpected end" in said:
        return "truncated"
    end = next((end for beginning, end in _ENDS.items() if data.startswith(beginning)), None)
    return "truncated" if end is not None and end not in data[-64:] else "corrupt"


def _detail(error: Exception, data: bytes) -> str:
    if type(error).__name__ != "UnidentifiedImageError":
        return _said(error)
    start = data[:512].lstrip()
    if start[:1] == b"<":
        return "a web page or XML" if b"html" in start.lower() else "XML or SVG"
    try:
        shown = data[:40].decode()
    except UnicodeDecodeError:
        return f"begins with the bytes {data[:8].hex(' ')}"
    return f"text: {shown!r}" if shown.isprintable() or "\n" in shown else f"begins with the bytes {data[:8].hex(' ')}"


def _orientation(image: Any) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken EXIF data does not keep a picture from being shown
        return 1


def _format_of(path: str, pil: Any) -> str:
    found = pil.registered_extensions().get(Path(path).suffix.lower(), "")
    return _SAME_FORMAT.get(found, found)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
