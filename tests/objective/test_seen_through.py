"""A step that is a plain loss of outputs and targets is known as that loss, and any other is left alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.objective import seen_through
from autofix_nb.objective.tasks import mean_squared_error

SIZE, CLASSES = 12, 3


def batch():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(SIZE, 4, generator=generator), torch.randint(CLASSES, (SIZE,), generator=generator)]


def numbers():
    inputs, _ = batch()
    return [inputs, inputs.sum(1)]


def named():
    inputs, targets = batch()
    return {"x": inputs, "labels": targets}


def net(outputs=CLASSES):
    torch.manual_seed(0)
    return nn.Linear(4, outputs)


def classes(model, data):
    return functional.cross_entropy(model(data[0]), data[1])


def logged(model, data):
    inputs, targets = data
    loss = functional.cross_entropy(model(inputs.to("cpu")), targets.long(), reduction="sum") / len(inputs)
    return {"loss": loss, "largest": loss.detach()}


def columns(model, data):
    return functional.mse_loss(model(data[0]).squeeze(1), data[1])


def broadcast(model, data):
    return (model(data[0]) - data[1]).square().mean()


def smoothed(model, data):
    return functional.cross_entropy(model(data[0]), data[1], label_smoothing=0.1)


@pytest.mark.parametrize(
    ("step", "data", "outputs", "wanted"),
    [
        pytest.param(classes, batch, CLASSES, functional.cross_entropy, id="cross-entropy"),
        pytest.param(columns, numbers, 1, mean_squared_error, id="one-column"),
        pytest.param(broadcast, numbers, 1, functional.mse_loss, id="broadcast"),
    ],
)
def test_a_loss_of_torch_is_known_by_name(step, data, outputs, wanted):
    """So that all that is known of that loss can be asked of the step."""
    assert wanted is seen_through(step, net(outputs), data())


@pytest.mark.parametrize(("step", "data"), [(smoothed, batch), (logged, batch)], ids=["smoothed", "parts"])
def test_any_other_loss_is_what_the_step_makes_of_the_same_answers(step, data):
    """Of the right targets and of those of other rows."""
    model, data = net(), data()
    loss, outputs = seen_through(step, model, data), model(data[0])
    for targets in (data[1], data[1].roll(1)):
        expected, actual = step(model, [data[0], targets]), loss(outputs, targets)

        assert expected == actual


def test_named_inputs_are_seen_through_too():
    """By the usual names of targets."""

    def step(model, data):
        return functional.cross_entropy(model(x=data["x"]), data["labels"])

    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = net()

        def forward(self, x):
            return self.body(x)

    assert functional.cross_entropy is seen_through(step, Named(), named())


def twice(model, data):
    return classes(model, data) + model(data[0] + 1).square().mean()


def noisy(model, data):
    return functional.cross_entropy(model(data[0] + torch.randn_like(data[0])), data[1])


def flat(model, data):
    return functional.cross_entropy(model(data[0].view(SIZE, 1, 4))[:, 0], data[1])


def drawn(model, data):
    return functional.cross_entropy(model(data[0]) + torch.randn(SIZE, CLASSES), data[1])


def of_inputs(model, data):
    return classes(model, data) + data[0].square().mean()


def deaf(model, data):
    return model(data[0]).square().mean()


def test_noise_on_the_inputs_is_no_part_of_the_loss():
    """Nor is a shift, or dropping some: the model takes the inputs as they are, too."""
    assert functional.cross_entropy is seen_through(noisy, net(), batch())


@pytest.mark.parametrize("step", [twice, flat, drawn, of_inputs, deaf], ids=lambda step: step.__name__)
def test_what_is_more_than_that_is_left_alone(step):
    """A second question, inputs in another form, noise, the inputs in the loss, no targets in it."""
    assert seen_through(step, net(), batch()) is None


def test_a_step_that_counts_is_left_alone_and_its_count_put_back():
    """As one does that warms a weight up."""
    count, seen = {"steps": 3}, [0]

    def step(model, data):
        count["steps"] += 1
        seen.append(1)
        return classes(model, data)

    assert seen_through(step, net(), batch()) is None
    assert ({"steps": 3}, [0]) == (count, seen)


def test_nothing_is_left_behind():
    """No hook, no gradient, no random number, and each module in its mode."""
    model = nn.Sequential(net(), nn.Dropout(0.5))
    before = torch.get_rng_state()
    seen_through(classes, model, batch())

    assert model[1].training
    assert not model._forward_hooks
    assert model[0].weight.grad is None
    assert torch.equal(before, torch.get_rng_state())
