"""Clip the global gradient norm near what was usual before it exploded (Pascanu, Mikolov, Bengio 2013)."""

from typing import ClassVar

import numpy as np

from autofix_nb.finding import Finding
from autofix_nb.fixes.base import Change, SettingFix, Trainee

TIMES_THE_USUAL = 3.0
"""The limit in medians of the recorded norms: high enough to leave ordinary steps alone."""


class ClipGradients(SettingFix):
    """Scale gradients down to a limit, so that one direction is kept and its length is not."""

    name: ClassVar = "clip_gradients"
    touches: ClassVar = "loop"

    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        norms = run.history.values("grad_norm")
        norms = norms[np.isfinite(norms)]
        if not len(norms) or run.controls.clip_norm is not None:
            return None
        limit = float(TIMES_THE_USUAL * np.median(norms))
        if limit == 0:  # a limit of 0 would end the training
            return None
        return Change(
            fix=self.name,
            touches=self.touches,
            says=f"gradients are clipped to a norm of {limit:.3g}, {TIMES_THE_USUAL:g} times the usual",
            before={"clip_norm": run.controls.clip_norm},
            after={"clip_norm": limit},
            permanent=f"torch.nn.utils.clip_grad_norm_(model.parameters(), {limit:.3g})",
        )
