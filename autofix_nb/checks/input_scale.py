"""Input scale: values that no layer was made for, or of another type than the weights.

What counts is what the first layer with weights gets: a model that scales its inputs itself, or begins with a norm
layer or an embedding, is well. Scales that differ between features are D02's.

Reference: LeCun et al. (1998), Efficient BackProp, §4.3 (inputs of mean 0 and standard deviation 1).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from autofix_nb.checks.base import Answer, Check, Shown
from autofix_nb.data import structure
from autofix_nb.evidence import Subject
from autofix_nb.evidence.entrance import LOOKUPS, NORMS, entrance_of
from autofix_nb.evidence.input_size import channels_are_last, has_learnt, inputs_of, main_input, misfit, weights_config
from autofix_nb.evidence.raised import first_line, in_words, raised_in
from autofix_nb.evidence.transforms import Step, steps_of
from autofix_nb.finding import Finding, NotApplicable, Severity

LEAST_THERE = 0.25
"""Share of the values that must not be 0 for their size to count: marks and rare words are 0 nearly everywhere."""

SHOWN = 24
"""Images of the first batch that are shown."""


@dataclass(frozen=True, kw_only=True)
class InputScale(Check):
    """Type, finiteness, channel order and size of the values of the first batch."""

    code: ClassVar = "B03"
    title: ClassVar = "Input scale"
    needs: ClassVar = frozenset({"train"})
    fixes: ClassVar = ("scale_pixels", "standardise")

    largest_pixel: float = 100.0
    """Value that 1 % of an image's pixels may exceed: 0..1 and standardised ones stay far below, 0..255 not."""

    largest_median: float = 30.0
    """Median distance from 0 of a table's or sequence's values that are not 0; standardised ones have 0.7."""

    smallest_spread: float = 1e-3
    """Standard deviation of all values of a table or sequence, below which a layer sees hardly any difference."""

    smallest_contrast: float = 0.02
    """The same for images: a photo has 0.2 on a scale of 0..1, one divided by 255 twice has 0.001."""

    def look(self, subject: Subject) -> Answer:
        inputs = inputs_of(subject)
        found = main_input(inputs)
        if found is None:
            raise NotApplicable("the inputs hold no tensor")
        path, raw = found
        findings = [*self._text_columns(subject), *self._non_finite(subject, inputs)]
        unscaled: torch.Tensor | None = raw
        if subject.original is not None:
            findings += self._of_another_type(subject, inputs)
            findings += self._channels_last(subject, raw)
            if subject.step is None:
                unscaled = self._reaches_the_weights(subject, inputs, raw)
        steps = steps_of(subject.train, "train")
        if unscaled is not None and not any(finding.severity == Severity.CRITICAL for finding in findings):
            findings += self._of_values(subject, unscaled, raw, steps)
        pictures = _pictures(subject, raw)
        if findings:
            return self.bad(*findings, pictures=pictures)
        return self.fine(self._in_numbers(raw, path, unscaled), pictures=pictures)

    def _reaches_the_weights(self, subject: Subject, inputs: Any, raw: torch.Tensor) -> torch.Tensor | None:
        """What the first weights compute with; None where a norm layer or an embedding comes first."""
        size = subject.batch_rows
        try:
            rows = structure.take(inputs, list(range(min(size, subject.trial_rows))), size)
        except structure.NotSliceable:
            rows = inputs
        entrance = entrance_of(subject, rows)
        if entrance is None:
            return raw
        if isinstance(entrance.layer, (*NORMS, *LOOKUPS)):
            return None
        return raw if entrance.tensor is None else entrance.tensor.cpu()

    def _of_values(self, subject: Subject, values: torch.Tensor, raw: torch.Tensor, steps: list[Step]) -> list[Finding]:
        if values.dim() < 2 or values.is_complex() or not values.numel() or values.dtype == torch.bool:
            return []
        values = values.float()
        low, high = float(values.min()), float(values.max())
        if low == high:
            return [self._constant(subject, low, values)]
        if len(values) >= 4 and bool((values == values[:1]).all()):
            return [self._all_the_same(subject, len(values))]
        is_image = raw.dim() == 4
        if is_image or _looks_like_pixels(values):
            typical = float(torch.quantile(_sample(values).abs(), 0.99))
            if typical > self.largest_pixel:
                return [self._pixels(typical, low, high, raw)]
        spread = float(values.std())
        if is_image:
            if spread < self.smallest_contrast:
                return [self._no_contrast(spread, steps)]
            return [*self._normalised_twice(values, steps), *self._not_normalised(subject, values)]
        middle = _middle(values)
        if middle > self.largest_median:
            return [self._large(middle, low, high)]
        return [self._small(spread)] if spread < self.smallest_spread else []

    # --- values -----------------------------------------------------------------------------------------------------

    def _pixels(self, typical: float, low: float, high: float, raw: torch.Tensor) -> Finding:
        top = 65535 if high > 255.5 else 255
        line = "transforms.ToTensor()  # of a PIL image or a uint8 array: gives 0..1"
        if top == 255 and not raw.is_floating_point():
            line = "v2.ToDtype(torch.float32, scale=True)  # or: images.float() / 255"
        elif low >= 0:
            line = f"images = images / {top}"
        return self.found(
            f"the pixels reach the first layer as {low:.4g} to {high:.4g} (1 % beyond {typical:.3g}), limit "
            f"{self.largest_pixel:g}; wanted about 0 to 1, or standardised",
            severity=Severity.WARNING,
            measured=typical,
            limit=self.largest_pixel,
            to_type=line,
            fixes=("scale_pixels",) if low >= 0 and high <= 255.5 else ("standardise",),
        )

    def _large(self, middle: float, low: float, high: float) -> Finding:
        return self.found(
            f"the inputs are large: half of the values that are not 0 are further than {middle:.4g} from it ({low:.4g} "
            f"to {high:.4g}), limit {self.largest_median:g}",
            severity=Severity.WARNING,
            measured=middle,
            limit=self.largest_median,
            to_type=_STANDARDISE,
            fixes=("standardise",),
        )

    def _small(self, spread: float) -> Finding:
        return self.found(
            f"the inputs hardly differ: standard deviation {spread:.2g} over all values, limit "
            f"{self.smallest_spread:g}",
            severity=Severity.WARNING,
            measured=spread,
            limit=self.smallest_spread,
            to_type=_STANDARDISE,
            fixes=("standardise",),
        )

    def _no_contrast(self, spread: float, steps: list[Step]) -> Finding:
        return self.found(
            f"the images have hardly any contrast: standard deviation {spread:.2g} over all pixels, limit "
            f"{self.smallest_contrast:g}; perhaps they were divided by 255 twice",
            severity=Severity.WARNING,
            measured=spread,
            limit=self.smallest_contrast,
            evidence=_transforms(steps),
            to_type="transforms.ToTensor()  # divides by 255 already: leave the second division out",
            fixes=("standardise",),
        )

    def _normalised_twice(self, values: torch.Tensor, steps: list[Step]) -> list[Finding]:
        twice = [step for step in steps if step.name == "Normalize"]
        middle = float(values.mean())
        if len(twice) < 2 or (abs(middle) < 1 and float(values.std()) < 3):
            return []
        return [
            self.found(
                f"the images are normalised {len(twice)} times and have mean {middle:.2g} and standard deviation "
                f"{float(values.std()):.2g}, wanted about 0 and 1",
                severity=Severity.WARNING,
                measured=len(twice),
                limit=1,
                where=[step.path for step in twice[1:]],
                evidence=_transforms(steps),
                to_type=f"# leave out {twice[1].path}",
                fixes=(),
            )
        ]

    def _not_normalised(self, subject: Subject, values: torch.Tensor) -> list[Finding]:
        if subject.original is None or not has_learnt(subject.model):
            return []
        config = weights_config(subject.model)
        mean, std = tuple(config.get("mean") or ()), tuple(config.get("std") or ())
        if not mean or len(mean) != values.shape[1] or max(map(abs, mean)) < 0.1:
            return []
        if float(values.min()) < 0 or float(values.max()) > 1:
            return []
        return [
            self.found(
                f"the images are 0 to 1 with mean {float(values.mean()):.2f}; the model's weights were trained on "
                "images normalised to mean 0 and standard deviation 1",
                severity=Severity.NOTE,
                measured=float(values.mean()),
                limit=0,
                to_type=f"transforms.Normalize(mean={mean}, std={std})  # after ToTensor()",
                fixes=("standardise",),
            )
        ]

    def _constant(self, subject: Subject, value: float, values: torch.Tensor) -> Finding:
        return self.found(
            f"all {values.numel():,} values of the first batch's inputs are {value:g}: there is nothing to learn",
            severity=Severity.CRITICAL,
            measured=0,
            limit=0,
            where=_samples(subject),
            fixes=(),
        )

    def _all_the_same(self, subject: Subject, rows: int) -> Finding:
        return self.found(
            f"all {rows} rows of the first batch are the same: perhaps `__getitem__` does not use its index",
            severity=Severity.CRITICAL,
            measured=1,
            limit=2,
            where=_samples(subject),
            fixes=(),
        )

    # --- kinds ------------------------------------------------------------------------------------------------------

    def _of_another_type(self, subject: Subject, inputs: Any) -> list[Finding]:
        trial = subject.trial
        if trial.error is None or trial.stage not in ("forward", "backward"):
            return []
        text = str(trial.error)
        if "index out of range in self" in text:
            return self._beyond_the_table(subject, inputs, trial.error)
        if not any(sign in text for sign in _TYPE_SIGNS):
            return []
        wanted = next((p.dtype for p in subject.model.parameters() if p.is_floating_point()), torch.float32)
        lookup = "indices" in text
        odd = [
            tensor
            for _, tensor in structure.tensors(inputs)
            if (tensor.is_floating_point() if lookup else tensor.dtype != wanted)
        ]
        if not odd:
            return []
        got, want = (str(kind).removeprefix("torch.") for kind in (odd[0].dtype, torch.int64 if lookup else wanted))
        return [
            self.found(
                f"the inputs are {got}, the model's {'embedding wants' if lookup else 'weights are'} {want}",
                severity=Severity.CRITICAL,
                evidence=(first_line(trial.error),),
                to_type="inputs = inputs.long()"
                if lookup
                else f"inputs = inputs.to(torch.{want}){' / 255' if got == 'uint8' else ''}",
                fixes=("scale_pixels",) if got == "uint8" else (),
            )
        ]

    def _beyond_the_table(self, subject: Subject, inputs: Any, error: Exception) -> list[Finding]:
        found = raised_in(error, subject.model)
        whole = [t for _, t in structure.tensors(inputs) if t.numel() and not t.is_floating_point()]
        if found is None or not isinstance(found[1], LOOKUPS) or not whole:
            return []
        size, largest = found[1].num_embeddings, max(int(tensor.max()) for tensor in whole)
        return [
            self.found(
                f"the inputs hold number {largest}, {in_words(found)} has {size} rows, so wanted 0 to {size - 1}",
                severity=Severity.CRITICAL,
                measured=largest,
                limit=size - 1,
                where=(found[0],),
                to_type=f"torch.nn.Embedding({max(size, largest) + 1}, {found[1].embedding_dim})  # instead of {size}",
                fixes=(),
            )
        ]

    def _channels_last(self, subject: Subject, raw: torch.Tensor) -> list[Finding]:
        trial = subject.trial
        said = misfit(trial.error) if trial.error is not None and trial.stage == "forward" else None
        if not channels_are_last(raw) or said is None or said.kind != "channels" or said.wanted != raw.shape[-1]:
            return []
        return [
            self.found(
                f"the images have shape {tuple(raw.shape)}, rows × height × width × channels; convolutions want the "
                f"{said.wanted} channels second",
                severity=Severity.CRITICAL,
                measured=said.got,
                limit=said.wanted,
                to_type="images = images.permute(0, 3, 1, 2)  # one image: image.permute(2, 0, 1)",
                fixes=(),
            )
        ]

    def _non_finite(self, subject: Subject, inputs: Any) -> list[Finding]:
        findings = []
        for path, tensor in structure.tensors(inputs):
            if not tensor.is_floating_point() or bool(torch.isfinite(tensor).all()):
                continue
            odd = (
                ~torch.isfinite(tensor).reshape(len(tensor), -1) if tensor.dim() else ~torch.isfinite(tensor).view(1, 1)
            )
            rows = odd.any(1).nonzero().flatten().tolist()
            findings.append(
                self.found(
                    f"{int(odd.sum()):,} of {tensor.numel():,} input values of the first batch are NaN or infinite, in "
                    f"{len(rows)} of {len(odd)} rows, limit 0",
                    severity=Severity.CRITICAL,
                    measured=int(odd.sum()),
                    limit=0,
                    where=_samples(subject, rows),
                    evidence=(f"inputs{path}",),
                    to_type="inputs = torch.nan_to_num(inputs)  # or leave these samples out",
                    fixes=(),
                )
            )
        return findings

    def _text_columns(self, subject: Subject) -> list[Finding]:
        table = subject.tables.get("train")
        if table is None or not table.text_columns:
            return []
        names = list(table.text_columns)
        return [
            self.found(
                f"{len(names)} columns hold text or dates and were left out: a model computes with numbers only",
                severity=Severity.WARNING,
                measured=len(names),
                limit=0,
                where=names,
                to_type=f"frame = pd.get_dummies(frame, columns={names[:8]!r}, dtype=float)",
                fixes=(),
            )
        ]

    def _in_numbers(self, raw: torch.Tensor, path: str, unscaled: torch.Tensor | None) -> str:
        kind = str(raw.dtype).removeprefix("torch.")
        if unscaled is None:
            return f"inputs {tuple(raw.shape)} {kind}; the model's first layer scales them, or looks them up"
        if not unscaled.numel() or unscaled.is_complex():
            return f"inputs {tuple(raw.shape)} {kind}"
        values = unscaled.float()
        spread = float(values.std()) if values.numel() > 1 else 0.0
        return (
            f"inputs {tuple(raw.shape)} {kind}: {float(values.min()):.3g} to {float(values.max()):.3g}, mean "
            f"{float(values.mean()):.3g}, standard deviation {spread:.3g}"
        )


_STANDARDISE = "inputs = (inputs - inputs.mean(0)) / inputs.std(0)  # mean and std of the training data, also for `val`"

_TYPE_SIGNS = ("dtype", "scalar type", "should be the same", "not implemented for", "'indices'")


def _looks_like_pixels(values: torch.Tensor) -> bool:
    """Tell whether rows are images laid flat: many features, all whole numbers of 0..255, many of them bright."""
    if values.dim() != 2 or values.shape[1] < 16 or float(values.min()) < 0 or not 200 <= float(values.max()) <= 255:
        return False
    return bool((values == values.round()).all()) and float((values.amax(0) >= 128).float().mean()) >= 0.25


def _middle(values: torch.Tensor) -> float:
    """Return the median distance from 0 of the values that are not 0, which say how large; 0 where few are not."""
    away = _sample(values).abs()
    there = away[away > 0]
    return float(there.median()) if len(there) >= LEAST_THERE * len(away) else 0.0


def _sample(values: torch.Tensor) -> torch.Tensor:
    # `torch.quantile` takes 16 million values at most.
    flat = values.reshape(-1)
    return flat[:: max(1, len(flat) // 1_000_000)]


def _samples(subject: Subject, rows: list[int] | None = None) -> list[str]:
    indices = subject.batch.indices
    if indices is None:
        return []
    return [f"sample {indices[row]}" for row in (range(len(indices)) if rows is None else rows) if row < len(indices)]


def _transforms(steps: list[Step]) -> tuple[str, ...]:
    return (f"transforms: {', '.join(step.said for step in steps)}",) if steps else ()


def _pictures(subject: Subject, raw: torch.Tensor) -> tuple[Shown, ...]:
    indices = subject.batch.indices
    if raw.dim() != 4 or not indices:
        return ()
    return (
        Shown(title="The first batch as the model sees it", indices=tuple(indices[:SHOWN]), as_the_model_sees_it=True),
    )
