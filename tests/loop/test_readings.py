"""Targets that a loss takes only if they are read otherwise: they are, and it is said."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.errors import DataError, ModelError

ROWS = 24
CLASSES = torch.arange(ROWS) % 3


def by_row(outputs, targets):
    """Cross-entropy of each row, that nobody took the mean of."""
    return functional.cross_entropy(outputs, targets, reduction="none")


def by_word(outputs, targets):
    """Cross-entropy of scores (N, T, K) and class numbers (N, T)."""
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def loader(targets):
    torch.manual_seed(0)
    return DataLoader(TensorDataset(torch.randn(len(targets), 4), targets), batch_size=8)


CASES = [
    pytest.param(CLASSES + 65, 3, None, "B04", "codes", id="letters"),
    pytest.param(10 * CLASSES + 10, 3, nn.CrossEntropyLoss, "B04", "codes", id="tens"),
    pytest.param(2 * (CLASSES % 2) - 1, 2, nn.CrossEntropyLoss, "B04", "signs", id="minus-one-and-one"),
    pytest.param(torch.where(CLASSES == 2, 255, CLASSES), 2, nn.CrossEntropyLoss, "B04", "left out", id="void"),
    pytest.param(CLASSES.float(), 3, nn.CrossEntropyLoss, "B04", "whole", id="classes-as-floats"),
    pytest.param(CLASSES[:, None], 3, nn.CrossEntropyLoss, "B05", "flat", id="classes-in-a-column"),
    pytest.param(CLASSES % 2, 1, nn.BCEWithLogitsLoss, "B05", "shaped", id="yes-or-no-as-numbers"),
    pytest.param(CLASSES, 3, lambda: by_row, "B06", "mean", id="no-reduction"),
]


@pytest.mark.parametrize(("targets", "width", "loss", "code", "reads"), CASES)
def test_targets_are_read_as_the_loss_takes_them(targets, width, loss, code, reads, fit):
    """The finding has the code of what is wrong, the change stands in the journal, and the training is one."""
    made = None if loss is None else loss()
    run = fit(nn.Linear(4, width), loader(targets), loader(targets), epochs=1, loss=made, preflight=True)
    prepared = [(entry["code"], entry["after"]["reads"]) for entry in run.journal.entries("prepared")]

    assert [(code, reads)] == prepared
    assert code in {finding.code for finding in run.findings}
    assert 3 == run.history.epochs[-1]["step"]


@pytest.mark.parametrize(
    ("targets", "loss", "error"),
    [
        pytest.param(torch.where(CLASSES == 2, 7, CLASSES), None, DataError, id="a-label-that-is-no-usual-mark"),
        pytest.param(torch.rand(ROWS), nn.CrossEntropyLoss(), DataError, id="numbers-that-are-no-classes"),
    ],
)
def test_what_may_mean_several_things_is_refused(targets, loss, error, fit):
    """A slip is not guessed away."""
    with pytest.raises(error):
        fit(nn.Linear(4, 3), loader(targets), epochs=1, loss=loss)


@pytest.mark.parametrize(
    "options", [{"autofix": "suggest"}, {"autofix": "off"}, {"allow": {"data"}}, {"fixes": {"clip_gradients"}}], ids=str
)
def test_without_leave_nothing_is_read_otherwise(options, fit):
    """Who allows no change of the loss gets the error."""
    with pytest.raises((DataError, ModelError)):
        fit(nn.Linear(4, 3), loader(CLASSES + 1), epochs=1, **options)


def test_labels_from_one_are_read_less_1_where_the_model_may_not_be_touched(fit):
    """Else it gets one output more (`widen_output`), and the numbers of the classes stay the user's."""
    run = fit(nn.Linear(4, 3), loader(CLASSES + 1), epochs=1, allow={"loop"})

    assert ["from one"] == [entry["after"]["reads"] for entry in run.journal.entries("prepared")]


def test_a_resumed_run_reads_them_too(fit):
    """The same cell again goes on, with the loss that reads."""
    targets = 2 * (CLASSES % 2) - 1
    fit(nn.Linear(4, 2), loader(targets), epochs=1, loss=nn.CrossEntropyLoss())
    run = fit(nn.Linear(4, 2), loader(targets), epochs=2, loss=nn.CrossEntropyLoss())

    assert (6, 1) == (run.history.epochs[-1]["step"], len(list(run.journal.entries("prepared"))))


def test_scores_in_the_last_dimension_are_validated(fit):
    """A language model's own flattened cross-entropy trains and validates: no accuracy is made of other shapes."""
    words = torch.arange(140).reshape(20, 7) % 9
    data = DataLoader(TensorDataset(words, words), batch_size=10)
    run = fit(nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9)), data, data, epochs=1, loss=by_word)

    assert "val/loss" == run.history.epochs[-1]["goal_name"]
