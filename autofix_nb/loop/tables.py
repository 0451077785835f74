"""Tables of a run for people and other programs; the checkpoint holds the same."""

import json
import zipfile
from pathlib import Path

import numpy as np

from autofix_nb.checkpoints import write_atomically
from autofix_nb.history import History
from autofix_nb.journal import plain


def write_tables(folder: Path, history: History) -> None:
    """Write `history.jsonl` (a row an epoch), `facts.json` and `signals.npz`, each whole or not at all.

    Raises:
        OSError: when the disk refuses.
    """
    rows = "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in history.epochs)
    write_atomically(folder / "history.jsonl", rows)
    known = {"since": history.since, "facts": history.facts}
    write_atomically(folder / "facts.json", json.dumps(plain(known), indent=2, ensure_ascii=False) + "\n")
    signals = folder / "signals.npz"
    new = folder / "signals.new.npz"
    # Not by `np.savez`: to it a series named `file` is another argument.
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in history.to_arrays():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    new.replace(signals)
