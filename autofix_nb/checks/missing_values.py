"""Missing or non-finite values: one NaN in an input makes the loss NaN, and with it every weight of the model.

Measured over all samples: which of them hold NaN or infinities, in which columns, and whether they still do once the
loader's transforms have run and the model has seen them. IEEE 754 is why one value is enough: every sum with a NaN in
it is NaN. Columns that hold one value only are told as well: they say nothing, and standardising divides them by 0.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.checks.base import Answer, Check, Shown
from autofix_nb.checks.typed import Columns, leave_out_of
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.classes import ranges
from autofix_nb.evidence.coping import constant_as_loaded, coping_with
from autofix_nb.evidence.raw import SAME_NUMBERS
from autofix_nb.finding import Finding, NotApplicable, Severity

IMPUTE = """\
from sklearn.impute import SimpleImputer
imputer = SimpleImputer(strategy="median").fit(X_train)  # of the training rows only
X_train, X_val = imputer.transform(X_train), imputer.transform(X_val)"""


@dataclass(frozen=True, kw_only=True)
class MissingValues(Check):
    """Is every number there, and finite?"""

    code: ClassVar = "D07"
    title: ClassVar = "Missing values"
    needs: ClassVar = frozenset({"train"})

    mostly: float = 0.5
    """Share of the rows without a value from which a column is better dropped than filled in."""

    constant_share: float = 0.5
    """Share of a table's columns that hold one value only, above which it is a warning."""

    fewest_rows: int = 10
    """Rows needed to call a column constant."""

    def look(self, subject: Subject) -> Answer:
        train = subject.scan("train")
        findings = self._missing(subject, train)
        if subject.val is not None:
            with suppress(NotApplicable):
                findings += self._missing(subject, subject.scan("val"))
        findings += self._constant(subject, train)
        pictures = []
        if train.kind == "image" and train.non_finite:
            pictures.append(Shown(title="Images with missing values", indices=tuple(list(train.non_finite)[:12])))
        if findings:
            return self.bad(*findings, evidence=[f"looked at {train.share}"], pictures=pictures)
        numbers = "" if train.features is None else f" of {train.features.shape[1]:,} features each"
        return self.fine(
            f"no missing or infinite value in {len(train.indices):,} training samples{numbers} ({train.share})"
        )

    def _missing(self, subject: Subject, scan: Scan) -> list[Finding]:
        inputs = [key for key, said in scan.non_finite.items() if "input" in said]
        targets = [key for key, said in scan.non_finite.items() if "target" in said]
        neither = [key for key in scan.non_finite if key not in set(inputs) | set(targets)]
        found = []
        if inputs or neither:
            found.append(self._inputs(subject, scan, [*inputs, *neither]))
        if targets:
            found.append(self._targets(subject, scan, targets))
        return found

    def _inputs(self, subject: Subject, scan: Scan, keys: list[int]) -> Finding:
        columns = self._columns(scan)
        side = "training" if scan.side == "train" else "validation"
        count, share = len(keys), len(keys) / max(1, len(scan.indices))
        says = (
            f"{count:,} of {len(scan.indices):,} {side} samples ({share:.2%}) hold missing or infinite inputs, wanted "
            f"0 ({_named(scan, keys)})"
        )
        copes = coping_with(subject, keys) if scan.side == "train" else ""
        if copes:
            severity = Severity.NOTE
            says += f", {copes}"
        elif scan.side == "train":
            severity = Severity.CRITICAL
            says += ": a single one turns the loss and all weights of a plain training loop into NaN"
        else:
            severity = Severity.WARNING
            says += ": the validation loss will be NaN"
        empty = [column for column, share_missing in columns if share_missing >= self.mostly]
        return self.found(
            says,
            severity=severity,
            measured=count,
            limit=0,
            where=[
                *(f"column `{_name(scan, column)}`" for column in empty),
                *(f"{_prefix(scan)}sample {key}" for key in keys),
            ],
            evidence=[
                f"samples {ranges(keys, 40)}",
                *(f"{_prefix(scan)}sample {key}: {scan.non_finite[key]}" for key in keys[:10]),
                *(f"column `{_name(scan, column)}`: {part:.1%} missing" for column, part in columns[:20]),
                "`af.fit` sets such samples aside and goes on without them",
            ],
            to_type=self._to_type(subject, scan, keys, columns, empty),
        )

    def _targets(self, subject: Subject, scan: Scan, keys: list[int]) -> Finding:
        side = "training" if scan.side == "train" else "validation"
        says = (
            f"{len(keys):,} of {len(scan.indices):,} {side} samples have a missing or infinite target, wanted 0 "
            f"({_named(scan, keys)})"
        )
        # A loss of the user's own may leave them out on purpose.
        own = subject.step is not None or not (
            subject.original_loss is None or type(subject.original_loss).__module__.startswith("torch.nn")
        )
        plain = scan.side == "train" and not own
        return self.found(
            f"{says}: {'the loss will be NaN' if not own else 'right only if the loss leaves them out'}",
            severity=Severity.CRITICAL if plain else Severity.NOTE if own else Severity.WARNING,
            measured=len(keys),
            limit=0,
            where=[f"{_prefix(scan)}sample {key}" for key in keys],
            evidence=[
                f"samples {ranges(keys, 40)}",
                *(f"{_prefix(scan)}sample {key}: {scan.non_finite[key]}" for key in keys[:10]),
            ],
            to_type=_leave_out(subject, scan, keys),
        )

    def _columns(self, scan: Scan) -> list[tuple[int, float]]:
        """Return place and share of missing values of each column that has any, worst first."""
        if scan.kind not in ("table", "sequence") or scan.features is None or not len(scan.features):
            return []
        if scan.profile is not None:
            gone = scan.profile.missing + scan.profile.infinite
            share = gone / np.maximum(1, gone + scan.profile.count)
        else:
            share = (~np.isfinite(scan.features)).mean(0)
        worst = np.argsort(-share, kind="stable")
        return [(int(place), float(share[place])) for place in worst if share[place] > 0]

    def _to_type(
        self, subject: Subject, scan: Scan, keys: list[int], columns: list[tuple[int, float]], empty: list[int]
    ) -> str:
        table = scan.kind == "table"
        if empty and table:
            return f"{Columns.of(subject, scan).drop(empty)}  # then fill in the rest\n{IMPUTE}"
        few_rows = len(keys) <= 0.05 * len(scan.indices)
        return IMPUTE if table and columns and not few_rows else _leave_out(subject, scan, keys)

    def _constant(self, subject: Subject, scan: Scan) -> list[Finding]:
        rows = scan.features
        if scan.kind not in ("table", "sequence") or rows is None or len(rows) < self.fewest_rows:
            return []
        if scan.profile is not None:
            same = np.asarray(scan.profile.constant)
        else:
            low = np.where(np.isfinite(rows), rows, np.inf).min(0)
            same = (low == np.where(np.isfinite(rows), rows, -np.inf).max(0)) & ~np.isinf(rows).any(0)
        if scan.digested == SAME_NUMBERS and same.any():
            same = same & constant_as_loaded(subject, scan)
        places = np.flatnonzero(same)
        if not len(places):
            return []
        names = [_name(scan, int(place)) for place in places]
        share = len(places) / len(same)
        many = scan.kind == "table" and share > self.constant_share
        return [
            self.found(
                f"{len(places):,} of {len(same):,} features {'holds' if len(places) == 1 else 'hold'} one value only "
                f"in all {len(rows):,} rows looked at ({share:.0%}, limit {self.constant_share:.0%}) and tell nothing",
                severity=Severity.WARNING if many else Severity.NOTE,
                measured=share,
                limit=self.constant_share,
                where=[f"`{name}`" for name in names],
                to_type=Columns.of(subject, scan).drop(places)
                if scan.kind == "table"
                else "inputs = inputs[..., inputs.flatten(0, -2).std(0) > 0]",
            )
        ]


def _name(scan: Scan, feature: int) -> str:
    return str(scan.names[feature]) if feature < len(scan.names) else f"feature {feature}"


def _named(scan: Scan, keys: list[int]) -> str:
    return f"{_prefix(scan)}sample{'' if len(keys) == 1 else 's'} {ranges(keys, 5)}"


def _prefix(scan: Scan) -> str:
    return "" if scan.side == "train" else "val "


def _leave_out(subject: Subject, scan: Scan, keys: list[int]) -> str:
    table = subject.tables.get(scan.side)
    said = [scan.non_finite[key] for key in keys]
    only_gaps = all("input" in words and "inf" not in words and "target" not in words for words in said)
    if table is not None and table.framed and table.target and not table.text_columns and only_gaps:
        features, target = f"X_{scan.side}", f"y_{scan.side}"
        return f"{features} = {features}.dropna()\n{target} = {target}.loc[{features}.index]"
    return leave_out_of(subject, scan.side, keys)
