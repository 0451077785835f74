"""What must import: each distribution and its module."""

from __future__ import annotations

import re

MODULES = {
    "numpy": "numpy",
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "ipywidgets": "ipywidgets",
    "tqdm": "tqdm",
    "autofix-nb": "autofix_nb",
}


def lacks_another(name: str, error: str) -> bool:
    """Whether what went wrong while importing this distribution is that another one is missing."""
    missing = re.search(r"No module named '([\w.]+)'", error)
    return missing is not None and missing[1].split(".")[0] != MODULES.get(name, name)
