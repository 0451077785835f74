"""What the rows of a gauntlet say of each sick case: rescued, named right, how soon, and at what cost.

A sick case counts as rescued in a seed when it ends within `NEAR` points of its twin of that seed and of the twins'
mean, and as rescued when that holds in `MOST` of its seeds. It counts as named when one of its codes is said in as many
of the seeds in which the plain loop is sick.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

Row = Mapping[str, Any]

NEAR = 5.0
"""Points that make no difference."""

MOST = 0.8
"""Share of the seeds that counts as all of them."""

NOTES_BY_NATURE = ("R", "D", "L09")
"""Codes that are named by a note already: they tell of what is, and not of an illness of this training."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One sick case in one arm."""

    case: str
    arm: str
    half: str
    aim: str
    rescued: float | None
    """Share of the seeds; None where the case is only to be named, or its twin was not run."""

    named: float | None
    """Share of the seeds in which the plain loop is sick; None where it is sick in none."""

    step: float | None
    """Median step of the first right finding; None where there is none."""

    others: float
    """Other codes that were said, a run."""

    score: float
    twin: float | None
    plain: float | None
    extra: float
    """Steps beside the plan, as a share of it."""

    errors: tuple[str, ...]

    @property
    def is_rescued(self) -> bool:
        """Tell whether it is rescued in enough seeds."""
        return self.rescued is not None and self.rescued >= MOST

    @property
    def is_named(self) -> bool:
        """Tell whether it is named in enough seeds."""
        return self.named is not None and self.named >= MOST


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Return a verdict for each sick case in each arm, in the order of the rows."""
    found = _by(rows, "case", "arm")
    return [
        _verdict(own, found.get((case, "plain"), []), found.get((case, "twin"), []))
        for (case, arm), own in found.items()
        if own[0]["aim"] != "healthy" and arm != "twin"
    ]


def is_rescued(row: Row, twins: Sequence[Row]) -> bool | None:
    """Tell whether a run ended as its twin did; None where there is no twin of its seed."""
    own = [twin["score"] for twin in twins if twin["seed"] == row["seed"]]
    if not own:
        return None
    return row["score"] >= max(own[0], fmean(twin["score"] for twin in twins)) - NEAR


def alarms(row: Row) -> list[tuple[str, int]]:
    """Return code and step of all that was said above a note, or is a note by nature."""
    return [
        (code, step)
        for code, step, severity, *_ in row["findings"]
        if severity != "note" or code.startswith(NOTES_BY_NATURE)
    ]


def warnings(row: Row) -> list[str]:
    """Return the codes of all that was said above a note."""
    return [code for code, _, severity, *_ in row["findings"] if severity != "note"]


def extra_steps(row: Row, plain_steps: Mapping[str, float]) -> float:
    """Return the steps beside the plan, as a share of it; where the plan is not known, the plain loop's steps are."""
    planned = row["planned"] or plain_steps.get(row["case"], 0)
    return max(0.0, row["steps"] / planned - 1) if planned else 0.0


def usual_steps(rows: Iterable[Row]) -> dict[str, float]:
    """Return the median steps of the plain loop, by case."""
    grouped: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["arm"] == "plain":
            grouped[row["case"]].append(row["steps"])
    return {case: median(steps) for case, steps in grouped.items()}


def _verdict(own: Sequence[Row], plain: Sequence[Row], twins: Sequence[Row]) -> Verdict:
    first = own[0]
    saved = [is_rescued(row, twins) for row in own] if first["aim"] == "rescue" else []
    saved = [one for one in saved if one is not None]
    # Where the illness does not show in a seed, there is nothing to name.
    sound = {row["seed"] for row in plain if first["aim"] == "rescue" and is_rescued(row, twins)}
    hits = [_first_right(row) for row in own if row["seed"] not in sound]
    steps = [step for step in hits if step is not None]
    right = set(first["codes"])
    others = [len({code for code in warnings(row) if code not in right}) for row in own]
    plain_steps = usual_steps(plain)
    return Verdict(
        case=first["case"],
        arm=first["arm"],
        half=first["half"],
        aim=first["aim"],
        rescued=fmean(saved) if saved else None,
        named=len(steps) / len(hits) if hits else None,
        step=median(steps) if steps else None,
        others=fmean(others),
        score=fmean(row["score"] for row in own),
        twin=fmean(row["score"] for row in twins) if twins else None,
        plain=fmean(row["score"] for row in plain) if plain else None,
        extra=fmean(extra_steps(row, plain_steps) for row in own),
        errors=tuple(dict.fromkeys(row["error"] for row in own if row["error"])),
    )


def _first_right(row: Row) -> int | None:
    steps = [step for code, step in alarms(row) if code in row["codes"]]
    return min(steps) if steps else None


def _by(rows: Iterable[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    grouped: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        grouped[tuple(row[name] for name in names)].append(row)
    return grouped
