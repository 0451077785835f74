"""The guarded loader gives what the plain one gives, from any position, with any workers, and loses nothing."""

import gc
import multiprocessing
import os
import random
import signal
from collections import Counter, namedtuple
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from autofix_nb.data import Batch, Fault, GuardedLoader, IterableGuard, Quarantine, batches, guard_loader, loader
from autofix_nb.data.seeding import set_streams, streams
from autofix_nb.errors import ConfigurationError, DataError

ROWS = 23
Pair = namedtuple("Pair", "inputs targets")


class Plain(Dataset):
    """Row `index` holds `index`, made into a sample by `make`."""

    def __init__(self, make=float, rows=ROWS):
        self.make, self.rows = make, rows

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        return self.make(index)


class AtOnce(Plain):
    def __getitems__(self, indices):
        return [self.make(index) for index in indices]


class Noisy(Dataset):
    """Rows with noise from all three global streams; some raise, after having drawn."""

    def __init__(self, rows=ROWS, raising=()):
        self.rows, self.raising = rows, set(raising)

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        noise = [torch.rand(()).item(), np.random.normal(), random.gauss(0, 1)]
        if index in self.raising:
            raise StopIteration(f"sample {index}")
        return torch.tensor([index, *noise])


class Deadly(Noisy):
    """Kills the worker that loads `index`: always, or once if there is a flag to remember it by."""

    def __init__(self, index, flag=None, number=signal.SIGKILL):
        super().__init__(12)
        self.index, self.flag, self.number = index, flag, number

    def __getitem__(self, index):
        if index == self.index and get_worker_info() is not None and not (self.flag and self.flag.exists()):
            if self.flag:
                self.flag.touch()
            if self.number is None:
                os._exit(3)
            os.kill(os.getpid(), self.number)
        return super().__getitem__(index)


def as_tensor(index):
    return torch.tensor([float(index), -1.0])


def as_tuple(index):
    return as_tensor(index), index


def as_dict(index):
    return {"x": as_tensor(index), "deep": [index, {"name": f"row {index}"}]}


def as_pair(index):
    return Pair(as_tensor(index), index)


def as_batch(index):
    return torch.arange(index, index + 4)


def reverse(samples):
    return list(reversed(samples))


def flat(data):
    """Return a batch as nested plain values with the names of its types."""
    if isinstance(data, torch.Tensor):
        return ("Tensor", str(data.dtype), data.tolist())
    if isinstance(data, Mapping):
        return (type(data).__name__, {name: flat(part) for name, part in data.items()})
    if isinstance(data, list | tuple):
        return (type(data).__name__, [flat(part) for part in data])
    return data


def run_through(guard, epoch=0, start=0):
    """Return (position, indices, data) of each batch."""
    return [(batch.position, batch.indices, flat(batch.data)) for batch in guard.epoch(epoch, start)]


def guarded(source, seed=0, **options):
    """Return the guard around a loader, which is put to sleep for no error."""
    guard = GuardedLoader(source, seed, **options)
    guard._fetcher._sleep = no_sleep
    return guard


@pytest.fixture
def _soon(monkeypatch):
    """torch looks for dead workers every five seconds of waiting; tests wait less."""
    monkeypatch.setattr(_MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.1,))


def no_sleep(_):
    """Pass the time in no time."""


@pytest.mark.parametrize(
    ("dataset", "options"),
    [
        pytest.param(Plain(), {"batch_size": 4}, id="numbers"),
        pytest.param(Plain(as_tuple), {"batch_size": 4, "drop_last": True}, id="drop-last"),
        pytest.param(Plain(as_dict), {"batch_size": 5}, id="nested-dicts"),
        pytest.param(Plain(as_pair), {"batch_size": 5}, id="named-tuples"),
        pytest.param(Plain(str), {"batch_size": 5}, id="texts"),
        pytest.param(Plain(as_tensor), {"batch_size": 4, "collate_fn": reverse}, id="own-collate"),
        pytest.param(AtOnce(as_tuple), {"batch_size": 4}, id="getitems"),
        pytest.param(Subset(AtOnce(as_tuple), [3, 1, 8, 8, 2]), {"batch_size": 2}, id="subset-of-getitems"),
        pytest.param(Subset(TensorDataset(torch.arange(9.0)), [3, 1, 8, 8]), {"batch_size": 3}, id="subset-of-tensors"),
        pytest.param(TensorDataset(torch.rand(9, 2), torch.arange(9)), {"batch_size": 4}, id="tensors"),
        pytest.param(Plain(as_tuple), {"batch_size": None}, id="no-batch-size"),
        pytest.param(Plain(as_batch), {"batch_size": None, "collate_fn": torch.neg}, id="no-batch-size-own-collate"),
        pytest.param(Plain(as_tuple), {"batch_sampler": [[1, 2], [7], [2, 2, 0]]}, id="batches-given"),
        pytest.param(
            Plain(as_tuple), {"batch_sampler": BatchSampler(SequentialSampler(range(9)), 6, True)}, id="batch-sampler"
        ),
        pytest.param(Plain(as_tuple), {"sampler": SequentialSampler(range(7)), "batch_size": 3}, id="sampler"),
        pytest.param(Plain(as_tuple), {"sampler": [5, 5, 1], "batch_size": 2}, id="list-as-sampler"),
        pytest.param({"a": 1.0, "b": 2.0, "c": 3.0}, {"sampler": ["c", "a", "b"], "batch_size": 2}, id="named-samples"),
        pytest.param(
            TensorDataset(torch.arange(20.0)),
            {"batch_size": None, "sampler": BatchSampler(SequentialSampler(range(20)), 6, False)},
            id="keys-are-lists",
        ),
        pytest.param(
            Subset(Plain(as_tuple), range(9)),
            {"sampler": DistributedSampler(range(9), num_replicas=2, rank=0, shuffle=False), "batch_size": 2},
            id="distributed",
        ),
    ],
)
def test_batches_equal_those_of_the_plain_loader(dataset, options):
    """Where nothing is drawn, the guard's batches are the plain loader's: values, types, sizes, order and number."""
    source = DataLoader(dataset, **options)
    guard = guard_loader(source, 0)
    expected = [flat(data) for data in source]

    assert expected == [data for _, _, data in run_through(guard)]
    assert expected == [flat(data) for data in batches(source, 0, 0)]
    assert len(source) == len(guard) == len(expected)


def weighted(generator=None):
    return WeightedRandomSampler([0.0, *[1.0] * (ROWS - 1)], 30, generator=generator)


class ByNumpy:
    """A batch sampler of somebody's own, that draws from NumPy's global stream."""

    def __iter__(self):
        yield from (chunk.tolist() for chunk in np.array_split(np.random.permutation(ROWS), 5))

    def __len__(self):
        return 5


def generator_of(seed=5):
    return torch.Generator().manual_seed(seed)


DRAWN = [
    pytest.param(lambda: {"shuffle": True}, id="shuffle"),
    pytest.param(lambda: {"shuffle": True, "generator": generator_of()}, id="shuffle-with-generator"),
    pytest.param(lambda: {"sampler": weighted()}, id="weighted"),
    pytest.param(lambda: {"sampler": weighted(generator_of())}, id="weighted-with-generator"),
    pytest.param(lambda: {"sampler": SubsetRandomSampler(range(3, 17), generator_of())}, id="subset-with-generator"),
    pytest.param(lambda: {"sampler": RandomSampler(range(ROWS), replacement=True, num_samples=9)}, id="replacement"),
    pytest.param(lambda: {"sampler": DistributedSampler(range(ROWS), num_replicas=2, rank=0)}, id="distributed"),
    pytest.param(
        lambda: {
            "batch_size": 1,
            "batch_sampler": BatchSampler(RandomSampler(range(ROWS), generator=generator_of()), 4, True),
        },
        id="batch-sampler-with-generator",
    ),
    pytest.param(lambda: {"batch_size": 1, "batch_sampler": ByNumpy()}, id="own-batch-sampler-by-numpy"),
    pytest.param(lambda: {"batch_size": None, "shuffle": True}, id="no-batch-size"),
]


def generators_in(source):
    """Return the states of all generators of the user's."""
    parts = (source, source.sampler, source.batch_sampler, getattr(source.batch_sampler, "sampler", None))
    found = [getattr(part, "generator", None) for part in parts]
    return [generator.get_state().tolist() for generator in found if generator is not None]


@pytest.mark.parametrize("options", DRAWN)
def test_the_order_is_drawn_from_seed_and_epoch_alone(options):
    """The same epoch in the same order, another one in another; the user's generators and all streams are untouched."""
    source = DataLoader(Noisy(), **({"batch_size": 4} | options()))
    before, theirs = streams(), generators_in(source)
    guard = guarded(source, 3)
    first = run_through(guard, 0)
    other = run_through(guard, 1)
    torch.rand(3)
    again = run_through(guarded(DataLoader(Noisy(), **({"batch_size": 4} | options())), 3), 0)

    assert first == again
    assert [keys for _, keys, _ in first] != [keys for _, keys, _ in other]
    assert theirs == generators_in(source)
    assert len(source) == len(first)
    set_streams(before)


def test_an_epoch_holds_every_sample_once():
    """Shuffled, the samples are those of the plain loader, each once."""
    guard = guarded(DataLoader(Plain(int), batch_size=4, shuffle=True))

    for epoch in range(3):
        assert Counter(range(ROWS)) == Counter(key for batch in guard.epoch(epoch) for key in batch.indices)


def test_a_weighted_sampler_keeps_its_weights():
    """Forbidden samples never come, the number drawn is the sampler's."""
    guard = guarded(DataLoader(Plain(), sampler=weighted(), batch_size=4))
    keys = [key for batch in guard.epoch(0) for key in batch.indices]

    assert 30 == len(keys)
    assert 0 not in keys


def test_a_distributed_sampler_is_told_the_epoch():
    """Both ranks together see each sample, in the order that `set_epoch` gives."""
    orders = []
    for rank in (0, 1):
        sampler = DistributedSampler(range(22), num_replicas=2, rank=rank, seed=4)
        guard = guarded(DataLoader(Plain(), sampler=sampler, batch_size=4))
        keys = [[key for batch in guard.epoch(epoch) for key in batch.indices] for epoch in (0, 1)]
        alone = DistributedSampler(range(22), num_replicas=2, rank=rank, seed=4)
        for epoch in (0, 1):
            alone.set_epoch(epoch)
            assert list(alone) == keys[epoch]
        orders.append(keys[1])

    assert list(range(22)) == sorted(orders[0] + orders[1])


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**63),
    epoch=st.integers(0, 5),
    start=st.integers(0, 8),
    batch_size=st.integers(1, 9),
    raising=st.sets(st.integers(0, ROWS - 1), max_size=3),
)
def test_an_epoch_entered_anywhere_is_its_tail(seed, epoch, start, batch_size, raising):
    """Entering at a position gives the rest of the whole epoch, noise included."""
    source = DataLoader(Noisy(raising=raising), batch_size=batch_size, shuffle=True)

    assert run_through(guarded(source, seed), epoch)[start:] == run_through(guarded(source, seed), epoch, start)


def test_no_two_places_share_their_numbers():
    """Order and batches, epochs and positions, all have streams of their own."""
    source = DataLoader(Noisy(300), batch_size=1)
    guard = guarded(source)
    noise = [tuple(batch.data[0, 1:].tolist()) for epoch in (0, 1) for batch in guard.epoch(epoch)]
    with loader.LoadingRandomness(0, 0, loader._ORDER):
        order = tuple(Noisy()[0][1:].tolist())

    assert len(noise) + 1 == len({*noise, order})


def as_in(context=None, workers=2, **options):
    return {"batch_size": 4, "shuffle": True, "num_workers": workers, "multiprocessing_context": context} | options


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(as_in(workers=1), id="one"),
        pytest.param(as_in(workers=2), id="two"),
        pytest.param(as_in(persistent_workers=True, prefetch_factor=3), id="persistent"),
        pytest.param(as_in(pin_memory=True), id="pinned"),
        pytest.param(as_in("spawn", workers=1, persistent_workers=True), id="spawned"),
    ],
)
def test_the_number_of_workers_does_not_show(options):
    """Batches, noise, faults and what is left out later are the same with any workers as with none."""
    seen = []
    for more in ({"batch_size": 4, "shuffle": True}, options):
        guard = guarded(DataLoader(Noisy(raising=[3, 11]), **more), 9)
        trace = []
        for epoch, start in ((0, 0), (1, 2), (2, 0)):
            for batch in guard.epoch(epoch, start):
                trace.append((epoch, batch.position, batch.indices, flat(batch.data), batch.faults))
                for fault in batch.faults:
                    guard.quarantine.add(fault, epoch=epoch, position=batch.position)
        seen.append((trace, guard.quarantine.indices()))

    assert seen[0] == seen[1]
    assert {3, 11} == set(seen[1][1])


class Initialised(Dataset):
    """Says what `worker_init_fn` made of it."""

    value = -1

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.tensor([self.value, get_worker_info().num_workers, get_worker_info().seed % 2**31])


def initialise(worker):
    get_worker_info().dataset.value = 10 + worker


def test_worker_init_fn_sees_the_users_own_data_set():
    """`get_worker_info().dataset` is the user's, as under the plain loader; worker seeds follow seed and epoch."""
    source = DataLoader(Initialised(), batch_size=1, num_workers=2, worker_init_fn=initialise)
    rows = {}
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        data = [batch.data[0].tolist() for batch in GuardedLoader(source, seed).epoch(epoch)]
        again = [batch.data[0].tolist() for batch in GuardedLoader(source, seed).epoch(epoch)]
        assert data == again
        rows[seed, epoch] = data

    assert [[10, 2], [11, 2]] * 3 == [row[:2] for row in rows[0, 0]]
    assert 3 == len({tuple(row[2] for row in data) for data in rows.values()})


def test_a_bad_sample_costs_itself_and_later_epochs_begin_without_it():
    """Set aside, a sample is never asked for again, and batch positions stay what they were."""
    guard = guarded(DataLoader(Noisy(raising=[5]), batch_size=4))
    for batch in guard.epoch(0):
        for fault in batch.faults:
            guard.quarantine.add(fault, epoch=0, position=batch.position)
    later = list(guard.epoch(1))
    guard.quarantine.release(5)
    released = list(guard.epoch(2))

    assert [[4, 6, 7], ()] == [later[1].indices, later[1].faults]
    assert [[4, 6, 7], [5]] == [released[1].indices, [fault.index for fault in released[1].faults]]
    assert list(range(6)) == [batch.position for batch in later]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_set_aside_in_mid_epoch_is_left_out_at_once(workers):
    """A batch that was already on its way is loaded again without it, and keeps its other faults."""
    source = DataLoader(Noisy(raising=[9]), batch_size=4, num_workers=workers)
    guard = guarded(source)
    seen = []
    for batch in guard.epoch(0):
        if batch.position == 0:
            guard.quarantine.add(Fault(8, "non-finite", "NaN"), epoch=0, position=0)
        seen.append((batch.indices, [fault.index for fault in batch.faults]))
    resumed = Quarantine()
    resumed.restore(guard.quarantine.state())

    assert ([10, 11], [9]) == seen[2]
    again = guarded(source, quarantine=resumed)
    assert run_through(again, 0)[2:] == run_through(again, 0, 2)


@pytest.mark.parametrize(
    "keys",
    [pytest.param([(0, 1), (1, 2)], id="tuples"), pytest.param([torch.tensor(0), torch.tensor(1)], id="tensors")],
)
def test_keys_of_any_kind_are_left_out_of_later_epochs(keys):
    """Whatever the sampler gives as key, a sample set aside is not asked for again."""
    asked = []

    class Asked:
        def __getitem__(self, key):
            asked.append(str(key))
            return 1.0

    guard = guarded(DataLoader(Asked(), sampler=keys, batch_size=2))
    guard.quarantine.add(Fault(keys[0], "raises", "x"), epoch=0, position=0)
    (batch,) = guard.epoch(1)

    assert ([str(keys[1])], 1) == (asked, len(batch.indices))


def test_a_batch_without_any_sample_left():
    """In the epoch where it happens it comes with its faults and no data; later it is passed over."""
    guard = guarded(DataLoader(Noisy(8, raising=[4, 5, 6, 7]), batch_size=4))
    seen = list(guard.epoch(0))
    for fault in seen[1].faults:
        guard.quarantine.add(fault, epoch=0, position=1)

    assert (None, [], 4) == (seen[1].data, seen[1].indices, len(seen[1].faults))
    assert [0] == [batch.position for batch in guard.epoch(1)]
    assert 1 == len(list(batches(guard.loader, 0, 0)))


def test_a_batch_is_loaded_again_as_it_was():
    """`reload` gives the same rows with the same noise; with fewer samples, a batch planned without the rest."""
    guard = guarded(DataLoader(Noisy(raising=[2]), batch_size=4, shuffle=True))
    for batch in guard.epoch(1):
        assert flat(batch.data) == flat(batch.reload(batch.indices).data)
    whole = next(iter(guard.epoch(0)))
    fewer = whole.reload([*whole.indices[:2], 2])

    assert (whole.indices[:2], [2]) == (fewer.indices, [fault.index for fault in fewer.faults])
    assert torch.equal(whole.data[:2], fewer.data)
    assert whole.reload([2]) is None
    with pytest.raises(DataError, match="iterable"):
        Batch(None, None, 0, 0).reload([1])


@pytest.mark.parametrize("workers", [0, 2])
def test_excluded_samples_are_those_of_a_run_without_them(workers):
    """`batches(exclude=…)` leaves samples out of every epoch, the first too."""
    source = DataLoader(Plain(int), batch_size=4, num_workers=workers)
    kept = [value for data in batches(source, 0, 0, exclude=[2, np.int64(3)]) for value in data.tolist()]

    assert [row for row in range(ROWS) if row not in (2, 3)] == kept


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        pytest.param(ValueError("mine"), ValueError, id="ValueError"),
        pytest.param(StopIteration("leaks"), RuntimeError, id="StopIteration-ends-nothing-silently"),
        pytest.param(KeyError("k"), KeyError, id="KeyError"),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_without_the_guard_errors_come_through(error, wanted, workers):
    """`guarded=False`: the user's exception ends the epoch."""

    def make(index):
        if index == 5:
            raise error
        return index

    guard = guarded(DataLoader(Plain(make), batch_size=4, num_workers=workers), guarded=False)
    with pytest.raises(wanted):
        list(guard.epoch(0))


class Hiccups(Noisy):
    """Every third sample fails twice with the error of a mount that is gone for a moment."""

    def __init__(self):
        super().__init__()
        self.failed = Counter()

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        if index % 3 == 0 and self.failed[index] < 2:
            self.failed[index] += 1
            raise OSError(107, "Transport endpoint is not connected")
        return sample


@pytest.mark.parametrize("workers", [0, 2])
def test_a_mount_that_is_gone_for_a_moment_leaves_no_trace(workers):
    """With errors that pass, the epoch is that without them, noise and all; the attempts are counted."""
    options = {"batch_size": 4, "shuffle": True, "num_workers": workers}
    guard = guarded(DataLoader(Hiccups(), **options))
    seen = list(guard.epoch(0))

    assert run_through(guarded(DataLoader(Noisy(), **options))) == [(b.position, b.indices, flat(b.data)) for b in seen]
    assert (True, 0) == (sum(batch.retries for batch in seen) >= 8, sum(len(batch.faults) for batch in seen))


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("persistent", [False, True], ids=["plain", "persistent"])
@pytest.mark.parametrize("number", [None, signal.SIGKILL, signal.SIGSEGV], ids=["exit", "kill", "segfault"])
def test_a_worker_that_dies_once_costs_nothing_but_time(tmp_path, persistent, number):
    """No batch is lost, doubled or changed, and the next epoch has its workers again."""
    options = {"batch_size": 2, "num_workers": 2, "persistent_workers": persistent}
    guard = guarded(DataLoader(Deadly(5, tmp_path / "flag", number), **options))
    expected = guarded(DataLoader(Noisy(12), batch_size=2))

    for epoch in (0, 1):
        assert run_through(expected, epoch) == run_through(guard, epoch)
    assert (1, 0) == (guard.worker_deaths, len(guard.quarantine))


class Killable(Noisy):
    """Says in its rows which process loaded them."""

    def __getitem__(self, index):
        return torch.tensor([os.getpid()])


def kill(worker):
    """Kill a worker, and wait until it is dead."""
    os.kill(worker, signal.SIGKILL)
    os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)


@pytest.mark.usefixtures("_soon")
def test_a_worker_that_dies_between_epochs_costs_nothing_but_time():
    """Persistent workers killed while nobody loads are replaced at the next epoch; nobody else sees an exception."""
    options = {"batch_size": 2, "num_workers": 2, "persistent_workers": True}
    guard = guarded(DataLoader(Killable(12), **options))
    first = [int(batch.data[0]) for batch in guard.epoch(0)]
    kill(first[0])
    kill(first[1])
    second = [int(batch.data[0]) for batch in guard.epoch(1)]

    assert ([0, 1, 2, 3, 4, 5], True) == ([batch.position for batch in guard.epoch(2)], set(first).isdisjoint(second))


def test_workers_end_with_their_guard():
    """Persistent workers are gone when nobody holds the guard any more, without waiting for the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        guard = guarded(DataLoader(Killable(8), batch_size=2, num_workers=2, persistent_workers=True))
        workers = {int(batch.data[0]) for batch in guard.epoch(0)}
        batch = guard = None  # noqa: F841 - the last references
    finally:
        gc.enable()

    assert 2 == len(workers)
    assert workers.isdisjoint(child.pid for child in multiprocessing.active_children())


@pytest.mark.usefixtures("_soon")
def test_a_worker_that_dies_during_a_step_does_not_raise_there():
    """torch raises wherever the main thread is, as in an optimizer step; here the next batch is waited for."""
    guard = guarded(DataLoader(Killable(40), batch_size=2, num_workers=2))
    positions = []
    for batch in guard.epoch(0):
        positions.append(batch.position)
        if batch.position == 3:
            kill(int(batch.data[0]))
            assert 6 == sum(range(4))  # the handler runs between these instructions

    assert (list(range(20)), 1) == (positions, guard.worker_deaths)


@pytest.mark.usefixtures("_soon")
def test_a_sample_that_always_kills_is_named():
    """It is set aside alone, by workers only: nothing that kills is ever loaded in this process."""
    guard = guarded(DataLoader(Deadly(5), batch_size=3, num_workers=2))
    seen = list(guard.epoch(0))
    expected = [(position, keys) for position, keys in enumerate(([0, 1, 2], [3, 4], [6, 7, 8], [9, 10, 11]))]

    assert expected == [(batch.position, batch.indices) for batch in seen]
    assert [(1, 5, "kills its worker")] == [
        (batch.position, fault.index, fault.kind) for batch in seen for fault in batch.faults
    ]
    alone = [key for key in range(12) if key != 5]
    source = DataLoader(Noisy(12), batch_sampler=[alone[:3], alone[3:5], alone[5:8], alone[8:]])
    assert [flat(batch.data) for batch in seen] == [data for _, _, data in run_through(guarded(source))]


@pytest.mark.usefixtures("_soon")
def test_a_batch_of_killers_alone_comes_without_data():
    """When no sample of the batch is left, it says so, and the epoch goes on."""
    guard = guarded(DataLoader(Deadly(5), batch_size=1, num_workers=1))
    seen = list(guard.epoch(0))

    assert [5] == [batch.position for batch in seen if batch.data is None]
    assert list(range(12)) == [batch.position for batch in seen]


class Crowded(Noisy):
    """Kills the worker when it loads a whole batch, as a machine out of memory does."""

    def __getitems__(self, indices):
        if len(indices) > 1 and get_worker_info() is not None:
            os._exit(9)
        return [self[index] for index in indices]


@pytest.mark.usefixtures("_soon")
def test_workers_killed_for_no_single_sample_are_told():
    """Three deaths at one batch, and each sample alone is fine: the text says what it probably is."""
    guard = guarded(DataLoader(Crowded(4), batch_size=2, num_workers=1))
    with pytest.raises(DataError, match=r"`train`: the workers that load batch 0 of epoch 0 were killed three times"):
        list(guard.epoch(0))


def draw_all():
    return torch.rand(()).item(), np.random.normal(), np.random.rand(), random.gauss(0, 1)


class Nested(Dataset):
    """Loads from another guarded loader, as a data set of patches from volumes may."""

    def __init__(self):
        self.inner = GuardedLoader(DataLoader(Noisy(6), batch_size=3, shuffle=True), 77)

    def __len__(self):
        return ROWS

    def __getitem__(self, index):
        before = np.random.normal()
        inner = torch.cat([batch.data for batch in self.inner.epoch(index)])
        return torch.tensor([before, np.random.normal()]), inner


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"dataset": Noisy()}, id="plain"),
        pytest.param({"dataset": Noisy(raising=[3])}, id="raising"),
        pytest.param({"dataset": TensorDataset(torch.rand(ROWS))}, id="tensors"),
        pytest.param({"dataset": Noisy(), "num_workers": 2}, id="workers"),
        pytest.param({"dataset": Nested()}, id="nested"),
    ],
)
def test_loading_never_shows_in_the_streams_of_the_training(options):
    """A consumer that draws between batches draws what it would without any loading, odd numbers of normals too."""
    before = streams()
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = [[draw_all() for _ in range(number % 3)] for number in range(12)] + [draw_all()]
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    guard = guarded(DataLoader(**({"batch_size": 4, "shuffle": True} | options)))
    arriving = (batch for epoch in (0, 1) for batch in guard.epoch(epoch))
    actual = [[draw_all() for _ in range(number % 3)] for number, _ in enumerate(arriving)] + [draw_all()]
    set_streams(before)

    assert expected == actual


def test_loading_inside_loading_does_not_show_in_the_batch():
    """The outer batch draws its own numbers before and after; the inner batches are those of the inner loader."""
    dataset = Nested()
    (outer, inner), *_ = (batch.data for batch in guarded(DataLoader(dataset, batch_size=1)).epoch(0))
    with loader.LoadingRandomness(0, 0, 0):
        expected = [np.random.normal(), np.random.normal()]

    assert torch.tensor([expected]).equal(outer)
    assert torch.cat([batch.data for batch in dataset.inner.epoch(0)]).equal(inner[0])


# --- iterable sources -------------------------------------------------------------------------------------------------


class Counting(IterableDataset):
    """Counts, and raises where asked to; class-based, so that it goes on."""

    def __init__(self, raising=(), rows=8):
        self.raising, self.rows = set(raising), rows

    def __iter__(self):
        return Cursor(self)


class Cursor:
    def __init__(self, owner):
        self.owner, self.at = owner, -1

    def __iter__(self):
        return self

    def __next__(self):
        self.at += 1
        if self.at >= self.owner.rows:
            raise StopIteration
        if self.at in self.owner.raising:
            raise ValueError(f"row {self.at}")
        return self.at + random.random()


class Generated(Counting):
    """The same as a generator, which ends where it raises."""

    def __iter__(self):
        yield from Cursor(self)


def numbers(guard, epoch=0, start=0):
    return [(batch.position, batch.data) for batch in guard.epoch(epoch, start) if batch.data is not None]


def test_a_class_based_iterable_loses_one_batch():
    """The batch that raises is lost and noted, the rest comes; noise and streams are functions of the place."""
    source = DataLoader(Counting([3]), batch_size=None)
    guard = guard_loader(source, 2)
    random.seed(0)
    expected = random.random()
    random.seed(0)
    seen = numbers(guard)

    assert expected == random.random()
    assert [0, 1, 2, 4, 5, 6, 7] == [position for position, _ in seen] == [int(value) for _, value in seen]
    assert [(0, 3, "ValueError: row 3")] == guard.lost_batches
    lost = [batch for batch in guard.epoch(0) if batch.data is None]
    assert [("batch 3 of epoch 0", "raises", "ValueError: row 3")] == [
        (fault.index, fault.kind, fault.reason) for batch in lost for fault in batch.faults
    ]
    assert seen == numbers(guard_loader(source, 2))
    assert seen[3:] == numbers(guard, start=4)
    assert seen != numbers(guard, epoch=1)


def test_a_generator_that_raises_ends_its_epoch():
    """Nothing else can be had from it; what was lost is noted."""
    guard = guard_loader(DataLoader(Generated([3]), batch_size=None), 0)

    assert ([0, 1, 2], 1) == ([position for position, _ in numbers(guard)], len(guard.lost_batches))


def test_an_iterable_that_only_raises_is_given_up():
    """Five failures in a row are no hiccup."""
    guard = guard_loader(Counting(range(8)), 0)
    with pytest.raises(ValueError, match="row 4"):
        numbers(guard)


def test_without_the_guard_an_iterables_error_comes_through():
    """`guarded=False` holds for iterables too."""
    with pytest.raises(ValueError, match="row 3"):
        numbers(guard_loader(Counting([3]), 0, guarded=False))


def test_a_list_of_batches():
    """Any iterable that can be read anew is a source; its batches have no indices and cannot be asked for again."""
    guard = guard_loader([10, 20, 30], 0)
    last = list(guard.epoch(1))[-1]

    assert (3, [(1, 20), (2, 30)], None) == (len(guard), numbers(guard, 0, 1), last.indices)
    with pytest.raises(DataError, match="iterable"):
        last.reload([0])


@pytest.mark.parametrize("make", [lambda: (n for n in range(3)), lambda: iter([1]), lambda: zip([1], [2], strict=True)])
def test_what_can_be_read_once_only_is_refused(make):
    """A second epoch would be empty: the text says what to give instead."""
    with pytest.raises(ConfigurationError, match=r"`train` is a \w+, which can be read once only; .* Make a list"):
        guard_loader(make(), 0)


def test_what_cannot_be_iterated_is_refused():
    """The text names the type and what is wanted."""
    with pytest.raises(ConfigurationError, match=r"`train` is a int, wanted a `torch.utils.data.DataLoader`"):
        guard_loader(3, 0)


def test_guarding_an_iterable_starts_and_draws_nothing():
    """Making the guard neither begins an epoch nor touches the random streams."""
    begun = []

    class Begun(Counting):
        def __iter__(self):
            begun.append(1)
            return super().__iter__()

    torch.manual_seed(0)
    expected = torch.rand(())
    torch.manual_seed(0)
    guard = guard_loader(DataLoader(Begun(), batch_size=None), 0)

    assert isinstance(guard, IterableGuard)
    assert ([], True) == (begun, expected.equal(torch.rand(())))


def test_iterables_with_workers_draw_from_seed_and_epoch():
    """The training's streams are untouched, and the same epoch gives the same noise."""
    source = DataLoader(Counting(), batch_size=2, num_workers=1)
    torch.manual_seed(0)
    expected = torch.rand(())
    torch.manual_seed(0)
    first = [batch.data.tolist() for batch in guard_loader(source, 1).epoch(0)]

    assert expected.equal(torch.rand(()))
    assert first == [batch.data.tolist() for batch in guard_loader(source, 1).epoch(0)]
    assert first != [batch.data.tolist() for batch in guard_loader(source, 1).epoch(1)]


@given(st.integers(0, 3), st.integers(0, 5), st.integers(1, 7), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_an_order_drawn_anew_begins_with_its_epoch(since, epoch, batch_size, rows):
    """Before it the loader's own order; from it on the same samples in batches of the same sizes, by seed and epoch."""
    loader = DataLoader(TensorDataset(torch.arange(rows)), batch_size=batch_size)
    own, drawn, again = (GuardedLoader(loader, seed=3) for _ in range(3))
    drawn.reshuffled_from = again.reshuffled_from = since

    order = drawn.order(epoch)

    assert order == again.order(epoch)
    assert [len(batch) for batch in own.order(epoch)] == [len(batch) for batch in order]
    assert sorted(key for batch in order for key in batch) == list(range(rows))
    assert epoch >= since or order == own.order(epoch)
