"""The guard: a training loop's memory and conscience. `fit` is written on it, and so may any loop be.

with af.Guard(model, optimizer, name="mine") as guard:
    for epoch in guard.epochs(20):
        for batch in guard.batches(train_loader):
            guard.step(batch, lambda part: loss_fn(model(part[0]), part[1]))
        guard.validate(evaluate(model, val_loader))
run = guard.run
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import hypot, isfinite
from types import TracebackType
from typing import Any

import torch
from torch import nn

from autofix_nb.checkpoints import Snapshot
from autofix_nb.data import Batch, Fault, GuardedLoader, IterableGuard, Quarantine, guard_loader, structure
from autofix_nb.data.fingerprint import fingerprint
from autofix_nb.detectors import DETECTORS, Detector
from autofix_nb.errors import ConfigurationError, DataError
from autofix_nb.finding import Finding, Severity
from autofix_nb.fixes import Controls
from autofix_nb.history import History
from autofix_nb.loop import setup
from autofix_nb.loop.closing import finish, save_after
from autofix_nb.loop.interrupt import StopButton
from autofix_nb.loop.keeper import Keeper
from autofix_nb.loop.opening import begin_or_resume, note_prepared, say_unprepared
from autofix_nb.loop.stepper import Attempt, Stepper, left_behind
from autofix_nb.loop.sums import EpochSums
from autofix_nb.loop.trouble import Trouble
from autofix_nb.loop.window import Window
from autofix_nb.objective.tasks import Task
from autofix_nb.policy import ALLOWED, Mode, Policy
from autofix_nb.run import Run
from autofix_nb.signals import EVERY, Measured, Recorder
from autofix_nb.widgets import Progress, make_progress

PROBLEMS_SAID = 3
"""Sentences about validation samples said while it trains; the report has them all."""

SNAPSHOT_STEPS = 100
"""Steps between two copies of the last good state in memory: 3 µs a step on a 64-128-10 network with Adam."""


class Guard:
    """Skips, mends, rolls back, records, saves and resumes, for a loop of the user's own.

    Raises:
        ModelError, ConfigurationError, DataError, StoreError: when something does not fit, before anything is touched.
        ResumeError: when the folder holds another training.
    """

    HEALTHY_STRETCH = 50
    """Steps without trouble after which an illness counts as over."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        name: str | None = None,
        store: Any = None,
        scheduler: Any = None,
        accumulate: int = 1,
        precision: str = "fp32",
        seed: int | None = None,
        resume: Any = "auto",
        save_every: Any = "auto",
        goal: Any = None,
        autofix: Mode = "auto",
        allow: Collection[str] = ALLOWED,
        ignore: Collection[str] = (),
        detectors: Sequence[Detector] | None = None,
        fixes: Collection[str] | None = None,
        show: Any = "auto",
        task: Task | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        setup.check_model(model)
        optimizer, _ = setup.make_optimizer(model, optimizer, None)
        if not isinstance(accumulate, int) or accumulate < 1:
            raise ConfigurationError(f"`accumulate` must be a whole number of at least 1, got {accumulate!r}")
        if seed is not None and not isinstance(seed, int):
            raise ConfigurationError(f"`seed` must be a whole number or None, got {seed!r}")
        self.model, self.optimizer, self.task = model, optimizer, task
        self.scheduler, self._each_step = setup.make_scheduler(optimizer, scheduler)
        self.goal, direction = setup.choose_goal(goal, {})
        self.higher_is_better = direction == "max"
        self.name = setup.choose_name(name, model)
        device = next(model.parameters()).device
        autocast, scaler = setup.choose_precision(precision, device)
        self.controls = Controls()
        self.stepper = Stepper(
            model,
            optimizer,
            device,
            self.controls,
            autocast=autocast,
            scaler=scaler,
            accumulate=accumulate,
        )
        self.keeper = Keeper(setup.choose_folder(store, self.name), resume=resume, save_every=save_every)
        self.journal = self.keeper.journal
        self.quarantine = Quarantine(self.keeper.folder / "quarantine" / "samples.jsonl")
        self.history = History()
        self.recorder = Recorder(self.history, self.stepper.norms.components, device)
        self.progress: Progress = make_progress(show)
        self.policy = Policy(
            self.journal,
            mode=autofix,
            allow=allow,
            ignore=ignore,
            detectors=[
                one() if isinstance(one, type) else one for one in (DETECTORS if detectors is None else detectors)
            ],
            fixes=fixes,
            say=self.progress.say,
        )
        self.problems: list[str] = []
        """Sentences about what could not be used on the way, such as validation samples that raise."""

        self.seed = torch.initial_seed() if seed is None else seed
        self.epoch = self.position = self.step_count = 0
        self.status = "new"
        self.seconds = 0.0
        self.sums = EpochSums()
        self.snapshot: Snapshot | None = None
        self.suspects: list[Fault] = []
        self.has_batch_norm = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules())
        self.run = Run(self.keeper.folder, model=model, journal=self.journal, quarantine=self.quarantine)
        self.settings = dict(settings or {})
        self.trouble = Trouble(self)
        self.window = Window(self.stepper)
        self._sources: dict[int, GuardedLoader | IterableGuard] = {}
        self._late: dict[int, tuple[Batch, Any]] = {}
        """By step: batches whose numbers were not waited for."""

        self._row: dict[str, Any] = {}
        self._loaded_seconds = 0.0
        self._loaders: list[Any] = []
        self._samples = 0
        self.epochs_asked = 0
        self.epoch_done: bool | None = None
        """Whether all batches of this epoch were used; None before the first one is asked for."""

        self._updating = False
        self._button: StopButton | None = None

    # --- the loop's own words -------------------------------------------------------------------------------------

    def __enter__(self) -> "Guard":
        self.entered_at = time.monotonic()
        self._button = StopButton(self._on_stop_button)
        self._button.__enter__()
        return self

    def open(self, loss: str = "", epochs: int = 0) -> None:
        """Begin the run, or go on with the one that the folder holds; `epochs()` does it by itself."""
        if self.status == "new":
            self.epochs_asked = epochs
            begin_or_resume(self, loss, epochs)

    def epochs(self, count: int) -> Iterator[int]:
        """Yield the numbers of the epochs that are left, counted from 0, and close each one after its turn."""
        if self._button is None:
            raise ConfigurationError("`guard` must be entered before its epochs: `with af.Guard(...) as guard:`")
        self.open(epochs=setup.check_epochs(count))
        self.epochs_asked = count
        while self.epoch < count and self.controls.stop is None and self.status != "finished":
            self.epoch_done = None
            yield self.epoch
            if self.epoch_done is None:
                raise DataError("`guard.batches(loader)` was not used in this epoch, so there was nothing to train on")
            if self.epoch_done:
                self._close_epoch()

    def batches(self, loader: Any) -> Iterator[Batch]:
        """Yield the batches of this epoch that are left, from the very one where a resumed run stopped."""
        source = self.source(loader)
        self.epoch_done = False
        self._announce(source)
        start, came, deaths = self.position, False, source.worker_deaths
        began = time.perf_counter()
        for batch in source.epoch(self.epoch, start):
            came = True
            self._loaded_seconds = time.perf_counter() - began
            try:
                yield batch
            except GeneratorExit:  # a `break` in the user's loop: a short epoch
                self.epoch_done = self.controls.stop is None
                raise
            self.position = batch.position + 1
            if self.controls.stop is not None and not self.window:
                return
            began = time.perf_counter()
        if source.worker_deaths > deaths:
            text = f"epoch {self.epoch}: {source.worker_deaths - deaths} worker processes died and were replaced"
            self.journal.append("note", step=self.step_count, text=text)
        if self.window:
            self._take_what_is_left()
        if not came and not start:
            raise DataError("`train` gave no batch: wanted at least one")
        self.epoch_done = True

    def step(self, batch: Batch, objective: Callable[[Any], Any]) -> Measured | None:
        """Train on one batch; `objective(data)` gives the loss, a tensor or a dict of named parts.

        Returns what was measured, or None when no step was taken for it. The function may be called several times:
        on parts of the batch after an out-of-memory error, on single rows to find those that raise.
        """
        began = time.perf_counter()
        if not self.window:
            self.trouble.judge_held()
        if batch.retries:
            text = (
                f"batch {batch.position} of epoch {batch.epoch}: the medium failed {batch.retries} times and came back"
            )
            self.journal.append("note", step=self.step_count, text=text)
        if batch.faults:
            self._take_note(batch)
        if batch.data is None:
            self.policy.look(self, "step", self.step_count)
            return None
        self.window.begin(batch.position)
        data = structure.to_device(batch.data, self.stepper.device)
        attempt = self.window.attempt(data, objective)
        if not attempt.fine:
            attempt = self.trouble.mend(batch, objective, attempt)
            if attempt is None:
                self.sums.skipped += 1
                self.policy.look(self, "step", self.step_count)
                return None
            data = structure.to_device(batch.data, self.stepper.device)  # some rows may be gone
        if attempt.fine:
            self.trouble.passed(batch, objective)
        self.position = batch.position + 1
        if not self.window.add(data, objective, attempt):
            return None
        attempt = self.window.mean(attempt)
        if attempt.waiting is not None:
            self._late[self.step_count + 1] = (replace(batch, data=None), objective)
        return self._take_step(attempt, objective, began)

    def tell(self, sentences: Sequence[str]) -> None:
        """Say what was chosen for the user, once: a resumed run was told before."""
        if self.status == "running" and self.step_count == 0:
            for sentence in sentences:
                self.progress.say(sentence)

    def validate(self, values: Mapping[str, float] | float, problems: Sequence[str] = ()) -> None:
        """Take note of this epoch's validation: named values, or the loss alone. Names get `val/` before them.

        `problems` are sentences about validation samples that could not be used; each is said once.
        """
        if not isinstance(values, Mapping):
            values = {"loss": float(values)}
        for problem in dict.fromkeys(problems):
            if problem not in self.problems:
                self.problems.append(problem)
                if len(self.problems) <= PROBLEMS_SAID:
                    self.progress.say(f"Validation: {problem}.")
        self._row |= {
            name if name.startswith("val/") else f"val/{name}": float(value) for name, value in values.items()
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._button is not None:
            self._button.__exit__()
        if self.status == "new":
            return
        if error is None:
            finish(self)
        else:
            save_after(self, error)

    # --- for the parts of the loop --------------------------------------------------------------------------------

    def source(self, loader: Any) -> GuardedLoader | IterableGuard:
        """Return the guard around a loader, made once."""
        if id(loader) not in self._sources:
            setup.check_source(loader, "train")
            source = guard_loader(loader, self.seed, self.quarantine, guarded=self.policy.may("quarantine"))
            self.keeper.check_data(loader, fingerprint(source))
            self._sources[id(loader)] = source
            self._loaders.append(loader)  # keeps the id taken
            self._samples = source.samples or 0
            note_prepared(self, self.model, self.optimizer, loader)
        return self._sources[id(loader)]

    def note_prepared(self, *objects: Any) -> None:
        """Write down what was changed of these objects before the training, such as by `preflight(...).apply()`."""
        note_prepared(self, *objects)
        say_unprepared(self, *objects)

    def note_findings(self, look: Callable[[], Sequence[Finding]]) -> None:
        """Write down and say what `look` finds before the first step; a resumed run has looked already."""
        if self.status != "running" or self.step_count:
            return
        for finding in look():
            self.policy.note(finding)
            if finding.severity > Severity.NOTE:
                self.progress.say(f"Before training: {finding.code} {finding.title}: {finding.says}.")

    def undo_half_a_step(self) -> bool:
        """Make things as they were before the step at hand. Returns whether that state may be saved."""
        if self._updating:
            return False  # the optimizer was interrupted between two weights: what was saved before is whole
        if self.window.began_at is not None:
            self.position = self.window.began_at
            self.window.forget_step()
        return True

    def set_aside(self, fault: Fault) -> None:
        """Put one sample into quarantine and write it down."""
        sample = self.quarantine.add(fault, epoch=self.epoch, position=self.position)
        if sample is None:
            return
        self.journal.append(
            "quarantine",
            index=sample.index,
            fault=sample.kind,
            reason=sample.reason,
            epoch=self.epoch,
            position=self.position,
            step=self.step_count,
        )
        self._record_quarantine()

    def sample_finding(self, faults: Sequence[Fault]) -> Finding:
        """Return the note that samples could not be used, and why."""
        first = faults[0]
        more = f"; {len(faults) - 1} more in this batch" if len(faults) > 1 else ""
        return Finding(
            code="B02",
            title="A batch cannot be built or run",
            severity=Severity.NOTE,
            step=self.step_count,
            measured=len(faults),
            limit=0,
            says=f"{_named(first)} {first.kind}: {first.reason}{more}",
            where=tuple(map(_named, faults)),
            fixes=("quarantine",),
        )

    # --- what happens behind --------------------------------------------------------------------------------------

    def _take_step(self, attempt: Attempt, objective: Any, began: float) -> Measured:
        """Let the optimizer step, record the step, and now and then hand over, look, snapshot and save."""
        rate = self.stepper.rate()
        clipped = self._update(attempt)
        measured = left_behind(
            self.step_count,
            attempt,
            objective,
            self.task,
            lr=rate,
            clipped=clipped,
            began=began,
            load=self._loaded_seconds,
        )
        self.recorder.add(measured)
        self.progress.step(self.position, measured.loss)
        if self.step_count % EVERY == 0:
            self._hand_over()
        elif self.keeper.asked_every and self.step_count % self.keeper.asked_every == 0:
            self.read_back()
            self.keeper.save_if_due(self)
        return measured

    def _update(self, attempt: Attempt) -> bool:
        """Let the optimizer step, and after it the scheduler. Returns whether the gradients were clipped."""
        self._updating = True
        clipped, stepped = self.stepper.take(attempt)
        self._updating = False
        self.window.close()
        self.step_count += 1
        if stepped and self._each_step:
            self.scheduler.step()
        return clipped

    def _take_what_is_left(self) -> None:
        """The epoch ended with gradients still waiting for more: they are a step too, as in a plain loop."""
        began = time.perf_counter()
        norms, owners, grads = self.stepper.norms.measure()
        attempt = self.window.mean(Attempt(loss=0.0, norms=norms.tolist(), owners=owners, grads=grads))
        attempt.norm = hypot(*attempt.norms)
        self._take_step(attempt, None, began)

    def read_back(self) -> list[Measured]:
        """Write what the steps left behind to the history, and look into those that the device left out by itself."""
        waiting = self.recorder.flush()
        self.sums.add(waiting)
        late, self._late = self._late, {}
        for one in waiting:
            if one.step in late and not (isfinite(float(one.loss)) and isfinite(float(one.grad_norm))):
                self.trouble.look_back(*late[one.step], one.step)
        return waiting

    def _hand_over(self) -> None:
        waiting = self.read_back()
        self.policy.look(self, "step", self.step_count)
        if self.step_count % SNAPSHOT_STEPS == 0 and self._is_healthy(waiting):
            self.snapshot = Snapshot(self.step_count, self.model, self.optimizer)
        self.keeper.save_if_due(self)

    def _is_healthy(self, waiting: list[Measured]) -> bool:
        """Tell whether now is a state worth going back to: sound numbers, no alarm, no change still on trial."""
        if self.policy.alarmed or self.policy.trials:
            return False
        if not all(isfinite(float(one.loss)) for one in waiting):
            return False
        norms = torch.stack(torch._foreach_norm([part.detach() for part in self.model.parameters()]))
        return bool(torch.isfinite(norms).all())

    def _take_note(self, batch: Batch) -> None:
        """Samples of this batch could not be had: set them aside, or wait and see when it was all of them."""
        faults = [fault for fault in batch.faults if fault.index not in self.quarantine]
        batch.faults = ()
        if not faults:
            return
        if batch.indices is None:  # a batch that a stream could not give
            self.policy.note(self.sample_finding(faults))
            self.sums.skipped += 1
            return
        if batch.data is None and not self.trouble.ever_passed:
            error = faults[0].error or DataError(f"`train[{faults[0].index}]` {faults[0].reason}\n{faults[0].trace}")
            self.trouble.leave_out(batch, Attempt(error=error), faults)
            return
        self.suspects = faults
        self.policy.act(self.sample_finding(faults), self, ["quarantine"])
        self.suspects = []

    def _record_quarantine(self) -> None:
        count = len(self.quarantine)
        self.history.record(self.step_count, quarantined=count)
        if self._samples:
            self.history.record(self.step_count, quarantined_share=count / self._samples)

    def _close_epoch(self) -> None:
        self.read_back()
        self.trouble.judge_held()
        row = {"epoch": self.epoch + 1, "step": self.step_count} | self.sums.row() | self._row
        row |= {"lr": self.stepper.rate(), "quarantined": len(self.quarantine)}
        if self.goal in row:
            row |= {"goal": row[self.goal], "goal_name": self.goal, "higher_is_better": self.higher_is_better}
        if self.scheduler is not None and not self._each_step:
            self._step_scheduler(row)  # the user's code: if it raises, this epoch is not closed yet
        if "goal" in row:
            row["is_best"] = self.keeper.best.offer(row["goal"], self.epoch + 1, self.higher_is_better, self.model)
        self.history.add_epoch(row)
        self.journal.append("epoch", **row)
        self.sums.clear()
        self._row = {}
        self.epoch, self.position = self.epoch + 1, 0
        self.policy.look(self, "step", self.step_count)
        self.policy.look(self, "epoch", self.step_count)
        self.progress.epoch(row, self.epochs_asked)
        self.keeper.save_if_due(self)

    def _step_scheduler(self, row: dict[str, Any]) -> None:
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(row.get("val/loss", row["loss"]))
        else:
            self.scheduler.step()

    def _announce(self, source: GuardedLoader | IterableGuard) -> None:
        try:
            batches = len(source)
        except TypeError:
            batches = None
        self.progress.begin(self.epoch + 1, self.epochs_asked, batches, self.position)

    def _on_stop_button(self) -> None:
        self.controls.stop = "the stop button was pressed"
        self.progress.say("Stopping after this step and saving. Press stop again to interrupt at once.")


def _named(fault: Fault) -> str:
    """Return `sample 345`; what has no index in the data set has a name already."""
    return f"sample {fault.index}" if isinstance(fault.index, int) else str(fault.index)
