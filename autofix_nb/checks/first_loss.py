"""The first loss against chance, and losses that do not fit the model's last layer.

A model that knows nothing yet should lose what equal scores lose: ln K for K classes, ln 2 for yes or no, the targets'
variance for numbers. Chance is asked of the loss itself, so that class weights and label smoothing count. The loss is
measured with dropout off and again in the trial step; the lower one counts, since fresh batch norm is off in eval mode.

Reference: Karpathy (2019), A Recipe for Training Neural Networks: "verify loss @ init". That `CrossEntropyLoss` takes
logits and applies the softmax itself: PyTorch documentation.
"""

from dataclasses import dataclass
from math import exp, isfinite
from typing import Any, ClassVar

import torch

from autofix_nb.checks.base import Answer, Check
from autofix_nb.data import structure
from autofix_nb.evidence import Subject
from autofix_nb.evidence.chance import (
    Expectation,
    are_log_probabilities,
    expectation,
    grows_with_rows,
    quietly,
    sums_to_one,
)
from autofix_nb.evidence.direction import odd_pull
from autofix_nb.evidence.far_start import far_start
from autofix_nb.evidence.free_answers import HELD, is_held_back, wanted_link
from autofix_nb.evidence.free_answers import LINES as LINES_OF_LINKS
from autofix_nb.evidence.free_answers import SAYS as SAYS_OF_LINKS
from autofix_nb.evidence.odd_words import LINES, SAYS
from autofix_nb.evidence.reach import ceiling_of
from autofix_nb.evidence.silent import silent_columns
from autofix_nb.finding import Finding, NotApplicable, Severity
from autofix_nb.objective import (
    ends_linearly,
    is_softmax_of_softmax,
    last_activation,
    last_bounds,
    total_loss,
)

RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, float("inf"))}
"""Values that an activation can give."""


@dataclass(frozen=True, kw_only=True)
class FirstLoss(Check):
    """Does the loss fit the outputs, and does it begin near chance?"""

    code: ClassVar = "B08"
    title: ClassVar = "First loss far from chance"
    needs: ClassVar = frozenset({"model", "train"})

    times_chance: float = 2.0
    """Multiple of chance up to which a first loss is nothing special."""

    above_chance: float = 1.0
    """What a first loss of classes must lie above the multiple, besides."""

    times_variance: float = 4.0
    """Multiple of the targets' variance from which a first loss of numbers is worth a note."""

    far_targets: float = 1000.0
    """Root mean square of the targets from which they are too large to be learnt as they are."""

    out_of_reach: float = 0.05
    """Share of the targets that may lie outside what the last activation can give."""

    silent: float = 0.05
    """Share of the answers that the last activation may hold at its bound for all rows."""

    fewest_rows: int = 4
    """Rows below which a first loss tells nothing."""

    def look(self, subject: Subject) -> Answer:
        if subject.step is not None:
            return self._of_a_step(subject)
        trial = subject.trial
        if trial.error is not None:
            raise NotApplicable(f"the {trial.stage or 'trial'} step raises {type(trial.error).__name__} (see B06)")
        if subject.loss is None and subject.task_error is not None:
            if trial.loss is not None and isfinite(float(trial.loss)):
                return self.fine(f"first loss {float(trial.loss):.4g}, as the model itself computes it")
            raise NotApplicable(str(subject.task_error))
        loss = subject.loss if subject.loss is not None else subject.task.loss
        outputs, targets = subject.outputs, trial.targets
        asked = expectation(loss, outputs, targets)
        unlinked = self._unlinked(loss, trial.outputs, outputs, targets, asked.takes)
        if unlinked:
            return self.bad(*unlinked)
        first = self._first(loss, outputs, targets, trial)
        findings = self._unfit(asked, outputs, targets, last_activation(trial.outputs), subject)
        if asked.grows:
            findings.append(self._is_a_sum(first, trial.rows, _mean_of(loss), subject))
        if not findings:
            ends_in, linear = last_activation(trial.outputs), ends_linearly(trial.outputs)
            pull = odd_pull(loss, outputs, targets, ends_in, linear=linear)
            meant = pull == "turned" and _rises(subject.optimizer)
            meant = meant or (pull == "several" and _are_alike(trial.inputs, targets))
            findings += [] if meant else self._odd(pull)
        if not findings and first < 0 and asked.takes in ("logits", "yes-or-no logits", "yes-or-no probabilities"):
            findings.append(
                self.found(
                    f"the first loss is {first:.4g}, below the limit 0: no cross-entropy is, so the targets are no "
                    "probabilities (wanted 0 to 1)",
                    severity=Severity.WARNING,
                    measured=first,
                    limit=0,
                    evidence=[f"targets from {_low(targets):.4g} to {_high(targets):.4g}"],
                )
            )
        if not findings and asked.chance is not None and trial.rows >= self.fewest_rows:
            findings += self._far(asked, first, outputs, targets, trial.rows, subject)
        return self._answer(findings, asked, first, trial)

    def _answer(self, findings: list[Finding], asked: Expectation, first: float, trial: Any) -> Answer:
        evidence = [
            f"the loss takes {asked.takes}" if asked.takes != "unknown" else "what the loss takes is not known",
            f"loss of the trial step in training mode {float(trial.loss):.4g}, the lower one of both {first:.4g}",
        ]
        if findings:
            return self.bad(*findings, evidence=evidence)
        said = f"first loss {first:.3g}"
        if asked.chance is None:
            return self.fine(f"{said} on {trial.rows} rows; what chance would lose is not known", evidence=evidence)
        said += f", chance is {asked.chance:.3g}"
        if first < 0.5 * asked.chance:
            said += ": the model knows something already"
        return self.fine(said, evidence=evidence)

    def _first(self, loss: Any, outputs: Any, targets: Any, trial: Any) -> float:
        try:
            with quietly():
                evaluated = float(total_loss(loss(outputs, targets))[0])
        except Exception:  # noqa: BLE001 - a loss that wants the graph, say; the trial's own is there
            evaluated = float("inf")
        first = min(float(trial.loss), evaluated)
        if not isfinite(first):
            raise NotApplicable("the first loss is not finite (see B06)")
        return first

    def _of_a_step(self, subject: Subject) -> Answer:
        rows = min(8, subject.trial_rows)
        try:
            losses = []
            for times in (1, 2, 3):
                chosen = list(range(rows)) * times
                data = structure.to_device(
                    structure.take(subject.batch.data, chosen, subject.batch_rows), subject.device
                )
                with subject.borrowed(training=False) as model:
                    losses.append(float(total_loss(subject.step(model, data))[0]))
        except Exception as error:
            raise NotApplicable(f"`step` raises {type(error).__name__} in eval mode with rows repeated") from error
        if grows_with_rows(losses):
            return self.bad(self._is_a_sum(losses[0], rows, "loss = loss / len(batch[0])", subject))
        return self.fine(
            f"first loss {losses[0]:.3g}, and {losses[1]:.3g} with each row twice: it is no sum over the rows; what "
            "chance would lose is not known, since `step` computes it"
        )

    def _is_a_sum(self, first: float, rows: int, to_type: str, subject: Subject) -> Finding:
        return self.found(
            f"the loss is a sum over the rows, not their mean: it is {first:.4g} for {rows} rows and 2.0 times that "
            "with each row twice, wanted 1.0 times, so the learning rate would have to change with the batch size",
            severity=Severity.NOTE if _is_scale_free(subject.optimizer) else Severity.WARNING,
            measured=2,
            limit=1,
            to_type=to_type,
        )

    def _unfit(self, asked: Expectation, outputs: Any, targets: Any, ends_in: str, subject: Subject) -> list[Finding]:
        if not isinstance(outputs, torch.Tensor):
            return []
        one = sums_to_one(outputs)
        width = outputs.shape[1] if outputs.dim() > 1 else 1
        says, to_type, severity, measured, limit = "", "", Severity.WARNING, 1.0, 0.0
        if asked.takes == "logits" and one == 1:
            ceiling = exp(1) / (exp(1) + width - 1)
            says = (
                "softmax before cross-entropy: the outputs lie between 0 and 1 and sum to 1, and the loss applies the "
                f"softmax a second time, so that no class can get more than {ceiling:.0%} (limit 100%)"
            )
            to_type = "return logits  # leave the softmax out of the model; for predictions: logits.softmax(1)"
            measured, limit = ceiling, 1
        elif asked.takes in ("logits", "log-probabilities", "yes-or-no logits") and one is not None and one != 1:
            says = (
                f"softmax over dimension {one}: outputs of shape {tuple(outputs.shape)} sum to 1 over dimension {one}"
                f"{', the rows of the batch' if one == 0 else ''}, the classes lie in dimension 1"
            )
            to_type = "return logits  # no softmax in the model; elsewhere: logits.softmax(dim=1)"
            measured, limit = float(one), 1
        elif asked.takes == "logits" and ends_in in ("sigmoid", "tanh"):
            low, high = RANGES[ends_in]
            ceiling = exp(high) / (exp(high) + (width - 1) * exp(low))
            says = (
                f"{ends_in} before cross-entropy: scores between {low:g} and {high:g} give no class more than "
                f"{ceiling:.0%} (limit 100%)"
            )
            to_type = f"return logits  # leave the {ends_in} out of the model"
            measured, limit = ceiling, 1
        elif asked.takes in ("logits", "yes-or-no logits") and ends_in == "relu":
            share = float((outputs == 0).float().mean())
            says = (
                f"ReLU before the loss: {share:.0%} of the scores are cut off at 0, and none can lie below the limit 0"
            )
            to_type = "return logits  # leave the last ReLU out of the model"
            measured = share
        elif asked.takes == "yes-or-no logits" and (one == 1 or ends_in in ("sigmoid", "softmax", "tanh")):
            ends_in = ends_in or "softmax"
            top = RANGES[ends_in][1] if ends_in in RANGES else 1.0
            ceiling = 1 / (1 + exp(-top))
            says = (
                f"{ends_in} before a loss that applies the sigmoid itself: no answer can get more than {ceiling:.0%} "
                "(limit 100%)"
            )
            to_type = f"return logits  # leave the {ends_in} out of the model; for predictions: logits.sigmoid()"
            measured, limit = ceiling, 1
        elif (ceiling := ceiling_of(subject.trial.outputs, asked.takes, width)) is not None:
            says, to_type = (
                f"{ceiling.says} (limit 100%)",
                f"return logits  # leave the {ceiling.ends_in} out of the model",
            )
            measured, limit = ceiling.share, 1
        elif asked.takes == "log-probabilities" and one == 1:
            says = (
                "softmax before a negative log-likelihood, which wants log-probabilities: the loss can only lie "
                "between -1 and the limit 0"
            )
            to_type = "return logits.log_softmax(1)  # or logits, with loss=nn.CrossEntropyLoss()"
        elif asked.takes == "log-probabilities" and not are_log_probabilities(outputs):
            total = float(outputs.detach().float().exp().sum(1).mean()) if outputs.dim() > 1 else 0.0
            says = (
                f"raw scores in a negative log-likelihood: their exponentials sum to {total:.3g}, wanted 1; such a "
                "loss falls without end and teaches nothing"
            )
            to_type = "loss = nn.CrossEntropyLoss()"
            severity, measured, limit = Severity.CRITICAL, total, 1
        elif is_softmax_of_softmax(subject.trial.outputs):
            ceiling = exp(1) / (exp(1) + width - 1)
            says = (
                "softmax of a softmax: what goes into the second lies between 0 and 1, so that no class can get more "
                f"than {ceiling:.0%} (limit 100%)"
            )
            to_type = "return outputs  # leave one softmax out of the model"
            measured, limit = ceiling, 1
        elif asked.takes in ("numbers", "yes-or-no probabilities") and one == 1 and _are_several(targets, outputs):
            share = float((targets.sum(1) != 1).float().mean())
            says = (
                f"softmax over {width} answers of which any may be yes: they sum to 1, and {share:.0%} of the rows "
                "have not exactly one yes (limit 0%)"
            )
            to_type = "return logits.sigmoid()  # in the place of the softmax"
            measured = share
        elif asked.takes == "unknown" and isinstance(targets, torch.Tensor) and targets.is_floating_point():
            # Whatever the loss is, no gradient comes back from there.
            return self._silent(last_bounds(subject.trial.outputs)[0], subject.trial.outputs, targets)
        elif asked.takes == "numbers":
            found = self._out_of_reach(subject.trial.outputs, targets)
            return found or self._squares(outputs, targets, ends_in, softmax=one == 1)
        return [self.found(says, severity=severity, measured=measured, limit=limit, to_type=to_type)] if says else []

    def _unlinked(self, loss: Any, traced: Any, outputs: Any, targets: Any, takes: str) -> list[Finding]:
        """Find what a loss is made for and the model's end does not give; of no known kind, how far it begins, too."""
        ends_in, low, high = last_bounds(traced)
        if ends_in:
            if takes != "unknown" or not is_held_back(loss, outputs, targets, low, high):
                return []
            says, line = HELD.format(ends_in=ends_in, low=low, high=high), f"return outputs  # without the {ends_in}"
            return [self.found(says, severity=Severity.WARNING, measured=low, limit=high, to_type=line)]
        link = wanted_link(loss, outputs, targets, takes)
        if link:
            return [self.found(SAYS_OF_LINKS[link], severity=Severity.CRITICAL, to_type=LINES_OF_LINKS[link])]
        return self._far_start(loss, outputs, targets) if takes == "unknown" else []

    def _far_start(self, loss: Any, outputs: Any, targets: Any) -> list[Finding]:
        found = far_start(loss, outputs, targets)
        if found is None:
            return []
        answer = ", ".join(f"{value:.4g}" for value in found.answer)
        return [
            self.found(
                f"the first loss is {found.first:.4g}, and one and the same answer for all rows ({answer}) would lose "
                f"{found.constant:.4g}: training begins with the long way there",
                severity=Severity.WARNING,
                measured=found.first,
                limit=found.constant,
                to_type="targets = targets / train_targets.std()  # or a last layer whose bias is that answer",
            )
        ]

    def _odd(self, pull: str) -> list[Finding]:
        if not pull:
            return []
        # Classes may have an order, and a column may be left out for now.
        severity = Severity.WARNING if pull in ("class_numbers", "to_columns") else Severity.CRITICAL
        return [self.found(SAYS[pull], severity=severity, to_type=LINES[pull])]

    def _out_of_reach(self, outputs: torch.Tensor, targets: torch.Tensor) -> list[Finding]:
        ends_in, low, high = last_bounds(outputs)
        if not ends_in:
            return []
        slack = 1e-3
        outside = float(((targets < low - slack) | (targets > high + slack)).float().mean())
        if outside <= self.out_of_reach:
            return self._silent(ends_in, outputs, targets)
        return [
            self.found(
                f"the model ends in {ends_in}, which gives {low:g} to {high:g}, and {outside:.0%} of the targets lie "
                f"outside of that (limit {self.out_of_reach:.0%}): they can never be met",
                severity=Severity.WARNING,
                measured=outside,
                limit=self.out_of_reach,
                evidence=[f"targets from {_low(targets):.4g} to {_high(targets):.4g}"],
                to_type=f"return outputs  # leave the {ends_in} out of the model",
            )
        ]

    def _squares(self, outputs: Any, targets: torch.Tensor, ends_in: str, *, softmax: bool) -> list[Finding]:
        yes_or_no = ends_in == "sigmoid" and outputs[0].numel() == 1
        if not (softmax or yes_or_no) or not bool(((targets == 0) | (targets == 1)).all()):
            return []
        name = "softmax" if softmax else "sigmoid"
        fits = "nn.CrossEntropyLoss()" if softmax else "nn.BCEWithLogitsLoss()"
        return [
            self.found(
                f"distances between {name} probabilities and targets of 0 and 1: their gradient dies out where an "
                "answer is surely wrong, so that it is the slower the worse it stands; a cross-entropy's does not",
                severity=Severity.NOTE,
                to_type=f"loss = {fits}  # and leave the {name} out of the model",
            )
        ]

    def _silent(self, ends_in: str, outputs: torch.Tensor, targets: torch.Tensor) -> list[Finding]:
        share = float(silent_columns(outputs, targets).float().mean())
        if not share > self.silent:
            return []
        return [
            self.found(
                f"the model ends in {ends_in}, and {share:.0%} of its answers lie at its bound for all "
                f"{len(outputs)} rows looked at, though their targets do not (limit {self.silent:.0%}): no gradient "
                "comes back from there, so they stay as they are",
                severity=Severity.WARNING,
                measured=share,
                limit=self.silent,
                to_type=f"return outputs  # leave the {ends_in} out of the model",
            )
        ]

    def _far(
        self, asked: Expectation, first: float, outputs: Any, targets: Any, rows: int, subject: Subject
    ) -> list[Finding]:
        chance = asked.chance or 0.0
        if asked.takes == "numbers":
            size = float(targets.float().square().mean().sqrt())
            limit = self.times_variance * chance
            if first <= limit or chance <= 0:
                return []
            far = size > self.far_targets
            about = f"the targets have the mean {float(targets.float().mean()):.4g} and the size {size:.4g}"
            return [
                self.found(
                    f"the first loss is {first:.4g}, {first / chance:.1f} times what predicting the mean of the "
                    f"targets loses ({chance:.4g}, limit {self.times_variance:g} times): {about}, and training begins "
                    "with the long way there",
                    severity=Severity.WARNING if far else Severity.NOTE,
                    measured=first,
                    limit=limit,
                    evidence=[about],
                    to_type="targets = (targets - train_targets.mean()) / train_targets.std()",
                )
            ]
        limit = self.times_chance * chance + self.above_chance * (rows if asked.grows else 1)
        if first <= limit:
            return []
        low, high = _low(outputs), _high(outputs)
        return [
            self.found(
                f"the first loss is {first:.4g}, chance would lose {chance:.4g} (limit {limit:.4g}): the model is sure "
                f"of wrong answers before it has learnt anything, with scores from {low:.4g} to {high:.4g}",
                severity=Severity.NOTE if _is_tied(subject) else Severity.WARNING,
                measured=first,
                limit=limit,
                evidence=[
                    "unscaled inputs, a last layer with large weights, or labels that do not fit pretrained ones"
                ],
                fixes=("reinitialise", "insert_norm"),
            )
        ]


def _are_several(targets: Any, outputs: torch.Tensor) -> bool:
    """Tell whether each row has a yes or no for each output, and some rows more than one yes, or none."""
    if not isinstance(targets, torch.Tensor) or targets.shape != outputs.shape or targets.dim() != 2:
        return False
    return bool(((targets == 0) | (targets == 1)).all()) and bool((targets.sum(1) != 1).any())


def _rises(optimizer: Any) -> bool:
    """Tell whether an optimizer goes uphill, so that the loss is to be as high as can be."""
    return isinstance(optimizer, torch.optim.Optimizer) and any(one.get("maximize") for one in optimizer.param_groups)


def _are_alike(inputs: Any, targets: Any) -> bool:
    # An autoencoder of baskets gives each its share of what lies in it, by right.
    return isinstance(inputs, torch.Tensor) and inputs.shape == targets.shape and torch.equal(inputs, targets)


def _is_tied(subject: Subject) -> bool:
    # An embedding that is also the last layer begins with scores as large as its width: known, and soon gone.
    named = subject.original.named_parameters
    return len(list(named(remove_duplicate=False))) > len(list(named()))


def _is_scale_free(optimizer: Any) -> bool:
    """Tell whether the steps of an optimizer do not hang on the size of the loss, as those of Adam and its like."""
    groups = optimizer.param_groups if isinstance(optimizer, torch.optim.Optimizer) else []
    return bool(groups) and all("betas" in group for group in groups)


def _mean_of(loss: Any) -> str:
    name = type(loss).__name__
    if isinstance(loss, torch.nn.Module) and getattr(loss, "reduction", "") == "sum":
        return f'loss = nn.{name}(reduction="mean")'
    return 'reduction="mean"  # or divide the loss by the number of rows'


def _low(values: torch.Tensor) -> float:
    return float(values.detach().float().min())


def _high(values: torch.Tensor) -> float:
    return float(values.detach().float().max())
