"""Collects small pictures while data is read, and what is measured of them, in groups of one shape."""

from typing import Any

import numpy as np
import torch

from autofix_nb.evidence.digests import is_picture
from autofix_nb.evidence.kept import Kept
from autofix_nb.evidence.profile import Profile
from autofix_nb.evidence.thumbnails import (
    PROPERTIES,
    Scale,
    make_small,
    measure,
    small_picture,
    thumbnails,
    to_planes,
)

MOST_THUMBNAILS = 20_000
"""Thumbnails that are kept in memory."""

_GROUP = 256
_NUMBERS_AT_ONCE = 8_000_000


class Pictures:
    """Takes images of any size, and gives their properties and thumbnails."""

    names = PROPERTIES

    def __init__(self, first: list[Any]) -> None:
        """`first` are some images, by which the range of the numbers is told."""
        self._scale = Scale(first)
        self._groups: dict[tuple[int, ...], list[tuple[int, torch.Tensor, int, int]]] = {}
        self._kept = Kept(MOST_THUMBNAILS)
        self._profile = Profile.empty(len(PROPERTIES))

    def add(self, place: int, image: Any) -> None:
        """Add one image: PIL, or an array with channels first or last. Whatever cannot be shown is passed over."""
        try:
            if is_picture(image):
                self.add_small(place, small_picture(image), image.size)
                return
            planes = torch.from_numpy(np.ascontiguousarray(to_planes(np.asarray(image)[None])))
            small = make_small(self._scale(planes))[0]
            if not small.numel():
                return
        except Exception:  # noqa: BLE001 - an image of a form of its own has no picture
            return
        self._wait(place, small, (planes.shape[3], planes.shape[2]))

    def add_small(self, place: int, small: np.ndarray, size: tuple[int, int]) -> None:
        """Add an image that is small already, (h, w, 3) bytes; `size` is its own width and height."""
        self._wait(place, torch.from_numpy(small.transpose(2, 0, 1).astype(np.float32) / 255), size)

    def add_block(self, places: np.ndarray, images: np.ndarray) -> None:
        """Add images of one shape, (B, ...)."""
        step = max(1, _NUMBERS_AT_ONCE // max(1, 3 * images[0].size))
        for start in range(0, len(images), step):
            planes = torch.from_numpy(np.ascontiguousarray(to_planes(images[start : start + step])))
            height, width = planes.shape[2:]
            self._take(places[start : start + step], make_small(self._scale(planes)), width, height)

    def finish(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, Profile]:
        """Return places, properties (M, 10) and thumbnails (M, 32, 32, 3) kept, and the profile of all."""
        for group in self._groups.values():
            self._flush(group)
        rows = self._kept.rows()
        if len(rows) == 1:
            nothing = np.zeros((0, len(PROPERTIES)), dtype=np.float32)
            return rows[0], nothing, np.zeros((0, 32, 32, 3), dtype=np.uint8), self._profile
        return *rows, self._profile

    def _wait(self, place: int, small: torch.Tensor, size: tuple[int, int]) -> None:
        group = self._groups.setdefault(tuple(small.shape), [])
        group.append((place, small, *size))
        if len(group) >= _GROUP:
            self._flush(group)

    def _flush(self, group: list[tuple[int, torch.Tensor, int, int]]) -> None:
        if group:
            places, smalls, widths, heights = zip(*group, strict=True)
            self._take(np.asarray(places), torch.stack(smalls), np.asarray(widths), np.asarray(heights))
            group.clear()

    def _take(self, places: np.ndarray, small: torch.Tensor, widths: Any, heights: Any) -> None:
        count = len(places)
        widths, heights = np.broadcast_to(widths, count), np.broadcast_to(heights, count)
        measured = measure(small, widths, heights)
        self._profile = self._profile + Profile.of(measured)
        self._kept.add(places, measured, thumbnails(small))
