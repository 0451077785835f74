"""Draw the training samples in a new random order each epoch, as `DataLoader(..., shuffle=True)` does."""

from dataclasses import replace
from typing import Any, ClassVar

from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
    default_convert,
)

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.collating import Converted
from autofix_nb.fixes.preparing import Owned, WayBack
from autofix_nb.fixes.under_way import UnderWayFix


class Shuffle(UnderWayFix):
    """Put a random sampler in the place of a sequential one. Samplers of the user's own are left alone."""

    name: ClassVar = "shuffle"
    touches: ClassVar = "data"

    def fit(self, finding: Finding, owned: Owned) -> Change | None:
        if not _is_sequential(owned.train):
            return None
        samples = len(owned.train.dataset)
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"the {samples:,} training samples come in a new random order each epoch",
            before={"shuffle": False},
            after={"shuffle": True},
            permanent=f"train = DataLoader(train.dataset, {_options(owned.train)}shuffle=True)",
        )

    def settle(self, finding: Finding, run: Trainee) -> list[Change]:
        change = None if run.controls.reshuffle else self.fit(finding, Owned.of(run))
        if change is None:
            return []
        return [replace(change, before={"reshuffle": False}, after={"reshuffle": True})]

    def do(self, change: Change, owned: Owned) -> list[WayBack]:
        loader = owned.train
        if not _is_sequential(loader):
            return []
        before, batches = loader.sampler, loader.batch_sampler

        def put(sampler: Any) -> None:
            vars(loader)["sampler"] = sampler  # a loader refuses it by its usual way
            if batches is not None:
                batches.sampler = sampler

        put(RandomSampler(before.data_source, generator=loader.generator))
        return [lambda: put(before)]

    def touched(self, owned: Owned) -> tuple[Any, ...]:
        return (owned.train,)


def _is_sequential(loader: Any) -> bool:
    if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
        return False
    if type(loader.sampler) is not SequentialSampler or not len(loader.sampler):
        return False
    batches = loader.batch_sampler
    return batches is None or (type(batches) is BatchSampler and batches.sampler is loader.sampler)


def _options(loader: DataLoader) -> str:
    """Return what else the loader was made with, where it is not the usual."""
    said = {"batch_size": loader.batch_size, "num_workers": loader.num_workers, "drop_last": loader.drop_last}
    usual = {"batch_size": 1, "num_workers": 0, "drop_last": False}
    parts = [f"{name}={value}, " for name, value in said.items() if value != usual[name]]
    collate = loader.collate_fn
    while isinstance(collate, Converted):
        collate = collate.collate
    own = collate not in (default_collate, default_convert)
    return "".join([*parts, "collate_fn=train.collate_fn, "] if own else parts)
