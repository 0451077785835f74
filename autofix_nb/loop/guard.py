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
from types import TracebackType
from typing import Any

import torch
from torch import nn

from autofix_nb.checkpoints import Snapshot
from autofix_nb.checkpoints.stores import home_of
from autofix_nb.data import Batch, Fault, GuardedLoader, IterableGuard, Quarantine, guard_loader
from autofix_nb.detectors import DETECTORS, Detector
from autofix_nb.errors import ConfigurationError, DataError
from autofix_nb.finding import Finding
from autofix_nb.fixes import Controls
from autofix_nb.history import History
from autofix_nb.loop import setup
from autofix_nb.loop.accepting import Accepted
from autofix_nb.loop.agreement import check_accept
from autofix_nb.loop.aside import Hearing
from autofix_nb.loop.before_change import BeforeChange
from autofix_nb.loop.before_first import BeforeFirst
from autofix_nb.loop.by_hand import hear
from autofix_nb.loop.close_look import CloseLook
from autofix_nb.loop.closing import finish, save_after
from autofix_nb.loop.deaths import left_out
from autofix_nb.loop.end_signal import EndSignal
from autofix_nb.loop.epoch_end import EpochEnd
from autofix_nb.loop.facts import facts_of, renew_plan
from autofix_nb.loop.first_state import FirstState
from autofix_nb.loop.identity import data_of, note_left
from autofix_nb.loop.interrupt import StopButton
from autofix_nb.loop.keeper import Keeper
from autofix_nb.loop.lease import refuse_if_held
from autofix_nb.loop.looks import Looks
from autofix_nb.loop.opening import begin_or_resume, meet_data, note_prepared, say_unprepared
from autofix_nb.loop.pulse import Phase
from autofix_nb.loop.purity import Purity
from autofix_nb.loop.release import release_runtime
from autofix_nb.loop.requests import Requests
from autofix_nb.loop.samples import Samples
from autofix_nb.loop.stepper import Stepper
from autofix_nb.loop.steps import Steps
from autofix_nb.loop.sums import EpochSums
from autofix_nb.loop.treatable import Treatable
from autofix_nb.loop.trouble import Trouble
from autofix_nb.loop.turn import Turn
from autofix_nb.loop.window import Window
from autofix_nb.objective.tasks import Task
from autofix_nb.policy import ALLOWED, Mode, Policy
from autofix_nb.run import Run
from autofix_nb.signals import Recorder
from autofix_nb.widgets import Progress, make_panel, make_progress

BETWEEN, LOADING = map(int, (Phase.BETWEEN, Phase.LOADING))
"""What the pulse is told, as plain numbers: they are written in every step."""


class Guard(Hearing, BeforeFirst, Samples, Steps, EpochEnd, Treatable):
    """Skips, mends, rolls back, records, saves and resumes, for a loop of the user's own.

    Raises:
        ModelError, ConfigurationError, DataError, StoreError: when something does not fit, before anything is touched;
            also when another live kernel trains in the folder.
        ResumeError: when the folder holds another training.

    `stop_after` (seconds, `"11h"`, `"1h30m"`, a `timedelta`) ends the training in good order before so much time has
    gone by since it was entered. `release_runtime=True` gives Colab's runtime back after that, or after the training's
    own end, once everything is where it survives. `accept` names what may be other than in the run that the folder
    holds, such as `{"lr", "batch_size"}`: it goes on with the new values.
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
        accept: Collection[str] = (),
        save_every: Any = "auto",
        goal: Any = None,
        autofix: Mode = "auto",
        allow: Collection[str] = ALLOWED,
        ignore: Collection[str] = (),
        detectors: Sequence[Detector] | None = None,
        fixes: Collection[str] | None = None,
        show: Any = "auto",
        stop_after: Any = None,
        release_runtime: bool = False,
        task: Task | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        setup.check_model(model)
        optimizer, _ = setup.make_optimizer(model, optimizer, None, may_be_stale=bool(settings))
        if not isinstance(accumulate, int) or accumulate < 1:
            raise ConfigurationError(f"`accumulate` must be a whole number of at least 1, got {accumulate!r}")
        if seed is not None and not isinstance(seed, int):
            raise ConfigurationError(f"`seed` must be a whole number or None, got {seed!r}")
        self.model, self.task = model, task
        self.accept = check_accept(accept, optimizer)
        """What may be other than in the run that the folder holds."""

        self.precision, self.seed_given = precision, seed
        self.rate_is_searched = False
        """Whether nobody gave a learning rate; `fit` knows."""

        self.given: list[dict[str, Any]] = []
        """The settings of the optimizer's groups as the user gave them."""

        self.identity: dict[str, Any] = {}
        """By which a resumed run is known to be this one."""

        self.accepted: Accepted | None = None
        """What is other than the run in the folder had it; None where there was none."""

        self._expected: Any = None
        """The training data that were looked at before the run was opened."""

        self.scheduler, self.each_step = setup.make_scheduler(optimizer, scheduler)
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
        self.home = home_of(store, self.name)
        refuse_if_held(self.home.folder)  # before anything of it is moved aside
        self.keeper = Keeper(self.home.folder, resume=resume, save_every=save_every, home=self.home)
        self.turn = Turn(self.keeper.folder, stop_after=stop_after)
        self.release_runtime = bool(release_runtime)
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
            say=self.progress.found,
        )
        self.problems: list[str] = []
        """Sentences about what could not be used on the way, such as validation samples that raise."""

        self.seed = torch.initial_seed() if seed is None else seed
        self.epoch = self.position = self.step_count = 0
        self.status = "new"
        self.known: dict[str, Any] = {}
        """Facts of the run that only `fit` knows."""

        self.seconds = 0.0
        self.sums = EpochSums()
        self.snapshot: Snapshot | None = None
        self.suspects: list[Fault] = []
        self.found_before: list[Finding] = []
        self.objective: Callable[[Any], Any] | None = None
        """What turns a batch into a loss: that of the newest step, or the one that `fit` made."""

        self.metrics: Mapping[str, Any] = {}
        """Functions of all outputs and targets that the goal may be one of; `fit` has them."""

        self.train: Any = None
        self.train_source: GuardedLoader | IterableGuard | None = None
        self.val_source: GuardedLoader | IterableGuard | None = None
        self.first: FirstState | None = None
        """Where the run began, to begin again from; None where nothing would be changed anyway."""

        self.before_change: BeforeChange | None = None
        """What undoing the change on trial puts back; None where no change of the model is on trial."""

        self.starts_fresh = False
        """Whether what is planned now would begin at the first weights."""

        self.has_batch_norm = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules())
        self.run = Run(self.keeper.folder, model=model, journal=self.journal, quarantine=self.quarantine)
        self.run.mirror = self.keeper.mirror
        self.settings = dict(settings or {})
        self.trouble = Trouble(self)
        self.window = Window(self.stepper)
        self.purity = Purity()
        self.close_look = CloseLook(model, lambda: self.stepper.optimizer)
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
        self.looks = Looks(self)
        self.done_before: set[str] = set()
        """What was done before the first step and is not done again: `look`, `rate`, `races`."""

        self._comes_again = False
        """Whether the batch at hand is to be asked for once more."""

        self._end_signal = EndSignal(self._on_end_signal)
        self.requests = Requests()
        """What a person asks for while it trains; any thread may set it."""

        self.panel = make_panel(show, self.requests, self.keeper.folder)
        self.paused_at: int | None = None
        """The step at which it waits for somebody to let it go on; None while it trains."""

        self.save_asked_at: int | None = None
        """The step of a save that somebody waits for."""

        self.at_hand: Batch | None = None
        """The batch of the newest step, on the CPU: what is left to be looked at when a GPU is lost."""

        self.progress.watch(self)

    # --- the loop's own words -------------------------------------------------------------------------------------

    def __enter__(self) -> "Guard":
        self.entered_at = time.monotonic()
        self.turn.begin(self.progress.say)
        self._button = StopButton(self._on_stop_button, self._on_late_stop_button)
        self._button.__enter__()
        self._end_signal.__enter__()
        return self

    def open(self, loss: str = "", epochs: int = 0) -> None:
        """Begin the run, or go on with the one that the folder holds; `epochs()` does it by itself."""
        if self.status == "new":
            self.epochs_asked = epochs
            self.panel.show()
            begin_or_resume(self, loss, epochs)

    def epochs(self, count: int) -> Iterator[int]:
        """Yield the numbers of the epochs that are left, counted from 0, and close each one after its turn."""
        if self._button is None:
            raise ConfigurationError("`guard` must be entered before its epochs: `with af.Guard(...) as guard:`")
        self.open(epochs=setup.check_epochs(count))
        self.epochs_asked = count
        if self.objective is not None or self.epoch >= self.epochs_planned:  # else at the first batch, which brings it
            self.looks.go_on()
        while self.epoch < self.epochs_planned and self.controls.stop is None and self.status != "finished":
            self.epoch_done = None
            yield self.epoch
            if self.epoch_done is None:
                raise DataError("`guard.batches(loader)` was not used in this epoch, so there was nothing to train on")
            if self.epoch_done:
                self._close_epoch()
                if self.epoch < self.epochs_planned and self.controls.stop is None:
                    hear(self)  # what was asked for during a long validation

    @property
    def epochs_planned(self) -> int:
        """Epochs that were asked for, and those that came on top."""
        return self.epochs_asked + self.controls.extra_epochs

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimizer at work: the user's, unless a fix put another in its place."""
        return self.stepper.optimizer

    def batches(self, loader: Any) -> Iterator[Batch]:
        """Yield the batches of this epoch that are left, from the very one where a resumed run stopped."""
        source = self.source(loader)
        self.epoch_done = False
        self._announce(source)
        self._comes_again = True
        while self._comes_again:
            self._comes_again = False
            yield from self._batches_from_here(source)
            if self.controls.stop is not None or self.epoch >= self.epochs_planned:
                return

    def _announce(self, source: GuardedLoader | IterableGuard) -> None:
        try:
            batches = len(source)
        except TypeError:
            batches = None
        self.progress.begin(self.epoch + 1, self.epochs_planned, batches, self.position)

    def _batches_from_here(self, source: GuardedLoader | IterableGuard) -> Iterator[Batch]:
        start, came, deaths = self.position, False, source.worker_deaths
        without = left_out(self, self.epoch)
        passed_over = sorted(position for position in without if position >= start)
        began = time.perf_counter()
        self.turn.write(LOADING, self, start)
        for batch in source.epoch(self.epoch, start, without):
            came = True
            while passed_over and passed_over[0] < batch.position:
                del passed_over[0]
                self.sums.skipped += 1
            if self._has_all_its_steps() or self._has_an_old_order():
                break
            self._loaded_seconds = time.perf_counter() - began
            try:
                yield batch
            except GeneratorExit:  # a `break` in the user's loop: a short epoch
                self.epoch_done = self.controls.stop is None
                raise
            if self._comes_again:
                return
            self.position = batch.position + 1
            self.look_for_the_end()
            if self.controls.stop is not None and not self.window:
                return
            began = time.perf_counter()
            self.turn.write(LOADING, self, self.position)
        self.turn.write(BETWEEN, self, self.position)
        self.sums.skipped += len(passed_over)
        if source.worker_deaths > deaths:
            text = f"epoch {self.epoch}: {source.worker_deaths - deaths} worker processes died and were replaced"
            self.journal.append("note", step=self.step_count, text=text)
        if self.window:
            self._take_what_is_left()
        if not came and not start and not without:
            raise DataError("`train` gave no batch: wanted at least one")
        self.epoch_done = True

    def tell(self, sentences: Sequence[str]) -> None:
        """Say what was chosen for the user, once: a resumed run was told before."""
        if self.status == "running" and self.step_count == 0:
            for sentence in sentences:
                self.progress.say(sentence)

    def keep(self, name: str, thing: Any) -> None:
        """Save and resume an object of your own with the run, such as an average of the weights.

        `thing` has `state_dict()`, of tensors and plain values, and `load_state_dict(state)`. Best before the first
        epoch; where a resumed run has its state already, it is loaded at once.

        Raises:
            ConfigurationError: when the name is taken, or the object cannot be saved.
            ResumeError: when it does not take the state that was saved for it.
        """
        said = self.keeper.kept.add(name, thing)
        if said is not None:
            self.journal.append("note", step=self.step_count, text=said)
            self.progress.say(f"{said}.")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._button is not None:
            self._button.close()
        saved = False
        try:
            if self.status == "new":
                self.progress.close("")
            elif error is None:
                saved = finish(self)
            else:
                save_after(self, error)
        finally:
            note_left(self)
            self.panel.close()
            self.turn.end()
            if self._button is not None:
                self._button.__exit__()
            self._end_signal.__exit__()
            self._end_signal.pass_on()
        if self.release_runtime and error is None:
            release_runtime(self, saved=saved)

    # --- for the parts of the loop --------------------------------------------------------------------------------

    def source(self, loader: Any) -> GuardedLoader | IterableGuard:
        """Return the guard around a loader, made once."""
        if id(loader) not in self._sources:
            setup.check_source(loader, "train")
            source = guard_loader(loader, self.seed, self.quarantine, guarded=self.policy.may("quarantine"))
            if not self._sources and loader is not self._expected:
                meet_data(self, data_of(loader))
            self._sources[id(loader)] = source
            self.train, self.train_source = loader, source
            self.follow_controls()
            self.turn.look_at_deaths(self, source)
            self._loaders.append(loader)  # keeps the id taken
            self._samples = source.samples or 0
            if self.status == "running" and not self.history.facts.get("components"):
                self.history.facts |= facts_of(self, self.epochs_asked, loader, **self.known)
            elif self.status == "running" and not self._loaders[:-1]:
                renew_plan(self, self.epochs_asked, loader)
            note_prepared(self, self.model, self.optimizer, loader)
        return self._sources[id(loader)]

    def expect(self, loader: Any) -> None:
        """Look at the training data before the run is opened, so that all differences are told at once."""
        self.identity |= data_of(loader)
        self._expected = loader

    def note_prepared(self, *objects: Any) -> None:
        """Write down what was changed of these objects before the training, such as by `preflight(...).apply()`."""
        note_prepared(self, *objects)
        say_unprepared(self, *objects)
