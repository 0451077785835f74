"""Targets and inputs that raise as they are, and train once they are read otherwise."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import autofix_nb as af
from autofix_nb.errors import DataError

ROWS = torch.randn(120, 4, generator=torch.Generator().manual_seed(0))
LABELS = ROWS[:, :3].argmax(1)


def train(folder, targets, *, inputs=ROWS, loss=None, **options):
    data = TensorDataset(inputs, targets)
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    return af.fit(
        model,
        DataLoader(data, batch_size=20),
        DataLoader(data, batch_size=60),
        epochs=8,
        loss=loss or nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(model.parameters(), lr=0.05),
        store=folder,
        name="read",
        show="none",
        device="cpu",
        **options,
    )


@pytest.mark.usefixtures("fast_reports")
@pytest.mark.parametrize(
    ("targets", "reading", "code"),
    [
        pytest.param(torch.where(torch.arange(120) % 3 == 0, -1, LABELS), "labels without -1", "B04", id="unlabelled"),
        pytest.param(LABELS.int(), "labels as whole numbers", "B05", id="short"),
    ],
)
def test_targets_are_read_from_the_first_step_on(tmp_path, targets, reading, code):
    """It is written down like any other change, and validation takes them so, too; a rerun goes on with it."""
    run = train(tmp_path, targets)
    change = run.journal.last("change")

    assert (code, "mend_loss", 0) == (change["code"], change["fix"], change["step"])
    assert reading == change["after"]["loss"]
    assert run.history.rows()[-1]["val/accuracy"] > 0.9
    assert run.history.rows()[-1]["val/loss"] < 0.5
    assert train(tmp_path, targets).status == "finished"


@pytest.mark.parametrize(
    "options",
    [{"autofix": "suggest"}, {"autofix": "off"}, {"allow": ("data",)}, {"fixes": ("scale_lr",)}],
    ids=str,
)
def test_who_may_not_read_them_otherwise_says_what_is_wanted(tmp_path, options):
    """As before, and nothing is trained."""
    with pytest.raises(DataError, match=r"label -1|does not take"):
        train(tmp_path, torch.where(torch.arange(120) % 3 == 0, -1, LABELS), **options)


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
        pytest.param(LABELS + 1, {"allow": ("loop",)}, id="not-allowed"),
        pytest.param(LABELS * 10, {}, id="no-numbers-of-classes"),
    ],
)
def test_labels_beyond_the_outputs_are_refused(tmp_path, labels, options):
    """Where the model may not be changed, or the labels count no classes."""
    with pytest.raises(DataError, match="wanted 0 to 2"):
        train(tmp_path, labels, **options)


@pytest.mark.usefixtures("fast_reports")
def test_inputs_of_another_type_are_cast(tmp_path):
    """The task is known in spite of them, so that the goal is the accuracy."""
    run = train(tmp_path, LABELS, inputs=ROWS.double())

    assert "cast_inputs" in [change.fix for change in run.standing]
    assert run.history.rows()[-1]["val/accuracy"] > 0.9
