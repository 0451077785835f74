"""What a loss takes, and what it gives to a model that prefers nothing: told by asking it, not by its name.

A loss that does not change when a number is added to all outputs of a row takes a softmax itself; one that is the
outputs at the targets, negated, wants log-probabilities. Losses wrapped into functions of the user's are known in this
way too.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isclose, isfinite, log
from typing import Any, Literal

import torch
from torch.nn import functional

from autofix_nb.data import structure
from autofix_nb.objective import total_loss

Takes = Literal[
    "logits", "probabilities", "log-probabilities", "yes-or-no logits", "yes-or-no probabilities", "numbers", "unknown"
]

_BY_NAME: dict[str, Takes] = {"BCEWithLogitsLoss": "yes-or-no logits", "BCELoss": "yes-or-no probabilities"}
"""Losses whose weights hide from a comparison what they take."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a loss takes and expects."""

    takes: Takes
    chance: float | None
    """Its value for outputs that prefer nothing: equal scores, or the mean of the targets; None where unknown."""

    grows: bool
    """Whether it grows with the number of rows: a sum, not a mean."""


def expectation(loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Expectation:
    """Find out what `loss` takes, by asking it about made-up outputs of the same shape."""
    grows = is_a_sum(loss, outputs, targets)
    if not isinstance(outputs, torch.Tensor) or not outputs.is_floating_point() or not outputs.numel():
        return Expectation(takes="unknown", chance=None, grows=grows)
    shape = outputs.float()

    def value(made_up: torch.Tensor) -> float:
        with quietly():
            return float(total_loss(loss(made_up.to(outputs.dtype), targets))[0])

    wave = torch.cos(torch.arange(shape.numel(), device=shape.device, dtype=torch.float32) * 1.7).reshape(shape.shape)
    takes = _BY_NAME.get(type(loss).__name__) or _takes(value, wave, targets)
    width = shape.shape[1] if shape.dim() > 1 else 1
    even = {
        "logits": lambda: torch.zeros_like(wave),
        "probabilities": lambda: torch.full_like(wave, 1 / width),
        "log-probabilities": lambda: torch.full_like(wave, -log(width)),
        "yes-or-no logits": lambda: torch.zeros_like(wave),
        "yes-or-no probabilities": lambda: torch.full_like(wave, 0.5),
        "numbers": lambda: torch.zeros_like(wave) + targets.float().reshape(wave.shape).mean(0, keepdim=True),
    }
    chance = _asked(value, even[takes]()) if takes in even else None
    return Expectation(takes=takes, chance=chance, grows=grows)


@contextmanager
def quietly() -> Iterator[None]:
    """Context to ask a loss in: without a graph, and without its warnings on the user's screen, time and again."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_a_sum(loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> bool:
    """Tell whether a loss doubles and trebles when each row is there two and three times."""
    try:
        size = structure.rows(outputs)

        def of(times: int) -> float:
            rows = list(range(size)) * times
            with quietly():
                given = loss(structure.take(outputs, rows, size), structure.take(targets, rows, size))
                return float(total_loss(given)[0])

        return grows_with_rows([of(times) for times in (1, 2, 3)])
    except Exception:  # noqa: BLE001 - a loss of the user's that cannot be asked is not known to be a sum
        return False


def grows_with_rows(values: list[float]) -> bool:
    """Tell whether the losses of a batch once, twice and three times stand as 1 : 2 : 3."""
    once, twice, thrice = values
    if not all(map(isfinite, values)) or abs(once) < 1e-6:
        return False
    return isclose(twice, 2 * once, rel_tol=0.02) and isclose(thrice, 3 * once, rel_tol=0.02)


def sums_to_one(outputs: torch.Tensor) -> int | None:
    """Return the dimension over which outputs between 0 and 1 sum to 1, the second one first; None where none does."""
    values = outputs.detach().float()
    if values.dim() < 2 or not bool(((values >= 0) & (values <= 1)).all()):
        return None
    for dimension in (1, *(place for place in range(values.dim()) if place != 1)):
        sums = values.sum(dimension)
        if values.shape[dimension] > 1 and torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
            return dimension
    return None


def are_log_probabilities(outputs: torch.Tensor) -> bool:
    """Tell whether their exponentials sum to 1 over the second dimension."""
    sums = outputs.detach().float().exp().sum(1) if outputs.dim() > 1 else torch.zeros(1)
    return torch.allclose(sums, torch.ones_like(sums), atol=1e-3)


def _takes(value: Callable[[torch.Tensor], float], wave: torch.Tensor, targets: Any) -> Takes:
    here, doubled, shifted = (_asked(value, made_up) for made_up in (wave, 2 * wave, wave + 3))
    if None not in (here, doubled, shifted) and wave.dim() > 1 and wave.shape[1] > 1:
        if isclose(here, shifted, rel_tol=1e-4, abs_tol=1e-5) and not isclose(here, doubled, rel_tol=1e-3):
            return "logits"
        nothing = _asked(value, torch.zeros_like(wave))
        falls = _asked(value, wave + 6)
        if nothing is not None and falls is not None and abs(nothing) < 1e-6 and shifted < here:
            linear = isclose(doubled, 2 * here, rel_tol=1e-3, abs_tol=1e-5)
            if linear and isclose(falls - shifted, shifted - here, rel_tol=1e-3):
                return "log-probabilities"
        if _is_nll_of(value, wave, targets):
            return "probabilities"
    if not isinstance(targets, torch.Tensor) or targets.numel() != wave.numel():
        return "unknown"
    wanted = targets.to(wave.device).float().reshape(wave.shape)
    other = torch.sin(3 * wave) + 0.3
    chances, other_chances = torch.sigmoid(wave), torch.sigmoid(other)
    known: tuple[tuple[Takes, Callable, tuple], ...] = (
        ("yes-or-no logits", functional.binary_cross_entropy_with_logits, (wave, other)),
        ("yes-or-no probabilities", _cross_entropy, (chances, other_chances)),
        ("numbers", functional.mse_loss, (wave, other)),
        ("numbers", functional.l1_loss, (wave, other)),
        ("numbers", functional.smooth_l1_loss, (wave, other)),
    )
    for name, reference, (first, second) in known:
        asked = _asked(value, first), _asked(value, second)
        if None not in asked and all(asked):
            left = float(reference(first, wanted)) * asked[1]
            right = float(reference(second, wanted)) * asked[0]
            if isclose(left, right, rel_tol=1e-4):
                return name
    return "unknown"


def _is_nll_of(value: Callable[[torch.Tensor], float], wave: torch.Tensor, targets: Any) -> bool:
    chances = wave.softmax(1)
    asked = _asked(value, chances)
    if asked is None or not isinstance(targets, torch.Tensor) or targets.shape != wave.shape[:1] + wave.shape[2:]:
        return False
    wanted = _asked(lambda outputs: float(functional.nll_loss(outputs.log(), targets.long())), chances)
    return wanted is not None and isclose(asked, wanted, rel_tol=1e-4)


def _cross_entropy(chances: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return -(wanted * chances.log() + (1 - wanted) * (1 - chances).log()).mean()


def _asked(value: Callable[[torch.Tensor], float], made_up: torch.Tensor) -> float | None:
    try:
        said = value(made_up)
    except Exception:  # noqa: BLE001 - probabilities outside 0 to 1, for instance: then it takes something else
        return None
    return said if isfinite(said) else None
