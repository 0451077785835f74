"""What each part of a loss knows: penalties, wishes about answers, and what outputs explain of the targets."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.loop.part_knowledge import held_pair, part_knowledge
from autofix_nb.objective import Objective, task_of

SIZE = 32


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(SIZE, 3, generator=generator)
    return inputs, inputs.sum(1, keepdim=True)


def knowing():
    """A model that answers rightly but for a little."""
    model = nn.Linear(3, 1)
    with torch.no_grad():
        model.weight.fill_(0.9)
        model.bias.fill_(0.0)
    return model


def step(model, data):
    inputs, targets = data
    return {
        "error": functional.mse_loss(model(inputs), targets),
        "weights": model.weight.abs().sum(),
        "answers": model(inputs).square().mean(),
        "drawn": model(torch.randn(8, 3)).square().mean(),
        "nothing": inputs.mean() * 0,
    }


def of_answers(outputs, targets):
    return {"error": functional.mse_loss(outputs, targets), "small": outputs.square().mean()}


def test_a_part_that_is_the_same_for_any_rows_is_blind():
    """A penalty on the weights is; what depends on the rows, or is drawn anew each time, is not; 0 tells nothing."""
    model = knowing()
    _, blind, _ = part_knowledge(model, lambda data: step(model, data), batch())

    assert ["weights"] == blind


def test_a_wish_about_the_answers_is_blind_too():
    """It is the same for any targets, and works on the very answers that the others compare with them."""
    model, data = knowing(), batch()
    objective = Objective(model, task_of(of_answers, model(data[0]), data[1]))
    _, blind, _ = part_knowledge(model, objective, data)

    assert ["small"] == blind


def test_the_gain_is_what_a_part_explains_of_the_targets():
    """Of a step of the user's own too, where the targets come last."""
    model, data = knowing(), batch()
    gains, _, _ = part_knowledge(model, lambda batch: step(model, batch), data)
    inputs, targets = data
    outputs = model(inputs).detach()
    right, wrong = (float(functional.mse_loss(outputs, those)) for those in (targets, targets.roll(16, 0)))

    assert (wrong - right) / wrong == pytest.approx(gains["part_gain/error"])
    assert 0.0 == gains["part_gain/weights"]


def test_nothing_is_changed_by_asking():
    """Neither the mode of the model nor the random stream."""
    model = nn.Sequential(knowing(), nn.Dropout(0.5)).train()
    before = torch.get_rng_state()
    part_knowledge(model, lambda data: {"a": model(data[0]).mean(), "b": torch.randn(())}, batch())

    assert model[1].training
    assert torch.equal(before, torch.get_rng_state())


def test_a_step_that_takes_no_other_rows_is_asked_for_its_gain_alone():
    """What cannot be known is left out."""
    model = knowing()

    def whole(data):
        if len(data[0]) != SIZE:
            raise ValueError("wanted a whole batch")
        return step(model, data)

    gains, blind, _ = part_knowledge(model, whole, batch())

    assert ("part_gain/error" in gains, []) == (True, blind)


class Coder(nn.Module):
    """Answers with what it makes of its inputs, and with a code."""

    def __init__(self):
        super().__init__()
        self.code, self.back = nn.Linear(3, 2), nn.Linear(2, 3)

    def forward(self, inputs):
        code = self.code(inputs)
        return self.back(code), code


def coding(model, data):
    answers, code = model(data[0])
    return {"error": functional.mse_loss(answers, data[0]), "small": code.square().mean()}


def test_a_part_of_a_step_that_hears_of_the_answers_alone_is_a_wish():
    """As the divergence of an autoencoder is; its error is learnt, with the inputs as targets."""
    torch.manual_seed(0)
    model, data = Coder(), batch()
    gains, blind, wishes = part_knowledge(model, Objective(model, None, coding), data)
    answers = model(data[0])[0].detach()
    right, wrong = (float(functional.mse_loss(answers, those)) for those in (data[0], data[0].roll(16, 0)))

    assert ([], ["small"]) == (blind, wishes)
    assert (wrong - right) / wrong == pytest.approx(gains["part_gain/error"])


def test_what_is_drawn_from_the_answers_is_no_wish():
    """An action is drawn, and rewarded: what the rest of such a loss comes to says nothing of what was learnt."""
    torch.manual_seed(0)
    model, data = Coder(), batch()

    def drawing(model, data):
        answers, code = model(data[0])
        chosen = (answers + torch.randn_like(answers)).detach()
        return {"reward": (chosen * data[1] * answers).mean(), "small": code.square().mean()}

    _, _, wishes = part_knowledge(model, Objective(model, None, drawing), data)

    assert [] == wishes


def test_a_condition_at_places_of_its_own_is_not_blind():
    """The edges of a differential equation are the same for any rows, and what the training is for; weights are not."""
    model, edges = knowing(), torch.zeros(2, 3)

    def solving(model, data):
        return {
            "inside": (model(data[0]) - data[0].sum(1, keepdim=True)).square().mean(),
            "edges": (model(edges) - 1).square().mean(),
            "weights": model.weight.square().sum(),
        }

    _, blind, _ = part_knowledge(model, Objective(model, None, solving), batch())

    assert ["weights"] == blind


@pytest.mark.parametrize("aims", [("error",), ()], ids=["of-an-aim", "of-all"])
def test_what_a_step_knows_is_asked_with_its_answers_held(aims):
    """Beside what it comes to stands what it would with the targets of other rows, here the inputs."""
    torch.manual_seed(0)
    model, data = Coder(), batch()
    answers, code = (part.detach() for part in model(data[0]))
    right, wrong = (float(functional.mse_loss(answers, those)) for those in (data[0], data[0].roll(16, 0)))
    more = 0.0 if aims else float(code.square().mean())

    assert pytest.approx((right + more, wrong + more)) == held_pair(model, Objective(model, None, coding), data, aims)


def test_nothing_is_known_of_what_is_drawn():
    """Neither of a step that asks the model twice."""
    model, data = knowing(), batch()

    def drawn(model, data):
        return (model(data[0]) - data[1] * torch.rand(SIZE, 1)).square().mean()

    def twice(model, data):
        return (model(data[0]) - model(data[0] + 1)).square().mean()

    assert [None, None] == [held_pair(model, Objective(model, None, one), data, ()) for one in (drawn, twice)]
