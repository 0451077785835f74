"""What the running kernel holds, and what a new one would load: pip can change the second, only a restart the first.

A module keeps the version it was imported with. What a new kernel would load is looked up as an import does, and its
version read from the description beside it. Installations that point to a source folder have none there, and are left
out: their description is as old as the last `pip install`.
"""

from __future__ import annotations

import importlib.machinery
import re
import site
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from autofix_nb.environment.installed import installed_folders
from autofix_nb.environment.modules import MODULES

WATCHED = MODULES | {
    "scipy": "scipy",
    "pandas": "pandas",
    "pillow": "PIL",
    "torchaudio": "torchaudio",
    "safetensors": "safetensors",
    "huggingface-hub": "huggingface_hub",
    "transformers": "transformers",
    "accelerate": "accelerate",
    "lightning": "lightning",
    "pytorch-lightning": "pytorch_lightning",
}
"""Distributions whose change under a kernel is looked for, and their modules."""

_VERSION_LINE = re.compile(r"^__version__\s*(?::\s*\w+\s*)?=\s*['\"]([^'\"]+)['\"]", re.MULTILINE)


def loaded_versions(modules: Mapping[str, ModuleType] | None = None) -> dict[str, str]:
    """Each watched distribution that this process has imported, and the version it was imported with."""
    modules = sys.modules if modules is None else modules
    found = {}
    for name, module in WATCHED.items():
        version = getattr(modules.get(module), "__version__", None)
        if isinstance(version, str) and version[:1].isdigit():
            found[name] = version
    return found


def versions_on_disk(modules: Mapping[str, ModuleType] | None = None) -> dict[str, str]:
    """The version that a new kernel would load of each watched distribution; those it is not known of are left out."""
    modules = sys.modules if modules is None else modules
    found = {}
    for name, module in WATCHED.items():
        file = getattr(modules.get(module), "__file__", None)
        if file is None:
            continue
        spec = importlib.machinery.PathFinder.find_spec(module)
        if spec is None or spec.origin is None:
            continue
        package = Path(spec.origin).parent
        # Folders put before the others by hand would not be there in a new kernel.
        if Path(file).is_file() and spec.origin != file and str(package.parent) not in _site_folders():
            continue
        described = installed_folders([str(package.parent)]).get(name)
        if described is not None:
            found[name] = with_build(described[0], package)
    return found


def vanished(modules: Mapping[str, ModuleType] | None = None) -> tuple[str, ...]:
    """The watched distributions that are loaded, and of which nothing is left on the disk."""
    modules = sys.modules if modules is None else modules
    gone = []
    for name, module in WATCHED.items():
        file = getattr(modules.get(module), "__file__", None)
        if file is not None and not Path(file).exists() and importlib.machinery.PathFinder.find_spec(module) is None:
            gone.append(name)
    return tuple(gone)


def with_build(version: str, package: Path) -> str:
    """A version together with the build that the package's own `version.py` names: `2.11.0` may be `2.11.0+cu128`."""
    try:
        line = _VERSION_LINE.search((package / "version.py").read_text("utf-8", "replace"))
    except OSError:
        return version
    full = line[1] if line else version
    return full if full.partition("+")[0] == version else version


def same_version(left: str, right: str) -> bool:
    """Whether two versions are of one make; a build counts only where both name one, as `+cpu` and `+cu128` do."""
    (left, left_build), (right, right_build) = (_parts(version) for version in (left, right))
    builds_differ = bool(left_build and right_build and left_build != right_build)
    return left == right and not builds_differ


def _parts(version: str) -> tuple[str, str]:
    public, _, build = version.lower().partition("+")
    # Trailing zeros and separators are a matter of spelling: `2.1` is `2.1.0`, `1.0.0-rc1` is `1.0.0rc1`.
    numbers = re.match(r"v?(\d+(?:\.\d+)*)", public)
    if numbers is None:
        return public, ""
    rest = re.sub(r"[-_.]", "", public[numbers.end() :])
    is_build = re.fullmatch(r"cpu|cu\d+|rocm[\d.]+|xpu", build)
    return re.sub(r"(\.0)+$", "", numbers[1]) + rest, build if is_build else ""


def _site_folders() -> frozenset[str]:
    return frozenset([*site.getsitepackages(), site.getusersitepackages()])
