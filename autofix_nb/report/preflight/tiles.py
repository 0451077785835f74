"""A sheet of small pictures, each with its caption; a crossed box where there is none."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

TILE = 96
"""Pixels of a tile's side."""

COLUMNS = 6
"""Tiles in a row at most."""

GAP, LINE, FONT_SIZE = 8, 13, 10
"""Pixels between tiles, of a line of a caption, and of its letters."""

CAPTION_LINES = 2
"""Lines of a caption that are shown."""

MOST_BYTES = 150_000
"""Size that a sheet is brought under, with fewer colours where it must."""

PAPER, INK, FAINT = (255, 255, 255), (40, 40, 40), (160, 160, 160)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A picture and its caption; without a picture, the words for the box in its place."""

    caption: str
    picture: Image.Image | None = None
    words: str = ""


def to_sheet(tiles: Sequence[Tile], footer: str = "") -> bytes:
    """Return the tiles as one PNG, row by row; `footer` is a line under them."""
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    captions = [_wrapped(tile.caption, TILE, CAPTION_LINES) for tile in tiles]
    heights = [TILE + LINE * max(map(len, captions[row * columns : (row + 1) * columns])) + GAP for row in range(rows)]
    size = columns * (TILE + GAP) + GAP, sum(heights) + GAP + (LINE if footer else 0)
    sheet = Image.new("RGB", size, PAPER)
    drawing = ImageDraw.Draw(sheet)
    top = GAP
    for row, height in enumerate(heights):
        for column, place in enumerate(range(row * columns, min(len(tiles), (row + 1) * columns))):
            left = GAP + column * (TILE + GAP)
            _put(sheet, drawing, tiles[place], left, top)
            for number, line in enumerate(captions[place]):
                _write(drawing, (left, top + TILE + 1 + number * LINE), line, INK)
        top += height
    for line in _wrapped(footer, size[0] - 2 * GAP, 1):
        _write(drawing, (GAP, top - 2), line, INK)
    return _to_png(sheet)


def _put(sheet: Image.Image, drawing: ImageDraw.ImageDraw, tile: Tile, left: int, top: int) -> None:
    right, bottom = left + TILE - 1, top + TILE - 1
    if tile.picture is not None:
        small = _fitted(tile.picture)
        sheet.paste(small, (left + (TILE - small.width) // 2, top + (TILE - small.height) // 2))
        return
    drawing.rectangle((left, top, right, bottom), outline=FAINT)
    drawing.line((left, top, right, bottom), fill=FAINT)
    drawing.line((left, bottom, right, top), fill=FAINT)
    lines = _wrapped(tile.words, TILE - 8, 4)
    first = top + (TILE - LINE * len(lines)) // 2
    for number, line in enumerate(lines):
        width = _font().getlength(line)
        corner = left + (TILE - width) / 2, first + number * LINE
        drawing.rectangle((corner[0] - 2, corner[1], corner[0] + width + 2, corner[1] + LINE), fill=PAPER)
        _write(drawing, corner, line, INK)


def _fitted(picture: Image.Image) -> Image.Image:
    """Return it as large as a tile allows. Small ones keep their square pixels."""
    scale = TILE / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)


def _wrapped(text: str, width: int, most: int) -> list[str]:
    """Break text into lines of that many pixels, within words where it must, and end the last with `…`."""
    lines, rest = [], text.strip()
    while rest and len(lines) < most:
        end = len(rest)
        if _font().getlength(rest[:200]) > width or end > 200:
            end = 1
            while end < len(rest) and _font().getlength(rest[: end + 1]) <= width:
                end += 1
            space = rest.rfind(" ", 1, end + 1)
            end = space if space > 0 else end
        lines.append(rest[:end].strip())
        rest = rest[end:].strip()
    if rest:
        while lines[-1] and _font().getlength(f"{lines[-1]}…") > width:
            lines[-1] = lines[-1][:-1]
        lines[-1] += "…"
    return lines


def _write(drawing: ImageDraw.ImageDraw, corner: tuple[float, float], line: str, colour: Any) -> None:
    drawing.text(corner, line, fill=colour, font=_font())


@cache
def _font() -> Any:
    # Takes a while to import: only those who look at a sheet pay.
    import matplotlib

    # matplotlib brings it along: the same letters on every machine, and more of them than Pillow's own font has.
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), FONT_SIZE)


def _to_png(sheet: Image.Image) -> bytes:
    png = b""
    for colours in (128, 64, 32, 16):
        file = io.BytesIO()
        sheet.quantize(colours, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)
        png = file.getvalue()
        if len(png) <= MOST_BYTES:
            break
    return png
