"""Code to type, as several checks write it. It is valid Python, and does what it says when it is typed as it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from keyword import iskeyword

from torch import nn

from autofix_nb.evidence import Scan, Subject

MOST_LISTED = 50
"""Numbers, and ranges of them, that are written out."""

SHORTEST_RUN = 3
"""Neighbours from which on they are written as a range."""


def leave_out(data: str, indices: Iterable[int], *, kept: str = "", why: str = "") -> str:
    """Return the lines that leave samples of `data` out; `kept` is the name of what is left, `why` a comment."""
    listed = _runs(indices)
    more = f"  # and {len(listed) - MOST_LISTED} more ranges" if len(listed) > MOST_LISTED else ""
    return (
        f"left_out = {{{', '.join(listed[:MOST_LISTED])}}}{more}\n"
        f"{kept or data} = torch.utils.data.Subset({data}, [index for index in range(len({data})) if index not in "
        f"left_out]){f'  # {why}' if why else ''}"
    )


def _runs(indices: Iterable[int]) -> list[str]:
    runs: list[list[int]] = []
    for index in sorted({int(index) for index in indices}):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    told = []
    for run in runs:
        told += [f"*range({run[0]}, {run[-1] + 1})"] if len(run) >= SHORTEST_RUN else map(str, run)
    return told


@dataclass(frozen=True)
class Columns:
    """The columns of a table, as the user has them: a frame with names, or an array."""

    names: Sequence[str]
    framed: bool

    @classmethod
    def of(cls, subject: Subject, scan: Scan) -> "Columns":
        """Return the columns of a side. Names that were made up here are none that could be typed."""
        framed = scan.side in subject.tables and any(not name.startswith("feature ") for name in scan.names)
        return cls(names=scan.names, framed=framed)

    def drop(self, columns: Iterable[int]) -> str:
        """Return the lines that leave columns out."""
        chosen = [int(column) for column in columns]
        if self.framed:
            return f"frame = frame.drop(columns={[self.names[column] for column in chosen]!r})"
        return (
            f"left_out = {sorted(chosen)}\nx = x[:, [column for column in range(x.shape[1]) if column not in left_out]]"
        )


def in_code(model: nn.Module, name: str) -> str:
    """Return how a part of a model is written: `model.layers[2].fc` for `layers.2.fc`."""
    place, part = "model", model
    for key in name.split(".") if name else ():
        if key.isidentifier() and not iskeyword(key):
            place += f".{key}"
        elif isinstance(part, nn.Sequential | nn.ModuleList) and key.isdecimal():
            place += f"[{key}]"
        else:
            place = f"getattr({place}, {key!r})"
        part = getattr(part, key)
    return place


def only_the_head(model: nn.Module) -> str:
    """Return the lines that freeze a model but for its last layer; empty where it has one layer only."""
    if _tells_its_head(model):
        head = "model.get_classifier()"
    else:
        with_weights = [name for name, part in model.named_modules() if list(part.parameters(recurse=False))]
        if len(with_weights) < 2 or not with_weights[-1]:
            return ""
        head = in_code(model, with_weights[-1])
    return f"model.requires_grad_(False)\n{head}.requires_grad_(True)  # only the last layer is trained"


def _tells_its_head(model: nn.Module) -> bool:
    """Tell whether the model names its last layer, as those of timm do."""
    try:
        head = model.get_classifier()  # type: ignore[operator]
    except Exception:  # noqa: BLE001 - it has no such method, or one of another kind
        return False
    return isinstance(head, nn.Module) and any(True for _ in head.parameters())
