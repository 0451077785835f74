"""Train a model: batches, step, record, check, fix, save. The loop itself is at the end, and is one screen."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from autofix_nb.data import guard_loader
from autofix_nb.detectors import Detector
from autofix_nb.finding import Finding
from autofix_nb.loop import setup
from autofix_nb.loop.aside import Heard
from autofix_nb.loop.evaluate import Metric, evaluate
from autofix_nb.loop.guard import Guard
from autofix_nb.loop.kept import named
from autofix_nb.loop.readings import may_read, probe_and_read
from autofix_nb.loop.widening import widen_output
from autofix_nb.objective import Objective
from autofix_nb.policy import ALLOWED, Mode
from autofix_nb.run import Run

LOOK_SECONDS = 20.0
"""Time that the quick questions before a training may take."""


def fit(
    model: nn.Module,
    train: Any,
    val: Any = None,
    *,
    epochs: int,
    loss: Callable[[Any, Any], Any] | None = None,
    step: Callable[[nn.Module, Any], Any] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    goal: str | tuple[str, str] | None = None,
    optimizer: Any = None,
    lr: float | None = None,
    scheduler: Any = None,
    accumulate: int = 1,
    device: Any = "auto",
    precision: str = "auto",
    seed: int | None = None,
    preflight: Any = True,
    autofix: Mode = "auto",
    allow: Collection[str] = ALLOWED,
    ignore: Collection[str] = (),
    name: str | None = None,
    store: Any = None,
    resume: Any = "auto",
    accept: Collection[str] = (),
    save_every: Any = "auto",
    keep: Mapping[str, Any] | None = None,
    stop_after: Any = None,
    release_runtime: bool = False,
    show: Any = "auto",
    detectors: Sequence[Detector] | None = None,
    fixes: Collection[str] | None = None,
) -> Run:
    """Train `model` on `train` and return the run. Run the same cell again after a disconnect, and it goes on.

    `train` and `val` are `DataLoader`s (or anything that gives batches anew each epoch). A batch is
    `(inputs, targets)`, `(x1, x2, targets)`, or a dict with `labels`.

    `loss(outputs, targets)` gives a number or a dict of named parts (their sum is minimised, or the part `loss` if
    there is one); None chooses by targets and outputs and says what. `step(model, batch)` gives the same for batches of
    any other form. `metrics` are functions of all validation outputs and targets. `goal` says what *best* means:
    a metric or `(metric, "min" | "max")`; by default the first metric, else the validation loss.

    `optimizer` is one made from the model, a class, a name, or None (AdamW). Without `lr` its rate is found by a range
    test of at most 3 % of the steps, on the side; a run of fewer than 1,000 steps, or with a scheduler, takes 0.001.
    `scheduler` is one made from the optimizer, a function that makes one, or `(scheduler, "step" | "epoch")`; fixes
    multiply the rate it sets, and never replace it.

    `seed` decides order and augmentation; None takes torch's own seed. The random stream of the training is not
    touched: call `torch.manual_seed` before making the model for a run that can be repeated.

    `preflight=True` asks the quick questions of `af.preflight` first (a fraction of a second for small data, at most 20
    seconds) and says what they find; a report that it gave already is taken as it is, and False asks nothing. What is
    found stands in the run's journal and report, and is tried first when something ails the training.

    `autofix="auto"` fixes, `"suggest"` only says what it would do, `"off"` only watches; `allow` narrows fixes to what
    touches `loop`, `data` or `model`; `ignore` leaves out detectors by code.

    Everything is kept in `store/name` (by default `./runs/<model and data>`). `resume=False` begins anew and keeps
    the old run under another name. A run that was begun with another rate, batch size, loss, ... is not gone on with in
    silence: what differs is listed, and `accept={"lr", "batch_size"}` goes on with the new values from there on.

    `keep={"ema": ema}` saves and resumes objects of your own with the run: whatever has `state_dict()`, of tensors and
    plain values, and `load_state_dict(state)`.

    `stop_after` (seconds, `"11h"`, `"1h30m"`, a `timedelta`) ends in good order before so much time has gone by since
    training was entered; the same cell goes on later. `release_runtime=True` gives Colab's runtime back at such an end,
    or when all epochs are done, once everything is where it survives the runtime. A file named `STOP` in the run's
    folder ends it after the step, too; while one named `PAUSE` lies there it waits, saved; `SAVE` asks for a save, and
    is gone when that was read back. In a notebook, buttons do the same. One kernel trains a run at a time: a second
    live one is refused.

    `show="auto"` is one live output in a notebook, renewed in place, and lines of text in a terminal; `"text"` is text
    in both, `"none"` is silent. What is said goes to `logging.getLogger("autofix_nb")` too, where somebody listens.

    Raises:
        ConfigurationError, DataError, ModelError, StoreError: before training, when something does not fit.
        ResumeError: when the folder holds another training than the one asked for.
        TrainingFailed: when nothing helps. Everything so far is saved, as with any other exception.
    """
    setup.check_epochs(epochs)
    setup.check_model(model)
    setup.check_source(train, "train")
    if val is not None:
        setup.check_source(val, "val")
        guard_loader(val, 0, name="val")
    chosen = setup.choose_device(device, model)
    model.to(chosen)
    if not model.training:
        model.train()
    searched = lr is None and not isinstance(optimizer, torch.optim.Optimizer)
    may_be_stale = autofix == "auto" and preflight is not False
    optimizer, told_optimizer = setup.make_optimizer(model, optimizer, lr, may_be_stale=may_be_stale)
    setup.check_loss(loss, step)
    setup.check_preflight(preflight)
    if isinstance(loss, nn.Module):
        loss.to(chosen)  # its class weights must be where the outputs are
    autocast = setup.choose_precision(precision, chosen)[0]
    read = probe_and_read(model, train, loss, step, chosen, autocast, may=may_read(autofix, allow, fixes))
    sample, loss = read.sample, read.loss
    usual_goal = goal is None and metrics is None
    metrics = setup.choose_metrics(metrics, None if step is not None else sample.task, step) if val is not None else {}
    setup.check_goal(goal, metrics, val, step)
    told = [sentence for sentence in (sample.says, told_optimizer) if sentence]

    made, each_step = setup.make_scheduler(optimizer, scheduler)
    setup.check_schedule(made, epochs, train, accumulate)

    guard = Guard(
        model,
        optimizer,
        name=setup.choose_name(name, model, train),
        store=store,
        scheduler=None if made is None else (made, "step" if each_step else "epoch"),
        accumulate=accumulate,
        precision=precision,
        seed=seed,
        resume=resume,
        accept=accept,
        save_every=save_every,
        goal=setup.choose_goal(goal, metrics),
        autofix=autofix,
        allow=allow,
        ignore=ignore,
        detectors=detectors,
        fixes=fixes,
        show=show,
        stop_after=stop_after,
        release_runtime=release_runtime,
        task=sample.task,
        settings={"told": told, "precision": precision, "device": str(chosen), "epochs": epochs},
    )
    objective = Objective(model, sample.task, step)
    objective.treatment = guard.controls
    guard.objective, guard.metrics = objective, metrics
    guard.known = {
        "has_val": val is not None,
        "has_step": step is not None and sample.seen is None,
        "usual_goal": usual_goal,
    }

    guard.rate_is_searched = searched

    for called, thing in named(keep).items():
        guard.keep(called, thing)
    with guard:
        guard.expect(train)
        guard.open(sample.loss_name, epochs)
        guard.note_prepared(model, optimizer, loss, train, val)
        guard.source(train)
        guard.tell(told)
        widen_output(guard, *read.outputs)
        if preflight is not False:
            heard = Heard(guard)
            given = (loss, step) if sample.seen is None else (sample.seen, None)
            guard.note_findings(
                lambda: (*read.found, *_found(preflight, model, train, val, *given, optimizer, chosen, heard))
            )
            guard.look_at_simple_models(train)
        if searched:
            guard.search_rate()
        validation = guard.val_source = None if val is None else guard_loader(val, guard.seed, name="val")
        guard.answer_what_was_found()
        setup.check_optimizer(model, guard.stepper.users_optimizer)
        for _ in guard.epochs(epochs):
            for batch in guard.batches(train):
                guard.step(batch, objective)
            if validation is not None and guard.epoch_done:
                with guard.validating(validation):
                    autocast = guard.stepper.autocast
                    guard.validate(*evaluate(objective, validation, metrics, chosen, autocast, guard.heed))
    return guard.run


def _found(
    preflight: Any,
    model: nn.Module,
    train: Any,
    val: Any,
    loss: Any,
    step: Any,
    optimizer: Any,
    device: Any,
    heard: Heard,
) -> Sequence[Finding]:
    """Return what a look before this training finds, or has found."""
    if preflight is True:
        # Only those who look pay for the import; and looking needs this package's own set-up.
        from autofix_nb.preflight import preflight as look

        preflight = look(
            model,
            train,
            val,
            loss=loss,
            step=step,
            optimizer=optimizer,
            device=device,
            budget_seconds=LOOK_SECONDS,
            show=heard,
        )
    return preflight.findings
