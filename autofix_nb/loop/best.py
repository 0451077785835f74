"""The weights of the epoch with the best goal so far; of epochs with the same goal, that with the lowest loss.

An accuracy often stays the same for many epochs, as where one class is all that is answered, while the loss tells which
weights know more.
"""

from collections.abc import Iterable
from typing import Any

import torch

from autofix_nb.checkpoints import copied


class Best:
    """The weights of the epoch with the best goal so far, on the CPU."""

    def __init__(self) -> None:
        self.epoch = 0
        """Counted from 1; 0 where no epoch had a goal yet."""

        self.value = float("nan")
        self.loss = float("nan")
        """Its validation loss; NaN where there was none."""

        self.weights: dict[str, torch.Tensor] | None = None
        self.standing: list[int] = []
        """Numbers of the changes in force then: these weights fit a model with them, and with no others."""

    def forget(self) -> None:
        """Begin anew: what was measured before cannot be compared with what comes."""
        self.epoch, self.value, self.loss, self.weights = 0, float("nan"), float("nan"), None

    def offer(
        self,
        value: float,
        epoch: int,
        higher_is_better: bool,
        model: torch.nn.Module,
        standing: Iterable[int] = (),
        loss: float = float("nan"),
    ) -> bool:
        """Take the weights of this epoch if they are better than all before; returns whether they were."""
        better = value > self.value if higher_is_better else value < self.value
        if value != value or (self.epoch and not better and not (value == self.value and loss < self.loss)):
            return False
        self.epoch, self.value, self.loss, self.standing = epoch, value, loss, list(standing)
        self.weights = copied(model.state_dict())
        return True

    def state(self) -> dict[str, Any]:
        """Return tensors and plain values for a file."""
        measured = {"epoch": self.epoch, "value": self.value, "loss": self.loss}
        return {"model": self.weights, "standing": self.standing} | measured

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        self.epoch, self.value = int(state["epoch"]), float(state["value"])
        self.loss = float(state.get("loss", float("nan")))
        self.weights, self.standing = state["model"], list(state["standing"])
