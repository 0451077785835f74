"""What makes a training the one it is: model, optimizer, loss, scheduler, data and settings, as plain values.

A folder holds it beside the weights, so that nobody who changed the rate and ran the cell again gets the old run back
in silence. Values that a scheduler or a fix moves count as the user gave them, not as the training left them.
"""

import functools
import hashlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from autofix_nb.data import Quarantine, guard_loader
from autofix_nb.data.fingerprint import fingerprint
from autofix_nb.journal import plain

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard

Groups = list[dict[str, Any]]

CHOSEN = "chosen by a test"
"""Stands for a learning rate that nobody gave."""

LOOKED_AT = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 10_000)
"""Counts at which a schedule that is a function is asked for its value: code cannot be compared, what it gives can."""

NO_SETTINGS = {"self", "optimizer", "last_epoch", "verbose", "args", "kwargs"}
"""Arguments of schedulers and losses that are no setting."""

KEPT_OTHERWISE = ("total_size", "step_ratio", "_schedule_phases")
"""Where `CyclicLR` and `OneCycleLR` of torch 2.2 to 2.15 keep what their other arguments come to."""

FINGERPRINT_SEED = 0
"""Seed of the augmentation of the samples that are looked at: another one than the run's would tell them apart."""

_left: "WeakKeyDictionary[Optimizer, tuple[Groups, Groups]]" = WeakKeyDictionary()
"""By optimizer: its settings as the user gave them, and as the last training in this kernel left them."""


def identity_of(guard: "Guard", loss: str) -> dict[str, Any]:
    """Return what must be the same for a training to be the same one, besides the data. `loss` is the loss's name."""
    model, optimizer = guard.model, guard.stepper.users_optimizer
    known = {
        "model": type(model).__name__,
        "weights": {
            name: list(part.shape) for name, part in model.state_dict().items() if isinstance(part, torch.Tensor)
        },
        "layers": {name: type(module).__name__ for name, module in model.named_modules() if name},
        "dropout": {
            name or "model": float(module.p)
            for name, module in model.named_modules()
            if isinstance(module, nn.modules.dropout._DropoutNd)
        },
        "optimizer": type(optimizer).__name__,
        "optimizer parameters": [len(group["params"]) for group in optimizer.param_groups],
        "hyperparameters": _given(guard, optimizer),
        "scheduler": _of_scheduler(guard.scheduler, guard.each_step),
        "loss": _of_loss(guard.task.loss, loss) if guard.task is not None else loss and {"kind": loss},
        "accumulate": guard.stepper.users_accumulate,
        "precision": [guard.precision, _precision_at_work(guard.stepper.autocast())],
        "seed": guard.seed_given,
        "goal": [guard.goal, "max" if guard.higher_is_better else "min"],
    }
    return plain(known)


def data_of(loader: Any) -> dict[str, Any]:
    """Return length, batch size, sampler and a fingerprint of some samples; None for what a stream does not tell."""
    dataset = getattr(loader, "dataset", None)
    sampler = getattr(loader, "batch_sampler", None)
    size = getattr(loader, "batch_size", None) or getattr(sampler, "batch_size", None)
    samplers = [type(one).__name__ for one in (sampler, getattr(loader, "sampler", None)) if one is not None]
    known = {
        "samples": len(dataset) if hasattr(dataset, "__len__") else None,
        "data": fingerprint(guard_loader(loader, FINGERPRINT_SEED, Quarantine())),
        "batch_size": size,
        "sampler": ", ".join(samplers) or None,
        "drop_last": getattr(loader, "drop_last", None) if samplers else None,
    }
    return plain(known)


def note_left(guard: "Guard") -> None:
    """A training ends: what stands in the optimizer now is its doing, and not the user's wish."""
    optimizer = guard.stepper.users_optimizer
    if guard.given:
        _left[optimizer] = (guard.given, _groups(optimizer))


def given(optimizer: Optimizer) -> Groups:
    """Return each group's settings as the user gave them, also where an earlier training of this kernel moved them."""
    now = _groups(optimizer)
    if optimizer not in _left:
        for group in now:  # a scheduler moves `lr`; what the user asked for is here then
            group["lr"] = group.pop("initial_lr", group.get("lr"))
        return now
    for group, asked, left in zip(now, *_left[optimizer], strict=False):
        base = group.pop("initial_lr", None)
        if base is not None and group.get("lr") != left.get("lr"):
            group["lr"] = base  # a schedule that was made anew has moved it already
        for name, value in left.items():
            if name in asked and group.get(name) == value:
                group[name] = asked[name]
    return now


def _given(guard: "Guard", optimizer: Optimizer) -> Groups:
    guard.given = given(optimizer)
    return [group | {"lr": CHOSEN} if guard.rate_is_searched else group for group in guard.given]


def _groups(optimizer: Optimizer) -> Groups:
    return [
        {name: value for name, value in map(_setting, group.items()) if name and not isinstance(value, torch.Tensor)}
        for group in optimizer.param_groups
    ]


def _setting(item: tuple[str, Any]) -> tuple[str, Any]:
    """Return name and plain value; an empty name for what is no setting."""
    name, value = item
    if name in ("params", "param_names"):
        return "", None
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        value = value.item()
    known = value is None or isinstance(value, int | float | bool | str | tuple)
    return (name, value) if known else ("", None)


def _of_scheduler(scheduler: Any, each_step: bool) -> dict[str, Any]:
    if scheduler is None:
        return {"kind": "none"}
    return _described(scheduler) | {"stepped": "each step" if each_step else "each epoch"}


def _of_loss(loss: Any, name: str) -> dict[str, Any]:
    """Return the name of a loss, and its arguments where torch or the user's class keeps them under their names.

    A function of the user's own is known by its name: code is not compared.
    """
    if isinstance(loss, functools.partial):
        settings = loss.keywords | {str(place): value for place, value in enumerate(loss.args)}
        inner = _of_loss(loss.func, getattr(loss.func, "__name__", type(loss.func).__name__))
        return inner | {key: _plain(value) for key, value in settings.items()}
    return {"kind": name} | (_settings(loss) if isinstance(loss, nn.Module) else {})


def _described(thing: Any) -> dict[str, Any]:
    return {"kind": type(thing).__name__} | _settings(thing)


def _settings(thing: Any) -> dict[str, Any]:
    """Return the arguments that a thing was made with, as far as it keeps them under their names.

    Other attributes are counters and the like, which a training moves.
    """
    kept = dict(vars(thing))
    kept |= kept.get("_buffers") or {}
    kept |= kept.get("_modules") or {}
    found = {}
    for name in _arguments(type(thing)):
        for place in (name, f"_{name}", f"{name}s", f"_{name}s"):
            if place in kept and not isinstance(kept[place], nn.Parameter):
                found[name] = _plain(kept[place])
                break
    found |= {name: _plain(kept[name]) for name in KEPT_OTHERWISE if name in kept}
    functions = kept.get("lr_lambdas")
    if functions:
        found["lr_lambda"] = [_values(function) for function in functions]
    return found


def _arguments(kind: type) -> list[str]:
    """Return the names of all arguments of a class's and its bases' `__init__`."""
    names: dict[str, None] = {}
    for base in kind.__mro__:
        if base in (object, nn.Module) or "__init__" not in vars(base):
            continue
        try:
            names |= dict.fromkeys(inspect.signature(base.__init__).parameters)
        except (TypeError, ValueError):  # made in C, without a signature
            continue
    return [name for name in names if name not in NO_SETTINGS | {"lr_lambda"}]


def _values(function: Callable[[int], float]) -> list[float] | None:
    """Return what a schedule gives at some counts; None where it cannot be asked."""
    try:
        return [float(function(count)) for count in LOOKED_AT]
    except Exception:  # noqa: BLE001 - the user's code, which need not know these counts
        return None


def _plain(value: Any) -> Any:
    """Return a setting as plain value; a tensor by its fingerprint, a thing by its kind and settings."""
    if isinstance(value, torch.Tensor):
        return tensor_fingerprint(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value), key=str)  # their own order is another one in each process
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, nn.Module | lr_scheduler.LRScheduler):
        return _described(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return getattr(value, "__name__", type(value).__name__)


def tensor_fingerprint(tensor: torch.Tensor) -> str:
    """Return shape, type and a hash of the values: the same on every device."""
    values = tensor.detach().cpu().to_dense().contiguous()
    raw = values.flatten().view(torch.uint8).numpy().tobytes() if values.numel() else b""
    kind = str(values.dtype).removeprefix("torch.")
    return f"{tuple(values.shape)} {kind} {hashlib.sha256(raw).hexdigest()[:16]}"


def _precision_at_work(context: Any) -> str:
    """Return what `choose_precision` chose, by the context that it gives."""
    kind = getattr(context, "fast_dtype", torch.float32)
    return {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}.get(kind, str(kind))
