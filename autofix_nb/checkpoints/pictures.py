"""The pictures of samples set aside, as files beside the quarantine's lines: which are here, and which at a place."""

from collections.abc import Collection
from pathlib import Path

from autofix_nb.checkpoints.places import Place
from autofix_nb.data.quarantine import LARGEST_PICTURE, PICTURE_FILE

FOLDER = "quarantine"
"""Where they lie in a run's folder, here and there."""


def pictures_here(folder: Path, besides: Collection[str] = ()) -> list[str]:
    """Return the files of a run's pictures on this machine, named from its folder on, besides those."""
    names = sorted(path.name for path in (folder / FOLDER).glob("*.png"))
    files = [f"{FOLDER}/{name}" for name in names if PICTURE_FILE.fullmatch(name)]
    return [file for file in files if file not in besides]


def pictures_at(place: Place, run: str) -> list[str]:
    """Return the same of a place; what is no picture of ours, or larger than one, is left out."""
    sizes = {name.rpartition("/")[2]: size for name, size in place.sizes(f"{run}/{FOLDER}").items()}
    return [
        f"{FOLDER}/{name}"
        for name, size in sorted(sizes.items())
        if PICTURE_FILE.fullmatch(name) and size <= LARGEST_PICTURE
    ]
