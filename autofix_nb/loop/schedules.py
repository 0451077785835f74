"""What a schedule does when the run outlasts it."""

from typing import Any

from torch.optim import lr_scheduler


def is_over(scheduler: Any) -> bool:
    """Tell whether a one-cycle schedule has taken all its steps: asked for one more, it raises.

    Its rate stays where it ended where a change made the run longer, or its steps other ones, than the user planned.
    """
    return isinstance(scheduler, lr_scheduler.OneCycleLR) and scheduler.last_epoch >= scheduler.total_steps
