"""A look at a batch before training: few labels out of range are slips, many are another way to count."""

from contextlib import nullcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from autofix_nb.errors import DataError
from autofix_nb.loop.label_kinds import FEW_WRONG
from autofix_nb.loop.probe import FEW_IN_A_BATCH, probe

ROWS, CLASSES = 400, 4


def labels(*wrong, label=CLASSES):
    """Return labels that count from 0, but for these places."""
    made = torch.arange(ROWS) % CLASSES
    made[list(wrong)] = label
    return made


def look(targets, loss=None, *, batch_size=40, dataset=None):
    """Return what a look at a training on these targets tells."""
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(len(targets), 3), targets) if dataset is None else dataset
    model = nn.Linear(3, CLASSES)
    return probe(model, DataLoader(data, batch_size=batch_size), loss, None, torch.device("cpu"), nullcontext)


def spread(count, start=40):
    """Return so many places, none in the first batch."""
    return range(start, start + count)


LOSSES = pytest.mark.parametrize("loss", [None, nn.CrossEntropyLoss()], ids=["chosen", "given"])


@LOSSES
@pytest.mark.parametrize(
    ("targets", "says"),
    [
        pytest.param(labels(), "", id="none"),
        pytest.param(labels(*spread(int(FEW_WRONG * ROWS))), "", id="few"),
        pytest.param(labels(*spread(int(FEW_WRONG * ROWS)), label=-1), "", id="few-below"),
        pytest.param(labels(*spread(int(FEW_WRONG * ROWS) + 1)), "label 4", id="one-too-many"),
        pytest.param(labels() + 1, "label 4", id="counted-from-one"),
        pytest.param(labels(*range(int(FEW_IN_A_BATCH * 40))), "", id="together-in-the-first-batch"),
        pytest.param(labels(*range(int(FEW_IN_A_BATCH * 40) + 1)), "label 4", id="too-many-in-the-first-batch"),
        pytest.param(labels() * 0, "", id="all-of-one-kind"),
        pytest.param(torch.where(torch.arange(ROWS) == 70, 9, 0), "label 9", id="the-rest-of-one-kind"),
        pytest.param(labels(*spread(200), label=-100), "", id="left-out-by-the-loss"),
    ],
)
def test_few_labels_out_of_range_refuse_no_training(loss, targets, says):
    """They are set aside when their turn comes; many, or a rest that says nothing, are said before the first step."""
    if says:
        with pytest.raises(DataError, match=says):
            look(targets, loss)
    else:
        assert ("classification", CLASSES) == (look(targets, loss).task.kind, look(targets, loss).task.classes)


class Named(Dataset):
    """Says its labels without loading a sample."""

    def __init__(self, targets):
        self.targets = targets.tolist()

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        return torch.randn(3), self.targets[index]


class Stream(IterableDataset):
    """Says its labels and no length."""

    def __init__(self, targets):
        self.targets = targets

    def __iter__(self):
        return iter([(torch.randn(3), target) for target in self.targets])


def test_a_stream_that_holds_its_labels_has_no_length():
    """Its labels are looked at batch by batch, when their turn comes."""
    assert look(None, dataset=Stream(labels())).task.classes == CLASSES


@given(st.integers(0, 40), st.sampled_from([-7, CLASSES, 1000]))
@settings(max_examples=12, deadline=None)
def test_the_share_decides_wherever_the_labels_are_said(count, label):
    """And neither which label it is nor what the data set is made of."""
    dataset = Named(labels(*spread(count), label=label))
    refused = False
    try:
        look(labels(), dataset=dataset)
    except DataError as error:
        refused = f"label {label}" in str(error)

    assert (count > FEW_WRONG * ROWS) == refused


@pytest.mark.parametrize("count", [4, 100])
def test_a_loss_of_the_users_own_may_mean_something_else(count):
    """Grades with an order have one more than outputs, be the highest as rare as it may."""

    def by_thresholds(outputs, grades):
        wanted = (grades[:, None] > torch.arange(CLASSES)).float()
        return nn.functional.binary_cross_entropy_with_logits(outputs, wanted)

    assert "custom" == look(labels(*spread(count)), by_thresholds).task.kind
