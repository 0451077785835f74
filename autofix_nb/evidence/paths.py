"""The files of a data set that keeps a list of them: `samples`, `imgs`, `paths`, `files`, or a name of its own.

A column of a frame is such a list too, and may leave the ending of the names to the code that opens the files.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LISTS = ("samples", "imgs", "images", "paths", "files", "image_paths", "img_paths", "filenames", "file_paths")
"""Names that are looked at first."""

_NOT_INPUTS = ("mask", "label", "target", "annotation", "class")
_FOLDERS = ("root", "folder", "dir", "path", "directory", "img_dir", "image_dir", "data_dir", "root_dir", "base")
_ENDINGS = ("", ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
_PROBES = 20


class Paths:
    """Tells the file of each sample; false where the data set has no list of files."""

    def __init__(self, dataset: Any) -> None:
        self._list: Any = None
        self._base = self._ending = ""
        try:
            attributes = vars(dataset)
            count = len(dataset)
        except Exception:  # noqa: BLE001 - without attributes or length there is no list to be found
            return
        names = [name for name in LISTS if name in attributes]
        names += [
            name for name in attributes if name not in names and not any(word in name.lower() for word in _NOT_INPUTS)
        ]
        folders = [str(attributes[name]) for name in _all_folders(attributes)]
        for known in (part for name in names for part in _lists(attributes[name])):
            if len(known) != count:
                continue
            probes = [_entry(known, place * count // _PROBES) for place in range(_PROBES)] if count else []
            if not probes or any(entry is None for entry in probes):
                continue
            there = {
                (base, ending): sum(os.path.isfile(os.path.join(base, entry + ending)) for entry in probes)
                for base in ["", *folders]
                for ending in _ENDINGS
            }
            where = max(there, key=there.__getitem__)
            if there[where]:
                self._list, (self._base, self._ending) = known, where
                return

    def __bool__(self) -> bool:
        return self._list is not None

    def of(self, index: Any) -> Path | None:
        """Return the file of a sample, whether it is there or not."""
        entry = _entry(self._list, index) if self else None
        return None if entry is None else Path(self._base, entry + self._ending)


def _entry(known: Any, index: Any) -> str | None:
    """Return the path in an entry that is one, or a pair of one and a label."""
    try:
        entry = known.iloc[int(index)] if hasattr(known, "iloc") else known[int(index)]
    except Exception:  # noqa: BLE001 - then it is no list of files
        return None
    if isinstance(entry, list | tuple) and entry:
        entry = entry[0]
    if isinstance(entry, np.str_ | str | os.PathLike):
        entry = os.fspath(entry)
        return entry if 0 < len(entry) < 4096 and "\0" not in entry and "\n" not in entry else None
    return None


def _all_folders(attributes: dict[str, Any]) -> list[str]:
    return [
        name
        for name, part in attributes.items()
        if isinstance(part, str | os.PathLike) and any(word in name.lower() for word in _FOLDERS)
    ]


def _lists(known: Any) -> Iterator[Any]:
    """Yield what is a list, or each column of a frame that may name the inputs."""
    if hasattr(known, "columns") and hasattr(known, "iloc"):
        for place, column in enumerate(known.columns):
            if not any(word in str(column).lower() for word in _NOT_INPUTS):
                yield known.iloc[:, place]
    elif isinstance(known, list | tuple | np.ndarray) or (hasattr(known, "iloc") and hasattr(known, "to_numpy")):
        # Of these, asking for an entry is harmless: another data set would load a sample.
        yield known
