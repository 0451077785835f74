"""What every fix is: a plan that touches nothing, an action, and its undoing."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import nn

from autofix_nb.checkpoints import Snapshot
from autofix_nb.data import Fault, Quarantine
from autofix_nb.finding import Finding
from autofix_nb.history import History
from autofix_nb.objective import Task, Treatment

Touches = Literal["loop", "data", "model"]


@dataclass(slots=True)
class Controls(Treatment):
    """The settings of a running loop that a fix may change. Healthy runs keep these defaults to the end."""

    lr_scale: float = 1.0
    """The learning rate of every step is the user's (or scheduler's) times this."""

    warm_up: dict[str, int] | None = None
    """`{"from": step, "steps": count}`: the rate grows in a line from 0 at `from` to its full height `count` later."""

    lr_floor: list[float] | None = None
    """The rate below which a schedule does not bring each parameter group of the user's, before `lr_scale`."""

    lr_ceiling: list[float] | None = None
    """The rate above which a schedule does not bring each parameter group of the user's, before `lr_scale`."""

    weight_decay: float | None = None
    """Weight decay of every parameter group; None keeps the user's."""

    optimizer: dict[str, Any] | None = None
    """`{"kind": "AdamW", "lr": 0.001, ...}`: the optimizer that takes the place of the user's; None keeps it.

    A scheduler goes on with the user's optimizer, and its rate moves this one in proportion.
    """

    clip_norm: float | None = None
    """Largest global gradient norm; None does not clip."""

    bound_slopes: bool = False
    """Whether gradients that are not finite are taken for 0 where they arise in the backward pass."""

    micro_batch: int | None = None
    """Rows run at once after an out-of-memory error; None runs the whole batch."""

    gather: int | None = None
    """Batches whose gradients make one step; None gathers as many as was asked for."""

    reshuffle: bool = False
    """Whether the order of the training data is drawn anew each epoch, although the loader does not ask for it."""

    threshold: float | None = None
    """Probability from which "yes" is predicted; None is 0.5."""

    extra_epochs: int = 0
    """Epochs trained on top of those that were asked for: what a restart took away, or what still improves."""

    stop: str | None = None
    """Why the training should end after this step or epoch; None goes on."""

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint; a wish to stop is not kept."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "stop"}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        for name, value in state.items():
            setattr(self, name, value)


class Trainee(Protocol):
    """What a fix sees of a run."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    """The optimizer at work: the user's, unless `Controls.optimizer` took its place."""

    task: Task | None
    """What is being learnt; None or of kind `custom` where only the user's `step` knows."""

    train: Any
    """The user's training loader; None where the training has none."""

    controls: Controls
    history: History
    quarantine: Quarantine
    snapshot: Snapshot | None
    suspects: list[Fault]
    """The samples that the last finding blames; empty where it blames none."""

    found_before: list[Finding]
    """What the look before training found: likely causes of what shows later."""

    def set_aside(self, fault: Fault) -> None:
        """Put one sample into quarantine and write it down."""

    def sample_batches(self, count: int, *, with_gaps: bool = False) -> list[Any]:
        """Return up to `count` training batches on the model's device; leaves the training's own order alone.

        Rows that hold NaN are left out of them, unless `with_gaps`.

        Empty where there is nothing to take them from (`af.load`, a stream)."""

    def split(self, data: Any) -> tuple[Any, Any]:
        """Return inputs and targets of a batch.

        Raises:
            DataError: when only the user's own `step` can take it apart.
        """

    def rewire(self, joined: Sequence[torch.Tensor] = (), left: Sequence[torch.Tensor] = ()) -> None:
        """Take note that the model's structure changed: parameters `joined` it (they join the optimizer's first
        group), others `left` (they leave the optimizer, with their state)."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a fix will do or did: the setting before and after, and the sentence that says it."""

    fix: str
    touches: Touches
    says: str
    """One sentence, in words a newcomer understands, without a full stop."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    permanent: str = ""
    """The line of code that makes it permanent, where there is one."""


class Fix(ABC):
    """Base class. `undo` after `apply` restores every bit."""

    name: ClassVar[str]
    touches: ClassVar[Touches]

    @abstractmethod
    def plan(self, finding: Finding, run: Trainee) -> Change | None:
        """Return what would be done, or None when this fix does not fit; touches nothing."""

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        """Return all that this fix could do against the finding, gentlest first; by default its one plan."""
        change = self.plan(finding, run)
        return [] if change is None else [change]

    @abstractmethod
    def apply(self, change: Change, run: Trainee) -> None:
        """Do what was planned."""

    def undo(self, change: Change, run: Trainee) -> None:
        """Restore what was before."""
        for setting, value in change.before.items():
            setattr(run.controls, setting, value)

    def replay(self, change: Change, run: Trainee) -> None:
        """Do again what a run did before it was interrupted, or what `af.load` reads of it, on an unfixed model.

        All that is needed stands in `change`; of `run` only the model, the controls and `rewire` are there for sure.
        """
        self.apply(change, run)

    def is_built_in(self, change: Change) -> bool:
        """Tell whether a change must be made again on a model and optimizer that lack it, before their state fits."""
        return change.touches == "model"

    def forget(self) -> None:  # noqa: B027 - most fixes keep nothing
        """Let go of what was kept for `undo`: the change stays for good."""


class SettingFix(Fix):
    """A fix that only changes settings of the loop, named in `Change.before` and `Change.after`.

    `after["sure"]` is none: it says that the data themselves ask for the change.
    """

    def apply(self, change: Change, run: Trainee) -> None:
        for setting, value in change.after.items():
            if setting != "sure":
                setattr(run.controls, setting, value)

    def replay(self, change: Change, run: Trainee) -> None:
        """Nothing: the settings are saved and put back by themselves."""
