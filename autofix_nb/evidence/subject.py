"""The training that is looked at: what the user gave, and everything measured of it, once and on demand."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

import torch
from torch import nn

from autofix_nb.checkpoints import BeforeStep
from autofix_nb.data import Batch, Fault, GuardedLoader, guard_loader, structure
from autofix_nb.data.fetch import describe_error
from autofix_nb.data.loader import IterableGuard
from autofix_nb.data.seeding import LoadingRandomness
from autofix_nb.errors import AutofixError, DataError, ModelError
from autofix_nb.evidence.batches import first_batches
from autofix_nb.evidence.clock import Clock
from autofix_nb.evidence.frames import Table
from autofix_nb.evidence.machine import Machine
from autofix_nb.evidence.model_copy import copy_of
from autofix_nb.evidence.scan import Scan
from autofix_nb.evidence.scanning import scan_data
from autofix_nb.evidence.trial import Trial, take_trial
from autofix_nb.finding import NotApplicable
from autofix_nb.objective import Objective, Task, evaluating, forward, infer_task, split_batch, task_of

MOST_BATCHES = 5
"""Batches fetched until one holds samples."""

TRIAL_SHARE = 0.15
"""Share of the time budget that one forward and backward pass may take; with a larger model fewer rows are run."""

_TRIAL = 0x7121A1


class Subject:
    """What is looked at. Nothing here changes what the user gave: trials run on a copy of the model.

    `model` and `train` may be None: then the checks that need them are not applicable.
    """

    def __init__(
        self,
        model: nn.Module | None,
        train: Any,
        val: Any = None,
        *,
        loss: Any = None,
        step: Callable[[nn.Module, Any], Any] | None = None,
        optimizer: torch.optim.Optimizer | None = None,
        device: torch.device | None = None,
        deep: bool = False,
        clock: Clock | None = None,
        machine: Machine | None = None,
        tables: dict[str, Table] | None = None,
        data_sets: frozenset[str] = frozenset(),
    ) -> None:
        self.original = model
        self.train, self.val = train, val
        self.original_loss = loss
        self.step = step
        self.optimizer = optimizer
        self.device = torch.device("cpu") if device is None else device
        self.deep = deep
        self.clock = Clock(60.0) if clock is None else clock
        self.machine = Machine() if machine is None else machine
        self.tables = {} if tables is None else tables
        """What is known of a side that came as a frame or arrays: names of the columns, those that hold text."""

        self.data_sets = data_sets
        """Sides that were given as a data set, of which a loader was made here."""

        self.loader_errors: dict[str, Exception] = {}
        """What the loader of a side itself raised, so that none of its first batches could be had."""

        self._scans: dict[str, Scan] = {}

    # --- the model ------------------------------------------------------------------------------------------------

    @cached_property
    def _copies(self) -> tuple[Any, Any, bool]:
        try:
            model, loss = copy_of(self.original, self.original_loss)
        except Exception:  # noqa: BLE001 - whatever cannot be copied is looked at in place, and put back afterwards
            return self.original, self.original_loss, False
        parameters = [] if model is None else list(model.parameters())
        if not all(parameter.is_leaf for parameter in parameters):  # a scripted module's copy gets no gradients
            return self.original, self.original_loss, False
        for parameter in parameters:
            parameter.grad = None
        if model is not None:
            model.to(self.device)
            self._give_shapes(model)
        return model, _on_device(loss, self.device), True

    def _give_shapes(self, model: nn.Module) -> None:
        """Run lazy layers of the copy once, so that every check finds parameters with a shape; the original stays."""
        lazy = nn.parameter.UninitializedParameter
        if self.train is None or not any(isinstance(parameter, lazy) for parameter in model.parameters()):
            return
        try:
            with LoadingRandomness(_TRIAL), evaluating(model):
                self._call(model, structure.to_device(self.batch.data, self.device))
        except Exception:  # noqa: BLE001, S110 - the trial will say what is wrong with it
            pass

    @property
    def model(self) -> nn.Module:
        """A copy of the model on `device`, in the modes the user left it in; hand it back as it was (`borrowed`).

        The original where it cannot be copied.

        Raises:
            NotApplicable: where no model was given.
        """
        if self.original is None:
            raise NotApplicable("no `model` was given")
        return self._copies[0]

    @property
    def loss(self) -> Any:
        """The loss that was given (a copy of it), or None."""
        return self._copies[1]

    @property
    def copied(self) -> bool:
        """Whether `model` is a copy."""
        return self._copies[2]

    @contextmanager
    def borrowed(self, *, training: bool, seed: int = _TRIAL) -> Iterator[nn.Module]:
        """Context in which the model is in train or eval mode, with the same random numbers each time.

        Afterwards its buffers, modes and gradients are as before, and so are the random streams. In eval mode no
        graph is built.
        """
        model = self.model
        before = BeforeStep(model, self.device)
        modes = [(part, part.training) for part in model.modules()]
        before.take()
        buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
        try:
            # What torch warns of is told by the checks; a trial must not put it on the user's screen, time and again.
            with LoadingRandomness(seed), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if training:
                    # Parts that the user keeps in eval mode, such as a frozen backbone, stay so.
                    if not model.training:
                        model.train()
                    yield model
                else:
                    with evaluating(model):
                        yield model
        finally:
            for part, mode in modes:
                part.training = mode
            for buffer, kept in buffers:
                with torch.no_grad():
                    buffer.copy_(kept) if buffer.shape == kept.shape else None
            before.restore()
            model.zero_grad(set_to_none=True)

    @property
    def parameter_count(self) -> int:
        """Numbers to be learnt or held in the model's parameters; lazy ones without a shape yet are not counted."""
        if self.original is None:
            return 0
        lazy = nn.parameter.UninitializedParameter
        return sum(part.numel() for part in self.original.parameters() if not isinstance(part, lazy))

    # --- the data -------------------------------------------------------------------------------------------------

    @cached_property
    def source(self) -> GuardedLoader | IterableGuard:
        """The training data behind a guard: samples that raise come as faults.

        Raises:
            NotApplicable: where no data was given.
        """
        return self._source("train")

    @cached_property
    def val_source(self) -> GuardedLoader | IterableGuard:
        """The validation data behind a guard.

        Raises:
            NotApplicable: where no `val` was given.
        """
        return self._source("val")

    def _source(self, side: Literal["train", "val"]) -> GuardedLoader | IterableGuard:
        given = self.train if side == "train" else self.val
        if given is None:
            raise NotApplicable(f"no `{side}` was given")
        try:
            return guard_loader(given, 0, name=side)
        except AutofixError as error:
            raise NotApplicable(str(error)) from error

    @cached_property
    def _first(self) -> tuple[Batch | None, tuple[Fault, ...]]:
        if self.train is None:
            raise NotApplicable("no `train` was given")
        return self._first_of(self.train, "train")

    @cached_property
    def _first_val(self) -> tuple[Batch | None, tuple[Fault, ...]]:
        if self.val is None:
            raise NotApplicable("no `val` was given")
        return self._first_of(self.val, "val")

    def _first_of(self, given: Any, side: str) -> tuple[Batch | None, tuple[Fault, ...]]:
        faults: list[Fault] = []
        try:
            for batch in first_batches(given, MOST_BATCHES, name=side):
                faults += batch.faults
                if batch.data is not None:
                    return batch, tuple(faults)
        except Exception as error:  # noqa: BLE001 - whatever a loader of the user's raises is a finding
            self.loader_errors[side] = error
            line = str(error) if isinstance(error, AutofixError) else describe_error(error)[0]
            faults.append(Fault(f"`{side}`", "raises", line))
        return None, tuple(faults)

    @property
    def batch(self) -> Batch:
        """The first batch of training that could be built, on the CPU, as the loader gives it.

        Raises:
            NotApplicable: when none of the first batches could be built.
        """
        batch, faults = self._first
        if batch is None:
            raise NotApplicable(f"no batch could be built{f' ({faults[0].reason})' if faults else ''}")
        return batch

    @property
    def val_batch(self) -> Batch:
        """The first batch of validation that could be built, on the CPU, as the loader gives it.

        Raises:
            NotApplicable: when no `val` was given, or none of its first batches could be built.
        """
        batch, faults = self._first_val
        if batch is None:
            raise NotApplicable(f"no batch of `val` could be built{f' ({faults[0].reason})' if faults else ''}")
        return batch

    @property
    def val_batch_faults(self) -> tuple[Fault, ...]:
        """Samples of the first batches of validation that could not be had."""
        return self._first_val[1]

    @property
    def batch_faults(self) -> tuple[Fault, ...]:
        """Samples of the first batches that could not be had."""
        return self._first[1]

    @cached_property
    def batch_rows(self) -> int:
        """Rows of the first batch.

        Raises:
            NotApplicable: when they cannot be told apart.
        """
        try:
            return structure.rows(self.batch.data)
        except structure.NotSliceable as error:
            raise NotApplicable(f"the rows of a batch cannot be told apart ({error})") from error

    @property
    def parts(self) -> tuple[Any, Any]:
        """Inputs and targets of the first batch, on the CPU.

        Raises:
            NotApplicable: when the batch has another form; a `step` of the user's takes it apart itself.
        """
        return _split(self.batch.data)

    def scan(self, side: Literal["train", "val"] = "train") -> Scan:
        """One pass over all samples of a side, as far as the time allows; made once.

        Raises:
            NotApplicable: when that side was not given.
        """
        if side not in self._scans:
            source = self.source if side == "train" else self.val_source
            self._scans[side] = scan_data(
                source, side, table=self.tables.get(side), clock=self.clock, model=self.original
            )
        return self._scans[side]

    def scan_or_none(self, side: Literal["train", "val"]) -> Scan | None:
        """One pass over all samples of a side; None where there is nothing to go over."""
        try:
            return self.scan(side)
        except NotApplicable:
            return None

    @property
    def scans(self) -> dict[str, Scan]:
        """The sides that were gone over so far."""
        return dict(self._scans)

    def forget(self) -> None:
        """Let go of copies, batches and whatever else takes memory; it is measured again when somebody asks."""
        for name in ("_copies", "_first", "batch_rows", "trial_rows", "trial", "outputs", "_task"):
            self.__dict__.pop(name, None)
        for scan in self._scans.values():
            scan.features = scan.thumbnails = scan.digests = None

    # --- trials ---------------------------------------------------------------------------------------------------

    @cached_property
    def trial_rows(self) -> int:
        """Rows of the first batch that a trial runs on: all of it, or as many as the time allows."""
        size = self.batch_rows
        if size <= 2:
            return size
        seconds = []
        try:
            with self.borrowed(training=False) as model:
                for _ in range(2):  # the first pass through a large model reads its weights from far away
                    began = time.perf_counter()
                    self._call(model, self.take(2))
                    self.wait()
                    seconds.append(time.perf_counter() - began)
        except Exception:  # noqa: BLE001 - the trial itself will say it
            return size
        # A backward pass costs about two forward passes.
        a_row = 3 * min(seconds) / 2
        return max(2, min(size, int(TRIAL_SHARE * self.clock.budget_seconds / max(a_row, 1e-9))))

    def take(self, rows: int) -> Any:
        """Return the first rows of the first batch, on the device."""
        size = self.batch_rows
        data = self.batch.data
        if rows < size:
            try:
                data = structure.take(data, list(range(rows)), size)
            except structure.NotSliceable:
                data = self.batch.data
        return structure.to_device(data, self.device)

    @cached_property
    def trial(self) -> Trial:
        """One step without an update, in training mode.

        Raises:
            NotApplicable: when there is no model, or no batch.
        """
        rows = self.trial_rows
        data = self.take(rows)
        inputs, targets = _split(data) if self.step is None else (data, None)
        trial = Trial(rows=rows, batch_rows=self.batch_rows, inputs=inputs, targets=targets)
        self._take(trial, data)
        if self.step is not None and self.copied and not trial.gradients and trial.error is None:
            # A `step` that calls the model by its global name never meets the copy.
            self._copies = self.original, self.original_loss, False
            self._take(trial, data)
        return trial

    def _take(self, trial: Trial, data: Any) -> None:
        with self.borrowed(training=True) as model, warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            take_trial(model, self.objective(model), data, trial, self.wait)
        trial.warned = tuple(str(one.message) for one in said)

    @cached_property
    def outputs(self) -> Any:
        """What the model returns for the trial's rows in eval mode, detached.

        Raises:
            NotApplicable: when it raises, or a `step` of the user's calls it.
        """
        if self.step is not None:
            raise NotApplicable("`step` calls the model itself, so its outputs are not seen")
        inputs, _ = _split(self.take(self.trial_rows))
        try:
            with warnings.catch_warnings(), self.borrowed(training=False) as model:
                warnings.simplefilter("ignore")
                return structure.map_tensors(torch.Tensor.detach, forward(model, inputs))
        except Exception as error:
            raise NotApplicable(f"the model raises {type(error).__name__} (see B06)") from error

    @cached_property
    def _task(self) -> tuple[Task | None, AutofixError | None]:
        if self.step is not None:
            return None, None
        targets = _split(self.take(self.trial_rows))[1]
        try:
            if self.loss is None:
                traced = self.trial.outputs  # with a graph, which tells the last activation
                return infer_task(traced if isinstance(traced, torch.Tensor) else self.outputs, targets), None
            return task_of(self.loss, self.outputs, targets), None
        except (DataError, ModelError) as error:
            return None, error

    @property
    def task(self) -> Task:
        """What is being learnt, as told by the loss, the outputs and the targets of the first batch.

        Raises:
            NotApplicable: when that cannot be told.
        """
        task, error = self._task
        if task is None:
            raise NotApplicable(str(error) if error else "`step` computes the loss itself")
        return task

    @property
    def task_error(self) -> AutofixError | None:
        """Why no task could be told, in words; None where it could, or where nobody asked."""
        return self._task[1]

    def objective(self, model: nn.Module) -> Objective:
        """Return what computes the loss of a batch with `model`."""
        if self.step is not None or self.loss is None:
            return Objective(model, None, self.step)
        return Objective(model, Task(kind="custom", loss=self.loss, says=""), None)

    def raises(self, error: Exception, rows: int) -> str:
        """Return in words that `rows` rows raised `error`; B06 has more to say where the trial step raised too."""
        says = f"raises {type(error).__name__}"
        if self.trial.error is not None:
            return f"{says} (see B06)"
        return f"{says} on {rows} of the batch's {self.batch_rows} rows, though a step on {self.trial.rows} works"

    def wait(self) -> None:
        """Wait until the device has done its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def _call(self, model: nn.Module, data: Any) -> Any:
        if self.step is not None:
            return self.step(model, data)
        return forward(model, split_batch(data)[0])


def _split(data: Any) -> tuple[Any, Any]:
    try:
        return split_batch(data)
    except DataError as error:
        raise NotApplicable(str(error)) from error


def _on_device(loss: Any, device: torch.device) -> Any:
    return loss.to(device) if isinstance(loss, nn.Module) else loss
