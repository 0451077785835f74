"""Feature scales apart: one column counts in thousands, another in hundredths, and the first drowns the second.

Measured over all samples: standard deviation and range of each feature, the largest against the smallest. Left out are
features that say yes or no, and those that hold one value nearly everywhere (pixels at the edge of a picture, counts of
rare words): they are sparse, not small. A feature may also lie far from 0 without spreading, such as a year or a
constant beside standardised ones: its distance drowns the others just as well. Why it matters: LeCun et al. (1998),
Efficient BackProp, section 4.3: gradient descent is slow and lopsided when inputs have different scales.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autofix_nb.checks.base import Answer, Check
from autofix_nb.evidence import Scan, Subject
from autofix_nb.evidence.profile import Profile
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.fixes.collating import converts
from autofix_nb.fixes.standardise import Scale

ROUNDING = 1e-6
"""Standard deviation, as a share of the mean, below which a feature is constant but for rounding."""

TO_TYPE = """\
from sklearn.preprocessing import StandardScaler
scaler = StandardScaler().fit(X_train)  # of the training rows only
X_train, X_val = scaler.transform(X_train).astype("float32"), scaler.transform(X_val).astype("float32")"""


@dataclass(frozen=True, kw_only=True)
class FeatureScales(Check):
    """Are all features of a similar size?"""

    code: ClassVar = "D02"
    title: ClassVar = "Feature scales apart"
    needs: ClassVar = frozenset({"train"})
    fixes: ClassVar = ("standardise",)

    std_ratio: float = 100.0
    """Largest standard deviation over the smallest, above which the features are too far apart."""

    range_ratio: float = 1000.0
    """Largest range (maximum minus minimum) over the smallest, above which the features are too far apart."""

    spread_share: float = 0.1
    """Share of the rows that may be cut off at either end of a feature before it must still hold two values."""

    distance_ratio: float = 300.0
    """Distance of a feature's mean from 0, in times the middle of what all features hold (root of the mean square),
    above which it lies too far out. Ages beside shares are 100 times apart, years beside standardised numbers 2,000."""

    def look(self, subject: Subject) -> Answer:
        scan = subject.scan("train")
        if scan.kind not in ("table", "sequence"):
            raise NotApplicable(f"the samples are of kind `{scan.kind}`: there are no columns with scales of their own")
        if scan.features is None or len(scan.features) < 2:
            raise NotApplicable("fewer than 2 rows of numbers were seen")
        kept = _judged(scan, self.spread_share)
        if len(kept) < 2:
            raise NotApplicable(f"{len(kept)} of {scan.features.shape[1]} features take more than two values")
        std, width = _spread(scan, kept)
        by_std = kept[np.argsort(-std, kind="stable")]
        names = [_name(scan, feature) for feature in by_std]
        of_std, of_range = std.max() / std.min(), width.max() / width.min()
        says = f"the standard deviations of {len(kept)} features lie between {std.min():.3g} and {std.max():.3g}"
        evidence = [
            f"{_name(scan, kept[place])}: standard deviation {std[place]:.3g}, range {width[place]:.3g}"
            for place in _ends(std)
        ]
        evidence.append(f"looked at {scan.share}, {len(kept)} of {scan.features.shape[1]} features")
        far = _far_from_zero(scan)
        is_far = far is not None and far[-1] > self.distance_ratio
        if of_std <= self.std_ratio and of_range <= self.range_ratio and not is_far:
            return self.fine(f"{says}, {of_std:.3g} times apart", evidence=evidence)
        if converts(subject.train, Scale):
            return self.fine(f"{says}, and the loader standardises them (`standardise` was applied)", evidence=evidence)
        norm = _first_norm(subject.original)
        if isinstance(norm, _BatchNorm):
            return self.fine(f"{says}, and the model begins with a `{type(norm).__name__}`", evidence=evidence)
        if of_std <= self.std_ratio and of_range <= self.range_ratio:
            return self.bad(self._far_out(scan, *far, norm), evidence=evidence)
        if of_std > self.std_ratio:
            told, measured, limit = f"{of_std:,.0f} times apart, limit {self.std_ratio:g}", of_std, self.std_ratio
        else:
            told = f"and their ranges are {of_range:,.0f} times apart, limit {self.range_ratio:g}"
            measured, limit = of_range, self.range_ratio
        finding = self.found(
            f"the features have different scales: standard deviation {std.max():.3g} in {names[0]}, {std.min():.3g} in "
            f"{names[-1]}, {told}",
            severity=Severity.WARNING if norm is None else Severity.NOTE,
            measured=float(measured),
            limit=limit,
            where=[names[0], names[-1], *names[1:4]][: len(names)],
            evidence=() if norm is None else [f"the model begins with a `{type(norm).__name__}`, which scales rows"],
            to_type=TO_TYPE,
        )
        return self.bad(finding, evidence=evidence)

    def _far_out(self, scan: Scan, feature: int, mean: float, ratio: float, norm: nn.Module | None) -> Finding:
        name = _name(scan, feature)
        return self.found(
            f"{name} lies around {mean:.4g}, {ratio:,.0f} times as far from 0 as the values of a usual feature, limit "
            f"{self.distance_ratio:g}: the first layer hears little else",
            severity=Severity.WARNING if norm is None else Severity.NOTE,
            measured=ratio,
            limit=self.distance_ratio,
            where=[name],
            to_type=TO_TYPE,
        )


def _far_from_zero(scan: Scan) -> tuple[int, float, float] | None:
    """Return the feature whose mean lies farthest from 0, that mean, and its size in sizes of a usual feature."""
    if scan.kind != "table":
        return None
    profile = scan.profile if scan.profile is not None else Profile.of(scan.features)
    mean = np.nan_to_num(np.asarray(profile.mean, dtype=np.float64))
    sizes = np.sqrt(mean**2 + np.asarray(profile.m2, dtype=np.float64) / np.maximum(profile.count, 1))
    if not (sizes > 0).any():
        return None
    feature = int(np.abs(mean).argmax())
    return feature, float(mean[feature]), float(np.abs(mean[feature]) / np.median(sizes[sizes > 0]))


def _judged(scan: Scan, cut: float) -> np.ndarray:
    """Return the features that have a scale: more than two values, and not the same one nearly everywhere."""
    rows = np.where(np.isfinite(scan.features), scan.features, np.nan).astype(np.float64)
    some = np.isfinite(rows).sum(0) > 1
    kept = np.flatnonzero(some)
    if not len(kept):
        return kept
    low, high = np.nanquantile(rows[:, kept], [cut, 1 - cut], axis=0, method="nearest")
    kept = kept[high > low]
    judged = []
    for feature in kept:
        values = rows[:, feature]
        values = values[np.isfinite(values)]
        two_valued = np.all((values == values.min()) | (values == values.max()))
        if not two_valued and values.std() > ROUNDING * abs(values.mean()):
            judged.append(feature)
    return np.array(judged, dtype=np.int64)


def _spread(scan: Scan, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return standard deviation and range of each feature, over all samples where the scan tells."""
    profile = scan.profile
    if profile is not None:
        std = np.asarray(profile.std, dtype=np.float64)[kept]
        width = (np.asarray(profile.max, dtype=np.float64) - np.asarray(profile.min, dtype=np.float64))[kept]
        if np.all(np.isfinite(std) & np.isfinite(width) & (std > 0) & (width > 0)):
            return std, width
    rows = np.where(np.isfinite(scan.features), scan.features, np.nan).astype(np.float64)[:, kept]
    return np.nanstd(rows, axis=0), np.nanmax(rows, axis=0) - np.nanmin(rows, axis=0)


def _ends(std: np.ndarray) -> list[int]:
    order = np.argsort(-std, kind="stable").tolist()
    return order if len(order) <= 10 else order[:5] + order[-5:]


def _name(scan: Scan, feature: int) -> str:
    return f"`{scan.names[feature]}`" if feature < len(scan.names) else f"feature {feature}"


def _first_norm(model: nn.Module | None) -> nn.Module | None:
    """Return the model's first layer if it normalises what it gets."""
    if model is None:
        return None
    for part in model.modules():
        if any(True for _ in part.children()):
            continue
        if isinstance(part, _BatchNorm | nn.LayerNorm | nn.GroupNorm | nn.modules.instancenorm._InstanceNorm):
            return part
        if any(True for _ in part.parameters()):
            return None
    return None
