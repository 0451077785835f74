"""What rows that judge tell: the loss, the goal, and what the outputs know of the targets."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.history import History
from autofix_nb.loop.judging import PIECES, Judge
from autofix_nb.objective import Objective, task_of
from autofix_nb.objective.treatment import Treatment
from autofix_nb.policy.verdict import KNOWN


class Told(nn.Module):
    """Answers with its inputs times a factor: how much it knows is written into the batch."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(float(factor)))

    def forward(self, inputs):
        return self.factor * inputs


def classes(rows=320, knows=3.0, *, ordered=False, seed=0):
    """Return outputs of three classes that know so much of the targets, and these."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 3, (rows,), generator=generator)
    targets = targets.sort().values if ordered else targets
    return torch.randn(rows, 3, generator=generator) + knows * functional.one_hot(targets, 3), targets


def batches(outputs, targets, size=40):
    """Return both cut into batches."""
    return list(zip(outputs.split(size), targets.split(size), strict=True))


def guard_of(data, *, loss=functional.cross_entropy, factor=1.0, treatment=None, objective=None, **fields):
    """Return what a judge asks of a guard."""
    model = Told(factor)
    if objective is None:
        objective = Objective(model, task_of(loss, *data[0]))
        objective.treatment = treatment
    usual = {"goal": "val/loss", "metrics": {}, "higher_is_better": False, "history": History()}
    stepper = SimpleNamespace(autocast=nullcontext)

    def heed(done=None):
        """Nobody asks for the end."""

    return SimpleNamespace(model=model, objective=objective, stepper=stepper, heed=heed, **usual | fields)


def score_of(data, **fields):
    return Judge(guard_of(data, **fields), data)()


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize(("knows", "known"), [(3.0, True), (1.0, True), (0.0, False)])
def test_what_outputs_know_shows_also_in_rows_sorted_by_class(knows, known, ordered):
    """Rows far apart make a piece, and are paired with targets of others."""
    score = score_of(batches(*classes(knows=knows, ordered=ordered)))

    assert PIECES == len(score.gains)
    assert known == (score.known >= KNOWN)
    assert score.mispaired - np.mean(score.gains) == pytest.approx(score.loss, rel=0.02)


def test_outputs_that_know_nothing_are_not_taken_to():
    """However far they lie apart: four standard errors of ten pieces happen once in some 600 times."""
    judged = []
    for seed in range(150):
        outputs, targets = classes(knows=0.0, seed=seed)
        judged.append(score_of(batches(outputs * (1 + seed % 20), targets)).known)

    assert 2 >= np.count_nonzero(judged)


def test_the_size_of_the_batches_does_not_show():
    """Nor does where the loader cut."""
    outputs, targets = classes()
    whole, cut = score_of(batches(outputs, targets, 320)), score_of(batches(outputs, targets, 30))

    assert whole.gains == pytest.approx(cut.gains)
    assert whole.mispaired == pytest.approx(cut.mispaired)
    assert whole.loss == pytest.approx(cut.loss, rel=1e-5)
    assert (320, 320) == (whole.rows, cut.rows)


def test_numbers_and_several_positions_a_row_have_gains_too():
    """Regression, and a class for each position."""
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(320, 1, generator=generator)
    numbers = batches(wanted + 0.1 * torch.randn(320, 1, generator=generator), wanted)
    tokens = torch.randint(0, 5, (320, 7), generator=generator)
    logits = 4.0 * functional.one_hot(tokens, 5).float().movedim(-1, 1)

    assert score_of(numbers, loss=functional.mse_loss).known > 0.9
    assert score_of(batches(logits, tokens)).known > 0.5


def test_batches_of_several_shapes_have_a_loss_and_no_gains():
    """Sentences of another length cannot lie in one table."""
    generator = torch.Generator().manual_seed(0)
    data = []
    for width in (5, 7, 9):
        tokens = torch.randint(0, 4, (16, width), generator=generator)
        data.append((4.0 * functional.one_hot(tokens, 4).float().movedim(-1, 1), tokens))

    score = score_of(data)

    assert score.is_sound
    assert ((), 0.0, 3) == (score.gains, score.known, len(score.losses))


def test_targets_of_several_shapes_have_a_loss_and_no_gains():
    """Outputs alike, targets of other lengths."""
    data = [(torch.randn(16, 4), torch.randn(16, width)) for width in (2, 3, 4)]
    score = score_of(data, loss=lambda outputs, targets: (outputs.mean(1) - targets.mean(1)).square().mean())

    assert score.is_sound
    assert () == score.gains


@pytest.mark.parametrize("rows", [1, 8, 39])
def test_too_few_rows_have_no_gains(rows):
    """A piece needs four to exchange targets."""
    score = score_of(batches(*classes(rows)))

    assert score.is_sound
    assert () == score.gains


def test_rows_of_one_class_have_no_gains():
    """Every row's target is that of all others: nothing can be exchanged."""
    outputs, targets = classes()
    score = score_of(batches(outputs, torch.zeros_like(targets)))

    assert score.is_sound
    assert () == score.gains


@pytest.mark.parametrize("treatment", [None, Treatment(), Treatment(class_weights=(5.0, 1.0, 1.0))])
def test_gains_are_those_of_the_loss_as_it_judges(treatment):
    """Weights of classes are for training alone."""
    data = batches(*classes())
    plain = score_of(data)
    treated = score_of(data, treatment=treatment)

    assert plain.gains == treated.gains
    assert plain.loss == treated.loss


def test_a_loss_that_took_anothers_place_is_the_one_that_gains():
    """From then on it judges."""
    wanted = torch.randn(320, 1, generator=torch.Generator().manual_seed(0))
    data = batches(3.0 * wanted, wanted)
    squares, bent = (score_of(data, loss=functional.mse_loss, treatment=Treatment(loss=one)) for one in ("", "huber"))

    assert bent.mispaired < squares.mispaired
    for score in (squares, bent):
        assert score.mispaired - np.mean(score.gains) == pytest.approx(score.loss, rel=0.05)


def test_a_loss_of_the_users_that_cannot_be_asked_twice_is_not():
    """It has weights or buffers of its own: another call may change them."""

    class Remembers(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, outputs, targets):
            self.calls += 1
            return functional.cross_entropy(outputs, targets)

    loss = Remembers()
    data = batches(*classes())
    guard = guard_of(data, loss=loss)
    asked_before = int(loss.calls)
    score = Judge(guard, data)()

    assert len(data) == int(loss.calls) - asked_before
    assert () == score.gains


def test_a_step_of_the_users_has_a_loss_and_no_gains():
    """Nobody knows which part of a batch is what."""
    data = batches(*classes())
    step = Objective(Told(), None, step=lambda model, batch: functional.cross_entropy(model(batch[0]), batch[1]))

    score = score_of(data, objective=step)

    assert score.is_sound
    assert ((), 0.0) == (score.gains, score.known)


def test_what_raises_has_failed_and_says_why():
    """A change that does not fit the model is no better than none."""
    data = [(torch.randn(8, 3), torch.full((8,), 7))]
    score = score_of(data, objective=Objective(Told(), task_of(functional.cross_entropy, *batches(*classes())[0])))

    assert not score.is_sound
    assert score.failed.startswith("IndexError: Target 7")


def test_random_numbers_and_modes_are_left_as_they_were():
    """Judging leaves nothing behind."""
    data = batches(*classes())
    guard = guard_of(data)
    guard.model.train()
    torch.manual_seed(4)
    before = torch.get_rng_state().tolist()

    scores = [Judge(guard, data)() for _ in range(2)]

    assert before == torch.get_rng_state().tolist()
    assert guard.model.training
    assert guard.model.factor.grad is None
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("goal", "blind", "expected"),
    [
        pytest.param("val/loss", [], 104.0, id="the-whole-loss"),
        pytest.param("val/loss", ["size"], 4.0, id="without-what-is-no-aim"),
        pytest.param("val/loss/size", [], 100.0, id="the-part-that-is-the-goal"),
    ],
)
def test_judged_is_what_the_training_is_for(goal, blind, expected):
    """A penalty that is turned off must not look like a loss that was won."""
    told = History()
    told.record(0, **{"loss/task": 4.0, "loss/size": 100.0})
    told.facts |= {"goal": goal, "blind_parts": blind}
    data = [(torch.zeros(8, 1), torch.zeros(8, 1))]
    parts = {"task": torch.tensor(4.0), "size": torch.tensor(100.0)}

    score = score_of(data, goal=goal, history=told, objective=lambda batch: parts)

    assert expected == score.loss


def test_parts_of_which_one_drowns_the_other_count_in_shares():
    """Of what each began with: their sum would be that of the loudest."""
    told = History()
    told.facts["goal"] = "val/loss"
    for step in (10, 25):
        told.record(step, **{"loss/kind": 2.0, "loss/place": 1e6, "part_norm/kind": 1.0, "part_norm/place": 1e5})
        told.record(step, **{"part_gain/kind": 0.1, "part_gain/place": 0.1})
    parts = {"kind": torch.tensor(1.0), "place": torch.tensor(1e6)}
    data = [(torch.zeros(8, 1), torch.zeros(8, 1))]

    assert 0.75 == score_of(data, goal="val/loss", history=told, objective=lambda batch: parts).loss


def test_where_rare_classes_must_be_heard_they_count_as_much_as_others():
    """So many rows speak for it as the rarest class has, for each class."""
    told = History()
    told.facts["even_goal"] = True
    targets = torch.tensor([0] * 36 + [1] * 4)
    outputs = functional.one_hot(torch.zeros_like(targets), 2).float()
    score = score_of(batches(outputs, targets, 10), goal="val/accuracy", higher_is_better=True, history=told)

    assert (0.5, 8) == (score.goal, score.rows)
