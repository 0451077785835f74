"""What is answered on validation data, and from which probability on "yes" is best."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from autofix_nb.loop.thresholds import FLAT, answers, best_threshold, even_goal, f1
from autofix_nb.objective import Task, task_of

CLASSES = task_of(nn.CrossEntropyLoss(), torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))
YES = task_of(nn.BCEWithLogitsLoss(), torch.zeros(2, 1), torch.zeros(2, 1))
PROBABILITIES = task_of(nn.BCELoss(), torch.zeros(2, 1), torch.zeros(2, 1))
LABELS = task_of(nn.BCEWithLogitsLoss(), torch.zeros(2, 3), torch.zeros(2, 3))
NUMBERS = task_of(nn.MSELoss(), torch.zeros(2, 1), torch.zeros(2, 1))


def ranked(rows=400, rare=0.2, seed=0):
    """Return logits that rank the rows well, and lie too low, and the targets."""
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.rand(rows, 1, generator=generator) < rare).float()
    return 3 * targets - 3.5 + torch.randn(rows, 1, generator=generator), targets


def one_hot(*classes):
    return functional.one_hot(torch.tensor(classes), 3).float()


@pytest.mark.parametrize(
    ("task", "gathered", "expected"),
    [
        pytest.param(CLASSES, [(one_hot(0, 0, 1, 0), torch.tensor([0, 1, 1, 2]))], (0.75, 0.5), id="classes"),
        pytest.param(
            CLASSES,
            [(one_hot(0, 0), torch.tensor([0, 0])), (one_hot(1, 1, 1), torch.tensor([0, 0, 0]))],
            (0.6, 1.0),
            id="batches-of-other-sizes",
        ),
        pytest.param(CLASSES, [(one_hot(0, 1, 1), torch.tensor([0, -100, -100]))], (1.0, 1.0), id="some-do-not-count"),
        pytest.param(CLASSES, [(torch.stack([one_hot(0, 1)]).mT, torch.tensor([[0, 0]]))], (0.5, 1.0), id="sequences"),
        pytest.param(
            Task(kind="classification", loss=functional.cross_entropy, classes=3, says=""),
            [(one_hot(0, 1, 1, 1), one_hot(0, 0, 0, 1))],
            (0.75, 0.75),
            id="one-hot-targets",
        ),
        pytest.param(
            YES, [(torch.tensor([[-1.0], [2.0], [-3.0], [-4.0]]), torch.ones(4, 1))], (0.75, 1.0), id="yes-or-no"
        ),
        pytest.param(
            PROBABILITIES, [(torch.tensor([[0.3], [0.6], [0.2], [0.1]]), torch.ones(4, 1))], (0.75, 1.0), id="sigmoid"
        ),
    ],
)
def test_shares_of_the_most_frequent_class(task, gathered, expected):
    """Among the predictions and among the targets."""
    row = answers(task, gathered)

    assert expected == (row["val/top_share"], row["val/majority"])


@pytest.mark.parametrize(
    ("task", "gathered"),
    [
        pytest.param(None, [ranked()], id="no-task"),
        pytest.param(NUMBERS, [ranked()], id="numbers"),
        pytest.param(YES, [], id="nothing-gathered"),
        pytest.param(YES, [(torch.tensor([[torch.nan]]), torch.ones(1, 1))], id="not-finite"),
        pytest.param(YES, [(torch.zeros(2, 1), [1, 0])], id="targets-that-are-no-tensor"),
    ],
)
def test_where_nothing_can_be_said(task, gathered):
    """No columns, and no error."""
    assert {} == answers(task, gathered)


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [
        pytest.param((0, 0, 0, 0), (0, 0, 0, 1), 0.5, id="one-answer-for-all"),
        pytest.param((0, 0, 1, 1), (0, 0, 0, 1), (2 / 3 + 1) / 2, id="the-rare-one-is-heard"),
        pytest.param((2, 2), (0, 0), 0.0, id="classes-without-rows-do-not-count"),
    ],
)
def test_mean_recall_counts_a_rare_class_as_much_as_a_frequent_one(predicted, true, expected):
    """The mean of the shares of each class that are right."""
    row = answers(CLASSES, [(functional.one_hot(torch.tensor(predicted), 3).float(), torch.tensor(true))])

    assert expected == pytest.approx(row["val/mean_recall"])
    assert "val/mean_recall" == even_goal(row)


def test_of_yes_or_no_the_even_goal_is_f1_at_the_best_threshold():
    """A threshold is found without training; where nothing is known there is none."""
    assert ("val/f1_at_threshold", None) == (even_goal(answers(YES, [ranked()])), even_goal({}))


def test_another_threshold_where_a_class_is_rare():
    """Found on validation data, judged on rows it was not fitted to."""
    outputs, targets = ranked()
    row = answers(YES, [(outputs, targets)])
    scores = torch.sigmoid(outputs).flatten()

    assert row["val/f1_at_half"] == f1(scores, targets.flatten() > 0, 0.5)
    assert row["val/threshold"] < 0.4
    assert row["val/f1_at_threshold"] > row["val/f1_at_half"] + 0.05
    assert row == answers(PROBABILITIES, [(torch.sigmoid(outputs), targets)])


@pytest.mark.parametrize("task", [YES, LABELS], ids=["binary", "multi-label"])
def test_half_where_nothing_is_better(task):
    """Both numbers are the same then."""
    generator = torch.Generator().manual_seed(1)
    targets = (torch.rand(200, 1 if task is YES else 3, generator=generator) < 0.5).float()
    row = answers(task, [(8 * targets - 4, targets)])

    assert (0.5, 1.0, 1.0) == tuple(row[f"val/{name}"] for name in ("threshold", "f1_at_half", "f1_at_threshold"))


@pytest.mark.parametrize("seed", range(20))
def test_luck_does_not_count(seed):
    """Scores that know nothing of the targets have no threshold: always "yes" has a larger F1 than most of them."""
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.rand(120, 1, generator=generator) < 0.5).float()
    row = answers(YES, [(torch.randn(120, 1, generator=generator) + 1, targets)])

    assert row["val/f1_at_threshold"] - row["val/f1_at_half"] < 0.03


def test_few_rows_of_a_class_give_no_threshold():
    """With fewer than thirty."""
    outputs, targets = ranked(rows=300, rare=0.05)

    assert 0 < targets.sum() < 30
    assert {"val/top_share", "val/majority", "val/mean_recall"} == answers(YES, [(outputs, targets)]).keys()


@given(
    st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=40).filter(
        lambda rows: any(yes for _, yes in rows)
    )
)
@settings(deadline=None)
def test_no_threshold_is_much_better(rows):
    """Compared with every other one, tried one by one; and it is never at the edge of a score."""
    scores = torch.tensor([score / 16 for score, _ in rows])
    wanted = torch.tensor([yes for _, yes in rows])
    found = f1(scores, wanted, best_threshold(scores, wanted))
    best = max(f1(scores, wanted, between / 32) for between in range(1, 26, 2))

    assert best - FLAT - 1e-9 <= found <= best + 1e-9


def test_the_middle_of_what_is_as_good():
    """Far from either side."""
    scores = torch.tensor([0.1, 0.1, 0.2, 0.8, 0.9])
    wanted = torch.tensor([False, False, False, True, True])

    assert best_threshold(scores, wanted) == 0.5
    assert best_threshold(scores / 4, wanted) == pytest.approx(0.125)
