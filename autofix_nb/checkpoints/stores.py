"""What `store=` means: where a run's folder lies on this machine, and where its copies go."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autofix_nb.checkpoints import drive
from autofix_nb.checkpoints.mounts import mount_point
from autofix_nb.checkpoints.places import Folder, Place, Remote, shown
from autofix_nb.environment.host import host
from autofix_nb.errors import ConfigurationError, StoreError

DEFAULT = Path("runs")
"""Where runs are kept unless `store=` says otherwise."""

ON_DRIVE = "autofix_nb"
"""Folder on Drive that holds the runs of `store='drive'`."""

COLAB_FOLDER = Path("/content/autofix_nb")
"""Where Colab's machine keeps its own copy of such runs."""

WITHOUT_DRIVE = Path("autofix_nb_runs")
"""Where `store='drive'` keeps runs outside of Colab."""


@dataclass(frozen=True)
class Home:
    """Where one run is kept."""

    folder: Path
    """The run's folder on this machine."""

    place: Place | None = None
    """Where copies go in the background; None for a plain folder."""

    flush: Callable[[], object] | None = None
    """What forces the copies out of this machine, and gives the mount back; None where there is no such thing."""

    says: str = ""
    """What people must know of it, as one sentence; empty for a plain folder."""


def home_of(
    store: Any,
    name: str,
    *,
    where: str | None = None,
    mount: Callable[[], Path] = drive.mount,
    mount_at: Path = drive.MOUNT_AT,
    colab_folder: Path = COLAB_FOLDER,
) -> Home:
    """Return where the run `name` is kept: `store` is a folder (`./runs` if None), `'drive'`, or a URL for fsspec.

    The last four arguments stand in for Colab: the host, mounting Drive, where it is mounted, and the machine's folder.

    Raises:
        ConfigurationError: when `store` is none of these, or a package for its URL is missing.
        StoreError: when Drive cannot be mounted.
    """
    if store is None:
        store = DEFAULT
    if not isinstance(store, str | os.PathLike) or not str(store).strip():
        raise ConfigurationError(
            f"`store` must be a folder, 'drive' or a URL such as 's3://bucket/runs', got {store!r}"
        )
    where = host() if where is None else where
    if store == "drive":
        if where != "colab":
            said = f"`store='drive'`: Drive can be mounted on Colab only; this run is kept in {WITHOUT_DRIVE.resolve()}"
            return Home(WITHOUT_DRIVE / name, says=said)
        my_drive = mount()
        place = Folder(my_drive / ON_DRIVE, title="Drive", mounted=my_drive, empties=True)
        return _mirrored(colab_folder / name, place, f"copied to Drive, {ON_DRIVE}/{name}", drive.flush_and_unmount)
    if isinstance(store, str) and "://" in store:
        kind, _, rest = store.partition("://")
        place = _folder_of_url(store, rest) if kind in ("file", "local") else Remote(store)
        cache = colab_folder if where == "colab" else _cache() / "autofix_nb"
        return _mirrored(cache / _short_hash(store) / name, place, f"copied to {shown(store)}")
    folder = Path(store).expanduser()
    if where == "colab" and mount_at in folder.absolute().parents:
        # Written to directly, Drive loses what was appended or renamed (googlecolab/colabtools#2607, #4184).
        my_drive = mount_at / drive.MY_DRIVE
        if not os.path.isdir(my_drive):
            raise StoreError(
                f"`store={str(store)!r}` lies on Drive, which is not mounted; give `store='drive'`, or run "
                "`from google.colab import drive; drive.mount('/content/drive')` first"
            )
        mounted = my_drive if my_drive in (folder, *folder.parents) else mount_at
        place = Folder(folder, title="Drive", mounted=mounted, empties=True)
        here = colab_folder / _short_hash(str(folder)) / name
        return _mirrored(here, place, f"copied to {folder / name}", drive.flush_and_unmount)
    return Home(folder / name)


def _mirrored(folder: Path, place: Place, copied: str, flush: Callable[[], object] | None = None) -> Home:
    return Home(folder, place, flush, f"This run is kept in {folder} on this machine, and {copied} in the background.")


def _folder_of_url(url: str, rest: str) -> Folder:
    """Return the folder that `file://...` names; of a mount nothing is read or made while it is away."""
    rest = rest.removeprefix("localhost")
    path = rest[1:] if re.match(r"/[A-Za-z]:", rest) and os.name == "nt" else rest  # file:///C:/runs
    if not path.strip():
        raise ConfigurationError(f"`store={url!r}` names no folder; wanted one such as 'file:///mnt/nas/runs'")
    root = Path(path).expanduser().absolute()  # whoever changes the working folder later means the same place
    return Folder(root, mounted=mount_point(root), is_mount=True)


def _cache() -> Path:
    """Return the folder for caches: the system's, so that a copy here outlives the kernel."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser()


def _short_hash(text: str) -> str:
    """Two stores may hold runs of one name: each has its own folder here."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
