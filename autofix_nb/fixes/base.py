"""What every fix is: a plan that touches nothing, an action, and its undoing."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from autofix_nb.checkpoints import Snapshot
from autofix_nb.data import Fault, Quarantine
from autofix_nb.finding import Finding
from autofix_nb.history import History

Touches = Literal["loop", "data", "model"]


@dataclass(slots=True)
class Controls:
    """The settings of a running loop that a fix may change. Healthy runs keep these defaults to the end."""

    lr_scale: float = 1.0
    """The learning rate of every step is the user's (or scheduler's) times this."""

    clip_norm: float | None = None
    """Largest global gradient norm; None does not clip."""

    micro_batch: int | None = None
    """Rows run at once after an out-of-memory error; None runs the whole batch."""

    stop: str | None = None
    """Why the training should end after this step or epoch; None goes on."""

    def state(self) -> dict[str, Any]:
        """Return plain values for a checkpoint; a wish to stop is not kept."""
        return {"lr_scale": self.lr_scale, "clip_norm": self.clip_norm, "micro_batch": self.micro_batch}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned."""
        for name, value in state.items():
            setattr(self, name, value)


class Trainee(Protocol):
    """What a fix sees of a run."""

    controls: Controls
    history: History
    quarantine: Quarantine
    snapshot: Snapshot | None
    suspects: list[Fault]
    """The samples that the last finding blames; empty where it blames none."""

    def set_aside(self, fault: Fault) -> None:
        """Put one sample into quarantine and write it down."""


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

    @abstractmethod
    def apply(self, change: Change, run: Trainee) -> None:
        """Do what was planned."""

    def undo(self, change: Change, run: Trainee) -> None:
        """Restore what was before."""
        for setting, value in change.before.items():
            setattr(run.controls, setting, value)

    def forget(self) -> None:  # noqa: B027 - most fixes keep nothing
        """Let go of what was kept for `undo`: the change stays for good."""


class SettingFix(Fix):
    """A fix that only changes settings of the loop, named in `Change.before` and `Change.after`."""

    def apply(self, change: Change, run: Trainee) -> None:
        for setting, value in change.after.items():
            setattr(run.controls, setting, value)
