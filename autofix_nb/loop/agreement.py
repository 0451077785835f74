"""A folder holds a run already: is it the training that is asked for now? And what of it may be another one."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from autofix_nb.errors import ConfigurationError, ResumeError

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

ALWAYS_ACCEPTABLE = (
    "data",
    "batch_size",
    "sampler",
    "workers",
    "accumulate",
    "precision",
    "loss",
    "scheduler",
    "goal",
    "dropout",
)
"""What may change in the middle of a run, besides the optimizer's settings. `workers` never matters."""

OF_DATA = ("data", "samples")
"""Parts of the identity that `accept={"data"}` covers; `drop_last` belongs to the sampler."""

STRUCTURAL = ("model", "weights", "layers", "dropout", "optimizer parameters")
"""Parts that a change to the model's structure makes other than they were."""

NAMED = 3
"""Weights or layers named in a difference."""

LONGEST = 80
"""Characters of a value in a difference."""


@dataclass(frozen=True)
class Difference:
    """One thing that is other than the run had it."""

    accept: str
    """The word by which `accept` lets it through; empty where nothing does."""

    part: str
    """Which part of the identity it belongs to."""

    name: str
    before: Any
    now: Any
    says: str
    """One line."""


def check_accept(accept: Any, optimizer: torch.optim.Optimizer) -> frozenset[str]:
    """Return the words of `accept`.

    Raises:
        ConfigurationError: for a word that names nothing that may change; the message lists those that do.
    """
    names = {accept} if isinstance(accept, str) else accept
    if not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        raise ConfigurationError(f"`accept` must be a set of names, such as {{'batch_size', 'lr'}}, got {accept!r}")
    known = acceptable(optimizer)
    wrong = sorted(name for name in names if name not in known)
    if wrong:
        raise ConfigurationError(
            f"`accept` holds {', '.join(map(repr, wrong))}, which names nothing that may change in the middle of a "
            f"run; there are {', '.join(map(repr, known))}. Shapes, kind of optimizer and seed never may: "
            "give `resume=False` or another `name=`"
        )
    return frozenset(names)


def acceptable(optimizer: torch.optim.Optimizer) -> list[str]:
    """Return all words that `accept` knows for this optimizer."""
    settings = {name for group in optimizer.param_groups for name in group} - {"params", "param_names", "initial_lr"}
    return sorted({*ALWAYS_ACCEPTABLE, *settings})


def let_through(guard: "Guard", found: list[Difference]) -> list[Difference]:
    """Return the differences when `accept` names them all.

    Raises:
        ResumeError: when it does not.
    """
    refused = [one for one in found if one.accept not in guard.accept]
    if refused:
        raise ResumeError(_refusal(guard, refused))
    return found


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[Difference]:
    """Return where two identities differ; what one of them does not know is no difference."""
    found: list[Difference] = []
    for part, value in now.items():
        old = before.get(part)
        if old in (None, "") or value in (None, "") or old == value:
            continue
        if part in ("weights", "layers"):
            found.append(Difference("", part, part, old, value, f"`{part}`: {_of_names(old, value)}"))
        elif part == "precision":
            if old[0] != value[0] and old[1] != value[1]:  # `auto` may choose another one on another machine
                found.append(_difference("precision", part, "precision", old[1], value[1]))
        elif part == "hyperparameters":
            found += _of_groups(old, value)
        elif part in ("scheduler", "loss", "dropout") and isinstance(old, dict) and isinstance(value, dict):
            found += [
                _difference(part, part, f"{part}: {name}", old.get(name), value.get(name))
                for name in {**old, **value}
                if old.get(name) != value.get(name)
            ]
        elif part in OF_DATA:
            found.append(_difference("data", part, part, old, value))
        else:
            word = "sampler" if part == "drop_last" else part if part in ALWAYS_ACCEPTABLE else ""
            found.append(_difference(word, part, part, old, value))
    return found


def _difference(accept: str, part: str, name: str, before: Any, now: Any) -> Difference:
    return Difference(accept, part, name, before, now, f"`{name}` was {_short(before)}, now {_short(now)}")


def _of_groups(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[Difference]:
    """Compare the settings of the optimizer's groups; a setting that one version of torch does not know is none."""
    found: dict[tuple, Difference] = {}
    for number, (old, new) in enumerate(zip(before, now, strict=False)):
        for name in old:
            if name in new and old[name] != new[name]:
                one = _difference(name, "hyperparameters", name, old[name], new[name])
                more = f" (group {number})" if len(now) > 1 else ""
                said = Difference(one.accept, one.part, one.name, one.before, one.now, one.says + more)
                found.setdefault((name, str(old[name]), str(new[name])), said)
    return list(found.values())


def _of_names(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Say in a few words how two tables of names differ."""
    new = [f"`{name}`" for name in now if name not in before]
    gone = [f"`{name}`" for name in before if name not in now]
    other = [
        f"`{name}` was {_short(before[name])}, now {_short(now[name])}"
        for name in now
        if name in before and before[name] != now[name]
    ]
    said = [
        what + ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        for what, names in (("new are ", new), ("gone are ", gone), ("", other))
        if names
    ]
    return "; ".join(said) or "in another order"


def _refusal(guard: "Guard", refused: list[Difference]) -> str:
    prepared = sorted({entry["fix"] for entry in guard.journal.entries("prepared")})
    words = sorted({one.accept for one in refused if one.accept})
    hopeless = [one.part for one in refused if not one.accept]
    lines = [f"`name`: the run in {str(guard.keeper.folder)!r} is another training than this one:"]
    lines += [f"  - {one.says}" for one in refused]
    lines.append("What to do, one of these:")
    if prepared:
        lines.append(f"  - before that run {', '.join(prepared)} was applied: apply that again")
    if words and not hopeless:
        accepted = ", ".join(f'"{word}"' for word in sorted({*words, *guard.accept}))
        lines.append(f"  - `accept={{{accepted}}}` goes on with that run, and with the new values from there on")
    lines.append("  - `resume=False` begins anew (the old run is kept under another name)")
    lines.append("  - another `name=` keeps both")
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
