"""What a loss pulls towards, told by asking it about answers that are right, wrong, or the same for all rows.

A likelihood without its minus is lowest where all is wrong; a hinge for -1 and 1 that is given 0 and 1 does not care
about half of the rows; the error of a class's number takes names for sizes; the error of a batch's mean is 0 for
answers that know nothing. None of them raises, and most of them fall. Such a loss is named here, and no other: one that
is lower for right answers than for wrong ones is left alone, whatever it is made of.
"""

from collections.abc import Callable
from itertools import pairwise
from math import isclose
from typing import Any, Literal

import torch
from torch.nn import functional

from autofix_nb.evidence.chance import are_log_probabilities, expectation, quietly, sums_to_one
from autofix_nb.evidence.deaf import deaf_to
from autofix_nb.evidence.deaf_to_no import wants_signs
from autofix_nb.evidence.several import several_as_one
from autofix_nb.evidence.squashed import squashed
from autofix_nb.evidence.stretching import mixes_rows, stretched_loss
from autofix_nb.objective import total_loss

Odd = Literal[
    *("turned", "signs", "class_numbers", "unpaired", "several", "swapped", "to_rows", "to_columns", "to_one_side"),
    *("squashed_classes", "squashed_yes_or_no", ""),
]

FEWEST_ROWS = 4
"""Rows below which nothing is said: a loss may well be the same for two of them."""

SIZES = (1.0, 3.0)
"""Scores of made-up answers, for and against a class: half sure and sure."""

SURE = 100.0
"""Scores beyond which a loss of right answers has nothing left to fall to."""

SAME = 1e-5
"""Share by which a loss may differ for another order of its sums."""

NEXT_TO_NOTHING = 1e-6
"""Loss of answers that are right to the last digit."""

DEARER = 1.5
"""How many times as dear the class farthest away by number must be as the nearest one, to be no accident."""

MOST_CLASSES = 12
"""Classes beyond which the farthest are not asked about one by one."""

Ask = Callable[[torch.Tensor, torch.Tensor], float]


def odd_pull(loss: Any, outputs: Any, targets: Any, ends_in: str = "", *, linear: bool = True) -> Odd:
    """Return what is odd about where `loss` pulls outputs like these; empty where nothing is, or it cannot be asked.

    `turned`: right answers cost more than wrong ones. `signs`: yes and no are 1 and 0 where the loss wants 1 and -1.
    `class_numbers`: classes whose numbers are far apart cost more, as if these were sizes. `unpaired`: it is all one
    which row gets which target, and one answer for all of them is as good as the right ones. `several`: one class a
    row is asked for where rows hold several (`evidence.several`). `swapped`: outputs and targets the other way round.
    `to_rows`, `to_columns`, `to_one_side`: part of the answers counts nothing (`evidence.deaf`). `squashed_classes`,
    `squashed_yes_or_no`: scores are squashed twice (`evidence.squashed`). Of maps and sequences
    (more than two dimensions) only `turned` is told.

    `ends_in` is the last activation of the model, so that the loss is asked about answers of its kind only; `linear`
    tells whether nothing bounds these, as far as is known.
    """
    if not (isinstance(outputs, torch.Tensor) and isinstance(targets, torch.Tensor)):
        return ""
    if not outputs.is_floating_point() or not outputs.dim() or len(outputs) != len(targets):
        return ""
    if outputs.dim() <= 2 and len(outputs) < FEWEST_ROWS:  # a map has rows enough in each picture
        return ""
    outputs = outputs.detach()
    flat = outputs.dim() <= 2
    with quietly():
        found = _pull(loss, outputs, targets, ends_in, linear=linear)
    if not found and wants_signs(loss, outputs, targets):
        return "signs"
    if not flat:
        return found if found == "turned" else ""
    if not found and _is_swapped(loss, outputs, targets):
        return "swapped"
    found = found or squashed(loss, outputs, targets)
    bounded = ends_in == "sigmoid" or (not linear and bool(((outputs > 0) & (outputs < 1)).all()))
    return found or deaf_to(loss, outputs, targets, bounded=bounded)


def _pull(loss: Any, outputs: torch.Tensor, targets: torch.Tensor, ends_in: str, *, linear: bool) -> Odd:
    def ask(made_up: torch.Tensor, wanted: torch.Tensor) -> float:
        return float(total_loss(loss(made_up.to(outputs.dtype), wanted))[0])

    try:
        if _are_class_numbers(outputs, targets):
            found = _of_classes(ask, outputs, targets, ends_in)
            return found if linear or found == "turned" else ""
        if several_as_one(loss, outputs, targets):
            return "several"
        if targets.numel() == outputs.numel():
            yes_or_no = bool(((targets == 0) | (targets == 1)).all())
            found = (_of_yes_or_no if yes_or_no else _of_numbers)(ask, outputs, targets, ends_in)
            # What broadcasting makes of a loss is another fault, with another name.
            return "" if found == "unpaired" and _stretches(loss, outputs, targets) else found
    except Exception:  # noqa: BLE001 - a loss that refuses made-up answers says nothing
        return ""
    return ""


def _is_swapped(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether a loss that is none as it is given its arguments is a known one of yes or no with them swapped."""
    if targets.shape != outputs.shape or not targets.is_floating_point():
        return False
    if expectation(loss, outputs, targets).takes != "unknown":
        return False
    takes = expectation(lambda made_up, wanted: loss(wanted, made_up), outputs, targets).takes
    return takes.startswith("yes-or-no")


def _stretches(loss: Any, outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    return stretched_loss(loss, outputs, targets) is not None or mixes_rows(loss, outputs, targets)


def _are_class_numbers(outputs: torch.Tensor, targets: torch.Tensor) -> bool:
    if outputs.dim() < 2 or outputs.shape[1] < 2 or targets.is_floating_point() or targets.dtype == torch.bool:
        return False
    fits = targets.shape == outputs.shape[:1] + outputs.shape[2:] and int(targets.max()) < outputs.shape[1]
    # Places to be ignored are marked by numbers below 0, in maps and sequences.
    return fits and (outputs.dim() > 2 or 0 <= int(targets.min()))


def _of_classes(ask: Ask, outputs: torch.Tensor, targets: torch.Tensor, ends_in: str) -> Odd:
    count, answer = outputs.shape[1], _kind_of_answer(outputs, ends_in)
    kinds = torch.eye(count, device=outputs.device) * 2 - 1
    known = targets.long().clamp_min(0)
    right, wrong = (kinds[ids].movedim(-1, 1) for ids in (known, (known + 1) % count))
    if _is_turned(ask, right, wrong, answer, targets):
        return "turned"
    if answer is not _as_they_are or outputs.dim() > 2:
        return ""
    numbers = targets.to(outputs.dtype)[:, None].expand_as(outputs)
    if abs(ask(numbers, targets)) < NEXT_TO_NOTHING < ask(numbers + 1.0, targets):
        return "class_numbers"  # each output is pulled to the number
    return "class_numbers" if 3 <= count <= MOST_CLASSES and _counts_steps(ask, kinds, targets) else ""


def _counts_steps(ask: Ask, kinds: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether a class costs the more the farther its number is from the right one, seen from either end."""
    last = len(kinds) - 1
    for right, others in ((0, range(1, last + 1)), (last, range(last - 1, -1, -1))):
        wanted = torch.full_like(targets[:FEWEST_ROWS], right)
        costs = [ask(SIZES[-1] * kinds[[other] * FEWEST_ROWS], wanted) for other in others]
        rises = all(near < far for near, far in pairwise(costs))
        if not rises or not costs[-1] > DEARER * costs[0] > 0:
            return False
    return True


def _of_yes_or_no(ask: Ask, outputs: torch.Tensor, targets: torch.Tensor, ends_in: str) -> Odd:
    wanted = targets.reshape(outputs.shape).to(outputs.dtype)
    if bool((wanted == wanted.flatten()[0]).all()):
        return ""
    right, answer = 2 * wanted - 1, _kind_of_answer(outputs, ends_in)
    if _is_turned(ask, right, -right, answer, targets):
        return "turned"
    signed = (2 * targets - 1).to(targets.dtype)
    blind = answer is _as_they_are and not _cares(ask, right, wanted == 0, targets)
    cares = blind and _cares(ask, right, wanted == 1, targets)
    # With -1 for no it must care about these rows, too, and be lowest where all is right.
    cares = cares and _cares(ask, right, wanted == 0, signed)
    # A likelihood without its "no" would fall without end.
    cares = cares and ask(SURE * right, signed) > -NEXT_TO_NOTHING
    ones = torch.ones_like(right)
    return "signs" if cares and ask(right, signed) < min(ask(ones, signed), ask(-ones, signed)) else ""


def _cares(ask: Ask, answers: torch.Tensor, where: torch.Tensor, targets: torch.Tensor) -> bool:
    """Tell whether the loss changes with the answers of some rows."""
    costs = [ask(torch.where(where, other, answers), targets) for other in (-answers, answers / 2, answers)]
    return not all(isclose(cost, costs[0], rel_tol=SAME, abs_tol=NEXT_TO_NOTHING) for cost in costs)


def _of_numbers(ask: Ask, outputs: torch.Tensor, targets: torch.Tensor, ends_in: str) -> Odd:
    if not targets.is_floating_point() or ends_in:
        return ""
    right = targets.reshape(outputs.shape).to(outputs.dtype)
    spread = right.std(0, correction=0)
    if not bool((spread > 0).all()):
        return ""
    away = torch.where(torch.arange(len(right), device=right.device) % 2 == 0, 1.0, -1.0).to(right.dtype)
    away = spread * away.reshape(-1, *(1,) * (right.dim() - 1))
    at, near, far = (ask(right + times * away, targets) for times in (0.0, 1.0, 2.0))
    if far < near < at:
        return "turned"
    same = ask(right.mean(0, keepdim=True).expand_as(right), targets)
    turned = [ask(outputs, targets.roll(by, 0)) for by in (0, 1, len(right) // 2)]
    unpaired = all(isclose(one, turned[0], rel_tol=SAME) for one in turned)
    reads = not isclose(ask(outputs, targets + 1), turned[0], rel_tol=SAME)
    limit = at + SAME * max(abs(at), abs(turned[0]))
    return "unpaired" if unpaired and reads and same <= limit and not bool((outputs == outputs[:1]).all()) else ""


def _is_turned(
    ask: Ask,
    right: torch.Tensor,
    wrong: torch.Tensor,
    answer: Callable[[torch.Tensor], torch.Tensor],
    targets: torch.Tensor,
) -> bool:
    """Tell whether right answers cost more than none, these more than wrong ones, and sure ones more than others."""
    none = ask(answer(0 * right), targets)
    costs = [(ask(answer(size * right), targets), ask(answer(size * wrong), targets)) for size in SIZES]
    gaps = [right - wrong for right, wrong in costs]
    return all(wrong < none < right for right, wrong in costs) and gaps[1] > gaps[0]


def _kind_of_answer(outputs: torch.Tensor, ends_in: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what makes scores to answers such as the model gives."""
    if outputs.dim() >= 2 and outputs.shape[1] > 1:
        if are_log_probabilities(outputs):
            return lambda scores: functional.log_softmax(scores, 1)
        if sums_to_one(outputs) == 1:
            return lambda scores: scores.softmax(1)
    return torch.sigmoid if ends_in == "sigmoid" else _as_they_are


def _as_they_are(scores: torch.Tensor) -> torch.Tensor:
    return scores
