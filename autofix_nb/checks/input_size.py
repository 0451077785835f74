"""Input size: what the transforms give is not what the model wants.

What the model wants is read from the model (patch embedding, `image_size`, timm's data config), else from the error
that it raises for a real batch, else found by a probe with images of zeros. The transform that gives the wrong size is
looked up in the data set.

Reference: timm, `PatchEmbed` (`strict_img_size`, `dynamic_img_size`) and `pretrained_cfg["input_size"]`.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from autofix_nb.checks.base import Answer, Check
from autofix_nb.data import structure
from autofix_nb.errors import DataError
from autofix_nb.evidence import Subject
from autofix_nb.evidence.culprits import size_culprit
from autofix_nb.evidence.entrance import raised_at_the_entrance
from autofix_nb.evidence.input_size import (
    Misfit,
    WantedSize,
    channels_are_last,
    forward_error,
    has_learnt,
    image_size,
    inputs_of,
    main_input,
    misfit,
    probed_size,
    told_size,
)
from autofix_nb.evidence.raised import first_line, in_words, raised_in
from autofix_nb.evidence.transforms import steps_of
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.objective import split_batch


@dataclass(frozen=True, kw_only=True)
class InputSize(Check):
    """Height and width, channels or features of the first batch, against the model's."""

    code: ClassVar = "B01"
    title: ClassVar = "Input size"
    needs: ClassVar = frozenset({"model", "train"})
    fixes: ClassVar = ("resize_inputs",)

    largest_factor: float = 1.5
    """Factor between the size given and the one that weights were trained at, from which on it is worth knowing."""

    def look(self, subject: Subject) -> Answer:
        found = main_input(inputs_of(subject))
        if found is None:
            raise NotApplicable("the inputs hold no tensor")
        path, inputs = found
        if inputs.dim() < 2:
            raise NotApplicable(f"the inputs have shape {tuple(inputs.shape)}, which has no size")
        told = told_size(subject.model) if inputs.dim() == 4 else None
        trial = subject.trial
        error = trial.error if trial.stage == "forward" else None
        findings = self._of_train(subject, path, inputs, told, error)
        if not findings and error is None:
            findings = self._of_val(subject, path, inputs, told)
        if findings:
            return self.bad(*findings)
        if error is not None:
            raise NotApplicable("the model fails for another reason than the size of its inputs (see B06)")
        return self._fine(inputs, told)

    def _of_train(
        self, subject: Subject, path: str, inputs: torch.Tensor, told: WantedSize | None, error: Exception | None
    ) -> list[Finding]:
        given = image_size(inputs)
        said = misfit(error) if error is not None else None
        if given and said and said.kind == "channels":
            return [self._channels(subject, inputs, said)]
        if given and error is not None:
            wanted = told if told and told.strict and given != (told.height, told.width) else None
            if wanted is None and told is None and subject.step is None and not path:
                wanted = probed_size(subject, inputs.shape[1], inputs.dtype)
            if wanted is None or given == (wanted.height, wanted.width):
                return []
            return [self._size(subject, "train", inputs, given, wanted, error)]
        if given and told and error is None:
            factor = max(given[0] / told.height, told.height / given[0], given[1] / told.width, told.width / given[1])
            if factor >= self.largest_factor and has_learnt(subject.model):
                return [self._unusual(subject, given, told, factor)]
        if (
            said
            and error is not None
            and said.got == inputs.shape[-1]
            and inputs.dim() < 4
            and raised_at_the_entrance(subject, error) is not False
        ):
            return [self._features(subject, inputs, said, error)]
        return []

    def _of_val(self, subject: Subject, path: str, train: torch.Tensor, told: WantedSize | None) -> list[Finding]:
        """Validation's first batch, where it has another shape than training's and the model does not take it."""
        if subject.val is None or subject.step is not None:
            return []
        try:
            batch = subject.val_batch.data
            size = structure.rows(batch)
            inputs = split_batch(structure.take(batch, list(range(min(2, size))), size))[0]
        except (NotApplicable, DataError, structure.NotSliceable):
            return []
        tensor = dict(structure.tensors(inputs)).get(path)
        if tensor is None or tensor.shape[1:] == train.shape[1:] or not len(tensor):
            return []
        error = forward_error(subject, inputs)
        if error is None:
            return []
        given, wanted = image_size(tensor), image_size(train)
        if given and wanted and given != wanted:
            height, width = (told.height, told.width) if told and told.strict else wanted
            wants = WantedSize(height=height, width=width, told_by="the training data", strict=True)
            return [self._size(subject, "val", tensor, given, wants, error)]
        return [
            self.found(
                f"the validation inputs have shape {tuple(tensor.shape[1:])} a row, training's have "
                f"{tuple(train.shape[1:])}, and the model takes only these",
                severity=Severity.CRITICAL,
                measured=tensor.shape[-1],
                limit=train.shape[-1],
                evidence=(first_line(error),),
                fixes=(),
            )
        ]

    def _size(
        self,
        subject: Subject,
        side: str,
        inputs: torch.Tensor,
        given: tuple[int, int],
        wanted: WantedSize,
        error: Exception,
    ) -> Finding:
        loader = subject.train if side == "train" else subject.val
        where, to_type, evidence = size_culprit(loader, side, given, wanted)
        whose = "the transforms give" if side == "train" else "the transforms of `val` give"
        return self.found(
            f"{whose} images of {given[0]}×{given[1]}, the model wants {wanted.height}×{wanted.width}",
            severity=Severity.CRITICAL,
            measured=given[0],
            limit=wanted.height,
            where=where,
            evidence=(*evidence, f"wanted: told by {wanted.told_by}", f"the model says: {first_line(error)}"),
            to_type=to_type,
        )

    def _unusual(self, subject: Subject, given: tuple[int, int], told: WantedSize, factor: float) -> Finding:
        where, to_type, evidence = size_culprit(subject.train, "train", given, told)
        return self.found(
            f"the images are {given[0]}×{given[1]}, the model's weights were trained at {told.height}×{told.width}, a "
            f"factor of {factor:.1f}, limit {self.largest_factor:g}: it works, but they may recognise less",
            severity=Severity.NOTE,
            measured=given[0],
            limit=told.height,
            where=where,
            evidence=(*evidence, f"wanted: told by {told.told_by}"),
            to_type=to_type,
            fixes=(),
        )

    def _channels(self, subject: Subject, inputs: torch.Tensor, said: Misfit) -> Finding:
        if channels_are_last(inputs) and inputs.shape[-1] == said.wanted:
            return self.found(
                f"the images have shape {tuple(inputs.shape)} with their channels last, the model wants them second: "
                f"{said.wanted} channels, got {said.got}",
                severity=Severity.CRITICAL,
                measured=said.got,
                limit=said.wanted,
                to_type="images = images.permute(0, 3, 1, 2)  # one image: image.permute(2, 0, 1)",
                fixes=(),
            )
        ways = {
            (1, 3): "transforms.Grayscale(num_output_channels=3)  # first in the transform",
            (4, 3): 'image = image.convert("RGB")  # where the image is opened',
            (3, 1): "transforms.Grayscale()  # first in the transform",
        }
        kinds = {1: "grey", 3: "colour", 4: "with transparency"}
        kind = f" ({kinds[said.got]})" if said.got in kinds else ""
        other = f"nn.Conv2d({said.got}, ...)  # the model's first layer; timm: create_model(..., in_chans={said.got})"
        return self.found(
            f"the images have {said.got} channel{'s' if said.got != 1 else ''}{kind}, the model wants {said.wanted}",
            severity=Severity.CRITICAL,
            measured=said.got,
            limit=said.wanted,
            where=[step.path for step in steps_of(subject.train, "train")[:1]],
            evidence=(f"the first batch has shape {tuple(inputs.shape)}",),
            to_type=ways.get((said.got, said.wanted), other),
            fixes=(),
        )

    def _features(self, subject: Subject, inputs: torch.Tensor, said: Misfit, error: Exception | None) -> Finding:
        layer = raised_in(error, subject.model) if error is not None else None
        name = type(layer[1]).__name__ if layer else "Linear"
        what = "features" if inputs.dim() == 2 else "numbers at each position"
        more = "" if "Norm" in name else ", ..."
        line = f"nn.{name}({said.got}{more})" if layer is None or type(layer[1]).__module__.startswith("torch.") else ""
        return self.found(
            f"the rows have {said.got} {what}, the model's first layer {in_words(layer)} wants {said.wanted}",
            severity=Severity.CRITICAL,
            measured=said.got,
            limit=said.wanted,
            where=(layer[0],) if layer and layer[0] else (),
            evidence=(f"the first batch has shape {tuple(inputs.shape)}",),
            to_type=f"{line}  # instead of {said.wanted}" if line else "",
            fixes=(),
        )

    def _fine(self, inputs: torch.Tensor, told: WantedSize | None) -> Answer:
        given = image_size(inputs)
        if given and told:
            return self.fine(
                f"images of {given[0]}×{given[1]}, the model takes them ({told.told_by}: {told.height}×{told.width})"
            )
        return self.fine(f"the model takes inputs of shape {tuple(inputs.shape[1:])} a row")
