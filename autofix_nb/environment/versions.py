"""Which versions of torch, torchvision and NumPy fit each other, and where these rules come from.

- torch takes NumPy 2 from 2.3.0 on (pytorch/pytorch#132179; its wheels for Windows from 2.4.1 on,
  pytorch/pytorch#135013). The bridge decides, the rule explains.
- NumPy 1 has wheels up to Python 3.12 (PyPI).
- torchvision's minor is torch's minor + 15 and the patch is the same, from torch 2.2 with torchvision 0.17 to
  torch 2.13 with 0.28; torchvision 0.29 asks for torch 2.14 or newer (`Requires-Dist` of the wheels on PyPI).
"""

from __future__ import annotations

import re

FIRST_TORCH_FOR_NUMPY_2 = (2, 3)
LAST_PYTHON_WITH_NUMPY_1 = (3, 12)
TORCHVISION_MINOR_AHEAD = 15
FIRST_FREE_TORCH = (2, 14)
FIRST_FREE_TORCHVISION = (0, 29)


def pair_fits(torch: str, torchvision: str) -> bool:
    """Whether these versions of torch and torchvision belong together."""
    torch_numbers, vision_numbers = release(torch)[:2], release(torchvision)[:2]
    if torch_numbers >= FIRST_FREE_TORCH or vision_numbers >= FIRST_FREE_TORCHVISION:
        return torch_numbers >= FIRST_FREE_TORCH and vision_numbers >= FIRST_FREE_TORCHVISION
    return vision_numbers == (0, torch_numbers[1] + TORCHVISION_MINOR_AHEAD)


def torchvision_for(torch: str) -> str:
    """The requirement whose torchvision fits this version of torch."""
    major, minor, patch = (*release(torch), 0, 0)[:3]
    if (major, minor) >= FIRST_FREE_TORCH:
        return f"torchvision>={FIRST_FREE_TORCHVISION[0]}.{FIRST_FREE_TORCHVISION[1]}"
    return f"torchvision==0.{minor + TORCHVISION_MINOR_AHEAD}.{patch}"


def numpy_fits(torch: str, numpy: str) -> bool:
    """Whether this version of torch was built to take this version of NumPy."""
    return release(numpy)[0] < 2 or release(torch)[:2] >= FIRST_TORCH_FOR_NUMPY_2


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version: `2.11.0+cu128` gives `(2, 11, 0)`."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    if numbers is None:
        raise ValueError(f"`version` must begin with a number, got {version!r}; give it as `2.11.0`")
    return tuple(int(part) for part in numbers[0].split("."))


def without_build(version: str) -> str:
    """A version without its build: `2.11.0+cu128` gives `2.11.0`."""
    return version.partition("+")[0]


def exact(name: str, version: str, other_build: bool = False) -> str:
    """The requirement for this version, in another build than the present one if wanted."""
    has_build = "+" in version
    return f"{name}=={without_build(version)}" + (f",!={version}" if has_build and other_build else "")
