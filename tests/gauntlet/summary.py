"""What the rows of a gauntlet say of each arm: cases rescued and named, healthy runs harmed and touched, the price.

A healthy run is harmed when it ends more than `NEAR` points below the plain loop of its seed, and touched when anything
was changed in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from scipy.special import betaincinv

from tests.gauntlet.judge import NEAR, Row, Verdict, extra_steps, usual_steps, verdicts, warnings

SURE = 0.95
"""Confidence of the bounds."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One arm, over all cases or those of one half."""

    arm: str
    half: str
    """`seen`, `unseen` or `all`."""

    to_rescue: int
    rescued: int
    to_name: int
    named: int
    step: float | None
    """Median step of the first right finding, over the cases."""

    others: float
    healthy: int
    """Healthy runs, each seed one."""

    harmed: int
    touched: int
    warned: int
    """Healthy runs in which something worse than a note was said."""

    harmed_bound: float
    """Share of runs that are harmed at most, with 95 % confidence."""

    touched_bound: float
    extra: float
    worst_extra: float
    seconds: float
    """Median of a run."""

    failed: int
    """Runs that raised."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def summaries(rows: Sequence[Row]) -> list[Summary]:
    """Return for each arm a summary of each half that has sick cases, and one of all."""
    arms = list(dict.fromkeys(row["arm"] for row in rows if row["arm"] != "twin"))
    sick = verdicts(rows)
    plain = {(row["case"], row["seed"]): row["score"] for row in rows if row["arm"] == "plain"}
    steps = usual_steps(rows)
    halves = [half for half in ("seen", "unseen") if any(one.half == half for one in sick)]
    return [
        _summary(
            arm,
            half,
            [one for one in sick if one.arm == arm and half in (one.half, "all")],
            [row for row in rows if row["arm"] == arm and half in (row["half"], "all")],
            plain,
            steps,
        )
        for arm in arms
        for half in [*halves, "all"]
    ]


def is_harmed(row: Row, plain: Mapping[tuple[str, int], float]) -> bool:
    """Tell whether a healthy run ended worse than the plain loop of its seed."""
    return row["score"] < plain.get((row["case"], row["seed"]), row["score"]) - NEAR


def upper_bound(hits: int, runs: int) -> float:
    """Return the share that is not exceeded with 95 % confidence (Clopper and Pearson, one-sided)."""
    return 1.0 if hits >= runs else float(betaincinv(hits + 1, runs - hits, SURE))


def misses(summary: Summary, *, goal: float = 0.95) -> list[str]:
    """Return in words what an arm owes: cases not rescued or named, healthy runs harmed or touched."""
    wanted = (
        (f"rescued {summary.rescued} of {summary.to_rescue}", summary.rescued < goal * summary.to_rescue),
        (f"named {summary.named} of {summary.to_name}", summary.named < goal * summary.to_name),
        (f"harmed {summary.harmed} healthy runs", summary.harmed > 0),
        (f"touched {summary.touched} healthy runs", summary.touched > 0),
    )
    return [text for text, missed in wanted if missed]


def _summary(
    arm: str,
    half: str,
    sick: Sequence[Verdict],
    rows: Sequence[Row],
    plain: Mapping[tuple[str, int], float],
    plain_steps: Mapping[str, float],
) -> Summary:
    healthy = [row for row in rows if row["aim"] == "healthy"]
    harmed = sum(is_harmed(row, plain) for row in healthy)
    touched = sum(bool(row["interventions"]) for row in healthy)
    steps = [one.step for one in sick if one.step is not None]
    extra = [extra_steps(row, plain_steps) for row in rows]
    return Summary(
        arm=arm,
        half=half,
        to_rescue=sum(one.rescued is not None for one in sick),
        rescued=sum(one.is_rescued for one in sick),
        to_name=sum(one.named is not None for one in sick),
        named=sum(one.is_named for one in sick),
        step=median(steps) if steps else None,
        others=fmean(one.others for one in sick) if sick else 0.0,
        healthy=len(healthy),
        harmed=harmed,
        touched=touched,
        warned=sum(bool(warnings(row)) for row in healthy),
        harmed_bound=upper_bound(harmed, len(healthy)),
        touched_bound=upper_bound(touched, len(healthy)),
        extra=fmean(extra) if extra else 0.0,
        worst_extra=max(extra, default=0.0),
        seconds=median(row["seconds"] for row in rows) if rows else 0.0,
        failed=sum(bool(row["error"]) for row in rows),
    )
