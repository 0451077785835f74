"""The files of a data set while it is gone over: their bytes hashed, their pictures opened."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from autofix_nb.evidence.digests import digest_of, digest_of_bytes
from autofix_nb.evidence.images import ImageFile, open_image, suffixes
from autofix_nb.evidence.parts import split_sample
from autofix_nb.evidence.raw import SAME_NUMBERS, UNTRANSFORMED, Raw

PROBES = 20
"""Samples by which it is told whether files are pictures, and whether a file is a sample."""

Small = tuple[np.ndarray, tuple[int, int]]


class Files:
    """Reads the file of a sample once. Where one file gives several samples, its bytes do not tell them apart."""

    def __init__(self, raw: Raw, keys: list[Any]) -> None:
        self._raw = raw
        self._pictures = False
        self._opened: list[ImageFile] = []
        probes = [raw.path(key) for key in keys[:: max(1, len(keys) // PROBES)]]
        self._any = any(path is not None for path in probes)
        self.how = raw.how
        if self._any:
            known = suffixes()
            self._pictures = 2 * sum(path is not None and path.suffix.lower() in known for path in probes) > len(probes)
            self._one_each = self._one_sample_each(keys)
            if not self._one_each:
                self.how = UNTRANSFORMED if raw.stripped else SAME_NUMBERS

    def read(self, key: Any) -> tuple[bytes | None, Small | None, bool]:
        """Return digest and small picture of a sample's file, and whether the sample need not be loaded beside it."""
        path = self._raw.path(key) if self._any else None
        if path is None:
            return None, None, False
        try:
            data = path.read_bytes()
        except OSError:
            data = None
        digest = digest_of_bytes(data) if data is not None and self._one_each else None
        if not self._pictures:
            return digest, None, False
        file, picture = open_image(path, key, data)
        self._opened.append(file)
        small = None if picture is None else (picture, file.size)
        enough = file.readable and digest is not None and small is not None
        return digest, small, enough and self._raw.reads_its_file(key) and self._raw.label(key) is not None

    @property
    def show_the_samples(self) -> bool:
        """Whether the pictures come from the files themselves, whatever becomes of them on the way."""
        return self._pictures

    def seen(self) -> tuple[ImageFile, ...]:
        """Return all files opened, by sample."""
        plain = all(isinstance(file.index, int) for file in self._opened)
        return tuple(sorted(self._opened, key=lambda file: file.index) if plain else self._opened)

    def _one_sample_each(self, keys: list[Any]) -> bool:
        """Tell whether a file gives one and the same sample wherever it is named: not so with crops out of it."""
        by_path: dict[Path | None, list[Any]] = defaultdict(list)
        for key in keys:
            by_path[self._raw.path(key)].append(key)
        several = [named for path, named in by_path.items() if path is not None and len(named) > 1]
        for named in several[:PROBES]:
            try:
                digests = {digest_of(split_sample(self._raw.sample(key))[0]) for key in named[:2]}
            except Exception:  # noqa: BLE001, S112 - a file that cannot be read tells nothing of the others
                continue
            if len(digests) > 1:
                return False
        return True
