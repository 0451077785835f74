"""Give the training a loss that fits what the model ends in and what the targets are.

What the loss takes is told by asking it (`evidence.chance`), what the model ends in by its graph. Only losses that
leave the meaning of the outputs alone are offered: probabilities stay probabilities, so that validation and predictions
of the user's own still read them rightly. Softmax before a loss that applies it again, squares of probabilities, sums
instead of means and losses that are stretched by broadcasting are among the most frequent faults of published broken
trainings (AUTOTRAINER, Zhang et al. 2021; DeepLocalize, Wardat et al. 2021).
"""

from collections.abc import Iterator
from math import isclose
from typing import Any, ClassVar

import torch
from torch.nn import functional

from autofix_nb.evidence.chance import are_log_probabilities, expectation, quietly, sums_to_one
from autofix_nb.evidence.direction import odd_pull
from autofix_nb.evidence.free_answers import wanted_link
from autofix_nb.evidence.stretching import mixes_rows, stretched_loss
from autofix_nb.finding import Finding
from autofix_nb.fixes.answers import Answers, answers
from autofix_nb.fixes.base import Change, SettingFix, Trainee
from autofix_nb.fixes.in_model import batches_of
from autofix_nb.objective import shares, total_loss

FEWEST_ROWS = 8
"""Rows from which targets with a single yes each are taken for classes."""

MENDED = {
    "turned": "turned",
    "signs": "signs",
    "class_numbers": "cross_entropy",
    "unpaired": "row_by_row",
    "several": "binary_cross_entropy",
    "swapped": "swapped",
    "to_rows": "row_by_row",
    "to_columns": "each_column",
    "to_one_side": "binary_cross_entropy",
    "squashed_classes": "cross_entropy",
    "squashed_yes_or_no": "binary_cross_entropy",
}
"""The loss that answers what is odd about where one pulls."""

SAMPLES = 1024
"""Rows whose targets are looked at where a loss of yes or no is given others than 0 to 1."""

FAR_OUT = 10.0
"""Targets so many usual distances from their median are outliers, whose squares drown all others."""

SAYS = {
    "cross_entropy": "the loss is the cross-entropy of the model's scores",
    "cross_entropy_of_probabilities": "the loss is the cross-entropy of the model's softmax probabilities",
    "binary_cross_entropy": "the loss is the binary cross-entropy of each of the model's scores, as a yes or no of its "
    "own",
    "binary_cross_entropy_of_probabilities": "the loss is the binary cross-entropy of the model's sigmoid "
    "probabilities",
    "mean": "the loss is the mean over the rows, and no longer their sum",
    "aligned": "the loss compares each output with its own target, in the shape of the outputs",
    "row_by_row": "the loss is taken of each row by itself, and then their mean",
    "swapped": "the loss gets outputs and targets the other way round",
    "each_column": "the loss is taken of each column in turn, and then their mean",
    "turned": "the loss gets a minus, so that right answers cost less than wrong ones",
    "signs": "the loss is given -1 and 1 for the targets 0 and 1",
    "log_softmax": "the loss is given the logarithms of the softmax of the model's scores: it takes log-probabilities",
    "mean_squared_error": "the loss is the mean squared error: the targets are numbers, and no yes or no",
    "softmax": "the loss is given the softmax of the model's scores, as it takes probabilities",
    "sigmoid": "the loss is given the sigmoid of the model's scores, as it takes shares from 0 to 1",
    "huber": "the loss grows in a line, and not with the square, where outputs are far off (Huber)",
}

LINES = {
    "binary_cross_entropy": "loss = nn.BCEWithLogitsLoss()",
    "cross_entropy": "loss = nn.CrossEntropyLoss()",
    "cross_entropy_of_probabilities": "return logits  # leave the softmax out of the model, with loss="
    "nn.CrossEntropyLoss()",
    "binary_cross_entropy_of_probabilities": "return logits  # leave the sigmoid out of the model, with loss="
    "nn.BCEWithLogitsLoss()",
    "mean": 'loss = type(loss)(reduction="mean")',
    "aligned": "targets = targets.reshape(outputs.shape)",
    "row_by_row": "targets = targets.reshape(outputs.shape)  # within the loss, before they are subtracted",
    "swapped": "return loss(outputs, targets)  # these were the other way round",
    "each_column": "return loss(outputs, targets)  # of all columns, not of `outputs[:, 0]`",
    "turned": "return -value  # of the loss",
    "signs": "targets = 2 * targets - 1",
    "log_softmax": "outputs = outputs.log_softmax(1)  # before the loss",
    "log_softmax_last": "outputs = outputs.log_softmax(-1)  # before the loss",
    "mean_squared_error": "loss = nn.MSELoss()",
    "softmax": "outputs = outputs.softmax(1)  # before the loss",
    "sigmoid": "outputs = outputs.sigmoid()  # before the loss",
    "huber": "loss = nn.SmoothL1Loss()",
}
SAYS["log_softmax_last"] = SAYS["log_softmax"]


class MendLoss(SettingFix):
    """Train with the loss that fits; validation goes on with the user's own."""

    name: ClassVar = "mend_loss"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        return next(iter(self.plans(finding, run)), None)

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        if run.controls.loss or run.task is None or run.task.loss is None:
            return []
        asked = answers(run)
        if asked is None or len(asked.outputs) < 2:
            return []
        uphill = any(one.get("maximize") for one in getattr(run.optimizer, "param_groups", ()))
        # A look at all targets saw more than one batch of them does.
        names = dict(_fitting(run.task.loss, asked, outliers=finding.code == "D03"))
        if uphill:
            names.pop("turned", None)  # the optimizer goes uphill, as it is to
        as_shares = _of_shares(run, asked)
        if as_shares:
            names = {as_shares: True}  # what else is odd about the loss comes of its targets
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=shares.says(name) if name == as_shares else SAYS[name],
                before={"loss": run.controls.loss},
                after={"loss": name} | ({"sure": True} if sure else {}),
                permanent=shares.line(name) if name == as_shares else LINES[name],
            )
            for name, sure in names.items()
        ]

    def apply(self, change: Change, run: Trainee) -> None:
        run.controls.loss = change.after["loss"]


def _of_shares(run: Trainee, asked: Answers) -> str:
    """Return the name of the loss that reads targets as shares where it, or a last sigmoid, wants such; else ''."""
    outputs, targets = asked.outputs, asked.targets
    if targets.numel() != outputs.numel() or not bool(((targets < 0) | (targets > 1)).any()):
        return ""
    takes = expectation(run.task.loss, outputs, targets).takes
    if not takes.startswith("yes-or-no") and not (takes == "numbers" and asked.ends_in == "sigmoid"):
        return ""
    parts = [run.split(batch)[1] for batch in batches_of(run, SAMPLES)]
    fit = all(isinstance(part, torch.Tensor) for part in parts)
    return shares.name_of(torch.cat([part.flatten() for part in parts])) if parts and fit else ""


def _fitting(loss: Any, asked: Answers, *, outliers: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield the names of the losses that fit better, what changes least first; none where the loss is right.

    With each comes whether it is sure: whether the loss itself, asked, says that it cannot be meant as it is.
    """
    outputs, targets = asked.outputs, asked.targets
    told = stretched_loss(loss, outputs, targets)
    if told is not None and not isclose(*told, rel_tol=1e-4, abs_tol=1e-9):
        yield "aligned", True
        targets = targets.reshape(outputs.shape)
    elif mixes_rows(loss, outputs, targets):
        yield "row_by_row", True
    if _are_numbers(loss, outputs, targets) and not asked.bounded:
        yield "mean_squared_error", True
        return
    odd = odd_pull(loss, outputs, targets, asked.ends_in, linear=asked.linear)
    if odd == "to_one_side" and not asked.linear and asked.ends_in == "sigmoid":
        yield "binary_cross_entropy_of_probabilities", True
        return
    needs_scores = odd in ("several", "to_one_side")
    if odd in MENDED and not (needs_scores and not asked.linear) and not (odd == "several" and asked.echoes):
        yield MENDED[odd], odd != "class_numbers"  # classes may have an order
        return
    said = expectation(loss, outputs, targets)
    link = "" if asked.bounded else wanted_link(loss, outputs, targets, said.takes)
    if link in LINES:
        yield link, True
        return
    softmax = asked.ends_in == "softmax" or (not asked.linear and sums_to_one(outputs) == 1)
    softmax = softmax and sums_to_one(outputs) == 1
    sigmoid = asked.ends_in == "sigmoid"
    yes_or_no = targets.numel() == outputs.numel() and bool(((targets == 0) | (targets == 1)).all())
    one_of_many = _are_classes(outputs, targets)
    squares = said.takes == "numbers" or (one_of_many and not yes_or_no and _is_of_one_hot(loss, outputs, targets))
    logs = said.takes == "log-probabilities" and one_of_many and _reads_targets(loss, outputs, targets)
    scores = logs or said.takes in ("logits", "yes-or-no logits")
    if (scores or squares) and softmax and one_of_many:
        yield "cross_entropy_of_probabilities", bool(scores)
    elif (scores or squares) and sigmoid and (yes_or_no or one_of_many):
        yield "binary_cross_entropy_of_probabilities", False
    elif (logs and not are_log_probabilities(outputs)) or (squares and one_of_many and asked.linear):
        yield "cross_entropy", logs
    elif said.grows:
        yield "mean", False
    elif said.takes == "numbers" and not yes_or_no and (outliers or _has_outliers(targets)):
        yield "huber", False


def _are_numbers(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether a cross-entropy of yes or no is given numbers of both signs: no shares, however they are written."""
    if targets.numel() != outputs.numel() or not targets.is_floating_point() or shares.name_of(targets):
        return False
    outside = bool((targets < -shares.OUTSIDE).any()) and bool((targets > 1 + shares.OUTSIDE).any())
    several = len(targets.flatten()[:SAMPLES].unique()) > FEWEST_ROWS
    return outside and several and expectation(loss, outputs, targets).takes == "yes-or-no logits"


def _reads_targets(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether a loss is another one for other targets: a critic's or a reward's is not."""
    others = (targets + 1) % outputs.shape[1] if targets.dim() < outputs.dim() else targets.roll(1, 1)
    with quietly():
        try:
            here, there = (float(total_loss(loss(outputs, wanted))[0]) for wanted in (targets, others))
        except Exception:  # noqa: BLE001 - it cannot be asked
            return False
    return here != there


def _are_classes(outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether each row has one class among many: by its number, or by a single yes."""
    if outputs.dim() < 2 or outputs.shape[1] < 2:
        return False
    if targets.shape == outputs.shape[:1] + outputs.shape[2:] and not targets.is_floating_point():
        return int(targets.max()) < outputs.shape[1]
    if targets.shape != outputs.shape or targets.dim() != 2 or len(targets) < FEWEST_ROWS:
        return False
    return bool(((targets == 0) | (targets == 1)).all()) and bool((targets.sum(1) == 1).all())


def _is_of_one_hot(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether a loss that is given class numbers is one of squares or distances to a yes for each."""
    wanted = functional.one_hot(targets.clamp_min(0), outputs.shape[1]).movedim(-1, 1).to(outputs.dtype)
    # Made up, as those of a model that answers the same to all rows tell no loss from another; and beyond 0 and 1,
    # where margins are no distances.
    wave = torch.cos(torch.arange(outputs.numel(), device=outputs.device) * 1.7).reshape(outputs.shape)
    outputs, other = 3 * wave.to(outputs.dtype), 2 * wave.flip(0).to(outputs.dtype)
    with quietly():
        try:
            asked = [float(total_loss(loss(made_up, targets))[0]) for made_up in (outputs, other)]
        except Exception:  # noqa: BLE001 - it cannot be asked
            return False
        for known in (functional.mse_loss, functional.l1_loss, functional.smooth_l1_loss):
            values = [float(known(made_up, wanted)) for made_up in (outputs, other)]
            if all(asked) and isclose(values[0] * asked[1], values[1] * asked[0], rel_tol=1e-5):
                return values[0] != values[1]
    return False


def _has_outliers(targets: torch.Tensor) -> bool:
    values = targets.detach().float().flatten()
    distances = (values - values.median()).abs()
    usual = float(distances.median())
    return usual > 0 and float(distances.max()) > FAR_OUT * usual
