"""Code to type, as several checks write it. It is valid Python, and does what it says when it is typed as it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from keyword import iskeyword

from torch import nn

from autofix_nb.evidence import Scan, Subject

MOST_LISTED = 50
"""Numbers, and ranges of them, that are written out."""

MOST_LINES = 4
"""Columns that get a line each."""

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


def as_numbers(columns: Sequence[str], kinds: Sequence[str]) -> str:
    """Return the lines that make numbers of a frame's columns of text, by what each holds (`evidence.text_kinds`)."""
    of: dict[str, list[str]] = {}
    for name, kind in zip(columns, kinds or ["few"] * len(columns), strict=True):
        of.setdefault(kind, []).append(name)
    lines = [
        f'frame[{name!r}] = (pd.to_datetime(frame[{name!r}]) - pd.Timestamp("2000-01-01")).dt.days'
        for name in of.get("dates", [])[:MOST_LINES]
    ]
    lines += [
        f"frame[{name!r}] = pd.to_numeric(frame[{name!r}].astype(str).str.replace(r'[^0-9.eE+-]', '', regex=True), "
        "errors='coerce')"
        for name in of.get("numbers", [])[:MOST_LINES]
    ]
    if "few" in of:
        lines.append(f"frame = pd.get_dummies(frame, columns={of['few'][:8]!r}, dtype=float)")
    if "many" in of:
        lines.append(f"frame = frame.drop(columns={of['many'][:8]!r})  # nearly all differ: for a model of texts")
    return "\n".join(lines)


def leave_out_of(subject: Subject, side: str, indices: Iterable[int], *, data: str = "") -> str:
    """Return the lines that leave samples of a side out, of `data`, or of features and target if it came as these."""
    if side not in subject.tables:
        return leave_out(data or f"{side}_set", indices)
    listed = _runs(indices)
    more = f"  # and {len(listed) - MOST_LISTED} more ranges" if len(listed) > MOST_LISTED else ""
    features, target = f"X_{side}", f"y_{side}"
    table = subject.tables[side]
    rows = f"{features}.iloc[kept]" if table.framed else f"{features}[kept]"
    targets = f"{target}.iloc[kept]" if table.target else f"{target}[kept]"
    return (
        f"left_out = {{{', '.join(listed[:MOST_LISTED])}}}{more}\n"
        f"kept = [row for row in range(len({features})) if row not in left_out]\n"
        f"{features}, {target} = {rows}, {targets}"
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
