"""From a batch to a loss: taking it apart, calling the model, choosing and adding up losses, running out of memory."""

from autofix_nb.objective.activation import (
    Activation,
    ends_linearly,
    is_softmax_of_softmax,
    last_activation,
    last_bounds,
)
from autofix_nb.objective.answering import Shifted, held, overheard
from autofix_nb.objective.hooks import hookable
from autofix_nb.objective.memory import free_memory, is_device_lost, is_out_of_memory
from autofix_nb.objective.modes import evaluating
from autofix_nb.objective.objective import Objective, forward, split_batch, total_loss
from autofix_nb.objective.seen_through import seen_through
from autofix_nb.objective.tasks import Task, check_labels, infer_task, takes_class_ids, task_of
from autofix_nb.objective.treatment import Treatment, treated

__all__ = [
    "Activation",
    "Objective",
    "Shifted",
    "Task",
    "Treatment",
    "check_labels",
    "ends_linearly",
    "evaluating",
    "forward",
    "free_memory",
    "held",
    "hookable",
    "infer_task",
    "is_device_lost",
    "is_out_of_memory",
    "is_softmax_of_softmax",
    "last_activation",
    "last_bounds",
    "overheard",
    "seen_through",
    "split_batch",
    "takes_class_ids",
    "task_of",
    "total_loss",
    "treated",
]
