"""Load what a run trained into a model of the user's own: first what the run changed of it, then its weights.

Predicting somewhere else needs the class of the model, the run's folder, and this:

model = af.load(Net(), "runs/net")
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import torch
from torch import nn

from autofix_nb.checkpoints import random_state, set_random_state
from autofix_nb.errors import ModelError
from autofix_nb.export import read_exported
from autofix_nb.fixes import FIXES, Change, Controls, Fix
from autofix_nb.history import History
from autofix_nb.run import Run
from autofix_nb.taken import take
from autofix_nb.widgets import make_progress

Model = TypeVar("Model", bound=nn.Module)

NAMED = 3
"""Weights named in an error."""

WAY_OUT = "Give a new model, made by the same class with the same arguments as the one that was trained"


def load(model: Model, run: Run | str | Path, which: str = "best", *, show: Any = "auto") -> Model:
    """Return `model` as the run trained it, in eval mode: its changes are made again, and its weights loaded.

    `model` is made anew, by the same class with the same arguments as before the training; it is changed in place, and
    stays on its device. `run` is what `fit` returned, the run's folder, or a file that `af.export` wrote. `which` is
    `"best"` or `"last"`; where there was no goal to be best in, the last weights are loaded. Which epoch they are of is
    said, unless `show="none"`. What was changed of the data before the training is no part of the model.

    Raises:
        ConfigurationError: when `which` is neither of both, or `run` is no run.
        StoreError: when the folder is not that of a run, or holds no whole checkpoint.
        ModelError: when the model is another one; the message says what does not fit. It is left as it was.
    """
    if not isinstance(model, nn.Module):
        raise ModelError(f"`model` is a {type(model).__name__}, wanted a torch.nn.Module. {WAY_OUT}")
    progress = make_progress(show)
    if isinstance(run, Run) and model is run.model:
        raise ModelError(f"`model` is the run's own, with all its changes and weights already. {WAY_OUT}")
    is_file = isinstance(run, str | Path) and Path(run).expanduser().is_file()
    taken = read_exported(Path(run).expanduser()) if is_file else take(run, which)
    streams = random_state()
    try:
        done = _changed(model, taken.changes)
        try:
            _put(model, taken.weights)
        except Exception:
            _undo(model, done)
            raise
    finally:
        set_random_state(streams)
    progress.say(f"Loaded {taken}.")
    return model.eval()


def _changed(model: nn.Module, changes: Sequence[Change]) -> list[tuple[Fix, Change]]:
    """Make the changes again, and return them with what can undo them."""
    done: list[tuple[Fix, Change]] = []
    for change in changes:
        fix = FIXES[change.fix]()
        try:
            fix.replay(change, _trainee(model))
        except Exception as error:
            _undo(model, done)
            raise ModelError(
                f"`model` cannot be changed as the run changed it ({change.fix}: {change.says}): "
                f"{type(error).__name__}: {error}. {WAY_OUT}"
            ) from error
        done.append((fix, change))
    return done


def _undo(model: nn.Module, done: Sequence[tuple[Fix, Change]]) -> None:
    for fix, change in reversed(done):
        fix.undo(change, _trainee(model))


def _trainee(model: nn.Module) -> Any:
    """Return what a fix sees of a run of which only the model is left."""
    return SimpleNamespace(
        model=model,
        task=None,
        train=None,
        controls=Controls(),
        history=History(),
        found_before=[],
        sample_batches=lambda count: [],
        rewire=lambda joined=(), left=(): None,
    )


def _put(model: nn.Module, weights: Mapping[str, Any]) -> None:
    """Load weights into a model.

    Raises:
        ModelError: when they do not fit; nothing was loaded then.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in weights]
    more = [name for name in weights if name not in own]
    other = [
        f"`{name}` has shape {tuple(own[name].shape)}, the run's {tuple(part.shape)}"
        for name, part in weights.items()
        if isinstance(part, torch.Tensor)
        and isinstance(own.get(name), torch.Tensor)
        and not isinstance(own[name], nn.parameter.UninitializedTensorMixin)
        and own[name].shape != part.shape
    ]
    said = [
        f"{len(names)} weights {what}: {', '.join(f'`{name}`' for name in names[:NAMED])}"
        + (", ..." if len(names) > NAMED else "")
        for names, what in ((missing, "are not the run's"), (more, "of the run are missing"))
        if names
    ]
    said += other[:NAMED] + ([f"and {len(other) - NAMED} more"] if len(other) > NAMED else [])
    if said:
        raise ModelError(f"`model` {type(model).__name__} does not fit the run: {'; '.join(said)}. {WAY_OUT}")
    model.load_state_dict(weights)
