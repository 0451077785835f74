"""Input scale: values that no layer was made for, or of another type than the weights.

What counts is what the first layer with weights gets: a model that scales its inputs itself, or begins with a norm
layer or an embedding, is well. Scales that differ between features are D02's.

Reference: LeCun et al. (1998), Efficient BackProp, §4.3 (inputs of mean 0 and standard deviation 1).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from autofix_nb.checks.base import Answer, Check, Shown
from autofix_nb.checks.typed import as_numbers
from autofix_nb.evidence import Subject
from autofix_nb.evidence.input_size import channels_are_last, has_learnt, inputs_of, main_input, misfit, weights_config
from autofix_nb.evidence.magnitudes import looks_like_pixels, middle_of, nearly_largest, reaching_the_weights
from autofix_nb.evidence.number_kinds import BeyondTheTable, beyond_the_table, kinds_apart, non_finite_parts
from autofix_nb.evidence.raised import first_line, in_words
from autofix_nb.evidence.transforms import Step, steps_of
from autofix_nb.finding import Finding, NotApplicable, Severity

SHOWN = 24
"""Images of the first batch that are shown."""

STANDARDISE = "inputs = (inputs - inputs.mean(0)) / inputs.std(0)  # mean and std of the training data, also for `val`"

_DIVIDES_ALREADY = "transforms.ToTensor()  # divides by 255 already: leave the second division out"
_ZERO_TO_ONE = "transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # for pixels of 0 to 1"


@dataclass(frozen=True, kw_only=True)
class InputScale(Check):
    """Type, finiteness, channel order and size of the values of the first batch."""

    code: ClassVar = "B03"
    title: ClassVar = "Input scale"
    needs: ClassVar = frozenset({"train"})
    fixes: ClassVar = ("scale_pixels", "standardise", "cast_inputs")

    largest_pixel: float = 100.0
    """Value that 1 % of an image's pixels may exceed: 0..1 and standardised ones stay far below, 0..255 not."""

    largest_median: float = 30.0
    """Median distance from 0 of a table's or sequence's values that are not 0; standardised ones have 0.7."""

    smallest_spread: float = 1e-3
    """Standard deviation of all values of a table or sequence, below which a layer sees hardly any difference."""

    smallest_contrast: float = 0.02
    """The same for the colour of an image that varies most: photos have 0.2 on a scale of 0..1, divided twice 0.001."""

    def look(self, subject: Subject) -> Answer:
        inputs = inputs_of(subject)
        found = main_input(inputs)
        if found is None:
            raise NotApplicable("the inputs hold no tensor")
        _, raw = found
        findings = [*self._text_columns(subject), *self._non_finite(subject, inputs)]
        unscaled: torch.Tensor | None = raw
        if subject.original is not None:
            findings += self._of_another_type(subject, inputs)
            findings += self._channels_last(subject, raw)
            if subject.step is None:
                unscaled = reaching_the_weights(subject, inputs, raw)
        steps = steps_of(subject.train, "train")
        if unscaled is not None and not any(finding.severity == Severity.CRITICAL for finding in findings):
            findings += self._of_values(subject, unscaled, raw, steps)
        pictures = _pictures(subject, raw)
        if findings:
            return self.bad(*findings, pictures=pictures)
        return self.fine(_in_numbers(raw, unscaled), pictures=pictures)

    def _of_values(self, subject: Subject, values: torch.Tensor, raw: torch.Tensor, steps: list[Step]) -> list[Finding]:
        if values.dim() < 2 or values.is_complex() or not values.numel() or values.dtype == torch.bool:
            return []
        values = values.float()
        low, high = float(values.min()), float(values.max())
        if low == high:
            says = f"all {values.numel():,} values of the first batch's inputs are {low:g}: there is nothing to learn"
            return [self._nothing_to_learn(subject, says)]
        if len(values) >= 4 and bool((values == values[:1]).all()):
            says = (
                f"all {len(values)} rows of the first batch are the same: perhaps `__getitem__` does not use its index"
            )
            return [self._nothing_to_learn(subject, says)]
        is_image = raw.dim() == 4
        if is_image or looks_like_pixels(values):
            typical = nearly_largest(values)
            if typical > self.largest_pixel:
                return [self._pixels(typical, low, high, raw)]
        spread = float(values.std())
        if is_image:
            if values.dim() == 4:  # the means of the colours may lie apart, which is no contrast
                spread = float(values.std(dim=(0, 2, 3), correction=0).max())
            if spread < self.smallest_contrast:
                return [self._no_contrast(spread, high, steps)]
            return [*self._normalised_twice(values, steps), *self._not_normalised(subject, values)]
        middle = middle_of(values)
        if middle > self.largest_median:
            says = (
                f"the inputs are large: half of the values that are not 0 are further than {middle:.4g} from it "
                f"({low:.4g} to {high:.4g}), limit {self.largest_median:g}"
            )
            return [self._of_size(says, middle, self.largest_median)]
        if spread < self.smallest_spread:
            says = f"the inputs hardly differ: standard deviation {spread:.2g} over all values, limit "
            return [self._of_size(f"{says}{self.smallest_spread:g}", spread, self.smallest_spread)]
        return []

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

    def _of_size(
        self, says: str, measured: float, limit: float, *, to_type: str = STANDARDISE, evidence: tuple[str, ...] = ()
    ) -> Finding:
        return self.found(
            says,
            severity=Severity.WARNING,
            measured=measured,
            limit=limit,
            evidence=evidence,
            to_type=to_type,
            fixes=("standardise",),
        )

    def _no_contrast(self, spread: float, high: float, steps: list[Step]) -> Finding:
        # Dividing moves no pixel below 0; taking off a mean meant for 0..255 moves all of them there.
        why, to_type = (
            ("they were normalised by mean and deviation of pixels of 0 to 255", _ZERO_TO_ONE)
            if high < 0
            else ("they were divided by 255 twice", _DIVIDES_ALREADY)
        )
        return self._of_size(
            f"the images have hardly any contrast: standard deviation {spread:.2g} over the pixels of a colour, limit "
            f"{self.smallest_contrast:g}; perhaps {why}",
            spread,
            self.smallest_contrast,
            to_type=to_type,
            evidence=_transforms(steps),
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

    def _nothing_to_learn(self, subject: Subject, says: str) -> Finding:
        return self.found(says, severity=Severity.CRITICAL, measured=1, limit=2, where=_samples(subject), fixes=())

    # --- kinds ------------------------------------------------------------------------------------------------------

    def _of_another_type(self, subject: Subject, inputs: Any) -> list[Finding]:
        trial = subject.trial
        if trial.error is None or trial.stage not in ("forward", "backward"):
            return []
        beyond = beyond_the_table(subject.model, inputs, trial.error)
        if beyond is not None:
            return [self._beyond_the_table(beyond)]
        kinds = kinds_apart(subject.model, inputs, trial.error)
        if kinds is None:
            return []
        return [
            self.found(
                f"the inputs are {kinds.got}, the model's {'embedding wants' if kinds.lookup else 'weights are'} "
                f"{kinds.wanted}",
                severity=Severity.CRITICAL,
                evidence=(first_line(trial.error),),
                to_type="inputs = inputs.long()"
                if kinds.lookup
                else f"inputs = inputs.to(torch.{kinds.wanted}){' / 255' if kinds.got == 'uint8' else ''}",
                fixes=("scale_pixels",) if kinds.got == "uint8" else ("cast_inputs",),
            )
        ]

    def _beyond_the_table(self, found: BeyondTheTable) -> Finding:
        size = found.layer.num_embeddings
        return self.found(
            f"the inputs hold number {found.largest}, {in_words((found.name, found.layer))} has {size} rows, so wanted "
            f"0 to {size - 1}",
            severity=Severity.CRITICAL,
            measured=found.largest,
            limit=size - 1,
            where=(found.name,),
            to_type=f"torch.nn.Embedding({max(size, found.largest) + 1}, {found.layer.embedding_dim})  # instead of "
            f"{size}",
            fixes=(),
        )

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
        return [
            self.found(
                f"{odd.count:,} of {odd.values:,} input values of the first batch are NaN or infinite, in "
                f"{len(odd.rows)} of {odd.of_rows} rows, limit 0",
                severity=Severity.CRITICAL,
                measured=odd.count,
                limit=0,
                where=_samples(subject, odd.rows),
                evidence=(f"inputs{odd.path}",),
                to_type="inputs = torch.nan_to_num(inputs)  # or leave these samples out",
                fixes=(),
            )
            for odd in non_finite_parts(inputs)
        ]

    def _text_columns(self, subject: Subject) -> list[Finding]:
        table = subject.tables.get("train")
        if table is None or not table.text_columns:
            return []
        names = list(table.text_columns)
        have = "column holds text or dates and was" if len(names) == 1 else "columns hold text or dates and were"
        return [
            self.found(
                f"{len(names)} {have} left out (limit 0): a model computes with numbers only",
                severity=Severity.WARNING,
                measured=len(names),
                limit=0,
                where=names,
                to_type=as_numbers(names, table.text_kinds),
                fixes=(),
            )
        ]


def _in_numbers(raw: torch.Tensor, unscaled: torch.Tensor | None) -> str:
    said = f"inputs {tuple(raw.shape)} {str(raw.dtype).removeprefix('torch.')}"
    if unscaled is None:
        return f"{said}; the model's first layer scales them, or looks them up"
    if not unscaled.numel() or unscaled.is_complex():
        return said
    values = unscaled.float()
    spread = float(values.std()) if values.numel() > 1 else 0.0
    return (
        f"{said}: {float(values.min()):.3g} to {float(values.max()):.3g}, mean {float(values.mean()):.3g}, standard "
        f"deviation {spread:.3g}"
    )


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
