"""Whether the samples of a data set are files below a folder, as told by a few of them: nothing is read."""

import os
from pathlib import Path
from typing import Any

from autofix_nb.evidence.raw import Raw

PROBES = 20
"""Samples looked at, spread over the data set."""


def files_below(dataset: Any, folder: Path) -> tuple[int, list[Path]]:
    """Return how many samples were looked at, and the files of those that lie below `folder`, links followed.

    A data set without a length, or without a list of its files, gives (0, []) or (count, []).
    """
    try:
        count = len(dataset)
        raw = Raw(dataset)
        keys = sorted({count * place // PROBES for place in range(PROBES)}) if count else []
        paths = [raw.path(key) for key in keys]
    except Exception:  # noqa: BLE001 - whatever a data set of the user's raises: it tells nothing then
        return 0, []
    top = folder.resolve()
    # The folder is resolved and not the file: looking at each file is what takes long on a network drive.
    there = [Path(os.path.realpath(path.parent), path.name) for path in paths if path is not None]
    return len(paths), [path for path in there if path.is_relative_to(top)]
