"""Weights alone in one file, for other programs: `safetensors`, or what `torch.load(..., weights_only=True)` reads.

af.export(run, "model.safetensors")
model = af.load(Net(), "model.safetensors")
"""

import json
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from autofix_nb.errors import ConfigurationError, StoreError
from autofix_nb.run import Run
from autofix_nb.taken import Taken, take

SUFFIXES = (".safetensors", ".pt")

ABOUT = "autofix_nb"
"""Attribute of the state dict in a `.pt` file that says where it comes from."""

MOST_HEADER = 100_000_000
"""Bytes of a safetensors header, by its format; a longer one is none."""


def export(run: Run | str | Path, file: str | Path, which: str = "best") -> Path:
    """Write the weights of a run to `file`, which ends in `.safetensors` or `.pt`, and return its path.

    `run` is what `fit` returned, or the run's folder. Where there was no goal to be best in, the last weights are
    written. The file holds weights and buffers by name, as `model.load_state_dict` takes them, and says of itself which
    run, epoch and goal they are of. Where the run changed the model, the weights fit the changed model only: the
    changes are in the file, and `af.load(model, file)` makes them. Weights that share memory are written as often as
    they have names. An older file of that name is replaced once the new one is whole.

    Raises:
        ConfigurationError: for another ending, or weights that the format cannot hold.
        ImportError: when `safetensors` is asked for and not installed.
        StoreError: when the run holds no whole checkpoint, or the file cannot be written.
    """
    path = Path(file).expanduser()
    if path.suffix not in SUFFIXES:
        raise ConfigurationError(f"`file` must end in {' or '.join(SUFFIXES)}, got {str(file)!r}")
    if path.is_dir():
        raise ConfigurationError(f"`file` {str(file)!r} is a folder; wanted the name of a file in it")
    writer = _safetensors_writer() if path.suffix == ".safetensors" else _write_pt
    taken = take(run, which)
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer(taken, new)
        with new.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(new, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        raise StoreError(f"`file` {str(path)!r} cannot be written ({error}); what was there before still is") from error
    finally:
        new.unlink(missing_ok=True)
    return path


def read_exported(path: Path) -> Taken:
    """Return what an exported file holds.

    Raises:
        StoreError: when it is none, or damaged. Nothing in it is run.
    """
    try:
        if path.suffix == ".safetensors":
            weights, about = _read_safetensors(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
            about = getattr(weights, ABOUT, None)
    except ImportError:
        raise
    except Exception as error:
        raise StoreError(f"`run`: {str(path)!r} cannot be read as weights: {error}") from error
    if not isinstance(about, dict) or "made_by" not in about:
        raise StoreError(f"`run`: {str(path)!r} was not written by `af.export`; wanted such a file, or a run's folder")
    return Taken.from_about(weights, about)


def _write_pt(taken: Taken, path: Path) -> None:
    weights = OrderedDict(taken.weights)
    if hasattr(taken.weights, "_metadata"):  # versions of the modules, by which they load a state dict
        weights._metadata = taken.weights._metadata
    setattr(weights, ABOUT, taken.about())
    torch.save(weights, path)


def _safetensors_writer() -> Callable[[Taken, Path], None]:
    try:
        from safetensors.torch import save_file  # optional
    except ImportError as error:
        raise ImportError(
            "`af.export` to `.safetensors` needs the package: `pip install safetensors`; or give a name that ends in "
            "`.pt`"
        ) from error

    def write(taken: Taken, path: Path) -> None:
        foreign = [name for name, part in taken.weights.items() if not isinstance(part, torch.Tensor)]
        if foreign:
            raise ConfigurationError(
                f"`file`: {foreign[0]!r} is no tensor ({type(taken.weights[foreign[0]]).__name__}), and safetensors "
                "holds nothing else; give a name that ends in `.pt`"
            )
        try:
            # A copy of each: safetensors refuses tensors that share memory, such as tied weights.
            apart = {name: part.detach().clone().contiguous() for name, part in taken.weights.items()}
            save_file(apart, path, metadata=taken.about())
        except (ValueError, KeyError, NotImplementedError) as error:  # kinds of numbers that it does not know
            raise ConfigurationError(f"`file`: {error}; give a name that ends in `.pt`") from error

    return write


def _read_safetensors(path: Path) -> tuple[dict[str, torch.Tensor], Any]:
    from safetensors.torch import load_file  # optional

    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size)) if size <= MOST_HEADER else {}
    return load_file(path), header.get("__metadata__")
