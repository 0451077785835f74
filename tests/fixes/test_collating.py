"""Conversions behind a loader's collate function."""

import pickle
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, default_collate

import autofix_nb as af
from autofix_nb.data.fetch import columns_of
from autofix_nb.fixes.collating import Conversion, Converted, batches_spread, can_convert, input_parts
from autofix_nb.fixes.scale_pixels import PixelScale
from autofix_nb.fixes.standardise import Scale

Pair = namedtuple("Pair", "inputs targets")
ROWS = TensorDataset(torch.arange(40.0).view(20, 2), torch.arange(20))


@dataclass
class Graph:
    nodes: torch.Tensor
    targets: torch.Tensor


class Doubled(Conversion):
    def convert(self, path, part):
        return part * 2


class Stream(IterableDataset):
    def __iter__(self):
        return iter(ROWS)


one, two, three = torch.ones(4, 2), torch.full((4,), 2), torch.full((4, 3), 3.0)


@pytest.mark.parametrize(
    ("batch", "paths"),
    [
        pytest.param((one, two), ["[0]"], id="pair"),
        pytest.param([one, two], ["[0]"], id="list"),
        pytest.param(Pair(one, two), ["[0]"], id="named-tuple"),
        pytest.param((one, three, two), ["[0]", "[1]"], id="two-inputs"),
        pytest.param(((one, {"more": three}), two), ["[0][0]", "[0][1]['more']"], id="nested"),
        pytest.param({"x": one, "label": two}, ["['x']"], id="dict"),
        pytest.param({"labels": two, "x": one, "y": three}, ["['x']", "['y']"], id="the-first-name-is-the-target"),
        pytest.param({"x": one}, [], id="dict-without-target"),
        pytest.param((one,), [], id="inputs-alone"),
        pytest.param(one, [], id="tensor"),
        pytest.param("text", [], id="text"),
        pytest.param(None, [], id="none"),
    ],
)
def test_inputs_are_told_from_targets(batch, paths):
    """As the training takes a batch apart; where it cannot, none."""
    assert paths == list(input_parts(batch))


@pytest.mark.parametrize(
    "batch",
    [(one, two), [one, two], Pair(one, two), {"y": two, "x": one}, Graph(one, two), ("words", (one, None), two)],
    ids=["tuple", "list", "named-tuple", "dict", "dataclass", "mixed"],
)
def test_a_conversion_keeps_the_kind_of_batch(batch):
    """And converts what is named by its path, alone."""
    path = next(path for path, part in af.data.structure.tensors(batch) if part is one)  # the place of the ones differs
    made = Doubled((path,))(batch)

    assert type(batch) is type(made)
    assert {2.0} == {float(part.max()) for _, part in af.data.structure.tensors(made)}
    assert 1.0 == float(one.max())


def test_taking_one_away_leaves_the_others():
    """In any order, and the loader's own function comes back as the very object."""
    loader = DataLoader(ROWS, batch_size=4)
    first = Converted.put_behind(loader, Doubled(("[0]",)))
    second = Converted.put_behind(loader, PixelScale(("[0]",)))
    first.take_away(loader)
    inputs, _ = next(iter(loader))
    second.take_away(loader)
    first.take_away(loader)

    assert torch.equal(ROWS.tensors[0][:4] / 255, inputs)
    assert default_collate is loader.collate_fn


@pytest.mark.parametrize(
    "conversion",
    [PixelScale(("[0]",)), Scale({"[0]": {"axis": 1, "mean": [1.0, 2.0], "std": [3.0, 4.0]}})],
    ids=["pixels", "scale"],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_the_guard_gives_converted_batches_with_and_without_workers(conversion, workers):
    """The same bits, and a copy of the function is sent by pickle."""
    loader = DataLoader(ROWS, batch_size=4, shuffle=True, num_workers=workers)
    plain = list(af.batches(loader, seed=3, epoch=0))
    Converted.put_behind(loader, pickle.loads(pickle.dumps(conversion)))  # noqa: S301
    made = list(af.batches(loader, seed=3, epoch=0))

    for before, after in zip(plain, made, strict=True):
        assert torch.equal(conversion(before)[0], after[0])
        assert torch.equal(before[1], after[1])


def test_whole_batches_are_converted_too():
    """With `batch_size=None` the data set gives them."""
    whole = [(torch.ones(3, 2), torch.zeros(3)), (torch.ones(2, 2), torch.zeros(2))]
    loader = DataLoader(whole, batch_size=None)
    Converted.put_behind(loader, Doubled(("[0]",)))

    assert [2.0, 2.0] == [float(inputs.max()) for inputs, _ in af.batches(loader, seed=0, epoch=0)]
    assert [2.0, 2.0] == [float(inputs.max()) for inputs, _ in loader]


def test_batches_are_spread_over_the_data_and_nothing_moves_on():
    """The first ones of ordered data would tell of one class only."""
    loader = DataLoader(ROWS, batch_size=2, generator=torch.Generator().manual_seed(3), shuffle=False)
    state, random = loader.generator.get_state(), torch.get_rng_state()
    seen = [batch.indices for batch in batches_spread(loader, 8)]

    assert [[0, 1], [4, 5], [10, 11], [14, 15]] == seen
    assert torch.equal(state, loader.generator.get_state())
    assert torch.equal(random, torch.get_rng_state())
    assert [2, 2] == [len(batch.data[1]) for batch in batches_spread(DataLoader(Stream(), batch_size=2), 4)]


def test_loaders_whose_workers_run_already_are_left_alone():
    """They keep the old function."""
    loader = DataLoader(ROWS, num_workers=1, persistent_workers=True)

    assert can_convert(loader)
    waiting = iter(loader)
    assert not can_convert(loader)
    waiting._shutdown_workers()
    assert not can_convert(DataLoader(Stream(), num_workers=1, persistent_workers=True))
    assert can_convert(DataLoader(Stream()))
    assert not can_convert([one])


def test_workers_that_run_with_a_conversion_are_let_go_with_it():
    """What is undone shows in the very next epoch."""
    loader = DataLoader(ROWS, batch_size=4, num_workers=1, persistent_workers=True)
    plain = [batch[0] for batch in DataLoader(ROWS, batch_size=4)]
    made = Converted.put_behind(loader, Doubled(("[0]",)))
    doubled = [batch[0] for batch in loader]
    made.take_away(loader)
    undone = [batch[0] for batch in loader]
    loader._iterator._shutdown_workers()

    assert all(torch.equal(2 * one, two) for one, two in zip(plain, doubled, strict=True))
    assert all(map(torch.equal, plain, undone))


def test_data_sets_of_tensors_are_still_read_whole_batches_at_a_time():
    """Row by row costs six times as much; the bits are the same."""
    loader = DataLoader(ROWS, batch_size=4)
    Converted.put_behind(loader, PixelScale(("[0]",)))
    at_once = columns_of(ROWS, loader.collate_fn)([3, 1])
    row_by_row = loader.collate_fn([ROWS[3], ROWS[1]])

    assert type(row_by_row) is type(at_once)
    assert all(torch.equal(*pair) for pair in zip(row_by_row, at_once, strict=True))
    assert columns_of(list(ROWS), loader.collate_fn) is None
