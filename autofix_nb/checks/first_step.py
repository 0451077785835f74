"""First step: forward pass, loss or backward pass of a real batch fails, or is not finite.

One step without an update on a copy of the model. Where an error was raised is read from its traceback; where the
first NaN arose, from hooks on the outputs of all modules.
"""

import re
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import torch

from autofix_nb.checks.base import Answer, Check
from autofix_nb.checks.ways_out import way_out
from autofix_nb.data import structure
from autofix_nb.errors import AutofixError
from autofix_nb.evidence import Subject, Trial
from autofix_nb.evidence.entrance import raised_at_the_entrance
from autofix_nb.evidence.first_trouble import (
    ONE_VALUE,
    bad_outputs,
    batch_sizes,
    error_in_eval_mode,
    error_of_one_row,
    has_batch_norm,
    holds_no_tensor,
    is_bad,
    lazy_parameters,
    trial_of_all,
)
from autofix_nb.evidence.input_size import main_input, misfit
from autofix_nb.evidence.losses import is_text, wants_whole_numbers
from autofix_nb.evidence.raised import (
    first_bad_parameter,
    first_line,
    in_words,
    raised_in,
    shapes,
)
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.objective import is_out_of_memory

_NO_GRADIENT = "does not require grad"
_SIZE = re.compile(r"\b(image|input) (size|height|width)\b", re.IGNORECASE)
"""How transformers of timm, torchvision and Hugging Face refuse a picture of another size."""

_SECOND_BACKWARD = "backward through the graph a second time"

_TO_TENSORS = "inputs, targets = torch.as_tensor(inputs), torch.as_tensor(targets)  # at the end of `collate_fn`"


@dataclass(frozen=True, kw_only=True)
class FirstStep(Check):
    """Forward pass, loss, backward pass and the shortest batch of the epoch."""

    code: ClassVar = "B06"
    title: ClassVar = "First step"
    needs: ClassVar = frozenset({"model", "train"})

    def look(self, subject: Subject) -> Answer:
        lazy = lazy_parameters(subject.original)
        if lazy:
            return self.bad(self._lazy(lazy))
        if not any(True for _ in subject.model.parameters()):
            return self.bad(
                self.found(
                    "the model has 0 parameters, so there is nothing to train",
                    severity=Severity.CRITICAL,
                    measured=0,
                    limit=1,
                )
            )
        bad_weight = first_bad_parameter(subject.model)
        if bad_weight:
            return self.bad(self._bad_weight(bad_weight))
        try:
            trial = subject.trial
        except NotApplicable as reason:
            return self._as_a_whole(subject, reason)
        if trial.error is not None:
            return self.bad(self._raised(subject, trial))
        if trial.loss is None or not bool(torch.isfinite(trial.loss)):
            return self.bad(self._not_finite(subject, trial))
        bad = [name for name, norm in trial.gradients.items() if not isfinite(norm)]
        if bad:
            return self.bad(self._bad_gradient(trial, bad))
        findings = [*self._fails_in_eval(subject), *self._fails_alone(subject)]
        if findings:
            return self.bad(*findings)
        norm = sum(norm**2 for norm in trial.gradients.values()) ** 0.5
        return self.fine(
            f"forward, loss and backward work on {trial.rows} rows: loss {float(trial.loss):.4g}, gradient norm "
            f"{norm:.3g}",
            evidence=(f"inputs {shapes(trial.inputs)}",) if shapes(trial.inputs) else (),
        )

    def _as_a_whole(self, subject: Subject, reason: NotApplicable) -> Answer:
        """Try a batch whose rows cannot be told apart: no other check can, and training will take it as it is."""
        trial = trial_of_all(subject)
        if trial.error is not None:
            return self.bad(self._raised(subject, trial))
        if trial.loss is None or not bool(torch.isfinite(trial.loss)):
            return self.bad(
                self.found(
                    f"the loss of the first batch is {float('nan') if trial.loss is None else float(trial.loss):g}, "
                    "wanted a finite number",
                    severity=Severity.CRITICAL,
                )
            )
        if not trial.gradients:  # a `step` that calls the model by its global name never meets the copy
            raise reason
        return self.fine(
            f"forward, loss and backward work on the first batch as a whole: loss {float(trial.loss):.4g}",
            evidence=(str(reason),),
        )

    def _raised(self, subject: Subject, trial: Trial) -> Finding:
        error = trial.error
        assert error is not None  # noqa: S101 - for type checkers
        if is_out_of_memory(error):
            raise NotApplicable("memory ran out in the first step (see B11)")
        if trial.stage == "backward" and _NO_GRADIENT in str(error):
            return self._no_gradient(subject, trial)
        if ONE_VALUE in str(error):
            return self._one_row(trial.rows, 0, batch_size=trial.batch_rows)
        layer = raised_in(error, subject.model)
        place = {"forward": "the forward pass", "loss": "the loss", "backward": "the backward pass"}[trial.stage]
        said = str(error) if isinstance(error, AutofixError) else first_line(error)
        if subject.step is not None and trial.stage == "forward":
            place = "your `step`"
        inside = f" in {in_words(layer)}" if layer and trial.stage == "forward" else ""
        evidence = [f"inputs {shapes(trial.inputs)}"] if shapes(trial.inputs) else []
        if trial.stage != "forward":
            evidence += [f"{name} {shapes(part)}" for name, part in _loss_parts(trial) if shapes(part)]
        kinds = {str(p.dtype).removeprefix("torch.") for p in subject.model.parameters() if p.is_floating_point()}
        if len(kinds) > 1:
            evidence.append(f"the model's weights are of several types: {', '.join(sorted(kinds))}")
        to_type = "model.float()  # one type for all weights" if len(kinds) > 1 and "dtype" in said else ""
        if _SECOND_BACKWARD in str(error) and subject.step is not None:
            said = "it goes backward itself, and so does the training after it; wanted the loss alone"
            to_type = "return loss  # without loss.backward() and optimizer.step()"
        to_type = to_type or way_out(subject, trial)
        if holds_no_tensor(subject.batch.data):
            place = f"the batches of `train` hold arrays or lists of numbers and 0 tensors, wanted 1 or more: {place}"
            to_type = _TO_TENSORS
        return self.found(
            f"{place} raises{inside}: {said.rstrip('.')}{_see(subject, trial) if trial.rows else ''}",
            severity=Severity.CRITICAL,
            where=(layer[0],) if layer and layer[0] else (),
            evidence=evidence,
            to_type=to_type,
        )

    def _no_gradient(self, subject: Subject, trial: Trial) -> Finding:
        wanting = sum(parameter.requires_grad for parameter in subject.model.parameters())
        outputs = [tensor for _, tensor in structure.tensors(trial.outputs)]
        if not wanting:
            count = sum(1 for _ in subject.model.parameters())
            says = f"all {count} parameters are frozen (`requires_grad=False`), so no gradient can flow from the loss"
            to_type = "for parameter in model.parameters():\n    parameter.requires_grad_(True)"
        elif outputs and not any(tensor.requires_grad for tensor in outputs):
            says = (
                f"the outputs are cut off from the {wanting} parameters that want a gradient: look in `forward` for "
                "`detach()`, `no_grad`, `.data`, `argmax` or NumPy"
            )
            to_type = "return logits  # no detach(), no argmax, no torch.no_grad() on the way"
        else:
            says = (
                f"the loss is cut off from the outputs, so none of the {wanting} parameters gets a gradient: look for "
                "`detach()`, `argmax`, `round`, `.item()` or `torch.tensor(...)` in it"
            )
            to_type = "loss = torch.nn.functional.cross_entropy(outputs, targets)  # of the outputs, not of argmax"
        return self.found(
            says, severity=Severity.CRITICAL, measured=0, limit=1, evidence=(first_line(trial.error),), to_type=to_type
        )

    def _not_finite(self, subject: Subject, trial: Trial) -> Finding:
        inputs = [path for path, tensor in structure.tensors(trial.inputs) if is_bad(tensor)]
        targets = [path for path, tensor in structure.tensors(trial.targets) if is_bad(tensor)]
        value = float("nan") if trial.loss is None else float(trial.loss)
        evidence: tuple[str, ...] = ()
        where: list[str] = []
        fixes: tuple[str, ...] = ()
        if inputs:
            first = "the inputs hold NaN or infinities already (see B03)"
        elif targets:
            first = "the targets hold NaN or infinities (see D07)"
        else:
            names = bad_outputs(subject)
            where = names[:3]
            # Sound numbers go in, and the model as it was drawn makes none of them: no row is to blame.
            fixes = ("swap_activations", "reinitialise", "insert_norm") if names else ()
            first = (
                f"it arises first in the output of {names[0]}"
                if names
                else "the outputs are finite, so it arises in the loss: a logarithm or root of 0, or 0 / 0"
            )
            evidence = tuple(f"{place + 1}. not finite: the output of {name}" for place, name in enumerate(names[:5]))
        return self.found(
            f"the loss of the first {trial.rows} rows is {value:g}, wanted a finite number: {first}",
            severity=Severity.CRITICAL,
            measured=value,
            where=where,
            evidence=evidence,
            fixes=fixes,
        )

    def _bad_gradient(self, trial: Trial, bad: list[str]) -> Finding:
        return self.found(
            f"the loss is {float(trial.loss):.4g}, but the gradients of {len(bad)} of {len(trial.gradients)} "  # type: ignore[arg-type]
            "parameters are not finite: a root, a logarithm or a norm at 0, or a division by 0, has no slope there",
            severity=Severity.CRITICAL,
            measured=len(bad),
            limit=0,
            where=bad,
            fixes=("bound_slopes",),
            to_type="with torch.autograd.detect_anomaly():\n    loss = criterion(model(inputs), targets)\n"
            "    loss.backward()",
        )

    def _bad_weight(self, name: str) -> Finding:
        return self.found(
            f"`{name}` of the model holds NaN or infinities already, before the first step",
            severity=Severity.CRITICAL,
            where=(name,),
            to_type="# make the model anew, or load a checkpoint from before it diverged",
        )

    def _fails_in_eval(self, subject: Subject) -> list[Finding]:
        error = error_in_eval_mode(subject)
        if error is None or is_out_of_memory(error):
            return []
        return [
            self.found(
                f"the model works in train mode and raises in eval mode, so validation will fail: {first_line(error)}",
                severity=Severity.CRITICAL,
                where=[in_words(raised_in(error, subject.model))],
            )
        ]

    def _fails_alone(self, subject: Subject) -> list[Finding]:
        """A batch of one row, such as is often left over at the end of an epoch, through batch norm."""
        if not has_batch_norm(subject.model):
            return []
        sizes = batch_sizes(subject)
        alone = sum(size == 1 for size in sizes)
        if not alone or subject.batch_rows < 2 or ONE_VALUE not in str(error_of_one_row(subject)):
            return []
        return [self._one_row(sum(sizes), alone, batch_size=sizes[0])]

    def _one_row(self, rows: int, alone: int, *, batch_size: int) -> Finding:
        if batch_size == 1:
            says = "the batches have 1 row, and batch norm in train mode needs at least 2 values for each channel"
            to_type = "DataLoader(data, batch_size=32, shuffle=True, drop_last=True)"
        else:
            which = "the last batch of an epoch has" if alone == 1 else f"{alone} batches of an epoch have"
            says = (
                f"{which} 1 row ({rows:,} rows in batches of {batch_size}), and batch norm in train mode needs at "
                "least 2: training will stop there"
            )
            to_type = f"DataLoader(data, batch_size={batch_size}, shuffle=True, drop_last=True)"
        return self.found(says, severity=Severity.CRITICAL, measured=1, limit=2, to_type=to_type)

    def _lazy(self, names: list[str]) -> Finding:
        return self.found(
            f"{len(names)} parameters of lazy layers have no shape yet, so an optimizer made now cannot hold them: "
            "call the model once before",
            severity=Severity.WARNING,
            measured=len(names),
            limit=0,
            where=names,
            to_type="model(next(iter(train))[0])  # gives the lazy layers their shapes\n"
            "optimizer = torch.optim.AdamW(model.parameters())",
        )


def _loss_parts(trial: Trial) -> tuple[tuple[str, object], ...]:
    return ("outputs", trial.outputs), ("targets", trial.targets)


def _see(subject: Subject, trial: Trial) -> str:
    """Name the check that says more about such an error."""
    text = str(trial.error)
    if trial.stage == "loss":
        if "wanted a tensor of one number" in text:
            return ""
        labels = "out of bounds" in text or "hold label" in text or is_text(trial.targets)
        if labels or wants_whole_numbers(trial.error, trial.outputs, trial.targets):  # type: ignore[arg-type]
            return " (see B04)"
        return " (see B05)"
    if "index out of range in self" in text or "dtype" in text or "scalar type" in text or "should be the same" in text:
        return " (see B03)"
    if trial.stage == "forward" and _SIZE.search(text):
        return " (see B01)"
    said = misfit(trial.error) if trial.stage == "forward" and trial.error is not None else None
    if said is None:
        return ""
    largest = main_input(trial.inputs)
    is_image = largest is not None and largest[1].dim() == 4
    return " (see B01)" if is_image or said.kind == "channels" or raised_at_the_entrance(subject, trial.error) else ""
