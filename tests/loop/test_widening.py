"""Models with fewer outputs than their labels count train once they have those that are missing."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.errors import DataError
from autofix_nb.loop.widening import outputs_wanted, widened

ROWS = torch.randn(120, 4, generator=torch.Generator().manual_seed(0))
LABELS = ROWS[:, :3].argmax(1)


def train(folder, labels, **options):
    data = TensorDataset(ROWS, labels)
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    return af.fit(
        model,
        DataLoader(data, batch_size=20),
        DataLoader(data, batch_size=60),
        epochs=8,
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.05),
        store=folder,
        name="wide",
        show="none",
        device="cpu",
        **options,
    )


@pytest.mark.usefixtures("fast_reports")
@pytest.mark.parametrize("labels", [LABELS + 1, torch.arange(120) % 4], ids=["from-one", "one-more"])
def test_a_model_gets_the_outputs_that_its_labels_count(tmp_path, labels):
    """Once: a rerun goes on with it, and the numbers of the classes are the user's."""
    run = train(tmp_path, labels)

    assert ["widen_output"] == [change.fix for change in run.standing]
    assert run.model.out_features == 4
    assert train(tmp_path, labels).model.out_features == 4


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        pytest.param(LABELS + 1, {"fixes": ("scale_lr",)}, id="not-among-the-fixes"),
        pytest.param(torch.arange(120) % 4, {"allow": ("loop",)}, id="the-model-may-not-be-touched"),
        pytest.param(torch.arange(120) % 4, {"autofix": "suggest"}, id="nothing-may-be-done"),
    ],
)
def test_labels_beyond_the_outputs_are_refused(tmp_path, labels, options):
    """Where the model may not be changed."""
    with pytest.raises(DataError, match="wanted 0 to 2"):
        train(tmp_path, labels, **options)


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        pytest.param(LABELS, 0, id="enough"),
        pytest.param(LABELS + 1, 4, id="from-one"),
        pytest.param(LABELS * 10, 0, id="no-numbers-of-classes"),
        pytest.param(torch.arange(120) % 9, 0, id="three-times-as-many"),
        pytest.param(torch.where(torch.arange(120) == 7, 3, LABELS), 0, id="a-slip"),
        pytest.param(LABELS - 1, 0, id="below-0"),
        pytest.param(LABELS.float() + 1, 0, id="numbers"),
        pytest.param(LABELS == 1, 0, id="yes-or-no"),
    ],
)
def test_labels_say_how_many_outputs_they_want(labels, wanted):
    """Where all numbers are in use, and hardly more than there are outputs."""
    assert wanted == outputs_wanted(torch.zeros(120, 3), labels, labels)


def test_new_outputs_are_0():
    """In maps, too."""
    made = widened(torch.ones(2, 3, 5, 5), 4)

    assert made.shape == (2, 4, 5, 5)
    assert made[:, 3].eq(0).all()
