"""Loss shapes: outputs and targets do not fit the loss, or fit it only by broadcasting.

Broadcasting: outputs (N, 1) and targets (N,) make N × N differences, and a model that learns from their mean predicts
the mean of all targets. It is found by watching the functions that the loss calls, and by computing it again with the
targets shaped like the outputs. Errors of the loss are told in words.

Reference: torch, `mse_loss`, warning "Using a target size that is different to the input size".
"""

from dataclasses import dataclass
from math import isclose
from typing import Any, ClassVar

import torch

from autofix_nb.checks.base import Answer, Check
from autofix_nb.errors import AutofixError
from autofix_nb.evidence import Subject, Trial
from autofix_nb.evidence.losses import CLASSES, YES_OR_NO, is_text, loss_name, wants_whole_numbers
from autofix_nb.evidence.raised import first_line
from autofix_nb.evidence.slips import Slip, as_typed, in_words, slips_of
from autofix_nb.evidence.stretching import mixes_rows, stretched_loss
from autofix_nb.finding import Finding, NotApplicable, Severity

_BROADCAST = "Using a target size"


@dataclass(frozen=True, kw_only=True)
class LossShapes(Check):
    """Shapes and types of outputs and targets against the loss."""

    code: ClassVar = "B05"
    title: ClassVar = "Loss shapes"
    needs: ClassVar = frozenset({"model", "train"})

    same_within: float = 1e-4
    """Share by which the loss may differ between targets as they are and shaped like the outputs."""

    def look(self, subject: Subject) -> Answer:
        trial = subject.trial
        if trial.error is not None and trial.stage == "forward":
            if _is_broadcast(str(trial.error)):
                return self.bad(self._warned(str(trial.error)))
            raise NotApplicable("no outputs, because the forward pass fails (see B06)")
        if subject.step is not None:
            said = [text for text in trial.warned if _is_broadcast(text)]
            if said:
                return self.bad(self._warned(said[0]))
            raise NotApplicable("`step` computes the loss itself, so outputs and targets are not seen")
        outputs, targets = trial.outputs, trial.targets
        if not isinstance(outputs, torch.Tensor) or not isinstance(targets, torch.Tensor):
            if trial.error is None:
                raise NotApplicable("outputs or targets are no single tensors, and the loss takes them")
            if is_text(targets):
                raise NotApplicable("the labels are text (see B04)")
            return self.bad(self._failed(subject, trial, "", ""))
        shapes = f"outputs {_said(outputs)}, targets {_said(targets)}"
        name = loss_name(subject.loss)
        if trial.error is not None and trial.stage == "loss":
            text = str(trial.error)
            if "wanted a tensor of one number" in text:
                raise NotApplicable("the loss gives no tensor (see B06)")
            if "out of bounds" in text or "hold label" in text or wants_whole_numbers(trial.error, outputs, targets):
                raise NotApplicable("the loss fails for the labels (see B04)")
            if outputs.is_floating_point() and not bool(torch.isfinite(outputs).all()):
                raise NotApplicable("the outputs are not finite, and the loss refuses them (see B03 and B06)")
            return self.bad(self._failed(subject, trial, shapes, name))
        if name in CLASSES and _classes(outputs) == 1:
            return self.bad(self._one_output(name, shapes))
        broadcast = self._broadcast(subject, outputs.detach(), targets, shapes)
        if broadcast is None and any(map(_is_broadcast, trial.warned)):
            broadcast = self._heard(outputs.detach(), targets, shapes)
        if broadcast is not None:
            return self.bad(broadcast)
        slips = [slip for slip in slips_of(subject) if slip.kind in ("shape", "softmax") and not slip.rows_mixed]
        if slips:
            return self.bad(self._slipped(slips))
        if subject.loss is None:
            says = subject.task.says if subject.task_error is None else "the model computes the loss itself"
            return self.fine(f"no `loss` was given, `fit` would choose: {says}")
        return self.fine(f"{name} takes {shapes}")

    def _slipped(self, slips: list[Slip]) -> Finding:
        return self.found(
            "; ".join(map(in_words, slips)),
            severity=Severity.WARNING,
            measured=len(slips),
            limit=0,
            fixes=("mend_forward",),
            to_type="\n".join(map(as_typed, slips)),
        )

    def _broadcast(self, subject: Subject, outputs: torch.Tensor, targets: torch.Tensor, shapes: str) -> Finding | None:
        told = None if subject.loss is None else stretched_loss(subject.loss, outputs, targets)
        if told is None or isclose(*told, rel_tol=self.same_within, abs_tol=1e-9):
            mixed = subject.loss is not None and mixes_rows(subject.loss, outputs, targets)
            return self._mixed(shapes) if mixed else None
        as_it_is, reshaped = told
        wide = torch.broadcast_shapes(outputs.shape, targets.shape)
        return self.found(
            f"{shapes}: the loss stretches them to {tuple(wide)} and compares every output with every target, which "
            f"gives {as_it_is:.4g} instead of {reshaped:.4g}",
            severity=Severity.CRITICAL,
            measured=as_it_is,
            limit=reshaped,
            to_type=_alike(outputs, targets),
        )

    def _mixed(self, shapes: str) -> Finding:
        return self.found(
            f"{shapes}: the loss is the same when every row gets the target of another one, so it compares every "
            "output with every target",
            severity=Severity.CRITICAL,
            to_type="# in the loss: targets = targets.reshape(outputs.shape), before they are subtracted",
        )

    def _heard(self, outputs: torch.Tensor, targets: torch.Tensor, shapes: str) -> Finding | None:
        """What torch warned of while the loss was computed; None where the shapes differ by dimensions of 1 alone."""
        try:
            wide = torch.broadcast_shapes(outputs.shape, targets.shape)
        except RuntimeError:  # it warned of other tensors
            return None
        sizes = sorted((outputs.numel(), targets.numel()))
        if wide.numel() <= sizes[0]:
            return None
        both = wide.numel() > sizes[1]
        return self.found(
            f"{shapes}: the loss stretches {'them' if both else 'the smaller'} to {tuple(wide)}, {wide.numel():,} "
            f"differences from {sizes[0]:,} numbers, wanted as many of each",
            severity=Severity.CRITICAL if both else Severity.WARNING,
            measured=wide.numel(),
            limit=sizes[0],
            to_type=_alike(outputs, targets)
            if outputs.numel() == targets.numel()
            else f"# wanted: targets of shape {tuple(outputs.shape)}, or a last layer with outputs of shape "
            f"{tuple(targets.shape)}",
        )

    def _warned(self, text: str) -> Finding:
        return self.found(
            "outputs and targets are of different shapes, and the loss compares every output with every target: "
            f"{text.split('. ')[0].splitlines()[0]}",
            severity=Severity.CRITICAL,
            evidence=(text,),
            to_type="loss = torch.nn.functional.mse_loss(outputs, targets.reshape(outputs.shape))",
        )

    def _one_output(self, name: str, shapes: str) -> Finding:
        return self.found(
            f"{name} over 1 output is always 0, so nothing can be learnt ({shapes})",
            severity=Severity.CRITICAL,
            measured=1,
            limit=2,
            to_type="loss = torch.nn.BCEWithLogitsLoss()  # loss(outputs, targets.float().reshape(outputs.shape))",
        )

    def _failed(self, subject: Subject, trial: Trial, shapes: str, name: str) -> Finding:
        error = trial.error
        assert error is not None  # noqa: S101 - for type checkers
        said = str(error) if isinstance(error, AutofixError) else first_line(error)
        words, to_type = _in_words(trial.outputs, trial.targets, name, str(error))
        whose = name or "the loss"
        return self.found(
            f"{whose} does not take {shapes}: {words}" if words and shapes else f"{whose} fails: {said.rstrip('.')}",
            severity=Severity.CRITICAL,
            evidence=(*((shapes,) if shapes else ()), said),
            to_type=to_type,
        )


def _in_words(outputs: Any, targets: Any, name: str, text: str) -> tuple[str, str]:
    """Say why a loss failed, and what to type; both empty where the error's own text has to do."""
    if not isinstance(outputs, torch.Tensor) or not isinstance(targets, torch.Tensor):
        return "", ""
    if "wanted one number" in text:
        return "it gives one loss for each row, wanted their mean", f'{name or "loss"}(..., reduction="mean")'
    if outputs.dim() and targets.dim() and len(outputs) != len(targets):
        return f"{len(outputs)} rows of outputs for {len(targets)} targets", "# look where `forward` reshapes its batch"
    if "between 0 and 1" in text:
        return "it wants probabilities, the outputs are logits", "loss = torch.nn.BCEWithLogitsLoss()"
    if name in YES_OR_NO:
        alike = outputs.shape == targets.shape
        if alike and not targets.is_floating_point():
            return "it wants targets that are floats", "targets = targets.float()"
        if outputs.numel() == targets.numel():
            return "it wants both of one shape", f"{_alike(outputs, targets)}.float()"
        return (
            f"it wants one target for each of the {outputs[0].numel()} outputs of a row",
            f"targets = torch.nn.functional.one_hot(targets, {outputs.shape[-1]}).float()"
            if outputs.dim() == 2
            else "",
        )
    if name in CLASSES or not name:
        return _of_classes(outputs, targets)
    if outputs.numel() == targets.numel():
        return "it wants both of one shape", _alike(outputs, targets)
    return "", ""


def _of_classes(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[str, str]:
    rest = tuple(targets.shape)
    if outputs.shape == targets.shape and outputs.dim() == 1:
        return (
            "it wants one output for each class",
            "loss = torch.nn.BCEWithLogitsLoss()  # with one output: targets.float()",
        )
    if outputs.shape == targets.shape:
        return "class shares must be floats", "targets = targets.float()  # or class numbers: targets.argmax(1)"
    if targets.dim() == outputs.dim() and targets.shape[1] == 1:
        return "it wants one class number a row, not a column", "targets = targets.squeeze(1)"
    if outputs.dim() > 2 and outputs.shape[:-1] == rest:
        order = [0, outputs.dim() - 1, *range(1, outputs.dim() - 1)]
        how = ", ".join(map(str, order))
        return "it wants the classes second, they lie last", f"outputs = outputs.permute({how})"
    if outputs.dim() == 2 and targets.dim() == 1 and not targets.is_floating_point():
        return "class numbers must be int64", "targets = targets.long()"
    if outputs.dim() > 2 and outputs.shape[2:] != rest[1:] and targets.dim() > 1:
        size = tuple(rest[1:])
        return (
            f"outputs cover {tuple(outputs.shape[2:])} places, targets {size}",
            f'outputs = torch.nn.functional.interpolate(outputs, size={size}, mode="bilinear")'
            if len(size) == 2
            else "",
        )
    return "", ""


def _alike(outputs: torch.Tensor, targets: torch.Tensor) -> str:
    if outputs.dim() == targets.dim() + 1 and outputs.shape[-1] == 1:
        return "targets = targets.unsqueeze(-1)"
    if targets.dim() == outputs.dim() + 1 and targets.shape[-1] == 1:
        return "targets = targets.squeeze(-1)"
    return "targets = targets.reshape(outputs.shape)"


def _classes(outputs: torch.Tensor) -> int:
    return outputs.shape[1] if outputs.dim() > 1 else 1


def _is_broadcast(text: str) -> bool:
    return _BROADCAST in text


def _said(tensor: torch.Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
