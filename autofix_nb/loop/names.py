"""Names of runs: one folder each, inside the store, on every system that a store may be moved to.

What Windows forbids is in its documentation ("Naming Files, Paths, and Namespaces"); Drive and zip archives move runs
there. Linux allows 255 bytes.
"""

import re
from typing import Any

from autofix_nb.errors import ConfigurationError

LONGEST = 200
"""Bytes of a name in UTF-8: file systems hold 255, and `.before-12` and the like come behind."""

FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
"""Separators, what Windows forbids, control characters (also those that turn text around), halves of characters."""

RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Devices of Windows, with any ending."""


def check_name(name: Any) -> str:
    """Return the name of a run.

    Raises:
        ConfigurationError: when it is no name of a single folder, here or on another system.
    """
    problem = problem_of(name)
    if problem:
        suggestion = tidied(name) if isinstance(name, str) else ""
        way_out = f", for instance `name={suggestion!r}`" if suggestion else ""
        raise ConfigurationError(
            f"`name` must be the name of one folder, got {name!r}: {problem}. Give another{way_out}"
        )
    return name


def problem_of(name: Any) -> str:
    """Return what is wrong with a name; nothing for a good one."""
    if not isinstance(name, str):
        return f"a {type(name).__name__} is no text"
    if not name.strip():
        return "it is empty"
    if name in (".", ".."):
        return "it names the store itself, or what is around it"
    found = FORBIDDEN.search(name)
    if found:
        return f'it holds {found.group()!r}, one of / \\ : * ? " < > | and control characters'
    if name != name.strip() or name.endswith("."):
        return "it begins or ends with a space, or ends with a dot, which Windows drops"
    if RESERVED.fullmatch(name):
        return "Windows keeps it for a device"
    size = len(name.encode())
    return f"it has {size} bytes, wanted at most {LONGEST}" if size > LONGEST else ""


def tidied(name: str) -> str:
    """Return a good name that is as near as can be; empty where nothing is left of it."""
    parts = [part for part in FORBIDDEN.sub("/", name).split("/") if part.strip(" .")]
    kept = "_".join(part.strip() for part in parts).strip(" ")
    kept = kept.encode()[:LONGEST].decode(errors="ignore").rstrip(" .")
    return f"{kept}_" if RESERVED.fullmatch(kept) else kept
