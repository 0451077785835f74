"""Code that brings model, batch and loss together."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from autofix_nb.checks.first_step import FirstStep
from tests.cases import mlp, small_loader
from tests.checks.subjects import answer_of, subject

LOSS = nn.CrossEntropyLoss()


class Returning(nn.Module):
    """Gives its scores wrapped in something."""

    def __init__(self, wrap):
        super().__init__()
        self.body, self.wrap = mlp(4, 3), wrap

    def forward(self, rows):
        return self.wrap(self.body(rows))


class Two(nn.Module):
    """Takes two inputs."""

    def __init__(self):
        super().__init__()
        self.body = mlp(4, 3)

    def forward(self, left, right):
        return self.body(left + right)


class Named(nn.Module):
    """Takes its inputs by name, and computes its own loss where it is given labels."""

    def __init__(self):
        super().__init__()
        self.body = mlp(4, 3)

    def forward(self, rows, labels=None):
        logits = self.body(rows)
        loss = None if labels is None else LOSS(logits, labels)
        return SimpleNamespace(logits=logits, loss=loss)


def typed(*given, **options):
    """Return the code to type of B06's worst finding."""
    return answer_of(FirstStep(), subject(*given, **options)).findings[0].to_type


def batches():
    return next(iter(small_loader()))


@pytest.mark.parametrize(
    ("wrap", "taken"),
    [
        (lambda scores: {"out": scores}, 'outputs["out"]'),
        (lambda scores: SimpleNamespace(logits=scores), "outputs.logits"),
    ],
    ids=["dict", "object"],
)
def test_scores_are_taken_out_of_what_the_model_returns(wrap, taken):
    """As torchvision's segmentation models and Hugging Face's models give them; what is typed works."""
    model = Returning(wrap)
    line = typed(model, small_loader(), loss=LOSS)
    names = {"torch": torch}
    exec(f"found = dict({line}\n)", names)  # noqa: S102 - our own line

    assert taken in line
    assert subject(model, small_loader(), loss=names["found"]["loss"]).trial.error is None


def test_inputs_in_a_list_become_arguments():
    """A pair `((a, b), y)` is collated into a list, which is one input."""
    inputs, targets = batches()
    train = [([inputs, inputs], targets)]
    line = typed(Two(), train, loss=LOSS)
    names = {"loss": LOSS}
    exec(f"found = dict({line}\n)", names)  # noqa: S102 - our own line

    assert subject(Two(), train, step=names["found"]["step"]).trial.error is None


def test_a_model_with_a_loss_of_its_own_is_given_its_labels():
    """Dicts as tokenizers give them."""
    inputs, targets = batches()
    train = [{"rows": inputs, "labels": targets}]
    line = typed(Named(), train)
    names = {}
    exec(f"found = dict({line}\n)", names)  # noqa: S102 - our own line

    assert subject(Named(), train, step=names["found"]["step"]).trial.error is None


def test_a_step_that_goes_backward_itself_is_told_so():
    """torch's own words speak of a graph and a second time."""

    def step(model, batch):
        loss = LOSS(model(batch[0]), batch[1])
        loss.backward()
        return loss

    finding = answer_of(FirstStep(), subject(mlp(4, 3), small_loader(), step=step)).findings[0]

    assert "your `step` raises" not in finding.says
    assert "it goes backward itself" in finding.says
    assert finding.to_type.startswith("return loss")


def test_what_is_well_needs_no_way_out():
    """And has none."""
    assert answer_of(FirstStep(), subject(mlp(4, 3), DataLoader(small_loader().dataset, 8))).findings == ()
