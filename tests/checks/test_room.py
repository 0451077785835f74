"""E04: disk, memory and shared memory, against what the training needs."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.checks.room import Room
from autofix_nb.evidence import Clock, Machine, Subject
from autofix_nb.finding import Severity
from tests.cases import digits_loaders, mlp
from tests.checks.subjects import answer_of, subject, why_not

MEGABYTE = 2**20
MODEL = nn.Linear(1024, 1024, bias=False)  # 4 MB of weights, a checkpoint of 12 MB
CHECK = Room(least_disk_bytes=0)


def machine(**facts) -> Machine:
    """A machine with plenty of everything, but for what is told."""
    plenty = 2**40
    usual = {
        "host": "jupyter",
        "disk_free_bytes": plenty,
        "memory_available_bytes": plenty,
        "device_memory_free_bytes": plenty,
        "shared_memory_bytes": (plenty, plenty),
    }
    return Machine(**usual | facts)


def loader(workers: int = 2, **options) -> DataLoader:
    """Batches of 1 MB, in two workers."""
    data = TensorDataset(torch.zeros(4, 2**17))
    return DataLoader(data, batch_size=2, num_workers=workers, **options)


def severities(looked_at: Subject, check: Room = CHECK) -> list[Severity]:
    """How bad each finding is."""
    return [finding.severity for finding in answer_of(check, looked_at).findings]


@pytest.mark.parametrize(
    ("expected", "free"),
    [
        pytest.param([Severity.CRITICAL], 83, id="does-not-fit"),
        pytest.param([Severity.WARNING], 84, id="just-fits"),
        pytest.param([Severity.WARNING], 167, id="little-headroom"),
        pytest.param([], 168, id="twice-as-much"),
    ],
)
def test_seven_checkpoints_must_fit_on_the_disk(expected, free):
    """With as much again free."""
    looked_at = subject(MODEL, machine=machine(disk_free_bytes=free * MEGABYTE))

    assert expected == severities(looked_at)


@pytest.mark.parametrize(
    ("expected", "free"), [([Severity.CRITICAL], 11), ([Severity.WARNING], 12), ([Severity.WARNING], 23), ([], 24)]
)
def test_gradients_and_state_must_fit_into_memory(expected, free):
    """Three times the weights, with as much again free."""
    looked_at = subject(MODEL, machine=machine(memory_available_bytes=free * MEGABYTE))

    assert expected == severities(looked_at)


def test_on_an_accelerator_its_memory_counts():
    """And the weights are still to come there."""
    told = machine(memory_available_bytes=1, device_memory_free_bytes=15 * MEGABYTE)
    looked_at = Subject(MODEL, None, clock=Clock(9), device=torch.device("cuda"), machine=told)

    finding = answer_of(CHECK, looked_at).findings[0]

    assert (Severity.CRITICAL, ("memory of `cuda`",)) == (finding.severity, finding.where)


@pytest.mark.parametrize(
    ("expected", "facts"),
    [
        ([Severity.WARNING], {"disk_free_bytes": 1023 * MEGABYTE}),
        ([Severity.CRITICAL], {"disk_free_bytes": 511 * MEGABYTE}),
        ([Severity.WARNING], {"memory_available_bytes": 511 * MEGABYTE}),
        ([], {"disk_free_bytes": 1024 * MEGABYTE, "memory_available_bytes": 512 * MEGABYTE}),
    ],
)
def test_without_a_model_there_are_marks(expected, facts):
    """Low water, whatever is to be trained."""
    assert expected == severities(subject(machine=machine(**facts)))


@pytest.mark.parametrize(
    ("expected", "free"), [([Severity.CRITICAL], 4), ([Severity.WARNING], 5), ([Severity.WARNING], 9), ([], 10)]
)
def test_what_the_workers_hold_ready_must_fit_into_shared_memory(expected, free):
    """Two workers with two batches of 1 MB each, and the one in use."""
    told = machine(shared_memory_bytes=(free * MEGABYTE, 64 * MEGABYTE))
    looked_at = subject(nn.Linear(2, 2), [], machine=told)
    looked_at.train = loader()
    looked_at.__dict__["_first"] = (type("Batch", (), {"data": [torch.zeros(2, 2**17)]})(), ())

    assert expected == severities(looked_at)


def test_fewer_workers_are_offered():
    """As many as fit with headroom; also where only the validation loader has any."""
    told = machine(shared_memory_bytes=(4 * MEGABYTE, 64 * MEGABYTE))
    looked_at = subject(nn.Linear(2, 2), loader(0), loader(), machine=told)

    finding = answer_of(CHECK, looked_at).findings[0]

    assert "loader = DataLoader(loader.dataset, batch_size=2, num_workers=0)  # and the rest as before" == (
        finding.to_type
    )
    assert "shared memory (`/dev/shm`): 4.0 MB free, 5 batches that 2 workers hold ready need about 5.0 MB" == (
        finding.says
    )


def test_without_workers_shared_memory_is_not_used():
    """However little there is."""
    told = machine(shared_memory_bytes=(0, 0))

    assert [] == severities(subject(nn.Linear(2, 2), loader(0), machine=told))


def test_a_system_that_tells_nothing():
    """Then nothing can be said."""
    told = machine(disk_free_bytes=None, memory_available_bytes=None, shared_memory_bytes=None)

    assert "this system does not tell how much memory or disk is free" == why_not(CHECK, subject(machine=told))


def test_the_worst_comes_first():
    """What cannot fit before what is near it."""
    told = machine(disk_free_bytes=100 * MEGABYTE, memory_available_bytes=MEGABYTE)

    assert [Severity.CRITICAL, Severity.WARNING] == severities(subject(MODEL, machine=told))


def test_a_small_job_on_a_usual_machine_is_fine():
    """With numbers."""
    told = machine(disk_free_bytes=2**34, memory_available_bytes=2**33)

    answer = answer_of(Room(), subject(mlp(), *digits_loaders(), machine=told))

    assert () == answer.findings
    assert answer.says.startswith("disk: 16 GB free, 7 checkpoints of 56 kB and the run's records need about 100 MB; ")
