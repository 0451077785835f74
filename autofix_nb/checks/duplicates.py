"""Duplicates: samples that occur more than once, and samples of the training data among the validation data.

Measured over all samples by a hash of the untransformed input (a file's bytes where there are files), so that random
augmentation hides no copy. A sample of both sides makes the validation score a test of memory: Barz and Denzler (2020),
Do We Train on Test Data? Purging CIFAR of Near-Duplicates. In tables of a few coarse columns equal rows come by chance;
how many is computed, and told instead of a leak. Pictures are compared by sight as well (`evidence.near_copies`).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from autofix_nb.checks.base import Answer, Check, Shown
from autofix_nb.checks.typed import leave_out, leave_out_of
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.classes import ranges, task_or_none
from autofix_nb.evidence.copies import commonplace, groups, made_anew, same_places, shared, torn_labels
from autofix_nb.evidence.near_copies import look_alikes
from autofix_nb.finding import Finding, NotApplicable, Severity

LISTED = 20
"""Pairs that the evidence lists."""

Told = tuple[Finding, Shown]
"""A finding, and the samples to be seen with it."""

KEEP_FIRST = """\
seen = {}  # the first of each stays
for index in range(len(dataset)):
    seen.setdefault(dataset[index][0].numpy().tobytes(), index)
dataset = torch.utils.data.Subset(dataset, sorted(seen.values()))  # then split it"""


@dataclass(frozen=True, kw_only=True)
class Duplicates(Check):
    """Is every sample there once, and on one side only?"""

    code: ClassVar = "D06"
    title: ClassVar = "Duplicates"
    needs: ClassVar = frozenset({"train"})

    copies: int = 5
    """Extra copies in the training data from which, together with their share, it is a warning."""

    share: float = 0.01
    """Share of the training samples that are extra copies, above which it is a warning."""

    leaked: int = 10
    """Validation samples that are in the training data too, from which the validation score is worthless."""

    leaked_share: float = 0.01
    """Share of the validation samples from which, with at least three, the validation score is worthless too."""

    most_left_out: float = 0.2
    """Share of the training samples up to which leaving out those with contradicting labels is a way out."""

    chance: float = 0.1
    """Share of the equal pairs that chance must explain for equal rows to be nothing special."""

    def look(self, subject: Subject) -> Answer:
        train = subject.scan("train")
        val = None if subject.val is None else subject.scan_or_none("val")
        if train.digests is None or not len(train.digests):
            raise NotApplicable("no sample could be read")
        equal = groups(train)
        repeats = bool(equal) or (val is not None and len(shared(train, val)) > 0)
        if repeats and made_anew(subject.source, train, equal):
            raise NotApplicable("the samples are made of random numbers, anew each time: equal ones say nothing")
        extra = sum(len(group) - 1 for group in equal)
        pairs = sum(len(group) * (len(group) - 1) // 2 for group in equal)
        by_chance = extra > 0 and commonplace(train, equal, pairs, self.chance)
        looked = f"looked at {train.share}" + (f" of train and {val.share} of val" if val else "")
        evidence = [f"{looked}, by a hash of {train.digested or 'the samples'}"]
        told: list[Told] = []
        if val is not None:
            told += self._leak(subject, train, val, by_chance, evidence)
        if extra:
            told += self._within(subject, train, equal, extra) if not by_chance else []
            told += self._conflicts(subject, train, equal, by_chance)
        if train.kind == "image" and train.thumbnails is not None:
            told += self._near(train, val)
        if told:
            pictures = [shown for _, shown in told] if train.kind == "image" else ()
            return self.bad(*(finding for finding, _ in told), evidence=evidence, pictures=pictures)
        if by_chance:
            says = f"{extra:,} of {len(train.indices):,} training samples repeat another, as coarse data does by chance"
            return self.fine(says, evidence=evidence)
        sides = f"{len(train.indices):,} training" + (f" and {len(val.indices):,} validation" if val else "")
        return self.fine(f"{sides} samples, all different ({train.share} of train looked at)", evidence=evidence)

    def _leak(self, subject: Subject, train: Scan, val: Scan, by_chance: bool, evidence: list[str]) -> list[Told]:
        both = shared(train, val)
        same = same_places(subject.train, subject.val, train, val)
        if len(same) >= len(both):
            both = same
        if not len(both):
            return []
        count, share = len(both), len(both) / max(1, len(val.indices))
        told = [f"sample {train.indices[left]} = val sample {val.indices[right]}" for left, right in both]
        says = f"{count:,} of {len(val.indices):,} validation samples ({share:.1%}) are in the training data too"
        if by_chance and not len(same):
            evidence.append(f"{says}: the data is so coarse that equal samples come by chance")
            return []
        grave = count >= self.leaked or (share >= self.leaked_share and count >= 3)
        why = (
            "the same samples of one data set are in both" if len(same) == count else "the model may know them by heart"
        )
        finding = self.found(
            f"{says}, wanted 0: {why}, so the validation score looks better than it is",
            severity=Severity.CRITICAL if grave else Severity.WARNING,
            measured=count,
            limit=0,
            where=[f"val sample {val.indices[right]}" for _, right in both],
            evidence=[
                *told[:LISTED],
                f"training samples {ranges(train.indices[both[:, 0]])}",
                f"validation samples {ranges(val.indices[both[:, 1]])}",
            ],
            to_type=leave_out_of(subject, "val", val.indices[both[:, 1]]),
        )
        shown = Shown(
            title="Validation samples that are in the training data",
            indices=tuple(val.indices[both[:12, 1]].tolist()),
            side="val",
            captions=tuple(told[:12]),
        )
        return [(finding, shown)]

    def _within(self, subject: Subject, train: Scan, equal: list[np.ndarray], extra: int) -> list[Told]:
        count = len(train.indices)
        share = extra / count
        told = [" = ".join(f"sample {train.indices[place]}" for place in group[:4]) for group in equal[:LISTED]]
        many = extra >= self.copies and share > self.share
        doubles = np.concatenate([group[1:] for group in equal])
        finding = self.found(
            f"{extra:,} of {count:,} training samples ({share:.1%}) {'is a copy' if extra == 1 else 'are copies'} "
            f"of another one, limit {self.share:.0%}: they count several times, and a random split puts some on "
            "both sides",
            severity=Severity.WARNING if many else Severity.NOTE,
            measured=share,
            limit=self.share,
            where=[f"sample {train.indices[place]}" for place in doubles],
            evidence=[*told, f"copies: samples {ranges(train.indices[doubles])}"],
            to_type=_keep_first(subject),
        )
        firsts = [place for group in equal[:6] for place in group[:2]]
        return [(finding, Shown(title="Copies in the training data", indices=tuple(train.indices[firsts].tolist())))]

    def _conflicts(self, subject: Subject, train: Scan, equal: list[np.ndarray], by_chance: bool) -> list[Told]:
        torn, label = torn_labels(train, equal, task_or_none(subject))
        if not torn:
            return []
        places = np.concatenate(torn)
        told = [
            ", ".join(f"sample {train.indices[place]} is of class {label.get(int(place))}" for place in group[:4])
            for group in torn[:LISTED]
        ]
        finding = self.found(
            f"{len(torn):,} {'input has' if len(torn) == 1 else 'inputs have'} different labels in different "
            f"copies, wanted 0: no model can get all {len(places):,} samples right",
            severity=Severity.NOTE if by_chance else Severity.WARNING,
            measured=len(torn),
            limit=0,
            where=[f"sample {train.indices[place]}" for place in places],
            evidence=told,
            # What is torn as often as this are coarse features, not single labels to be mended.
            to_type=leave_out_of(subject, "train", train.indices[places])
            if len(places) <= self.most_left_out * len(train.indices)
            else "",
        )
        first = places[:12].tolist()
        shown = Shown(
            title="Equal samples with different labels",
            indices=tuple(train.indices[first].tolist()),
            captions=tuple(f"sample {train.indices[place]}: class {label.get(place)}" for place in first),
        )
        return [(finding, shown)]

    def _near(self, train: Scan, val: Scan | None) -> list[Told]:
        inside, across = look_alikes(train, val)
        found: list[Told] = []
        if across:
            leaked = sorted({right for _, right in across})
            share = len(leaked) / len(val.thumbnails)
            told = [f"sample {left} ~ val sample {right}" for left, right in across]
            finding = self.found(
                f"{len(leaked):,} of {len(val.thumbnails):,} validation images ({share:.1%}) look like one of the "
                f"training images, limit {self.leaked_share:.0%}: another size or compression of the same picture",
                severity=Severity.WARNING if share >= self.leaked_share and len(leaked) > 1 else Severity.NOTE,
                measured=share,
                limit=self.leaked_share,
                where=[f"val sample {index}" for index in leaked],
                evidence=told[:LISTED],
                to_type=leave_out("val_set", leaked),
            )
            shown = Shown(
                title="Validation images that look like a training image",
                indices=tuple(right for _, right in across[:12]),
                captions=tuple(told[:12]),
                side="val",
            )
            found.append((finding, shown))
        if inside:
            later = sorted({right for _, right in inside})
            finding = self.found(
                f"{len(later):,} of {len(train.thumbnails):,} training images look like another one, though their "
                "bytes differ: worth a note from 1 on, because a random split puts some on both sides",
                severity=Severity.NOTE,
                measured=len(later),
                limit=1,
                where=[f"sample {index}" for index in later],
                evidence=[f"sample {left} ~ sample {right}" for left, right in inside[:LISTED]],
                to_type=leave_out("train_set", later),
            )
            indices = tuple(index for pair in inside[:6] for index in pair)
            found.append((finding, Shown(title="Images that look the same", indices=indices)))
        return found


def _keep_first(subject: Subject) -> str:
    table = subject.tables.get("train")
    if table is None:
        return KEEP_FIRST
    if table.framed and table.target:
        return "X_train = X_train.drop_duplicates()  # the first of each stays\ny_train = y_train.loc[X_train.index]"
    rows, targets = (".iloc[first]" if table.framed else "[first]"), (".iloc[first]" if table.target else "[first]")
    return (
        "first = np.sort(np.unique(np.asarray(X_train), axis=0, return_index=True)[1])  # the first of each stays\n"
        f"X_train, y_train = X_train{rows}, y_train{targets}"
    )
