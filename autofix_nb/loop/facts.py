"""What is known of a run before its first step: plans, sizes, settings, and which weights are trained at all."""

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from autofix_nb.evidence.batches import length_of
from autofix_nb.evidence.odd_weights import odd_weights
from autofix_nb.evidence.parameters import membership, size_of
from autofix_nb.evidence.straight import straight_layers
from autofix_nb.finding import Severity
from autofix_nb.loop.initial import looks_initial
from autofix_nb.loop.recurrent import RECURRENT
from autofix_nb.signals import components_of

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


def facts_of(guard: "Guard", planned_epochs: int, train: Any, **more: Any) -> dict[str, Any]:
    """Return the facts of a run as plain values; what cannot be known is left out.

    `more` are facts that only the caller knows, such as `has_val`, `has_step`, `loss`.
    """
    return (
        {"planned_epochs": int(planned_epochs), "goal": guard.goal}
        | _of_data(guard, planned_epochs, train)
        | _of_task(guard)
        | _of_optimizer(guard)
        | of_model(guard.model, guard.stepper.optimizer)
        | {"found_before": _found_before(guard)}
        | more
    )


def renew_plan(guard: "Guard", planned_epochs: int, train: Any) -> None:
    """A resumed run: put what is planned now in place of what was planned before, and the end of a restart with it."""
    facts = guard.history.facts
    before = dict(facts)
    facts |= {"planned_epochs": int(planned_epochs)} | _of_data(guard, planned_epochs, train)
    each = facts.get("steps_per_epoch")
    if each and each != before.get("steps_per_epoch"):  # the steps taken were those of another plan
        taken = guard.position // guard.stepper.accumulate
        right = guard.step_count + max(0, int(planned_epochs) - guard.epoch) * each - taken
        facts["plan_offset"] = right - facts["planned_steps"]  # later turns have the same past
    if each:
        facts["planned_steps"] += facts.get("plan_offset", 0)
    if "ends_at" in facts and before.get("planned_steps") and facts.get("planned_steps"):
        facts["ends_at"] = int(facts["ends_at"]) + int(facts["planned_steps"]) - int(before["planned_steps"])


def plan_anew(guard: "Guard") -> None:
    """Other steps are planned than before the first one: fewer batches make a step."""
    guard.history.facts |= _of_data(guard, guard.epochs_asked, guard.train)


def of_model(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the facts that change with the model: to be asked for again after its structure changed."""
    named = dict(model.named_parameters())
    frozen = [name for name, part in named.items() if not part.requires_grad]
    components, owners = components_of(model, list(named.values()))
    sizes = dict.fromkeys(components, 0)
    for part, owner in zip(named.values(), owners, strict=True):
        sizes[components[owner]] += size_of(part)
    outside = list(membership(model, optimizer).missing)
    return {
        "parameters": sum(sizes.values()),
        "components": components,
        "component_sizes": sizes,
        "frozen": frozen,
        "outside_optimizer": outside,
        "frozen_untrained": _untrained(model, set(frozen)),
        "recurrent": [
            name or type(module).__name__ for name, module in model.named_modules() if isinstance(module, RECURRENT)
        ],
        "dropout": {
            name: float(module.p)
            for name, module in model.named_modules()
            if isinstance(module, nn.modules.dropout._DropoutNd)
        },
        "straight": straight_layers(model),
        "equal_weights": _equal(model),
        # What nobody trains is ill of that first, whatever its size.
        "odd_weights": {name: times for name, times in odd_weights(model).items() if name not in outside},
    }


def _of_data(guard: "Guard", planned_epochs: int, train: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"accumulate": guard.stepper.accumulate}
    batches = length_of(train)
    if batches:
        facts["steps_per_epoch"] = -(-batches // guard.stepper.accumulate)
        facts["planned_steps"] = facts["steps_per_epoch"] * int(planned_epochs)
    samples = length_of(getattr(train, "dataset", None))
    size = getattr(train, "batch_size", None) or getattr(getattr(train, "batch_sampler", None), "batch_size", None)
    if not isinstance(size, int) and samples and batches:
        size = -(-samples // batches)
    if isinstance(size, int):
        facts["batch_size"] = size
    if samples:
        facts["samples"] = samples
    return facts


def _of_task(guard: "Guard") -> dict[str, Any]:
    task = guard.task
    if task is None:
        return {"task": "custom", "classes": 0, "loss": ""}
    loss = task.loss
    name = getattr(loss, "__name__", None) or type(getattr(loss, "func", loss)).__name__
    return {"task": task.kind, "classes": int(task.classes), "loss": name}


def _of_optimizer(guard: "Guard") -> dict[str, Any]:
    optimizer = guard.stepper.optimizer
    group = optimizer.param_groups[0]
    scheduler = guard.scheduler
    return {
        "optimizer": type(optimizer).__name__,
        "lr": float(group["lr"]),
        "momentum": float(group.get("momentum") or 0.0),
        "weight_decay": decay_in_force(guard),
        "scheduler": "" if scheduler is None else type(scheduler).__name__,
    }


def decay_in_force(guard: "Guard") -> float:
    """Return the strongest weight decay of all parameter groups as steps are taken: the user's, or a fix's."""
    ours, groups = guard.controls.weight_decay, guard.stepper.optimizer.param_groups
    return max(float(group.get("weight_decay") or 0.0) for group in groups) if ours is None else float(ours)


def _found_before(guard: "Guard") -> list[str]:
    found = getattr(guard, "found_before", [])
    return list(dict.fromkeys(one.code for one in found if one.severity > Severity.NOTE))


def _untrained(model: nn.Module, frozen: set[str]) -> list[str]:
    return [
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules()
        for name, part in module.named_parameters(recurse=False)
        if (f"{prefix}.{name}" if prefix else name) in frozen and looks_initial(module, part)
    ]


def _equal(model: nn.Module) -> list[str]:
    """Return the names of weight matrices all of whose numbers are the same: their units cannot learn to differ."""
    return [
        name
        for name, part in model.named_parameters()
        if part.dim() > 1 and part.numel() > 1 and part.requires_grad and bool((part == part.reshape(-1)[0]).all())
    ]
