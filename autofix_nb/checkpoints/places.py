"""Places for copies of a run: a folder, such as a mounted Drive, or anything that fsspec reaches by a URL.

A place keeps whole files under names such as `leaves/checkpoints/step-00000150-0123456789ab.json`. It promises little:
that what was written under a name may be there afterwards. Whoever writes reads back.

Drive: what is deleted or overwritten goes to its bin and counts against the quota (googlecolab/colabtools#1269), so a
file is emptied before it goes; a mount that has died leaves an empty folder or `Transport endpoint is not connected`
(googlecolab/colabtools#3441), and must not be taken for a folder to write into.
"""

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from autofix_nb.checkpoints.pieces import NEW
from autofix_nb.errors import ConfigurationError, StoreError

NO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""Errors by which a mount says that it cannot sync, rather than that it failed to."""

BLOCK_BYTES = 2**20
"""Bytes that are copied at a time."""


class Place(Protocol):
    """Where copies of runs are kept. Every method may raise whatever the place's own library raises."""

    title: str
    """What people call it: `Drive`, a folder, a URL without its secrets."""

    def sizes(self, under: str) -> dict[str, int]:
        """Return the names of all files below the folder `under`, and their sizes in bytes; empty where it is not."""

    def open(self, name: str) -> IO[bytes]:
        """Return a file opened for reading."""

    def write(self, name: str, source: Path) -> None:
        """Copy a file of this machine to `name`; one that is there already is replaced."""

    def delete(self, name: str) -> None:
        """Delete a file; one that is gone already is no error."""

    def rename(self, old: str, new: str) -> None:
        """Give a folder another name."""

    def free(self) -> int | None:
        """Return the bytes that are free, or None where nobody can say."""


class Folder:
    """A folder of this machine or of a mount."""

    def __init__(
        self,
        root: Path,
        *,
        title: str = "",
        mounted: Path | None = None,
        is_mount: bool = False,
        empties: bool = False,
    ) -> None:
        """`mounted` must be there (with `is_mount` as a mount, since its empty folder outlives that), or nothing is
        read, written or made; `empties` empties files before they go.
        """
        self._is_there = os.path.ismount if is_mount else os.path.isdir
        self.title = title or str(root)
        self._root = root
        self._mounted = mounted
        self._empties = empties

    def sizes(self, under: str) -> dict[str, int]:
        """Return names and sizes in bytes below `under`; links are not followed."""
        found: dict[str, int] = {}
        top = self._path(under)
        waiting = [top]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(Path(entry.path))
                        elif entry.is_file(follow_symlinks=False):
                            name = Path(entry.path).relative_to(self._root).as_posix()
                            found[name] = entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue  # deleted while we looked
        return found

    def open(self, name: str) -> IO[bytes]:
        """Return a file opened for reading."""
        return self._path(name).open("rb")

    def write(self, name: str, source: Path) -> None:
        """Copy a file to another name beside `name`, sync it, and rename it."""
        target = self._path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(target.name + NEW)
        with source.open("rb") as from_here, new.open("wb") as to_there:
            shutil.copyfileobj(from_here, to_there, BLOCK_BYTES)
            to_there.flush()
            try:
                os.fsync(to_there.fileno())
            except OSError as error:
                if error.errno not in NO_SYNC:
                    raise
        if self._empties and target.exists():
            os.truncate(target, 0)
        os.replace(new, target)

    def delete(self, name: str) -> None:
        """Delete a file, on Drive emptied before."""
        target = self._path(name)
        with contextlib.suppress(FileNotFoundError):
            if self._empties:
                os.truncate(target, 0)
            target.unlink()

    def rename(self, old: str, new: str) -> None:
        """Give a folder another name."""
        self._path(old).rename(self._path(new))

    def free(self) -> int | None:
        """Return what the system says is free. On Drive that is the room for files under way, not the quota."""
        try:
            return shutil.disk_usage(self._mounted or self._nearest()).free
        except OSError:
            return None

    def _nearest(self) -> Path:
        return next(folder for folder in (self._root, *self._root.parents) if folder.exists())

    def _path(self, name: str) -> Path:
        if self._mounted is not None and not self._is_there(self._mounted):
            # Made anew here, the folder would lie on this machine's own disk, and be in the way of mounting again.
            raise OSError(errno.ENOTCONN, f"{self.title} is not mounted", str(self._mounted))
        return self._root / checked(name)


class Remote:
    """A place that fsspec reaches: `s3://bucket/runs`, `gs://...`, `memory://runs`."""

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        """`options` go to the file system of that URL; mostly its environment variables are enough.

        Raises:
            ConfigurationError: when a package is missing, or nobody knows such URLs.
        """
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise ConfigurationError(
                f"`store={shown(url)!r}` needs the package `fsspec`: `pip install 'autofix_nb[remote]'`, or give a "
                "folder"
            ) from error
        kind = url.partition("://")[0]
        try:
            self._system, self._root = url_to_fs(url, **(options or {}))
        except ImportError as error:
            raise ConfigurationError(
                f"`store={shown(url)!r}` needs a package for `{kind}://`: {error}. For `s3://` that is "
                "`pip install 's3fs'`, for `gs://` `pip install 'gcsfs'`; or give a folder"
            ) from error
        except ValueError as error:
            raise ConfigurationError(
                f"`store={shown(url)!r}`: {error}; wanted a folder, 'drive', or a URL such as 's3://bucket/runs'"
            ) from error
        self._root = self._root.rstrip("/")
        self.title = shown(url)

    def sizes(self, under: str) -> dict[str, int]:
        """Return names and sizes in bytes below `under`, asked for anew each time."""
        self._system.invalidate_cache()
        try:
            found = self._system.find(self._path(under), detail=True)
        except FileNotFoundError:
            return {}
        start = len(self._root) + 1
        return {name[start:]: int(about["size"] or 0) for name, about in found.items()}

    def open(self, name: str) -> IO[bytes]:
        """Return a file opened for reading."""
        return self._system.open(self._path(name), "rb")

    def write(self, name: str, source: Path) -> None:
        """Copy a file. Object stores show it when it is complete."""
        self._system.put_file(str(source), self._path(name))

    def delete(self, name: str) -> None:
        """Delete a file."""
        with contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self._path(name))

    def rename(self, old: str, new: str) -> None:
        """Give a folder another name, file by file: an object store knows no folders. What exists twice stays whole."""
        for name in sorted(self.sizes(old)):
            other = new + name[len(old) :]
            self._system.makedirs(self._path(other).rpartition("/")[0], exist_ok=True)
            self._system.cp_file(self._path(name), self._path(other))
        for name in self.sizes(old):
            self.delete(name)

    def free(self) -> int | None:
        """Nobody can say."""
        return None

    def _path(self, name: str) -> str:
        return f"{self._root}/{checked(name)}"


def checked(name: str) -> str:
    """Return a name that stays inside its place.

    Raises:
        StoreError: for `../x`, absolute names and the like.
    """
    if re.search(r"[\\\0]", name) or any(part in ("", ".", "..") for part in name.split("/")) or ":" in name[:3]:
        raise StoreError(f"{name!r} is no name inside a store; wanted one such as 'leaves/run.json'")
    return name


def shown(url: str) -> str:
    """Return a URL as it may be shown: without user, password and what stands behind a `?`."""
    return re.sub(r"//[^/@]*@", "//", url).partition("?")[0]
