"""Label range: class numbers outside the model's outputs, or targets that are no class numbers at all.

All labels of both sides are looked at, not those of the first batch alone: one label out of range stops the training
in the middle of an epoch, on a GPU with an assertion that no later cell survives.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from autofix_nb.checks.base import Answer, Check
from autofix_nb.checks.typed import in_code
from autofix_nb.evidence import Subject
from autofix_nb.evidence.all_labels import AllLabels, all_labels
from autofix_nb.evidence.losses import family_of, is_text, last_linear, loss_name
from autofix_nb.evidence.raised import first_line
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.objective.seen_through import StepLoss

Side = Literal["train", "val"]

_OUT_OF_BOUNDS = re.compile(r"Target (-?\d+) is out of bounds")

SIGNS = "targets = (targets + 1) // 2  # -1 and 1 become 0 and 1"
"""For the labels of a support vector machine."""

_OFTEN_IGNORED = (-1, 255)
"""Labels by which people mark what is not to be learnt."""


@dataclass(frozen=True, kw_only=True)
class LabelRange(Check):
    """All labels against the number of the model's outputs."""

    code: ClassVar = "B04"
    title: ClassVar = "Label range"
    needs: ClassVar = frozenset({"model", "train"})

    most_spare: float = 2.0
    """Times as many outputs as classes, from which on the spare ones are worth knowing."""

    fewest_spare: int = 10
    """Spare outputs below which they are not mentioned."""

    def look(self, subject: Subject) -> Answer:
        if subject.step is not None or isinstance(subject.loss, StepLoss):
            # Seen through, it may still take some numbers for no label, such as -1.
            return self._of_a_step(subject)
        targets = subject.parts[1]
        if is_text(targets):
            return self.bad(self._text(subject, targets))
        if not isinstance(targets, torch.Tensor):
            raise NotApplicable(f"the targets are a {type(targets).__name__}, no tensor of labels")
        outputs = subject.outputs
        if not isinstance(outputs, torch.Tensor):
            raise NotApplicable(f"the model returns a {type(outputs).__name__}, so its classes cannot be counted")
        family = family_of(subject)
        if family == "yes or no":
            return self._of_yes_or_no(subject, targets)
        width = outputs.shape[1] if outputs.dim() > 1 else 1
        if targets.is_floating_point():
            return self._of_floats(subject, targets, outputs, classes=family == "classes")
        if family != "classes":
            raise NotApplicable("the targets are numbers to be predicted, no class numbers")
        if targets.shape == outputs.shape or width < 2:
            raise NotApplicable(f"targets of shape {tuple(targets.shape)} are no class numbers (see B05)")
        return self._of_classes(subject, targets, width)

    # --- class numbers ------------------------------------------------------------------------------------------------

    def _of_classes(self, subject: Subject, targets: torch.Tensor, width: int) -> Answer:
        ignored = getattr(subject.loss, "ignore_index", -100)
        findings, looked_at = [], []
        seen: dict[Side, set[int]] = {}
        complete: dict[Side, bool] = {}
        for side in ("train", "val"):
            told = all_labels(subject, side, targets)
            complete[side] = told.complete
            counted = told.values[told.values != ignored]
            if not len(counted):
                continue
            looked_at.append(f"{told.share} of `{side}`: {int(counted.min())} to {int(counted.max())}")
            seen[side] = set(np.unique(counted).tolist())
            wrong = (told.values != ignored) & ((told.values < 0) | (told.values >= width))
            if wrong.any():
                findings.append(self._out_of_range(subject, side, told, counted, wrong, width))
        if not seen:
            raise NotApplicable("there are no labels to look at")
        if not findings and targets.dim() == 1:
            findings = self._of_presence(subject, seen, complete, width)
        if findings:
            return self.bad(*findings, evidence=looked_at)
        return self.fine(f"labels fit the {width} outputs: {', '.join(looked_at)}")

    def _out_of_range(
        self, subject: Subject, side: Side, told: AllLabels, counted: np.ndarray, wrong: np.ndarray, width: int
    ) -> Finding:
        low, high = int(counted.min()), int(counted.max())
        odd = sorted(set(told.values[wrong].tolist()))
        rows = wrong.reshape(len(wrong), -1).any(1) if wrong.ndim > 1 else wrong
        from_one = low == 1 and high == width
        worst = odd[0] if odd[0] < 0 else odd[-1]
        why = ": the labels count from 1" if from_one else ""
        have = "has a label" if rows.sum() == 1 else "have labels"
        return self.found(
            f"{_count(int(rows.sum()), 'sample')} of `{side}` {have} outside the model's {width} outputs, such as "
            f"{worst}; wanted 0 to {width - 1}{why}",
            severity=Severity.CRITICAL,
            measured=worst,
            limit=0 if worst < 0 else width - 1,
            where=[told.names[row] for row in np.flatnonzero(rows)[:20]] if told.names else (),
            evidence=(
                f"labels out of range: {', '.join(map(str, odd[:10]))}",
                f"looked at {told.share}: {low} to {high}",
            ),
            to_type=SIGNS
            if low == -1 and set(np.unique(counted).tolist()) == {-1, 1}
            else _way_out(subject, odd, high, width, from_one=from_one),
        )

    def _of_presence(
        self, subject: Subject, seen: dict[Side, set[int]], complete: dict[Side, bool], width: int
    ) -> list[Finding]:
        findings = []
        train = seen.get("train", set())
        unseen = sorted(seen.get("val", set()) - train)
        if unseen and complete["train"]:
            findings.append(
                self.found(
                    f"{_count(len(unseen), 'class')} of `val` not in `train`, limit 0: they cannot be learnt",
                    severity=Severity.WARNING,
                    measured=len(unseen),
                    limit=0,
                    where=[f"class {label}" for label in unseen],
                    to_type="train_test_split(x, y, stratify=y)",
                )
            )
        used = max(set().union(*seen.values())) + 1
        if width >= self.most_spare * used and width - used >= self.fewest_spare and complete["train"]:
            findings.append(
                self.found(
                    f"the model has {width} outputs for {used} classes, limit {self.most_spare:g} times as many: the "
                    "spare ones cost time and begin with a higher loss",
                    severity=Severity.NOTE,
                    measured=width,
                    limit=self.most_spare * used,
                    to_type=_more_outputs(subject, used, width),
                )
            )
        return findings

    # --- other targets ------------------------------------------------------------------------------------------------

    def _of_floats(self, subject: Subject, targets: torch.Tensor, outputs: torch.Tensor, *, classes: bool) -> Answer:
        if targets.shape == outputs.shape and classes:
            low, high = float(targets.min()), float(targets.max())
            if low >= 0 and high <= 1:
                return self.fine(f"targets are shares of {outputs.shape[1]} classes, {low:g} to {high:g}")
            return self.bad(self._outside(low, high, int(((targets < 0) | (targets > 1)).sum()), "soft labels"))
        fails = subject.trial.error is not None and subject.trial.stage == "loss"
        given = loss_name(subject.loss)
        if not fails or not (classes or (not given and outputs.dim() > 1 and outputs.shape[1] > 1)):
            raise NotApplicable("the targets are numbers to be predicted, no class numbers")
        if not bool((targets == targets.round()).all()) or targets.numel() != len(targets):
            raise NotApplicable("the targets are no class numbers (see B05)")
        return self.bad(
            self.found(
                f"the labels are {str(targets.dtype).removeprefix('torch.')}, "
                f"{given or 'the loss for ' + str(outputs.shape[1]) + ' outputs'} wants whole class numbers (int64)",
                severity=Severity.CRITICAL,
                evidence=(first_line(subject.trial.error),),  # type: ignore[arg-type]
                to_type="targets = targets.long()",
            )
        )

    def _of_yes_or_no(self, subject: Subject, targets: torch.Tensor) -> Answer:
        looked_at, findings = [], []
        for side in ("train", "val"):
            told = all_labels(subject, side, targets)
            finite = told.values[np.isfinite(told.values)]
            if not len(finite):
                continue
            low, high = float(finite.min()), float(finite.max())
            looked_at.append(f"{told.share} of `{side}`: {low:g} to {high:g}")
            if low < 0 or high > 1:
                findings.append(
                    self._outside(low, high, int(((finite < 0) | (finite > 1)).sum()), f"targets of `{side}`")
                )
        if findings:
            return self.bad(*findings)
        return self.fine(f"targets lie in 0 to 1: {', '.join(looked_at)}")

    def _outside(self, low: float, high: float, count: int, what: str) -> Finding:
        signs = low == -1 and high == 1
        return self.found(
            f"{count:,} {what} lie outside 0 to 1, the range that the loss takes: {low:g} to {high:g}",
            severity=Severity.CRITICAL,
            measured=low if low < 0 else high,
            limit=0 if low < 0 else 1,
            to_type="targets = (targets + 1) / 2  # -1 and 1 become 0 and 1"
            if signs
            else f"nn.CrossEntropyLoss()  # for classes 0 to {high:g}: a model with {int(high) + 1} outputs",
        )

    def _text(self, subject: Subject, targets: Any) -> Finding:
        names = sorted(set(map(str, targets)))
        parts = subject.batch.data
        if isinstance(parts, list | tuple) and len(parts) > 2 and len(names) > max(1, len(targets) / 2):
            return self.found(
                f"the last of the {len(parts)} parts of a batch is taken for the target, and holds text, such as "
                f"'{names[0]}', of which {len(names)} of {len(targets)} differ (limit half): are the labels in another "
                "part?",
                severity=Severity.CRITICAL,
                measured=len(names),
                limit=len(targets) / 2,
                where=names[:20],
                to_type="return image, path, label  # in __getitem__: the label last\n"
                "step=lambda model, batch: loss(model(batch[0]), batch[1])  # or say it in `step`",
            )
        return self.found(
            f"the labels are text, such as '{names[0]}', and a loss wants whole class numbers from 0 on",
            severity=Severity.CRITICAL,
            where=names[:20],
            to_type="number_of = {name: number for number, name in enumerate(sorted(set(labels)))}\n"
            "labels = [number_of[name] for name in labels]",
        )

    def _of_a_step(self, subject: Subject) -> Answer:
        error = subject.trial.error
        match = _OUT_OF_BOUNDS.search(str(error)) if error is not None else None
        if match is None:
            raise NotApplicable("`step` computes the loss itself, so labels and outputs are not seen")
        return self.bad(
            self.found(
                f"label {match[1]} lies outside the model's outputs, as the loss in `step` says",
                severity=Severity.CRITICAL,
                measured=int(match[1]),
                evidence=(first_line(error),),  # type: ignore[arg-type]
                to_type="targets = targets - 1  # if they count from 1; else give the model more outputs",
            )
        )


def _way_out(subject: Subject, odd: list[int], high: int, width: int, *, from_one: bool) -> str:
    if from_one:
        return "targets = targets - 1  # the labels count from 1"
    if len(odd) == 1 and odd[0] in _OFTEN_IGNORED:
        return f"torch.nn.CrossEntropyLoss(ignore_index={odd[0]})  # if {odd[0]} means: not to be learnt"
    if odd[0] < 0:
        return "# labels must count from 0: look for -1 or an overflow where they are made"
    return _more_outputs(subject, high + 1, width)


def _more_outputs(subject: Subject, wanted: int, width: int) -> str:
    last = last_linear(subject.model, width)
    if last is None:
        return f"num_classes={wanted}  # where the model is made, instead of {width}"
    name, layer = last
    bias = "" if layer.bias is not None else ", bias=False"
    path = in_code(subject.model, name)
    if path.endswith(")"):
        return f"num_classes={wanted}  # where the model is made, instead of {width}"
    return f"{path} = torch.nn.Linear({layer.in_features}, {wanted}{bias})  # num_classes={wanted} instead of {width}"


def _count(number: int, what: str) -> str:
    plural = f"{what}es" if what.endswith("s") else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"
