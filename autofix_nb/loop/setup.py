"""What `fit` was given, checked and completed before anything is touched. Every refusal says the way out."""

import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler

from autofix_nb.errors import ConfigurationError, DataError, ModelError
from autofix_nb.fixes.join_optimizer import can_be_joined_anew
from autofix_nb.loop.names import check_name, tidied

DEFAULT_LR = 1e-3
"""Rate of the optimizer made when none is given: what AdamW's paper and most tutorials start from."""

EACH_STEP = (lr_scheduler.OneCycleLR, lr_scheduler.CyclicLR)
"""Schedulers whose count is one of steps; all others are stepped once an epoch."""


def check_model(model: Any) -> None:
    """Raise unless `model` is a module that has something to train.

    Raises:
        ModelError: with the reason.
    """
    if not isinstance(model, nn.Module):
        raise ModelError(f"`model` is a {type(model).__name__}, wanted a `torch.nn.Module`")
    check_values(model)
    parameters = list(model.parameters())
    if any(isinstance(parameter, nn.parameter.UninitializedParameter) for parameter in parameters):
        raise ModelError(
            f"`model` ({type(model).__name__}) has lazy layers without a shape yet; run it on one batch before: "
            "`model(next(iter(train))[0])`"
        )
    if not parameters:
        raise ModelError(
            f"`model` ({type(model).__name__}) has no parameters, so there is nothing to train; are its layers kept in "
            "a plain list? Use `torch.nn.ModuleList`"
        )
    if not any(parameter.requires_grad for parameter in parameters):
        raise ModelError(
            f"`model` ({type(model).__name__}): all {len(parameters)} parameters are frozen (`requires_grad=False`); "
            "unfreeze some: `model.requires_grad_(True)`"
        )


def check_values(model: nn.Module) -> None:
    """Raise when the model has shapes only, and no values.

    Raises:
        ModelError: naming the first such parameter or buffer.
    """
    named = (*model.named_parameters(), *model.named_buffers())
    without = [name for name, part in named if part.is_meta]
    if without:
        raise ModelError(
            f"`model` ({type(model).__name__}) lies on the `meta` device: {len(without)} of its {len(named)} "
            f"parameters and buffers have a shape and no values, `{without[0]}` is the first. Make it without "
            '`torch.device("meta")`, or give it memory and load weights: `model.to_empty(device="cpu")`, then '
            "`model.load_state_dict(...)`"
        )


def check_source(source: Any, name: str) -> None:
    """Raise when a loader is known to give no batch.

    Raises:
        DataError: naming the loader and why it is empty.
    """
    try:
        length = len(source)
    except (TypeError, NotImplementedError):
        return
    if length > 0:
        return
    dataset = getattr(source, "dataset", None)
    samples = len(dataset) if hasattr(dataset, "__len__") else 0
    if samples:
        raise DataError(
            f"`{name}` has {samples} samples but no batch: `drop_last=True` with `batch_size={source.batch_size}` "
            "drops "
            f"them all; use a batch size of at most {samples}"
        )
    raise DataError(f"`{name}` is empty: wanted at least one batch")


def check_epochs(epochs: Any) -> int:
    """Return the number of epochs.

    Raises:
        ConfigurationError: unless it is a whole number of at least 1.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ConfigurationError(f"`epochs` must be a whole number of at least 1, got {epochs!r}")
    return epochs


def make_optimizer(
    model: nn.Module, optimizer: Any, lr: float | None, *, may_be_stale: bool = False
) -> tuple[torch.optim.Optimizer, str]:
    """Return the optimizer to train with, and a sentence that says which.

    `optimizer` may be one already made, a class such as `torch.optim.SGD`, the name of one, or None for AdamW. With
    `may_be_stale` one that holds another model's parameters is let through, where this model's can take their place:
    `check_optimizer` asks again when that was tried.

    Raises:
        ConfigurationError: when it belongs to another model, or cannot be made.
    """
    if lr is not None and not (isinstance(lr, int | float) and 0 < lr < float("inf")):
        raise ConfigurationError(f"`lr` must be a number greater than 0, got {lr!r}")
    if isinstance(optimizer, torch.optim.Optimizer):
        if not (may_be_stale and can_be_joined_anew(model, optimizer)):
            check_optimizer(model, optimizer)
        if lr is not None:
            raise ConfigurationError(
                f"`lr={lr}` is given beside an `optimizer` that has its own rate; set it there, or give the class: "
                f"`optimizer=torch.optim.{type(optimizer).__name__}, lr={lr}`"
            )
        return optimizer, ""
    kind = _optimizer_class(optimizer)
    rate = DEFAULT_LR if lr is None else lr
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        made = kind(trained, lr=rate)
    except TypeError as error:
        raise ConfigurationError(
            f"`optimizer`: {kind.__name__} cannot be made with `lr` alone ({error}); make it yourself"
        ) from error
    check_optimizer(model, made)
    return made, f"Optimizer: {kind.__name__}, lr={rate:g}{' (the default)' if lr is None else ''}."


def _optimizer_class(optimizer: Any) -> type[torch.optim.Optimizer]:
    if optimizer is None:
        return torch.optim.AdamW
    if isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer):
        return optimizer
    known = {name.lower(): kind for name, kind in vars(torch.optim).items() if isinstance(kind, type)}
    if isinstance(optimizer, str) and issubclass(known.get(optimizer.lower(), object), torch.optim.Optimizer):
        return known[optimizer.lower()]
    raise ConfigurationError(
        f"`optimizer` must be a `torch.optim.Optimizer`, its class, its name or None, got {optimizer!r}"
    )


def check_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Raise when the optimizer cannot train the model.

    Raises:
        ConfigurationError: when it holds none of the model's parameters, or is LBFGS.
    """
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ConfigurationError(
            "`optimizer`: LBFGS runs the model several times a step and is not supported; use AdamW"
        )
    own = {id(parameter) for parameter in model.parameters()}
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    mine = sum(id(parameter) in own for parameter in held)
    if not mine:
        raise ConfigurationError(
            f"`optimizer` ({type(optimizer).__name__}) holds {len(held)} parameters, none of them the model's; make it "
            "after the model (and after moving or replacing its layers): "
            f"`torch.optim.{type(optimizer).__name__}(model.parameters(), ...)`"
        )


def make_scheduler(optimizer: torch.optim.Optimizer, scheduler: Any) -> tuple[Any, bool]:
    """Return the scheduler (or None) and whether it is stepped after each step rather than each epoch.

    Accepted are a scheduler, a function that makes one from the optimizer, or `(scheduler, "step" | "epoch")`.

    Raises:
        ConfigurationError: when it is none of these or belongs to another optimizer.
    """
    if scheduler is None:
        return None, False
    unit = None
    if isinstance(scheduler, type):
        raise ConfigurationError(
            f"`scheduler` is the class {scheduler.__name__}, wanted one made from the optimizer, or a function that "
            f"makes one: `lambda optimizer: torch.optim.lr_scheduler.{scheduler.__name__}(optimizer, ...)`"
        )
    if not hasattr(scheduler, "step") and callable(scheduler):
        scheduler = scheduler(optimizer)
    if isinstance(scheduler, tuple) and len(scheduler) == 2:
        scheduler, unit = scheduler
        if unit not in ("step", "epoch"):
            raise ConfigurationError(f"`scheduler` must come with 'step' or 'epoch', got {unit!r}")
    if not hasattr(scheduler, "step"):
        raise ConfigurationError(
            f"`scheduler` is a {type(scheduler).__name__}, wanted one of `torch.optim.lr_scheduler`, or a function "
            "that "
            "makes one from the optimizer"
        )
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ConfigurationError("`scheduler` belongs to another optimizer than `optimizer`; make it from this one")
    return scheduler, unit == "step" if unit else isinstance(scheduler, EACH_STEP)


def choose_device(device: Any, model: nn.Module) -> torch.device:
    """Return the device to train on: `auto` takes the accelerator there is, else the CPU.

    Raises:
        ConfigurationError: when it does not exist here.
    """
    if device != "auto":
        try:
            chosen = torch.device(device)
            torch.empty(0, device=chosen)
        except (RuntimeError, TypeError, AssertionError) as error:
            raise ConfigurationError(
                f"`device={device!r}` cannot be used here ({str(error).splitlines()[0]}); wanted 'auto', 'cpu', "
                "'cuda' or 'mps'"
            ) from error
        return chosen
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_precision(precision: str, device: torch.device) -> tuple[Callable[[], Any], Any]:
    """Return the context to run the model in, and the gradient scaler (None where none is needed).

    `auto` is fp32 on the CPU and bf16 on a GPU that has it natively, fp32 on others. fp16 (with scaling) is on
    request only.

    Raises:
        ConfigurationError: for a name that is none of `auto`, `fp32`, `bf16`, `fp16`.
    """
    if precision == "auto":
        native = device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8
        precision = "bf16" if native else "fp32"
    if precision == "fp32":
        return nullcontext, None
    if precision not in ("bf16", "fp16"):
        raise ConfigurationError(f"`precision` must be 'auto', 'fp32', 'bf16' or 'fp16', got {precision!r}")
    kind = torch.bfloat16 if precision == "bf16" else torch.float16

    def autocast() -> Any:
        return torch.autocast(device.type, dtype=kind)

    scaler = torch.amp.GradScaler(device.type) if precision == "fp16" and device.type == "cuda" else None
    return autocast, scaler


def choose_goal(goal: Any, metrics: Mapping[str, Any]) -> tuple[str, str]:
    """Return the column of the epoch table that says what *best* means, and `min` or `max`.

    `goal` is a name, `(name, "min" | "max")`, or None: the first metric, else the validation loss.

    Raises:
        ConfigurationError: for a direction that is neither.
    """
    if goal is None:
        goal = f"val/{next(iter(metrics))}" if metrics else "val/loss"
    name, direction = goal if isinstance(goal, tuple) and len(goal) == 2 else (goal, None)
    if not isinstance(name, str):
        raise ConfigurationError(f"`goal` must be a name or (name, 'min' or 'max'), got {goal!r}")
    if direction not in (None, "min", "max"):
        raise ConfigurationError(f"`goal` must be a name or (name, 'min' or 'max'), got {goal!r}")
    if not name.startswith("val/"):
        name = f"val/{name}"
    if direction is None:
        lower = re.search(r"loss|error|mae|mse|rmse|shd|perplexity|distance", name, re.IGNORECASE)
        direction = "min" if lower else "max"
    return name, direction


def choose_name(name: str | None, model: nn.Module, train: Any = None) -> str:
    """Return the name of the run's folder: the given one, or one made from model and data.

    Raises:
        ConfigurationError: when the given one is no name of a single folder.
    """
    if name is None:
        dataset = getattr(train, "dataset", train)
        size = f"-{len(dataset)}" if hasattr(dataset, "__len__") else ""
        name = type(model).__name__ + ("" if train is None else f"-{type(dataset).__name__}{size}")
        return tidied(name) or "run"
    return check_name(name)


def check_loss(loss: Any, step: Any) -> None:
    """Raise unless at most one of both is given, as something that can be called.

    Raises:
        ConfigurationError: with the reason.
    """
    if loss is not None and step is not None:
        raise ConfigurationError(
            "`loss` and `step` are both given; `step(model, batch)` gives the loss itself, so drop one"
        )
    for name, value in (("loss", loss), ("step", step)):
        if value is not None and not callable(value):
            raise ConfigurationError(f"`{name}` must be a function or module, got {value!r}")
        if isinstance(value, type):
            raise ConfigurationError(f"`{name}` is the class {value.__name__}, wanted one of it: `{value.__name__}()`")


def check_preflight(preflight: Any) -> None:
    """Raise unless it is yes, no, or a report.

    Raises:
        ConfigurationError: with what was given.
    """
    if not isinstance(preflight, bool) and not hasattr(preflight, "findings"):
        raise ConfigurationError(f"`preflight` must be True, False or what `af.preflight` returned, got {preflight!r}")


def choose_metrics(metrics: Any, task: Any, step: Any) -> dict[str, Callable[[Any, Any], Any]]:
    """Return the metrics to compute on the validation data: the given ones, else the usual one of the task.

    Raises:
        ConfigurationError: when they are no dict of functions, or cannot be computed.
    """
    if metrics is None:
        usual = task.metric if task is not None else None
        return dict([usual]) if usual else {}
    if not isinstance(metrics, Mapping) or not all(callable(metric) for metric in metrics.values()):
        raise ConfigurationError(f"`metrics` must be a dict of functions of (outputs, targets), got {metrics!r}")
    if step is not None and metrics:
        raise ConfigurationError(
            "`metrics` need outputs and targets, which `step` does not hand over; return them as named parts of the "
            "step, "
            "or give `loss=` instead"
        )
    return dict(metrics)


def check_goal(goal: Any, metrics: Mapping[str, Any], val: Any, step: Any) -> None:
    """Raise when the goal is nothing that this training measures.

    Raises:
        ConfigurationError: with what there is.
    """
    if goal is None:
        return
    name, _ = choose_goal(goal, metrics)
    if val is None:
        raise ConfigurationError(
            f"`goal={goal!r}` needs validation data, and `val` is None; give a loader as third argument"
        )
    there = ["val/loss", *(f"val/{metric}" for metric in metrics)]
    if name not in there and not name.startswith("val/loss/"):
        raise ConfigurationError(
            f"`goal` names {name!r}, which is not measured; there are {there} and parts `val/loss/...`"
        )


def check_schedule(scheduler: Any, epochs: int, train: Any, accumulate: int) -> None:
    """Raise when a one-cycle schedule ends before the training: it would raise in the middle of it.

    Raises:
        ConfigurationError: with the number of steps that the training has.
    """
    if not isinstance(scheduler, lr_scheduler.OneCycleLR):
        return
    try:
        steps = epochs * -(-len(train) // accumulate)
    except TypeError:
        return
    if scheduler.total_steps < steps:
        raise ConfigurationError(
            f"`scheduler`: OneCycleLR has `total_steps={scheduler.total_steps}`, the training has {steps} "
            f"({epochs} epochs of {steps // epochs}); make it with `total_steps={steps}`"
        )
