"""A copy of the model that learns one batch by heart: what the loss did, at which learning rate."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import nn

from autofix_nb.data.seeding import LoadingRandomness
from autofix_nb.evidence.model_copy import copy_of
from autofix_nb.evidence.subject import Subject
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import total_loss

SURELY_LOWER = 0.75
"""Share of the first loss that it must fall to where each row is predicted right."""

SEED = 0xB097
"""Seed of the random numbers that are left in the model; the same before each step."""

STILL = 1e-6
"""Share of the first loss below which it is taken not to have moved."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One copy, trained at one learning rate."""

    rate: float
    losses: tuple[float, ...]
    """Loss before each step; the last one after the last."""

    right: float | None
    """Share of the rows that were predicted right at the end, or None where classes are not predicted."""

    learnt: bool
    out_of_time: bool
    reached: bool
    """Whether any gradient arrived."""

    @property
    def left(self) -> float:
        """The lowest loss, as a share of the first one."""
        first = abs(self.losses[0])
        return (
            min(self.losses) / first if first and min(self.losses) >= 0 else (min(self.losses) - first) / (first or 1)
        )

    @property
    def moved(self) -> bool:
        """Whether the loss ever changed."""
        return max(self.losses) - min(self.losses) > STILL * abs(self.losses[0])


def learn_by_heart(
    subject: Subject, rows: int, rates: Sequence[float], steps: int, seconds: float, enough: float
) -> list[Attempt]:
    """Train a fresh copy for each rate until one has learnt the rows, or the time is over.

    `enough` is the share of the first loss at which it has. With dropout off, AdamW without weight decay.

    Raises:
        NotApplicable: when the model cannot be copied, or a step raises.
    """
    if not subject.copied:
        by_name = "`step` calls the model by a name of its own, not the one it is given, or " if subject.step else ""
        raise NotApplicable(f"{by_name}the model cannot be copied, and the original is not trained on a trial's behalf")
    data = subject.take(rows)
    attempts: list[Attempt] = []
    began = time.monotonic()
    for place, rate in enumerate(rates):
        left = seconds - (time.monotonic() - began)
        if left <= 0 and attempts:
            break
        # The first rate may take half of the time, the next half of the rest.
        share = left if place == len(rates) - 1 else left / 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attempts.append(_attempt(subject, data, rows, rate, steps, share, enough))
        if attempts[-1].learnt or not attempts[-1].reached:
            break
    return attempts


def _attempt(subject: Subject, data: Any, rows: int, rate: float, steps: int, seconds: float, enough: float) -> Attempt:
    model, loss = copy_of(subject.model, subject.loss)
    if not model.training:
        model.train()
    without_dropout(model)
    objective = subject.objective(model)
    if subject.loss is not None and objective.task is not None:
        objective.task = type(objective.task)(kind="custom", loss=loss, says="")
    parameters = [part for part in model.parameters() if part.requires_grad]
    parameters += [part for part in loss.parameters() if part.requires_grad] if isinstance(loss, nn.Module) else []
    if not parameters:
        raise NotApplicable("no parameter wants a gradient (see B07)")
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    losses: list[float] = []
    right, reached, out_of_time = None, False, False
    began = time.monotonic()
    for step in range(steps + 1):
        with LoadingRandomness(SEED), torch.enable_grad():
            try:
                value = total_loss(objective(data))[0]
                losses.append(float(value))
                right = _right(subject, objective)
                if not isfinite(losses[-1]) or _learnt(losses, right, enough) or step == steps:
                    break
                optimizer.zero_grad(set_to_none=True)
                value.backward()
            except Exception as error:
                raise NotApplicable(f"step {step + 1} {subject.raises(error, rows)}") from error
            reached = reached or any(part.grad is not None for part in parameters)
            optimizer.step()
        out_of_time = time.monotonic() - began > seconds
        if out_of_time or not reached:
            break
    finite = tuple(value for value in losses if isfinite(value))
    if not finite:
        raise NotApplicable("the first loss is not finite (see B06)")
    return Attempt(
        rate=rate,
        losses=finite,
        right=right,
        learnt=_learnt(list(finite), right, enough),
        out_of_time=out_of_time,
        reached=reached or len(losses) == 1,
    )


def without_dropout(model: nn.Module) -> None:
    """Switch off what draws random numbers to make learning harder: dropout and dropped paths."""
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        for name in ("dropout", "drop_prob"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)


def _learnt(losses: list[float], right: float | None, enough: float) -> bool:
    # A loss below 0 has no share of the first one; only a cross-entropy or an error is known to end at 0.
    fell = losses[0] >= 0 and losses[-1] <= enough * losses[0]
    return fell or (right == 1.0 and losses[-1] <= SURELY_LOWER * losses[0])


def _right(subject: Subject, objective: Any) -> float | None:
    if subject.step is not None:
        return None
    try:
        metric = subject.task.metric
        if metric is None or metric[0] != "accuracy":
            return None
        with torch.no_grad():
            return float(metric[1](objective.outputs, objective.targets))
    except Exception:  # noqa: BLE001 - outputs of another form: the loss alone tells
        return None
