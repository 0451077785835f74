"""Broken samples: a batch cannot be built, or not from all samples.

Looked at are the first batches of both sides as training would fetch them, transforms and collate function included,
and the samples that could not be had in the pass over all of them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from autofix_nb.checks.base import Answer, Check
from autofix_nb.checks.typed import leave_out
from autofix_nb.data import Fault, GuardedLoader
from autofix_nb.errors import AutofixError
from autofix_nb.evidence import Subject
from autofix_nb.evidence.batches import length_of
from autofix_nb.evidence.raised import first_line
from autofix_nb.finding import Finding, NotApplicable, Severity

Side = Literal["train", "val"]


@dataclass(frozen=True, kw_only=True)
class BrokenSamples(Check):
    """Samples that raise, do not fit into a batch, or are nothing; loaders that give no batch."""

    code: ClassVar = "B02"
    title: ClassVar = "Broken samples"
    needs: ClassVar = frozenset({"train"})
    fixes: ClassVar = ("quarantine",)

    worst_share: float = 0.2
    """Share of broken samples, of those looked at, above which the data set as a whole is in question."""

    most_alike: float = 0.5
    """Share of a batch's rows that may be one and the same sample."""

    def look(self, subject: Subject) -> Answer:
        findings, looked_at = [], []
        for side in ("train", "val"):
            if (subject.train if side == "train" else subject.val) is None:
                continue
            found, says = self._of_side(subject, side)
            findings += found
            looked_at.append(says)
        if findings:
            return self.bad(*findings)
        return self.fine(", ".join(looked_at))

    def _of_side(self, subject: Subject, side: Side) -> tuple[list[Finding], str]:
        try:
            batch = subject.batch if side == "train" else subject.val_batch
        except NotApplicable:
            batch = None
        faults = subject.batch_faults if side == "train" else subject.val_batch_faults
        if batch is None:
            return [self._none(subject, side, faults)], ""
        findings = []
        if side == "train":
            findings += self._form(subject)
        findings += self._sampling(subject, side)
        broken, seen, share = _all_broken(subject, side, faults, len(batch.indices or ()))
        if broken:
            findings.append(self._some(subject, side, broken, seen, share))
        return findings, f"{share} of `{side}` fit into batches"

    def _some(self, subject: Subject, side: Side, broken: list[Fault], seen: int, share: str) -> Finding:
        part = len(broken) / max(1, seen)
        numbers = [fault.index for fault in broken if isinstance(fault.index, int)]
        severe = part > self.worst_share
        return self.found(
            f"{len(broken):,} of {seen:,} samples of `{side}` ({part:.1%}) cannot be loaded into a batch, limit 0; "
            f"{_name(broken[0])}: {broken[0].reason.rstrip('.')}",
            severity=Severity.CRITICAL if severe else Severity.WARNING,
            measured=part,
            limit=self.worst_share if severe else 0,
            where=[_name(fault) for fault in broken],
            evidence=(*_lines(broken), f"looked at {share}"),
            to_type=leave_out(_data_set(subject, side), numbers, kept=f"{side}_set") if numbers else "",
        )

    def _none(self, subject: Subject, side: Side, faults: tuple[Fault, ...]) -> Finding:
        """Why no batch at all could be built."""
        given = subject.train if side == "train" else subject.val
        error = subject.loader_errors.get(side)
        if error is not None:
            said = str(error) if isinstance(error, AutofixError) else f"`{side}` itself raises {first_line(error)}"
            is_generator = hasattr(given, "__next__")
            return self._critical(said.rstrip("."), to_type=f"{side} = list({side})" if is_generator else "")
        if faults:
            says = (
                f"none of the {len(faults)} samples of the first batches of `{side}` could be loaded; "
                f"{_name(faults[0])}: {faults[0].reason.rstrip('.')}"
            )
            return self._critical(
                says,
                measured=1,
                limit=0,
                where=[_name(fault) for fault in faults],
                evidence=_lines(faults),
                to_type=_try_one(faults[0], _data_set(subject, side)),
            )
        return self._empty(given, side)

    def _empty(self, given: Any, side: Side) -> Finding:
        rows = length_of(getattr(given, "dataset", None))
        batches = length_of(given)
        size = getattr(given, "batch_size", None)
        if rows == 0:
            return self._critical(
                f"the data set of `{side}` holds 0 samples: look at its folder, its filter or its split",
                measured=0,
                limit=1,
                to_type=f"print(len({side}.dataset))",
            )
        if getattr(given, "drop_last", False) and rows and size and rows < size:
            return self._critical(
                f"`{side}` gives 0 batches: `drop_last=True` drops its only one, {rows} samples in batches of {size}",
                measured=rows,
                limit=size,
                to_type=f"DataLoader(data, batch_size={max(1, rows // 2)}, drop_last=True)  # or drop_last=False",
            )
        if batches or (batches is None and rows is not None):
            return self._critical(
                f"`{side}` gives batches of `None`: the collate function, or `__getitem__`, returns nothing",
                to_type="return inputs, targets  # the last line of the collate function, or of __getitem__",
            )
        kind = type(given).__name__
        what = f"though its data set holds {rows:,} samples: its sampler gives none" if rows else "it is empty"
        gives = (
            f"`{side}` ({kind}) gives 0 batches, {what}"
            if batches == 0 or rows
            else (f"`{side}` ({kind}) gives no batch with anything in it: it is empty, or gives `None`")
        )
        return self._critical(gives, measured=0, limit=1, to_type=f"next(iter({side}))")

    def _form(self, subject: Subject) -> list[Finding]:
        if subject.step is not None or subject.original is None:
            return []
        try:
            subject.parts  # noqa: B018 - whether they can be told apart is the question
        except NotApplicable as reason:
            return [
                self._critical(
                    str(reason).rstrip("."),
                    to_type="af.preflight(model, train, step=lambda model, batch: model(batch).mean())",
                )
            ]
        return []

    def _sampling(self, subject: Subject, side: Side) -> list[Finding]:
        """Samplers that draw the same sample again and again, or batches of one row by oversight."""
        source = subject.source if side == "train" else subject.val_source
        if not isinstance(source, GuardedLoader) or getattr(source.loader, "batch_sampler", None) is None:
            return []
        order = source.order(0)
        drawn = [str(key) for batch in order for key in batch]
        samples = source.samples
        longest = max((batch for batch in order), key=len, default=[])
        most = max(Counter(map(str, longest)).values(), default=0)
        if len(longest) >= 4 and samples >= 4 and most / len(longest) > self.most_alike:
            return [
                self.found(
                    f"{most} of the {len(longest)} rows of a batch of `{side}` are one and the same sample, "
                    f"{len(set(drawn)):,} of {samples:,} are drawn in an epoch: look at the sampler",
                    severity=Severity.WARNING,
                    measured=most / len(longest),
                    limit=self.most_alike,
                    fixes=(),
                    to_type=f"DataLoader(data, batch_size={len(longest)}, shuffle=True)",
                )
            ]
        if side == "train" and len(longest) == 1 and len(order) >= 64:
            return [
                self.found(
                    f"each of the {len(order):,} batches of `{side}` has 1 row, which is what a loader gives without "
                    "`batch_size`: slow and noisy",
                    severity=Severity.NOTE,
                    measured=1,
                    limit=2,
                    fixes=(),
                    to_type="DataLoader(data, batch_size=32, shuffle=True)",
                )
            ]
        return []

    def _critical(self, says: str, **more: Any) -> Finding:
        return self.found(says, severity=Severity.CRITICAL, fixes=(), **more)


def _all_broken(subject: Subject, side: Side, faults: tuple[Fault, ...], had: int) -> tuple[list[Fault], int, str]:
    """Return the broken samples of first batches and scan, each once, of how many, and that in words."""
    scan = subject.scan_or_none(side)
    known = {str(fault.index): fault for fault in (*faults, *(scan.faults if scan else ()))}
    seen = max(scan.seen if scan else 0, had + len(faults))
    share = scan.share if scan and scan.seen else f"the first {had + len(faults):,} samples"
    return sorted(known.values(), key=_place), seen, share


def _place(fault: Fault) -> tuple[bool, Any]:
    is_number = isinstance(fault.index, int)
    return not is_number, fault.index if is_number else str(fault.index)


def _name(fault: Fault) -> str:
    return str(fault.index) if isinstance(fault.index, str) else f"sample {fault.index}"


def _lines(faults: Sequence[Fault]) -> list[str]:
    return [f"{_name(fault)} ({fault.kind}): {fault.reason}" for fault in faults[:10]]


def _data_set(subject: Subject, side: Side) -> str:
    return side if side in subject.data_sets else f"{side}.dataset"


def _try_one(fault: Fault, data: str) -> str:
    if not isinstance(fault.index, int):
        return ""
    # What does not collate, or is `None`, raises nothing on its own.
    return f"{data}[{fault.index}]  # {'raises the same error' if fault.kind == 'raises' else 'look at what it gives'}"
