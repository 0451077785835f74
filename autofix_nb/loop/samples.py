"""Samples that cannot be used: what is noted of them, and what is found of a batch that holds some."""

from collections.abc import Sequence

from autofix_nb.data import Batch, Fault
from autofix_nb.errors import DataError
from autofix_nb.finding import Finding, Severity
from autofix_nb.loop.stepper import Attempt


class Samples:
    """Mixed into the guard, whose quarantine, journal, policy and trouble it uses."""

    def set_aside(self, fault: Fault) -> None:
        """Put one sample into quarantine and write it down."""
        sample = self.quarantine.add(fault, epoch=self.epoch, position=self.position)
        if sample is None:
            return
        self.journal.append(
            "quarantine",
            index=sample.index,
            fault=sample.kind,
            reason=sample.reason,
            epoch=self.epoch,
            position=self.position,
            step=self.step_count,
        )
        self._record_quarantine()

    def sample_finding(self, faults: Sequence[Fault]) -> Finding:
        """Return the note that samples could not be used, and why."""
        first = faults[0]
        more = f"; {len(faults) - 1} more in this batch" if len(faults) > 1 else ""
        return Finding(
            code="B02",
            title="A batch cannot be built or run",
            severity=Severity.NOTE,
            step=self.step_count,
            measured=len(faults),
            limit=0,
            says=f"{_named(first)} {first.kind}: {first.reason}{more}",
            where=tuple(map(_named, faults)),
            fixes=("quarantine",),
        )

    def _take_note(self, batch: Batch) -> None:
        """Samples of this batch could not be had: set them aside, or wait and see when it was all of them."""
        faults = [fault for fault in batch.faults if fault.index not in self.quarantine]
        batch.faults = ()
        if not faults:
            return
        if batch.indices is None:  # a batch that a stream could not give
            self.policy.note(self.sample_finding(faults))
            self.sums.skipped += 1
            return
        if batch.data is None and not self.trouble.ever_passed:
            error = faults[0].error or DataError(f"`train[{faults[0].index}]` {faults[0].reason}\n{faults[0].trace}")
            self.trouble.leave_out(batch, Attempt(error=error), faults)
            return
        self.suspects = faults
        self.policy.act(self.sample_finding(faults), self, ["quarantine"])
        self.suspects = []

    def _record_quarantine(self) -> None:
        count = len(self.quarantine)
        self.history.record(self.step_count, quarantined=count)
        if self._samples:
            self.history.record(self.step_count, quarantined_share=count / self._samples)


def _named(fault: Fault) -> str:
    """Return `sample 345`; what has no index in the data set has a name already."""
    return f"sample {fault.index}" if isinstance(fault.index, int) else str(fault.index)
