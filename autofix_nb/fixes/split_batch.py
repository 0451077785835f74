"""Run a batch in parts after the memory ran out: the same rows, weighted so that the gradient is the whole batch's."""

from typing import ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee


class SplitBatch(SettingFix):
    """Halve the number of rows that are run at once; a batch is still one step."""

    name: ClassVar = "split_batch"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        before = run.controls.micro_batch
        whole = run.history.facts.get("batch_size") or getattr(getattr(run, "train", None), "batch_size", None)
        rows = before or whole
        if not rows or rows < 2:
            return None
        rows = (rows + 1) // 2
        return split_into(rows, before=before, whole=whole or before)


def split_into(rows: int, *, before: int | None, whole: int) -> Change:
    """Return the change to so many rows at once, of batches of `whole` rows."""
    return Change(
        fix=SplitBatch.name,
        touches=SplitBatch.touches,
        says=f"batches are run {rows} rows at a time, with the gradient of the whole batch",
        before={"micro_batch": before},
        after={"micro_batch": rows},
        permanent=f"train = DataLoader(train.dataset, batch_size={rows}, shuffle=True)  # and accumulate="
        f"{-(-whole // rows)}",
    )
