"""autofix_nb as it comes, and with fixes of the loop alone."""

from collections.abc import Collection
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import autofix_nb as af
from tests.gauntlet.arms.base import Arm, Outcome
from tests.gauntlet.case import Case, Interruption, Training

SERVICES = frozenset({"early_stop", "tune_threshold"})
"""Changes that are announced services, as putting the best weights back is: they are no interventions."""

NAME = "run"


class Ours(Arm):
    """`af.fit` with what it does by default."""

    name = "autofix_nb"
    settings: dict[str, Any] = {}  # noqa: RUF012 - never written to

    def train(self, case: Case, seed: int, outcome: Outcome) -> None:
        store = outcome.folder if case.store is None else case.store(outcome.folder)
        try:
            self._fit(case.make(seed), seed, store, outcome)
        except Interruption:
            if case.again is None:
                raise
            self._fit(case.again(seed), seed, store, outcome)

    def _fit(self, training: Training, seed: int, store: Any, outcome: Outcome) -> None:
        outcome.training = training
        torch.manual_seed(seed)
        try:
            # Drawing the report takes longer than many a training here, and nobody looks at it.
            with mock.patch("autofix_nb.report.to_png", return_value=None):
                run = af.fit(**training.arguments, seed=seed, name=NAME, store=store, show="none", **self.settings)
        except (Exception, Interruption):
            _take_note(outcome, _read(store))
            raise
        outcome.threshold = getattr(run, "threshold", None)
        _take_note(outcome, run)


class OursLoopOnly(Ours):
    """The same, with neither data nor model to be touched."""

    name = "autofix_nb, loop only"
    settings: dict[str, Collection[str]] = {"allow": {"loop"}}  # noqa: RUF012 - never written to


def _read(store: Any) -> af.Run | None:
    """Return what a run that raised had written down."""
    try:
        return af.open_run(Path(store) / NAME)
    except (af.errors.StoreError, OSError, TypeError):
        return None


def _take_note(outcome: Outcome, run: af.Run | None) -> None:
    if run is None:
        return
    outcome.findings = [
        (finding.code, int(finding.step), finding.severity.name.lower(), finding.says) for finding in run.findings
    ]
    outcome.interventions = [change.fix for change in run.fixes if change.fix not in SERVICES]
