"""The guard around a loader: the same samples, batches and workers, in an order that can be reached again.

What is kept of a map-style `DataLoader`: data set, sampler or batch sampler, batch size, `drop_last`, collate
function, workers with their start method, time-out, prefetching and initialisation, and pinned memory.
What is ours: the order of an epoch is drawn from (seed, epoch), the randomness of a batch from (seed, epoch,
position), whatever the number of workers; a bad sample is set aside alone; a killed worker is replaced.
"""

import signal
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from autofix_nb.data.fetch import PAUSES_SECONDS, Fault, Fetcher, Loaded, Plan, is_worker_death
from autofix_nb.data.quarantine import Quarantine, key_of
from autofix_nb.data.seeding import LoadingRandomness, derive_seed
from autofix_nb.errors import ConfigurationError, DataError

_ORDER = -1  # no batch has this position: the stream of an epoch's order is apart from those of its batches
FAILED_FETCHES_IN_A_ROW = 5
"""An iterable data set whose `next` raises this often in a row is given up."""


@dataclass(slots=True)
class Batch:
    """One batch on its way through a step: the data, which samples it holds, and how to load them again."""

    data: Any
    indices: list[Any] | None
    """Indices of the samples, in order; None where the data set does not tell (iterable)."""

    epoch: int
    position: int
    faults: tuple[Fault, ...] = ()
    """Samples of this batch that could not be had, not yet in quarantine."""

    load_seconds: float = 0.0
    retries: int = 0
    source: "GuardedLoader | IterableGuard | None" = field(default=None, repr=False)

    def reload(self, indices: list[Any]) -> "Batch | None":
        """Load the batch again with these samples only; the random numbers start as they did. None when none is left.

        Raises:
            DataError: when the data set does not tell its samples apart.
        """
        if self.source is None or self.indices is None:
            raise DataError("`batch` comes from an iterable data set, whose samples cannot be asked for again")
        loaded = self.source.fetch(Plan(self.epoch, self.position, indices))
        if not loaded.indices:
            return None
        return Batch(loaded.data, loaded.indices, self.epoch, self.position, loaded.faults, source=self.source)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)

    def __getitem__(self, key: Any) -> Any:
        return self.data[key]


class GuardedLoader:
    """A map-style `DataLoader` whose epochs can be entered at any batch. Iterate it with `epoch`."""

    def __init__(
        self, loader: DataLoader, seed: int, quarantine: Quarantine | None = None, *, guarded: bool = True
    ) -> None:
        """`guarded=False` lets a sample's exception through, as the plain loader would."""
        self.loader = loader
        self.seed = seed
        self.quarantine = Quarantine() if quarantine is None else quarantine
        self.guarded = guarded
        self.worker_deaths = 0
        self.in_this_process = False
        """Whether batches are loaded here although the loader asks for workers."""

        self.reshuffled_from: int | None = None
        """Epoch from which the samples are put into a new order each time, although the loader does not ask for it."""

        self._whole = loader.batch_sampler is None  # `batch_size=None`: a key brings a whole batch
        collate = _FirstOnly(loader.collate_fn) if self._whole else loader.collate_fn
        self._fetcher = Fetcher(loader.dataset, collate, seed, whole=self._whole, pauses=PAUSES_SECONDS)
        self._live = _Live()
        self._workers: DataLoader | None = None
        self._pin = bool(loader.pin_memory) and torch.cuda.is_available()

    def __len__(self) -> int:
        return len(self.loader)

    @property
    def samples(self) -> int:
        """Samples in the data set."""
        return len(self.loader.dataset)

    def order(self, epoch: int) -> list[list[Any]]:
        """Return the indices of each batch of an epoch, before anything is left out."""
        sampler = self.loader.sampler if self._whole else self.loader.batch_sampler
        with LoadingRandomness(self.seed, epoch, _ORDER):
            for part in (sampler, getattr(sampler, "sampler", None), self.loader.sampler):
                if callable(getattr(part, "set_epoch", None)):
                    part.set_epoch(epoch)
            generators = {
                id(generator): generator
                for generator in (self.loader.generator, *_generators(sampler), *_generators(self.loader.sampler))
                if generator is not None
            }
            before = {name: generator.get_state() for name, generator in generators.items()}
            for generator in generators.values():
                generator.manual_seed(derive_seed(self.seed, epoch, _ORDER))
            try:
                keys = [[key] if self._whole else list(key) for key in sampler]
                return keys if self.reshuffled_from is None or epoch < self.reshuffled_from else _shuffled(keys)
            finally:
                for name, generator in generators.items():
                    generator.set_state(before[name])

    def epoch(self, epoch: int, start: int = 0, without: Collection[int] = ()) -> Iterator[Batch]:
        """Yield the batches of an epoch from position `start` on.

        A batch without any sample left is passed over; those at the positions `without` are not even loaded.
        """
        excluded = self.quarantine.excluded(epoch)
        plans = [
            Plan(epoch, position, [key for key in keys if key_of(key) not in excluded] if excluded else keys)
            for position, keys in enumerate(self.order(epoch))
            if position >= start and position not in without
        ]
        self._live.plans = [plan for plan in plans if plan.indices]
        with_workers = self.loader.num_workers and not self.in_this_process
        fetched = self._with_workers() if with_workers else self._here()
        clock = time.perf_counter
        began = clock()
        for plan, loaded in fetched:
            if self.quarantine and self.quarantine.holds_any(loaded.indices):
                # Set aside since this batch was planned, or drawn twice in this epoch.
                again = self.fetch(Plan(epoch, plan.position, loaded.indices))
                loaded = replace(again, faults=loaded.faults + again.faults, retries=loaded.retries + again.retries)
            yield Batch(
                loaded.data,
                loaded.indices,
                epoch,
                plan.position,
                loaded.faults,
                clock() - began,
                loaded.retries,
                self,
            )
            began = clock()

    def fetch(self, plan: Plan) -> Loaded:
        """Fetch one planned batch in this process, without the samples in quarantine."""
        indices = [index for index in plan.indices if index not in self.quarantine]
        plan = Plan(plan.epoch, plan.position, indices)
        if not indices:
            return Loaded(None, [])
        loaded = self._fetcher[plan]
        return loaded.pin_memory() if self._pin else loaded

    def look_at(self, plan: Plan) -> Loaded:
        """Fetch samples as they are, quarantined ones too."""
        return self._fetcher[plan]

    def _here(self) -> Iterator[tuple[Plan, Loaded]]:
        for plan in self._live.plans:
            loaded = self._fetcher[plan]
            self._complain(loaded)
            yield plan, loaded.pin_memory() if self._pin else loaded

    def _with_workers(self) -> Iterator[tuple[Plan, Loaded]]:
        """Fetch through worker processes; when one is killed, go on from the first batch that did not arrive."""
        done, deaths_here = 0, 0
        plans = self._live.plans
        killers: tuple[Fault, ...] = ()
        while done < len(plans):
            # One worker with one batch in hand, so that the next death names the batch; for those batches only
            # that may have been in some worker's hands.
            careful = deaths_here == 2
            in_hands = self.loader.num_workers * (self.loader.prefetch_factor or 2)
            self._live.plans = plans[done : done + in_hands] if careful else plans[done:]
            arrived = None
            died = False
            try:
                arrived = self._start_workers(careful=careful)
                for loaded in arrived:
                    self._complain(loaded)
                    if killers:
                        loaded, killers = replace(loaded, faults=(*killers, *loaded.faults)), ()
                    done, deaths_here = done + 1, 0
                    yield plans[done - 1], loaded
            except (RuntimeError, OSError, EOFError) as error:
                if not (is_worker_death(error) or _is_cut_off(error)):
                    raise
                died = True
                self.worker_deaths += 1
                deaths_here += 1
                self._workers = None
                if not self.guarded and deaths_here > 1:
                    raise
            finally:
                # At once: a traceback that a notebook keeps would keep the workers too.
                if died or careful or not self.loader.persistent_workers:
                    _end(arrived)
            if not (died and careful and done < len(plans)):
                continue
            plan = plans[done]
            found = self._killers(plan)
            if not found and deaths_here > 2:
                raise DataError(
                    f"`train`: the workers that load batch {plan.position} of epoch {plan.epoch} "
                    "were killed three times, while each of its samples alone can be loaded. The machine is "
                    "probably out of memory: use fewer workers or smaller batches"
                )
            if found:
                # The rest is left to a worker too: what kills a worker must never reach this process.
                killers += tuple(found)
                deaths_here = 0
                gone = {key_of(fault.index) for fault in killers}
                plans = [
                    replace(later, indices=[key for key in later.indices if key_of(key) not in gone]) for later in plans
                ]
                if not plans[done].indices:
                    yield plan, Loaded(None, [], killers)
                    done, killers = done + 1, ()
                plans = [later for place, later in enumerate(plans) if place < done or later.indices]

    def _killers(self, plan: Plan) -> list[Fault]:
        """Return the samples of `plan` that kill the worker process which loads them, each tried in one of its own."""
        killers = []
        for index in plan.indices:
            alone = [replace(plan, indices=[index])]
            loader = self._worker_loader(alone, num_workers=1, timeout=self.loader.timeout)
            arriving = None
            try:
                arriving = iter(loader)
                next(arriving)
            except (RuntimeError, OSError, EOFError) as error:
                if is_worker_death(error):
                    killers.append(Fault(index, "kills its worker", str(error).splitlines()[0]))
            _end(arriving)
        return killers

    def _start_workers(self, *, careful: bool) -> Iterator[Loaded]:
        theirs = self.loader
        if careful:
            workers = self._worker_loader(self._live, num_workers=1, prefetch_factor=1, timeout=theirs.timeout)
        elif self._workers is None:
            workers = self._workers = self._worker_loader(
                self._live,
                num_workers=theirs.num_workers,
                prefetch_factor=theirs.prefetch_factor,
                persistent_workers=theirs.persistent_workers,
                timeout=theirs.timeout,
            )
        else:
            workers = self._workers
        workers.generator.manual_seed(derive_seed(self.seed, self._live.plans[0].epoch, _ORDER))
        arrived = iter(workers)
        _quiet_deaths.listen()
        return arrived

    def _worker_loader(self, plans: Any, **options: Any) -> DataLoader:
        theirs = self.loader
        return DataLoader(
            self._fetcher,  # type: ignore[arg-type]
            batch_size=None,
            sampler=plans,
            collate_fn=_as_it_is,
            pin_memory=theirs.pin_memory,
            worker_init_fn=_Initialise(theirs.worker_init_fn),
            multiprocessing_context=theirs.multiprocessing_context,
            generator=torch.Generator(),  # or each epoch would draw one number from the global stream
            **options,
        )

    def _complain(self, loaded: Loaded) -> None:
        """Without the guard a fault is the user's exception again."""
        if self.guarded or not loaded.faults:
            return
        fault = loaded.faults[0]
        raise fault.error or DataError(f"`train[{fault.index}]` {fault.reason}\n{fault.trace}")


class IterableGuard:
    """Any other source of batches: an iterable data set, a list, a generator function's result.

    Its limits: the samples have no index, so a bad one costs its batch; the order is the source's own, so a
    resume reads past what was already used; a generator that raises has ended, and the epoch with it.
    """

    samples = None

    def __init__(self, source: Iterable[Any], seed: int, *, guarded: bool = True, name: str = "train") -> None:
        """`guarded=False` lets the source's exceptions through."""
        if isinstance(source, Iterator):
            raise ConfigurationError(
                f"`{name}` is a {type(source).__name__}, which can be read once only; wanted something that each "
                "epoch can iterate anew. Make a list of it, or give the `DataLoader` itself"
            )
        self.source = source
        self.seed = seed
        self.guarded = guarded
        self.worker_deaths = 0
        self.lost_batches: list[tuple[int, int, str]] = []
        """(epoch, position, reason) of batches that raised."""

    def __len__(self) -> int:
        return len(self.source)  # type: ignore[arg-type]

    def epoch(self, epoch: int, start: int = 0, without: Collection[int] = ()) -> Iterator[Batch]:
        """Yield the batches of an epoch; those before `start` and at `without` are read and passed over."""
        with LoadingRandomness(self.seed, epoch, _ORDER):
            arriving = iter(self.source)
        _quiet_deaths.listen()
        position = failed = 0
        while True:
            began = time.perf_counter()
            error = None
            try:
                with LoadingRandomness(self.seed, epoch, position):
                    data = next(arriving)
            except StopIteration:
                return
            except Exception as caught:  # noqa: BLE001 - whatever the source raises costs one batch
                error = caught
            if error is None:
                failed = 0
                if position >= start and position not in without:
                    seconds = time.perf_counter() - began
                    yield Batch(data, None, epoch, position, load_seconds=seconds, source=self)
            else:
                failed += 1
                self.lost_batches.append((epoch, position, f"{type(error).__name__}: {error}"))
                if failed == FAILED_FETCHES_IN_A_ROW or not self.guarded:
                    raise error
                if position >= start:
                    fault = Fault(f"batch {position} of epoch {epoch}", "raises", self.lost_batches[-1][2])
                    yield Batch(None, None, epoch, position, faults=(fault,), source=self)
            position += 1

    def fetch(self, plan: Plan) -> Loaded:
        raise DataError("`train` is iterable: its samples cannot be asked for again")


def guard_loader(
    source: Any, seed: int, quarantine: Quarantine | None = None, *, guarded: bool = True, name: str = "train"
) -> GuardedLoader | IterableGuard:
    """Return the guard that fits `source`; `name` is what errors call it.

    Raises:
        ConfigurationError: when `source` cannot be iterated anew for each epoch.
    """
    if isinstance(source, DataLoader) and not isinstance(source.dataset, IterableDataset):
        return GuardedLoader(source, seed, quarantine, guarded=guarded)
    if not hasattr(source, "__iter__"):
        raise ConfigurationError(
            f"`{name}` is a {type(source).__name__}, wanted a `torch.utils.data.DataLoader` or an iterable of batches: "
            "`DataLoader(data, batch_size=32)`"
        )
    return IterableGuard(source, seed, guarded=guarded, name=name)


def batches(loader: Any, seed: int, epoch: int, exclude: Iterable[Any] = ()) -> Iterator[Any]:
    """Yield the exact batches that `fit(..., seed=seed)` trains on in `epoch` (counted from 0).

    `exclude` are indices of samples to leave out, such as `run.quarantine.indices()`. For whoever wants to
    compare a run with a loop of their own.
    """
    quarantine = Quarantine()
    for index in exclude:
        quarantine.add(Fault(index, "excluded", "left out on request"), epoch=epoch - 1, position=0)
    for batch in guard_loader(loader, seed, quarantine).epoch(epoch):
        if batch.data is not None:
            yield batch.data


def _shuffled(batches: list[list[Any]]) -> list[list[Any]]:
    """Return batches of the same sizes whose samples are drawn from all of them, by torch's global stream."""
    keys = [key for batch in batches for key in batch]
    rest = iter([keys[place] for place in torch.randperm(len(keys)).tolist()])
    return [[next(rest) for _ in batch] for batch in batches]


def _end(arrived: Any) -> None:
    """End the workers that are left now, quietly. Left to the garbage collector, each would print a traceback."""
    end = getattr(arrived, "_shutdown_workers", None)
    try:
        if end is not None:
            end()
    except RuntimeError as error:
        if not is_worker_death(error):
            raise


def _is_cut_off(error: BaseException) -> bool:
    """Tell whether a worker was killed between announcing a batch and handing over its memory.

    What a worker itself raises looks the same, but for the place that torch writes into its text.
    """
    if isinstance(error, RuntimeError):
        return "items of ancdata" in str(error)
    return isinstance(error, OSError | EOFError) and "in DataLoader worker process" not in str(error)


class _QuietDeaths:
    """A handler in front of torch's for dying workers, so that their death raises nothing by itself.

    torch answers SIGCHLD with an exception wherever the main thread happens to be: inside an optimizer step, or in
    a weak reference's callback that swallows it. Without it the loader notices by itself when it waits for the next
    batch, at most five seconds later.
    """

    def __init__(self) -> None:
        self._theirs: Any = None

    def listen(self) -> None:
        """Take torch's place, which it takes when a process first starts workers."""
        if not hasattr(signal, "SIGCHLD") or threading.current_thread() is not threading.main_thread():
            return
        handler = signal.getsignal(signal.SIGCHLD)
        if callable(handler) and handler != self._handle:
            self._theirs = handler
            signal.signal(signal.SIGCHLD, self._handle)

    def _handle(self, number: int, frame: Any) -> None:
        try:
            self._theirs(number, frame)
        except RuntimeError as error:
            if not is_worker_death(error):
                raise


_quiet_deaths = _QuietDeaths()


class _Live:
    """The plans of the epoch at hand, for worker processes that outlive an epoch.

    It does not know its guard: a circle would leave the workers to the garbage collector, which waits for each.
    """

    def __init__(self) -> None:
        self.plans: list[Plan] = []

    def __iter__(self) -> Iterator[Plan]:
        return iter(self.plans)

    def __len__(self) -> int:
        return len(self.plans)


class _Initialise:
    """The user's `worker_init_fn`, for which the data set is the user's own, not the guard's fetcher."""

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs

    def __call__(self, worker: int) -> None:
        info = get_worker_info()
        object.__setattr__(info, "dataset", info.dataset.dataset)  # a worker's info is read-only
        if self._theirs is not None:
            self._theirs(worker)


class _FirstOnly:
    """With `batch_size=None` a sample is a whole batch already."""

    def __init__(self, convert: Any) -> None:
        self._convert = convert

    def __call__(self, samples: list[Any]) -> Any:
        return self._convert(samples[0])


def _as_it_is(loaded: Loaded) -> Loaded:
    return loaded


def _generators(sampler: Any) -> list[torch.Generator]:
    """Return the generators that a sampler, or the sampler inside a batch sampler, draws from."""
    found = []
    for part in (sampler, getattr(sampler, "sampler", None)):
        generator = getattr(part, "generator", None)
        if isinstance(generator, torch.Generator):
            found.append(generator)
    return found
