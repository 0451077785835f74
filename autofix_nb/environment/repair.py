"""One change to the installed packages: data, not deed."""

from __future__ import annotations

from dataclasses import dataclass

from autofix_nb.environment.requirements import name_of


@dataclass(frozen=True)
class Repair:
    """One change to the installed packages, and why."""

    package: str
    requirements: tuple[str, ...]
    why: str
    anew: bool = False  # also where the version is already the wanted one
    over: bool = False  # over what is there, which pip cannot take away

    def commands(self) -> list[list[str]]:
        """The arguments for pip, one list a call."""
        plain = ["install", *self.requirements]
        if not self.anew:
            return [plain]
        # Without dependencies, as pip would install them all anew; the second call brings the missing ones.
        how = "--ignore-installed" if self.over else "--force-reinstall"
        return [["install", how, "--no-deps", *self.requirements], plain]

    def touches(self) -> set[str]:
        """The packages that this installs."""
        return {name_of(text) for text in self.requirements}
