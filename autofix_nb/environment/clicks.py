"""What to click and what to type, in the words of each host.

Colab's page says Runtime ▸ Restart session; with its extension for VS Code another machine is a new server
(googlecolab/colab-vscode, User Guide).
"""

from __future__ import annotations

from collections.abc import Sequence

RESTART = {
    "kaggle": "Run > Restart & clear cell outputs",
    "colab": "Runtime > Restart session",
    "vscode": "Restart, above the notebook",
    "jupyter": "Kernel > Restart Kernel",
    "terminal": "start Python again",
}

ACCELERATOR = {
    "kaggle": "Settings > Accelerator > GPU T4 x2",
    "colab": "Runtime > Change runtime type > T4 GPU (in VS Code: Select Kernel > Colab > New Colab Server)",
}
"""Where an accelerator can be had by a click. Either way a new machine is started, without what was installed."""


def restart_by(host: str) -> str:
    """How the kernel is restarted here."""
    return RESTART.get(host, RESTART["jupyter"])


def pip_line(host: str, *arguments: str) -> str:
    """The line to type that makes pip do this: `%pip install "numpy<2"`, without `%` in a terminal."""
    parts = [f'"{part}"' if set(part) & set("<>!=~[ ") and not part.startswith("-") else part for part in arguments]
    return " ".join(["pip" if host == "terminal" else "%pip", *parts])


def pip_lines(host: str, commands: Sequence[Sequence[str]]) -> str:
    """One line for each list of arguments."""
    return "\n".join(pip_line(host, *command) for command in commands)
