"""What the outputs of a sampled step say: what is predicted, how surely, and whether it is right.

Of each sampled step are recorded `top_share` (share of the class predicted most often), `share/<class>` and
`target_share/<class>` for up to `MOST_CLASSES` classes, `train/accuracy`, `output_spread` (standard deviation of the
outputs across rows over their root mean square: 0 where every row gets the same answer), `easy_share` (share of rows
or positions whose target has a probability above `EASY`) and `easy_pull` (what part of the sum of 1 - p these carry:
the gradient of a cross-entropy by the target's score is 1 - p, as in Lin et al., "Focal Loss", 2017).

Small outputs are copied, which takes microseconds, and computed with many steps at a time when they are handed over.
"""

from dataclasses import dataclass

import numpy as np
import torch

from autofix_nb.objective.tasks import Task, binary_cross_entropy_of_probabilities, cross_entropy_of_probabilities

MOST_CLASSES = 20
MOST_ELEMENTS = 2**18
"""Outputs of more elements are thinned to about so many, 1 MB, as long as `LEAST_ROWS` stay."""

LEAST_ROWS = 32
EASY = 0.9
"""Probability of the target above which a row is easy."""


@dataclass(slots=True)
class Answers:
    """Outputs (N, ...) and targets (N, ...) of one step; targets are None where they do not fit the outputs row by row.

    `pair` holds the loss of these rows and that with targets of other rows (2,), once it was asked for.
    """

    task: Task
    outputs: torch.Tensor
    targets: torch.Tensor | None
    pair: torch.Tensor | None = None

    @property
    def is_large(self) -> bool:
        """Whether the outputs cannot be kept as they are until the hand-over."""
        return self.outputs.numel() > MOST_ELEMENTS

    def fewer_rows(self) -> "Answers":
        """Return the same with evenly taken rows, so few that they may be kept, or at least `LEAST_ROWS`."""
        if not self.is_large or len(self.outputs) <= LEAST_ROWS:
            return self
        stride = min(-(-self.outputs.numel() // MOST_ELEMENTS), len(self.outputs) // LEAST_ROWS)
        return Answers(self.task, self.outputs[::stride], None if self.targets is None else self.targets[::stride])

    def kept(self) -> "Answers":
        """Return copies, so that nobody writes to them any more; with fewer positions where they are large."""
        outputs, targets = self.outputs, self.targets
        if self.is_large:
            stride = -(-outputs.numel() // MOST_ELEMENTS)
            if self.task.kind == "classification":
                outputs, targets = _fewer_positions(outputs, targets, stride)
            else:
                fits = targets is not None and targets.shape == outputs.shape
                targets = targets.reshape(len(targets), -1)[:, ::stride] if fits else None
                outputs = outputs.reshape(len(outputs), -1)[:, ::stride]
        return Answers(self.task, outputs.clone(), None if targets is None else targets.clone(), pair=self.pair)


def _fewer_positions(
    outputs: torch.Tensor, targets: torch.Tensor | None, stride: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return outputs (N, K, ..., P) and targets (N, ..., P) with evenly taken positions of the last dimension."""
    if outputs.dim() < 3:
        return outputs, targets
    stride = min(stride, outputs.shape[-1])
    if targets is not None:
        targets = targets[..., ::stride] if targets.shape[-1] == outputs.shape[-1] else None
    return outputs[..., ::stride], targets


def same_shapes(answers: list[Answers]) -> dict[tuple, list[int]]:
    """Return the places of answers of one form, which can be stacked."""
    found: dict[tuple, list[int]] = {}
    for place, one in enumerate(answers):
        form = (id(one.task), one.outputs.shape, one.outputs.dtype, None if one.targets is None else one.targets.shape)
        found.setdefault(form, []).append(place)
    return found


@torch.no_grad()
def read(answers: list[Answers]) -> list[dict[str, float]]:
    """Return of answers of one form (`same_shapes`) what is recorded of each."""
    task = answers[0].task
    outputs = torch.stack([one.outputs for one in answers])
    targets = None if answers[0].targets is None else torch.stack([one.targets for one in answers])
    rows: list[dict[str, float]] = [{} for _ in answers]
    outputs = outputs.float() if outputs.is_floating_point() else outputs
    if outputs.is_floating_point() and outputs.shape[1] > 1:
        for row, spread in zip(rows, _spread(outputs).tolist(), strict=True):
            row["output_spread"] = spread
    flat = outputs.flatten(0, 1)
    wanted = None if targets is None else targets.flatten(0, 1)
    predicted = task.predict(flat)
    ids = None if wanted is None or predicted is None else _class_ids(task, flat, wanted, predicted)
    if predicted is not None:
        count = len(rows)
        _count(rows, _by_step(predicted, count), None if ids is None else _by_step(ids, count), task.classes)
    chances = _chances(task, flat, wanted, ids)
    if chances is not None:
        _weigh(rows, _by_step(chances, len(rows)))
    return rows


def _spread(outputs: torch.Tensor) -> torch.Tensor:
    """Return the standard deviation across rows over the root mean square of outputs (S, N, ...); shape (S,)."""
    outputs = outputs.flatten(2) if outputs.dim() > 2 else outputs.unsqueeze(2)
    apart = torch.linalg.vector_norm(outputs - outputs.mean(1, keepdim=True), dim=(1, 2))
    return apart / torch.linalg.vector_norm(outputs, dim=(1, 2)).clamp_min(torch.finfo(torch.float32).tiny)


def _class_ids(
    task: Task, outputs: torch.Tensor, targets: torch.Tensor, predicted: torch.Tensor
) -> torch.Tensor | None:
    """Return the class number of each target, shape as `predicted`; None where they do not fit."""
    if task.kind == "classification" and targets.is_floating_point() and targets.shape == outputs.shape:
        targets = targets.argmax(1)
    elif targets.is_floating_point():
        targets = targets > 0.5
    return targets.reshape(predicted.shape).long() if targets.numel() == predicted.numel() else None


def _chances(
    task: Task, outputs: torch.Tensor, targets: torch.Tensor | None, ids: torch.Tensor | None
) -> torch.Tensor | None:
    """Return the probability that the outputs give to each target, NaN where it is none; None where unknown."""
    if not outputs.is_floating_point() or targets is None:
        return None
    if task.kind == "classification" and ids is not None:
        there = (ids >= 0) & (ids < task.classes)
        # Scores and log-probabilities both become probabilities by a softmax.
        chances = outputs if task.loss is cross_entropy_of_probabilities else outputs.softmax(1)
        chances = chances.gather(1, ids.clamp(0, task.classes - 1).unsqueeze(1)).squeeze(1)
        return torch.where(there, chances, float("nan"))
    if task.kind in ("binary", "multi-label") and targets.numel() == outputs.numel():
        yes = outputs if task.loss is binary_cross_entropy_of_probabilities else outputs.sigmoid()
        return torch.where(targets.reshape(outputs.shape) > 0.5, yes, 1 - yes)
    return None


def _by_step(values: torch.Tensor, steps: int) -> np.ndarray:
    return values.reshape(steps, -1).cpu().numpy()


def _count(rows: list[dict[str, float]], predicted: np.ndarray, ids: np.ndarray | None, classes: int) -> None:
    """Write down shares of predicted (S, P) and true classes (S, P), and the share of right predictions."""
    counted = np.ones(predicted.shape, dtype=bool) if ids is None else (ids >= 0) & (ids < classes)
    shares = _shares(predicted, counted, classes)
    true_shares = None if ids is None else _shares(ids, counted, classes)
    right = None if ids is None else ((predicted == ids) & counted).sum(1) / np.maximum(1, counted.sum(1))
    for place, row in enumerate(rows):
        if not counted[place].any():
            continue
        row["top_share"] = shares[place].max()
        if classes <= MOST_CLASSES:
            row |= {f"share/{label}": share for label, share in enumerate(shares[place])}
        if right is None or true_shares is None:
            continue
        row["train/accuracy"] = float(right[place])
        if classes <= MOST_CLASSES:
            row |= {f"target_share/{label}": share for label, share in enumerate(true_shares[place])}


def _shares(labels: np.ndarray, counted: np.ndarray, classes: int) -> np.ndarray:
    of_step = np.broadcast_to(np.arange(len(labels))[:, None], labels.shape)
    numbers = (of_step * classes + labels)[counted]
    counts = np.bincount(numbers, minlength=len(labels) * classes).reshape(-1, classes)
    return counts / np.maximum(1, counts.sum(1, keepdims=True))


def _weigh(rows: list[dict[str, float]], chances: np.ndarray) -> None:
    """Write down how many of the targets are easy (S, P), and what part of the pull is theirs."""
    there = ~np.isnan(chances)
    pull = np.where(there, 1.0 - chances.astype(np.float64), 0.0)
    easy = there & (chances > EASY)
    counts, pulls = there.sum(1), pull.sum(1)
    shares = easy.sum(1) / np.maximum(1, counts)
    of_easy = (pull * easy).sum(1) / np.maximum(pulls, np.finfo(np.float64).tiny)
    for row, count, share, part in zip(rows, counts, shares, of_easy, strict=True):
        if count:
            row["easy_share"], row["easy_pull"] = float(share), float(part)
