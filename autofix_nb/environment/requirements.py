"""Which requirements are not met, read without pip's help: no package for it is there before anything is installed."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence

from autofix_nb.environment.versions import release

COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}


def unmet_requirements(
    requirements: Sequence[str], installed: Mapping[str, str], python: tuple[int, int]
) -> dict[str, str]:
    """The requirements that hold on this Python and are not met: name to text without marker.

    Raises:
        ValueError: a requirement is written in a form that is not read here.
    """
    unmet = {}
    for text in requirements:
        parts = re.fullmatch(
            r"\s*([\w.-]+)(\[[\w,-]+\])?\s*([\s\d.,<>=!~]*?)\s*"
            r'(?:;\s*python_version\s*(<|>=)\s*"(\d+)\.(\d+)"\s*)?',
            text,
        )
        if parts is None:
            raise ValueError(
                f"`requirements` holds {text!r}, which cannot be read here; write name, versions and at most "
                '`; python_version < "3.12"`'
            )
        name, extras, versions, comparison, major, minor = parts.groups()
        if comparison and (python < (int(major), int(minor))) != (comparison == "<"):
            continue
        name = normalised(name)
        if name not in installed or not _meets(installed[name], versions):
            unmet[name] = f"{name}{extras or ''}{versions}"
    return unmet


def name_of(requirement: str) -> str:
    """The distribution that a requirement names, as it is spelled there."""
    return re.match(r"[\w.-]+", requirement)[0]


def normalised(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _meets(version: str, versions: str) -> bool:
    """Whether a version meets clauses such as `>=2.2,<3`."""
    for clause in filter(None, versions.replace(" ", "").split(",")):
        parts = re.fullmatch(r"(>=|<=|==|!=|<|>)([\d.]+)", clause)
        if parts is None:
            raise ValueError(f"`versions` holds {clause!r}, which cannot be read here; write it as `>=2.2`")
        have, want = release(version), release(parts[2])
        length = max(len(have), len(want))
        have, want = (numbers + (0,) * (length - len(numbers)) for numbers in (have, want))
        if not COMPARISONS[parts[1]](have, want):
            return False
    return True
