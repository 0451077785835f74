"""What is measured of a training, once and on demand, on a copy."""

import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autofix_nb.checks import CHECKS, ask
from autofix_nb.finding import NotApplicable
from tests.cases import ConvNet, digits, digits_loaders, mlp, same_weights, small_loader
from tests.checks.subjects import subject


def test_trials_run_on_a_copy_that_is_like_the_original():
    """In the modes the user left it in."""
    model = ConvNet()
    model.head.eval()
    looked_at = subject(model, digits_loaders()[0])

    assert looked_at.model is not model
    assert same_weights(model.state_dict(), looked_at.model.state_dict())
    assert [part.training for part in model.modules()] == [part.training for part in looked_at.model.modules()]


def test_a_model_that_cannot_be_copied_is_borrowed_and_handed_back():
    """A handle to a file or a socket in it, for instance."""

    class Stubborn(nn.Linear):
        def __deepcopy__(self, memo):
            raise TypeError("cannot pickle this")

    model = nn.Sequential(Stubborn(64, 10), nn.BatchNorm1d(10))
    before = {name: part.clone() for name, part in model.state_dict().items()}
    looked_at = subject(model, digits_loaders()[0])

    assert looked_at.trial.loss is not None
    assert not looked_at.copied
    assert looked_at.model is model
    assert same_weights(before, model.state_dict())
    assert all(part.grad is None for part in model.parameters())


def test_borrowed_gives_the_same_random_numbers_each_time_and_restores():
    """Buffers, modes and random streams are as before."""
    looked_at = subject(ConvNet(), digits_loaders()[0])
    inputs = digits()[0][:16]
    stream = torch.get_rng_state()
    before = {name: part.clone() for name, part in looked_at.model.state_dict().items()}

    outputs = []
    for _ in range(2):
        with looked_at.borrowed(training=True) as model:
            outputs.append(model(inputs).detach())

    assert torch.equal(*outputs)
    assert same_weights(before, looked_at.model.state_dict())
    assert torch.equal(stream, torch.get_rng_state())


def test_the_trial_tells_loss_gradients_and_what_got_none():
    """Of one step without an update."""

    class Partly(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = mlp(4, 3), nn.Linear(2, 2)

        def forward(self, rows):
            return self.used(rows)

    trial = subject(Partly(), small_loader(), loss=nn.CrossEntropyLoss()).trial

    assert 0.5 < float(trial.loss) < 2
    assert {"used.0.weight", "used.0.bias", "used.2.weight", "used.2.bias"} == set(trial.gradients)
    assert trial.without_gradient == ("unused.weight", "unused.bias")


@pytest.mark.parametrize(
    ("loss", "stage"),
    [
        (lambda outputs, targets: outputs @ outputs, "loss"),
        (lambda outputs, targets: outputs, "loss"),
        (lambda outputs, targets: outputs.detach().mean(), "backward"),
    ],
    ids=["raises", "no number", "no gradient"],
)
def test_an_error_is_kept_with_its_stage(loss, stage):
    """And never raised."""
    trial = subject(mlp(4, 3), small_loader(), loss=loss).trial

    assert trial.error is not None
    assert trial.stage == stage


def test_a_model_that_raises_fails_in_the_forward_pass():
    """Nothing was returned."""
    trial = subject(mlp(5, 3), small_loader()).trial

    assert trial.stage == "forward"
    assert trial.outputs is None


def test_a_slow_model_is_tried_on_fewer_rows():
    """So that a look at a large model on a CPU ends in time."""

    class Slow(nn.Linear):
        def forward(self, rows):
            total = super().forward(rows)
            for _ in range(3000 * len(rows)):
                total = total + 0.0
            return total

    looked_at = subject(Slow(4, 3), small_loader(batch_size=64), seconds=0.05)

    assert looked_at.trial_rows < looked_at.batch_rows == 64


def test_a_step_that_calls_the_model_by_its_global_name_is_tried_in_place():
    """On the copy nothing would arrive; the caller puts the original back."""
    model = mlp(4, 3)

    def step(_, batch):
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    looked_at = subject(model, small_loader(), step=step)

    assert set(looked_at.trial.gradients) == {name for name, _ in model.named_parameters()}
    assert not looked_at.copied


def test_what_was_not_given_is_not_applicable():
    """With the name of what is missing."""
    looked_at = subject()

    with pytest.raises(NotApplicable, match="no `model` was given"):
        _ = looked_at.model
    with pytest.raises(NotApplicable, match="no `train` was given"):
        _ = looked_at.batch
    with pytest.raises(NotApplicable, match="no `val` was given"):
        looked_at.scan("val")


def test_the_task_is_told_by_outputs_and_targets():
    """As `fit` would."""
    assert subject(mlp(4, 3), small_loader()).task.kind == "classification"


def test_forget_lets_go_of_what_takes_memory():
    """A report in a notebook lives for hours."""
    looked_at = subject(mlp(4, 3), small_loader())
    _ = looked_at.trial, looked_at.scan().features

    looked_at.forget()

    assert not {"_copies", "trial", "_first"} & vars(looked_at).keys()
    assert looked_at.scan().features is None


@pytest.mark.parametrize(
    ("width", "says"),
    [
        pytest.param(64, "raises ValueError on 4 of the batch's 32 rows, though a step on 32 works", id="only-there"),
        pytest.param(5, "raises ValueError (see B06)", id="in-the-trial-too"),
    ],
)
def test_an_error_points_to_the_trial_only_where_it_raised_too(width, says):
    """A model that wants batches of one size passes the trial step."""
    one = subject(mlp(width, 10), digits_loaders()[0])

    assert says == one.raises(ValueError("4"), 4)


@pytest.mark.parametrize("deep", [False, True], ids=["trial", "deep"])
def test_what_torch_warns_of_does_not_reach_the_screen(deep):
    """It is kept with the trial, and every other pass is quiet; here targets that have a dimension less."""
    train = DataLoader(TensorDataset(torch.randn(64, 4), torch.randn(64)), batch_size=16)
    looked_at = subject(nn.Linear(4, 1), train, train, loss=nn.MSELoss(), deep=deep)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for check in CHECKS:
            ask(check(), looked_at)

    assert [] == [str(one.message) for one in said if "target size" in str(one.message)]
    assert any("target size" in text for text in looked_at.trial.warned)
