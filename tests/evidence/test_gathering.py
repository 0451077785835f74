"""What is collected in a pass: whatever order it comes in, it leaves by index."""

import numpy as np
import pytest
import torch

from autofix_nb.evidence.gathering import Gathered


def finished(gathered, samples=None):
    return gathered.finish("train", samples, "how", (), 0.0)


@pytest.mark.parametrize("count", [1, 5, 31, 32, 33, 2500])
def test_the_order_of_arrival_does_not_show(count):
    """However many samples are waited for before the kind of data is told."""
    gathered = Gathered(None, None)
    for key in np.random.default_rng(0).permutation(count).tolist():
        gathered.add(key, (torch.tensor([float(key), 1.0]), key))

    scan = finished(gathered)

    assert list(range(count)) == scan.indices.tolist() == scan.labels.tolist() == scan.features[:, 0].tolist()
    assert (count, count) == (int(scan.profile.count[0]), len(set(scan.digests.tolist())))


def test_blocks_in_any_order():
    """The same, many at once."""
    gathered = Gathered(None, None)
    for start in (20, 0, 10):
        keys = np.arange(start, start + 10)
        gathered.add_block(keys.tolist(), [("", keys[:, None] * 1.0)], keys)

    scan = finished(gathered)

    assert list(range(30)) == scan.indices.tolist() == scan.labels.tolist() == scan.features[:, 0].tolist()


def test_lengths_that_change_later_give_the_features_up():
    """A row that does not fit beside the others is no fault where a collate function may pad it."""
    gathered = Gathered(None, None)
    for key in range(50):
        gathered.add(key, (torch.zeros(3 if key < 40 else 4), key))

    scan = finished(gathered)

    assert ("other", None, 50, 0) == (scan.kind, scan.features, len(scan.labels), len(scan.faults))


def test_a_label_that_is_missing_leaves_no_labels():
    """They would no longer stand beside their samples."""
    gathered = Gathered(None, None)
    for key in range(50):
        gathered.add(key, (torch.zeros(3), None if key == 44 else key))

    assert finished(gathered).labels is None


def test_too_many_labels_are_let_go(monkeypatch):
    """Those of sequences are as many as the inputs."""
    monkeypatch.setattr("autofix_nb.evidence.labels.MOST_LABELS", 100)
    gathered = Gathered(None, None)
    for key in range(50):
        gathered.add(key, (torch.zeros(3), torch.zeros(3)))

    assert finished(gathered).labels is None


def test_keys_that_are_no_numbers_are_counted():
    """A sampler may give any key."""
    gathered = Gathered(None, None)
    for key in ("b", "a", (1, 2)):
        gathered.add(key, (torch.full((3,), torch.nan), 1))
    gathered.fault("c", ValueError("broken"))

    scan = finished(gathered)

    assert ([0, 1, 2], ["c"]) == (scan.indices.tolist(), [fault.index for fault in scan.faults])
    assert {"b", "a", (1, 2)} == set(scan.non_finite)


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        ([True, False], np.int64),
        ([1, 2], np.int64),
        ([torch.tensor(1, dtype=torch.uint8), torch.tensor(2, dtype=torch.uint8)], np.int64),
        ([torch.tensor(1.0).half(), torch.tensor(2.0).half()], np.float32),
        ([1, 2.5], np.float64),
        ([np.float32(1), np.float32(2)], np.float32),
    ],
)
def test_types_of_labels(labels, dtype):
    """Integers or floats."""
    gathered = Gathered(None, None)
    for key, label in enumerate(labels):
        gathered.add(key, (torch.zeros(3), label))

    assert dtype == finished(gathered).labels.dtype


@pytest.mark.parametrize(
    ("usual", "odd", "reason"),
    [
        pytest.param(1, None, "target is None, usual is int", id="none"),
        pytest.param(torch.tensor(1), torch.tensor([1]), "target is Tensor (1,), usual is Tensor ()", id="dimension"),
        pytest.param(torch.tensor(1), 1, "target is int, usual is Tensor ()", id="number-beside-tensors"),
        pytest.param(np.int64(1), np.array([1]), "target is ndarray (1,), usual is int64", id="array"),
        pytest.param([1, 2], [1, 2, 3], "target is list (3,), usual is list (2,)", id="longer-list"),
        pytest.param({"a": 1}, {"b": 1}, "target is b (), usual is a ()", id="other-names"),
        pytest.param(1, np.int64(1), "", id="number-of-numpys"),
        pytest.param(1, 1.5, "", id="whole-and-broken-numbers"),
        pytest.param("a", "bc", "", id="texts"),
    ],
)
@pytest.mark.parametrize("place", [3, 44])
def test_a_target_that_cannot_be_collated_is_a_fault(usual, odd, reason, place):
    """Asked of the very function that makes the batches."""
    gathered = Gathered(None, None, strict=True)
    for key in range(50):
        gathered.add(key, (torch.zeros(3), odd if key == place else usual))

    expected = [(place, "odd shape", reason)] if reason else []

    assert expected == [(fault.index, fault.kind, fault.reason) for fault in finished(gathered).faults]


def test_targets_of_all_shapes_are_no_fault():
    """There is no usual one."""
    gathered = Gathered(None, None, strict=True)
    for key in range(50):
        gathered.add(key, (torch.zeros(3), torch.zeros(key % 4)))

    assert () == finished(gathered).faults
