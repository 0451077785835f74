"""Repairs of a torch, a torchvision and a NumPy that are whole, and do not fit each other.

A torchvision that was built for another torch (also: the registry's build beside a CPU-only torch) says on import
`operator torchvision::nms does not exist`.
"""

from __future__ import annotations

from collections.abc import Mapping

from autofix_nb.environment.modules import lacks_another
from autofix_nb.environment.repair import Repair
from autofix_nb.environment.versions import (
    FIRST_TORCH_FOR_NUMPY_2,
    LAST_PYTHON_WITH_NUMPY_1,
    exact,
    numpy_fits,
    pair_fits,
    release,
    torchvision_for,
    without_build,
)


def repair_misfits(
    installed: Mapping[str, str],
    python: tuple[int, int],
    on_host: bool,
    failures: Mapping[str, str],
    bridge: tuple[bool, str] | None,
) -> list[Repair]:
    """The pair first, then NumPy; what `plan_repairs` is given, and whether a notebook host's torch must stay."""
    if "torch" not in installed:
        return []
    torch_breaks = "torch" in failures and not lacks_another("torch", failures["torch"])
    repairs = _repair_pair(installed, on_host, failures, torch_breaks)
    if "numpy" not in installed or torch_breaks or "numpy" in failures:
        return repairs
    return repairs + _repair_numpy(installed["torch"], installed["numpy"], python, bridge)


def _repair_pair(
    installed: Mapping[str, str], on_host: bool, failures: Mapping[str, str], torch_breaks: bool
) -> list[Repair]:
    torch, torchvision = installed["torch"], installed.get("torchvision")
    if torchvision is not None and not pair_fits(torch, torchvision):
        why = f"torchvision {torchvision} was made for another torch than {torch}"
        return [Repair("torchvision", (exact("torch", torch), torchvision_for(torch)), why)]
    if not torch_breaks and "torchvision::nms" not in failures.get("torchvision", ""):
        return []
    error = failures["torch"] if torch_breaks else failures["torchvision"]
    why = f"torch {torch} and torchvision {torchvision} are builds that do not fit each other ({error})"
    if on_host and not torch_breaks:
        return [Repair("torchvision", (torchvision_for(torch),), why, anew=True)]
    return [Repair("torch", (exact("torch", torch, other_build=True), torchvision_for(torch)), why, anew=True)]


def _repair_numpy(torch: str, numpy: str, python: tuple[int, int], bridge: tuple[bool, str] | None) -> list[Repair]:
    works, reason = bridge or (numpy_fits(torch, numpy), "by the version rule")
    if works:
        return []
    why = f"torch {torch} cannot pass a tensor to NumPy {numpy} and back ({reason})"
    if release(numpy)[0] < 2:
        return [Repair("numpy", (exact("numpy", numpy),), why, anew=True)]
    if python <= LAST_PYTHON_WITH_NUMPY_1:
        return [Repair("numpy", ("numpy<2",), f"{why}; it takes NumPy 1")]
    first = ".".join(map(str, FIRST_TORCH_FOR_NUMPY_2))
    why += f"; torch takes NumPy 2 from {first} on, and Python {python[0]}.{python[1]} has no NumPy 1"
    return [Repair("torch", (f"torch>={first},!={without_build(torch)}", "torchvision"), why)]
