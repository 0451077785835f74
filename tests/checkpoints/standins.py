"""Stand-ins for places that fail, and small runs to copy."""

import io
import shutil
import threading

import torch

from autofix_nb.checkpoints import Store
from autofix_nb.checkpoints.copies import Copies
from autofix_nb.checkpoints.places import Folder
from autofix_nb.journal import Journal


class Run:
    """A run's folder on one machine, with a journal, settings and checkpoints."""

    def __init__(self, folder, begun=1.7e9):
        self.folder = folder
        self.store = Store(folder / "checkpoints")
        if not (folder / "journal.jsonl").exists():
            Journal(folder / "journal.jsonl", clock=lambda: begun).append("start", name=folder.name)
            (folder / "run.json").write_text('{"seed": 1}\n')
        self.same = {}

    def save(self, step, keep=()):
        """Save a checkpoint; pieces named in `keep` are those of the last one."""
        pieces = {name: self.same[name] for name in keep}
        for name in ("state", "best"):
            pieces.setdefault(name, {"step": step, "weights": torch.full((40,), float(step))})
        checkpoint = self.store.save(pieces, {"step": step, "epoch": 0, "position": step, "status": "running"})
        self.same = dict(checkpoint.pieces)
        Journal(self.folder / "journal.jsonl").append("save", step=step)
        return checkpoint

    def copies(self, place):
        """Return the copies of this run at a place."""
        return Copies(place, self.folder)

    def carry(self, place, checkpoint):
        """Copy one checkpoint, as the mirror's thread does."""
        return self.copies(place).carry(checkpoint, self.folder / "checkpoints")


class Faulty:
    """A place that does what `faults` says at each call: an error to raise, or a word for what goes wrong in silence.

    `short` cuts what is written, `changed` flips a byte of it, `short read` gives half of it back, `hang` waits for
    `released`; None does no harm. When the faults are used up, all goes well.
    """

    def __init__(self, place, *faults, at=("write",)):
        self.title = place.title
        self.place, self.faults, self.at = place, list(faults), at
        self.released = threading.Event()
        self.entered = threading.Event()
        self.calls = []

    def _fault(self, what, name):
        self.calls.append((what, name))
        fault = self.faults.pop(0) if self.faults and what in self.at else None
        if isinstance(fault, Exception):
            raise fault
        if fault == "hang":
            self.entered.set()
            self.released.wait(60)
        return fault

    def sizes(self, under):
        self._fault("sizes", under)
        return self.place.sizes(under)

    def open(self, name):
        fault = self._fault("open", name)
        file = self.place.open(name)
        if fault == "short read":
            with file:
                return io.BytesIO(file.read()[:-7])
        return file

    def write(self, name, source):
        fault = self._fault("write", name)
        if fault in ("short", "changed"):
            data = bytearray(source.read_bytes())
            data[len(data) // 2] ^= 1
            other = source.with_name(source.name + ".spoilt")
            other.write_bytes(data[:-7] if fault == "short" else data)
            self.place.write(name, other)
            other.unlink()
            return
        self.place.write(name, source)

    def delete(self, name):
        self._fault("delete", name)
        self.place.delete(name)

    def rename(self, old, new):
        self._fault("rename", old)
        self.place.rename(old, new)

    def free(self):
        return self.place.free()


def folder_place(tmp_path, **arguments):
    """Return a place that is a folder."""
    return Folder(tmp_path / "there", title="Drive", **arguments)


def fresh_machine(run, tmp_path):
    """Return the same run on a machine that has nothing of it."""
    folder = tmp_path / "fresh" / run.folder.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
