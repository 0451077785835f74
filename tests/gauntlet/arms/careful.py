"""A careful notebook loop: clipping, a check for finite numbers, a rate that falls on plateaus, the best weights."""

import copy
import math

import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tests.gauntlet.arms.base import Arm, Outcome, batches, validation_loss
from tests.gauntlet.case import Case

CLIP = 1.0
PATIENCE = 3
"""Epochs without a better validation loss, after which the rate is halved."""


class Careful(Arm):
    """What an experienced person writes around a loop without a toolkit."""

    name = "careful"

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        training = outcome.training = case.make(seed)
        torch.manual_seed(seed)
        model, optimizer = training.model, training.optimizer
        plateau = ReduceLROnPlateau(optimizer, factor=0.5, patience=PATIENCE) if training.scheduler is None else None
        best, best_weights = math.inf, None
        for epoch in range(training.epochs):
            model.train()
            for place, batch in enumerate(batches(training, seed, epoch), 1):
                loss = training.plain_loss(batch)
                if not bool(loss.isfinite()):
                    optimizer.zero_grad()
                    continue
                (loss / training.accumulate).backward()
                if place % training.accumulate:
                    continue
                norm = clip_grad_norm_(model.parameters(), CLIP)
                if bool(norm.isfinite()):
                    optimizer.step()
                optimizer.zero_grad()
                training.plain_schedule("step")
            training.plain_schedule("epoch")
            if training.val is None:
                continue
            now = validation_loss(training)
            if plateau is not None:
                plateau.step(now)
            if now < best:
                best, best_weights = now, copy.deepcopy(model.state_dict())
        if best_weights is not None:
            model.load_state_dict(best_weights)
