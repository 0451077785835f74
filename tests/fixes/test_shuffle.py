"""A random order in the place of a sequential one, and of no other."""

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, SequentialSampler, TensorDataset

import autofix_nb as af
from autofix_nb.fixes.preparing import Owned
from autofix_nb.fixes.shuffle import Shuffle
from tests.runs import finding, history, trainee

ROWS = TensorDataset(torch.arange(20.0).view(20, 1), torch.arange(20))


class Stream(IterableDataset):
    def __iter__(self):
        return iter(ROWS)


class OwnSampler(SequentialSampler):
    """One of the user's own, who has a reason for it."""


def applied(loader):
    fix, owned = Shuffle(), Owned(train=loader)
    change = fix.plan(finding(step=0), owned)
    fix.apply(change, owned)
    return fix, change, owned


@pytest.mark.parametrize("options", [{"batch_size": 6}, {"batch_size": 6, "drop_last": True}, {"batch_size": None}])
def test_the_batches_are_those_of_a_shuffling_loader(options):
    """The same as `DataLoader(..., shuffle=True)` gives, by torch's own way and by the guard's."""
    loader = DataLoader(ROWS, **options)
    applied(loader)
    shuffling = DataLoader(ROWS, shuffle=True, **options)

    for epoch in range(2):
        expected, actual = (
            [targets.tolist() for _, targets in af.batches(one, seed=3, epoch=epoch)] for one in (shuffling, loader)
        )
        assert expected == actual
    plain = []
    for one in (shuffling, loader):
        torch.manual_seed(4)
        plain.append([targets.tolist() for _, targets in one])
    assert plain[0] == plain[1]


def test_the_loaders_generator_draws_the_order():
    """Who gave one wants the order to hang on it alone."""
    loaders = [
        DataLoader(ROWS, batch_size=6, shuffle=shuffle, generator=torch.Generator().manual_seed(7))
        for shuffle in (True, False)
    ]
    applied(loaders[1])

    orders = [[targets.tolist() for _, targets in loader] for loader in loaders]
    assert orders[0] == orders[1]


@pytest.mark.parametrize(
    "loader",
    [
        pytest.param(DataLoader(ROWS, shuffle=True), id="shuffled-already"),
        pytest.param(DataLoader(ROWS, sampler=OwnSampler(ROWS)), id="own-sampler"),
        pytest.param(DataLoader(ROWS, sampler=[3, 1, 2]), id="own-order"),
        pytest.param(DataLoader(ROWS, batch_sampler=[[0, 1], [2]]), id="own-batches"),
        pytest.param(
            DataLoader(ROWS, batch_sampler=BatchSampler(SequentialSampler(ROWS), 4, False)), id="own-batch-sampler"
        ),
        pytest.param(DataLoader(Stream()), id="stream"),
        pytest.param([(torch.ones(2, 1), torch.ones(2))], id="list"),
        pytest.param(DataLoader(TensorDataset(torch.ones(0, 1))), id="empty"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_is_no_sequential_loader_is_left_alone(loader):
    """Somebody who gave an order of their own meant it."""
    assert None is Shuffle().plan(finding(step=0), Owned(train=loader))


def test_says_what_it_does():
    """And the line to type makes such a loader."""
    _, change, _ = applied(DataLoader(ROWS, batch_size=6))
    names = {"DataLoader": DataLoader, "train": DataLoader(ROWS)}
    exec(change.permanent, names)  # noqa: S102

    own = DataLoader(ROWS, batch_size=6, drop_last=True, num_workers=1, collate_fn=list)
    assert (
        "train = DataLoader(train.dataset, batch_size=6, num_workers=1, drop_last=True, collate_fn=train.collate_fn, "
        "shuffle=True)" == applied(own)[1].permanent
    )
    assert "the 20 training samples come in a new random order each epoch" == change.says
    assert ("RandomSampler", 6) == (type(names["train"].sampler).__name__, names["train"].batch_size)


def test_under_way_it_is_a_setting_of_the_loop():
    """The loader is the user's; the guard draws the order by itself."""
    loader = DataLoader(ROWS, batch_size=6)
    run = trainee(history(), train=loader)
    sampler = loader.sampler
    (change,) = Shuffle().plans(finding(step=100), run)
    Shuffle().apply(change, run)

    assert ({"reshuffle": False}, {"reshuffle": True}) == (change.before, change.after)
    assert (True, sampler) == (run.controls.reshuffle, loader.sampler)
    assert [] == Shuffle().plans(finding(step=100), run)
    Shuffle().undo(change, run)

    assert not run.controls.reshuffle


@pytest.mark.parametrize("loader", [DataLoader(ROWS, shuffle=True), None], ids=["shuffled-already", "nothing"])
def test_under_way_what_is_in_random_order_is_left_alone(loader):
    """As before the training."""
    assert None is Shuffle().plan(finding(step=100), trainee(history(), train=loader))
