"""Batches that failed as a whole: their samples wait until there are good ones, and are judged beside those."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autofix_nb.checkpoints import portable
from autofix_nb.data import Batch, Fault
from autofix_nb.errors import StoreError
from autofix_nb.loop.blame import set_aside
from autofix_nb.loop.stepper import Attempt
from autofix_nb.loop.window import Objective

if TYPE_CHECKING:
    from autofix_nb.loop.guard import Guard


class HeldBatches:
    """The batches that wait, and the good samples of the usual size that they are judged beside."""

    def __init__(self, guard: "Guard") -> None:
        self._guard = guard
        self._held: list[tuple[Batch, list[Fault]]] = []
        self._good: list[Any] = []
        """Samples of a batch that passed, of the usual size."""

        self._objective: Objective | None = None

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint."""
        held = [_kept_batch(batch, faults) for batch, faults in self._held]
        return {"good": _kept(self._good), "held": [one for one in held if one is not None]}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        self._good = list(state["good"] or ())
        self._held = [
            (Batch(None, one["indices"], one["epoch"], one["position"]), [Fault(*fault) for fault in one["faults"]])
            for one in state["held"]
        ]

    def passed(self, batch: Batch, objective: Objective) -> None:
        """Take note that a batch passed: others can be judged beside its samples now."""
        if batch.indices and len(batch.indices) >= len(self._good):
            self._good = batch.indices
        self._objective = objective

    def hold(self, batch: Batch, faults: list[Fault]) -> None:
        """Keep the samples of a batch that failed, not its data, to be judged later."""
        self._held.append((replace(batch, data=None), faults))

    def try_good_ones(self, like: Batch, objective: Objective) -> Attempt | None:
        """Run samples that passed before, loaded as those of `like`: if they fail, no sample is to blame.

        None where no batch has passed yet. Gradients and the random stream are the caller's to put back.
        """
        beside = like.reload(self._good) if self._good and like.source is not None else None
        if beside is None:
            return None
        guard = self._guard
        return guard.window.pieces(guard.stepper.to_device(beside.data), objective, 1.0, first=True).read()

    def judge(self) -> None:
        """Between two steps: judge the samples of the batches that wait beside good ones, if there are any."""
        objective = self._objective or self._guard.objective  # a resumed run has batches from before its first step
        if self._held and self._good and objective is not None:
            held, self._held = self._held, []
            for failed, faults in held:
                failed.source = failed.source or self._guard.train_source
                self._judge(failed, faults, objective)

    def _judge(self, failed: Batch, faults: list[Fault], objective: Objective) -> None:
        """Set aside those rows of a failed batch that fail beside good ones too; the others failed for its size."""
        guard = self._guard
        guilty = []
        random = guard.stepper.before.again()
        try:
            good = self.try_good_ones(failed, objective)
            if good is not None and not good.fine:
                self._held.append((failed, faults))  # then nothing is learnt about the others
                return
        finally:
            random.restore()
            guard.optimizer.zero_grad(set_to_none=True)
        for fault in faults:
            beside = failed.reload([fault.index, *self._good[: max(1, len(self._good) - 1)]]) if self._good else None
            if beside is None or fault.index not in beside.indices:
                continue
            attempt = guard.window.pieces(guard.stepper.to_device(beside.data), objective, 1.0, first=True).read()
            if not attempt.fine:
                guilty.append(fault)
            random.restore()
        guard.optimizer.zero_grad(set_to_none=True)
        if guilty:
            set_aside(guard, failed, guilty)
        if len(guilty) < len(faults):
            text = (
                f"batch {failed.position} of epoch {failed.epoch} failed, and its samples pass beside others: it is "
                f"its size, {len(faults)}. If the model wants another one, give the loader `drop_last=True`"
            )
            guard.problems += [text] if text not in guard.problems else []


def _kept(indices: list[Any]) -> list[Any] | None:
    """Return indices as a checkpoint can hold them; None where it cannot."""
    try:
        return portable(list(indices), "indices")
    except StoreError:
        return None


def _kept_batch(batch: Batch, faults: list[Fault]) -> dict[str, Any] | None:
    """Return a batch whose samples wait to be judged as plain values; None where a checkpoint cannot hold them."""
    indices, names = _kept(batch.indices or []), _kept([fault.index for fault in faults])
    if indices is None or names is None:
        return None
    said = [[name, fault.kind, fault.reason, fault.trace] for name, fault in zip(names, faults, strict=True)]
    return {"indices": indices, "epoch": batch.epoch, "position": batch.position, "faults": said}
