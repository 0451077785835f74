"""Looks before training: asks every check, one after the other, and leaves everything as it was."""

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn

from autofix_nb.checks import Asked, Shown, ask
from autofix_nb.checks.presets import make_checks
from autofix_nb.data import guard_loader
from autofix_nb.errors import ConfigurationError, ModelError
from autofix_nb.evidence import Clock, Subject, Untouched
from autofix_nb.evidence.frames import Table, as_source
from autofix_nb.loop import setup
from autofix_nb.preflight.about import about
from autofix_nb.preflight.applying import Owned, Planned, plan_changes
from autofix_nb.preflight.result import Preflight
from autofix_nb.report.preflight import build, draw
from autofix_nb.widgets.questions import make_questions

MOST_PICTURES = 8
"""Pictures drawn, those of the worst findings first."""


def preflight(
    model: nn.Module | None,
    train: Any,
    val: Any = None,
    *,
    loss: Callable[[Any, Any], Any] | None = None,
    step: Callable[[nn.Module, Any], Any] | None = None,
    optimizer: Any = None,
    device: Any = "auto",
    deep: bool = False,
    budget_seconds: float = 60.0,
    preset: str = "default",
    ignore: Collection[str] = (),
    show: Any = "auto",
) -> Preflight:
    """Look at a training before it begins, and return a report: what is wrong, how that was measured, what to type.

    Nothing is changed: weights, buffers, gradients, optimizer, modes, random streams and loaders are bit for bit as
    before. What can be tried is tried on a copy of the model.

    `model` may be None: then only the data and the environment are looked at. `train` and `val` are `DataLoader`s or
    whatever gives batches anew each epoch, a `Dataset`, or a table as `(X, y)` of pandas, NumPy or torch. `loss` and
    `step` mean the same as in `fit`. `optimizer`, where one was made already, is compared with the model.

    `deep=True` also lets a copy of the model learn one batch by heart, tries how large a batch fits into memory, and
    looks closer at labels. What does not fit into `budget_seconds` is answered by "no time left"; the data are gone
    over once at most. `preset="design"` takes the round thresholds that people know, `ignore` leaves out checks by
    code.

    Raises:
        ConfigurationError, DataError, ModelError: when an argument is of no kind that can be looked at.
    """
    clock = Clock(_seconds(budget_seconds))
    if model is not None and not isinstance(model, nn.Module):
        raise ModelError(f"`model` is a {type(model).__name__}, wanted a `torch.nn.Module`, or None")
    if model is not None:
        setup.check_values(model)
    setup.check_loss(loss, step)
    _check_optimizer(optimizer)
    checks = make_checks(preset, ignore)
    tables: dict[str, Table] = {}
    sides: dict[str, Any] = {}
    data_sets = set()
    for side, given in (("train", train), ("val", val)):
        source, table = (None, None) if given is None else as_source(given, side, like=tables.get("train"))
        if source is not None:
            guard_loader(source, 0, name=side)  # refuses what can be read once only, before anything else
        sides[side] = source
        if table is None and source is not given:
            data_sets.add(side)
        if table is not None:
            tables[side] = table

    subject = Subject(
        model,
        sides["train"],
        sides["val"],
        loss=loss,
        step=step,
        optimizer=optimizer if isinstance(optimizer, torch.optim.Optimizer) else None,
        device=setup.choose_device(device, model),
        deep=deep,
        clock=clock,
        tables=tables,
        data_sets=frozenset(data_sets),
    )
    owned = Owned(model=model, train=sides["train"], val=sides["val"], loss=loss, optimizer=subject.optimizer)
    with Untouched(model, loss, optimizer=subject.optimizer, loaders=tuple(sides.values())):
        # Those that take their time come last, so that a spent budget costs the fewest answers.
        ordered = sorted(checks, key=lambda check: check.deep)
        asked = []
        with make_questions(show, len(ordered)) as questions:
            for check in ordered:
                questions.ask(f"{check.code} {check.title}")
                asked.append(ask(check, subject))
        places = {check.code: place for place, check in enumerate(checks)}
        asked.sort(key=lambda one: places[one.check.code])
        pictures = _draw(asked, subject)
        planned = plan_changes(asked, owned, subject)
        facts = build(asked, about(subject, asked, preset))
        _name_what_fits(facts, planned)
    subject.forget()
    return Preflight(facts, asked, pictures, planned, sides["train"], sides["val"])


def _name_what_fits(facts: dict[str, Any], planned: list[Planned]) -> None:
    """What a finding hopes for, and what fits this very training, are two things: only the second is shown."""
    facts["fixable"] = sorted({one.finding.code for one in planned})
    names = {one.change.fix for one in planned}
    for row in facts["rows"]:
        for found in (row, *row["also"]):
            found["fixes"] = [name for name in found["fixes"] if name in names]


def _draw(asked: list[Asked], subject: Subject) -> dict[str, list[tuple[str, bytes]]]:
    """Return the pictures by code; the first batch as the model sees it is always among them."""
    wanted = [
        (-(one.severity or 0), one.check.code, picture)
        for one in asked
        if one.answer is not None
        for picture in one.answer.pictures
    ]
    wanted.sort(key=lambda row: (not (isinstance(row[2], Shown) and row[2].as_the_model_sees_it), row[0]))
    pictures: dict[str, list[tuple[str, bytes]]] = {}
    for _, code, picture in wanted[:MOST_PICTURES]:
        drawn = draw(picture, subject)
        if drawn is not None:
            pictures.setdefault(code, []).append((picture.title, drawn))
    return pictures


def _seconds(budget: Any) -> float:
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not budget > 0:
        raise ConfigurationError(f"`budget_seconds` must be a number greater than 0, got {budget!r}")
    return float(budget)


def _check_optimizer(optimizer: Any) -> None:
    """A class or a name, as `fit` takes them, has no groups yet to look at."""
    is_class = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)
    if not (optimizer is None or is_class or isinstance(optimizer, str | torch.optim.Optimizer)):
        raise ConfigurationError(
            f"`optimizer` must be a `torch.optim.Optimizer`, its class, its name or None, got {optimizer!r}"
        )
