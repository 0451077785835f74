"""Put an activation behind a model's answer, where nothing stands yet.

A child of the model does it, so that `state_dict` stays as it is (it has no weights) and copies have it, too.
"""

from typing import Any

from torch import nn

from autofix_nb.evidence.chance import expectation
from autofix_nb.evidence.free_answers import LINES, Link, wanted_link
from autofix_nb.fixes.answers import answers
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.in_model import can_learn
from autofix_nb.fixes.surgery import WayBack, adopt, plain_class

NAME = "link"
"""Name of the child, where the model is no plain row of modules."""

MADE = {
    "softplus": nn.Softplus,
}
"""What is put there. Sigmoid and softmax are left to the loss (`mend_loss`): scores are as good to choose by."""


def link_of(run: Trainee) -> Change | None:
    """Return the change that gives the answer the activation that the loss is made for; None where it has it."""
    if not can_learn(run.model) or hasattr(run.model, NAME):
        return None
    asked = answers(run)
    if asked is None or asked.bounded:
        return None
    loss: Any = run.task.loss  # type: ignore[union-attr]
    takes = expectation(loss, asked.outputs, asked.targets).takes
    link: Link = wanted_link(loss, asked.outputs, asked.targets, takes)
    if link not in MADE:
        return None
    return Change(
        fix="mend_output",
        touches="model",
        says=f"the model's answer goes through {link}, which the loss is made for",
        after={"modules": {}, "places": {}, "callers": [], "link": link, "sure": True},
        permanent=LINES[link],
    )


def put_link(model: Any, link: str) -> list[WayBack]:
    """Let the model's answer go through an activation."""
    child = MADE[link]()
    if plain_class(model).forward is nn.Sequential.forward:
        name = str(len(model))
        child.train(model.training)
        model.add_module(name, child)
        return [lambda: model._modules.pop(name)]
    return adopt(model, NAME, child)
