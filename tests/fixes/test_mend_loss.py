"""A loss that fits what the model ends in; and none where it fits already."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.fixes.mend_loss import LINES, SAYS, MendLoss
from autofix_nb.objective import Task, infer_task, split_batch
from tests.runs import finding, history, trainee

GENERATOR = torch.Generator().manual_seed(0)
INPUTS = torch.randn(16, 4, generator=GENERATOR)
IDS = torch.randint(0, 3, (16,), generator=GENERATOR)
HOT = functional.one_hot(IDS, 3).float()
YES = torch.randint(0, 2, (16,), generator=GENERATOR).float()
SEVERAL = torch.randint(0, 2, (16, 3), generator=GENERATOR).float()
NUMBERS = torch.randn(16, generator=GENERATOR)
FAR = torch.where(torch.arange(16) == 3, 900.0, NUMBERS)


def squares_of_one_hot(outputs, ids):
    return (outputs - functional.one_hot(ids, 3)).square().sum(1).mean()


def each_with_each(outputs, targets):
    return (outputs.flatten()[:, None] - targets.flatten()[None]).square().mean()


def distances_to_numbers(outputs, ids):
    """Classes taken for numbers: each score is to be the number of the class."""
    return (outputs - ids[:, None]).abs().mean()


def likelihood(outputs, ids):
    """Its minus is missing."""
    return outputs.log_softmax(1).gather(1, ids[:, None]).mean()


def hinge(outputs, targets):
    """It wants -1 and 1."""
    return (1 - outputs.flatten() * targets).clamp(min=0).mean()


def error_of_the_mean(outputs, targets):
    return (outputs.mean() - targets.mean()).square()


def of_yes_alone(outputs, targets):
    return -(targets * functional.logsigmoid(outputs)).mean()


def chances_of_yes(outputs, targets):
    return -(targets * outputs.log()).mean()


def swapped(outputs, targets):
    return nn.BCELoss()(targets, outputs)


def first_row(outputs, targets):
    return nn.MSELoss()(outputs[0], targets[0])


def first_column(outputs, targets):
    return nn.MSELoss()(outputs[:, 0], targets[:, 0])


def net(width, *last):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, width), *last)


def hardly_apart():
    """A model whose answers to all rows are the same but for the last digits."""
    model = net(2)
    nn.init.normal_(model[0].weight, std=1e-6, generator=torch.Generator().manual_seed(0))
    return model


def run_of(model, loss, targets):
    task = Task(kind="classification", loss=loss, says="")
    batches = [(INPUTS, targets)]
    return trainee(
        history(),
        model=model,
        task=task,
        sample_batches=lambda count: batches[:count],
        split=split_batch,
        optimizer=None,
    )


BYTES = "shares from 0 to 255, ends"
SOFTMAX, SIGMOID = "cross_entropy_of_probabilities", "binary_cross_entropy_of_probabilities"


@pytest.mark.parametrize(
    ("model", "loss", "targets", "expected"),
    [
        pytest.param(net(3, nn.Softmax(1)), nn.CrossEntropyLoss(), IDS, [SOFTMAX], id="softmax-twice"),
        pytest.param(net(3, nn.Softmax(1)), nn.NLLLoss(), IDS, [SOFTMAX], id="softmax-before-nll"),
        pytest.param(net(3, nn.Softmax(1)), squares_of_one_hot, IDS, [SOFTMAX], id="squares-of-softmax"),
        pytest.param(net(3, nn.Softmax(1)), nn.MSELoss(), HOT, [SOFTMAX], id="squares-of-softmax-one-hot"),
        pytest.param(net(3, nn.Softmax(1)), nn.BCEWithLogitsLoss(), HOT, [SOFTMAX], id="softmax-before-sigmoid"),
        pytest.param(net(3, nn.Sigmoid()), nn.CrossEntropyLoss(), IDS, [SIGMOID], id="sigmoid-before-softmax"),
        pytest.param(net(3, nn.Sigmoid()), squares_of_one_hot, IDS, [SIGMOID], id="squares-of-sigmoid"),
        pytest.param(net(3, nn.Sigmoid()), nn.BCEWithLogitsLoss(), SEVERAL, [SIGMOID], id="sigmoid-twice-labels"),
        pytest.param(net(1, nn.Sigmoid(), nn.Flatten(0)), nn.BCEWithLogitsLoss(), YES, [SIGMOID], id="sigmoid-twice"),
        pytest.param(net(1, nn.Sigmoid(), nn.Flatten(0)), nn.MSELoss(), YES, [SIGMOID], id="squares-of-yes-or-no"),
        pytest.param(net(1, nn.Sigmoid(), nn.Flatten(0)), nn.L1Loss(), YES, [SIGMOID], id="distances-of-yes-or-no"),
        pytest.param(net(1, nn.Sigmoid()), nn.MSELoss(), YES, ["aligned", SIGMOID], id="stretched-squares-of-yes"),
        pytest.param(net(3), nn.NLLLoss(), IDS, ["cross_entropy"], id="scores-before-nll"),
        pytest.param(net(3), squares_of_one_hot, IDS, ["cross_entropy"], id="squares-of-scores"),
        pytest.param(net(3), nn.CrossEntropyLoss(reduction="sum"), IDS, ["mean"], id="a-sum"),
        pytest.param(net(3), nn.MSELoss(reduction="sum"), torch.randn(16, 3), ["mean"], id="a-sum-of-squares"),
        pytest.param(net(1), nn.MSELoss(), NUMBERS, ["aligned"], id="stretched"),
        pytest.param(net(1), each_with_each, NUMBERS, ["row_by_row"], id="every-row-with-every-target"),
        pytest.param(net(1), each_with_each, NUMBERS[:, None], ["row_by_row"], id="the-same-of-one-shape"),
        pytest.param(net(3), distances_to_numbers, IDS, ["cross_entropy"], id="classes-taken-for-numbers"),
        pytest.param(net(3), likelihood, IDS, ["turned"], id="no-minus"),
        pytest.param(net(1, nn.Flatten(0)), hinge, YES, ["signs"], id="noughts-for-a-hinge"),
        pytest.param(net(1, nn.Flatten(0)), error_of_the_mean, NUMBERS, ["row_by_row"], id="error-of-the-mean"),
        pytest.param(net(1, nn.Flatten(0)), nn.MSELoss(), FAR, ["huber"], id="outliers"),
        pytest.param(net(1), nn.BCEWithLogitsLoss(), 255 * YES[:, None], [BYTES], id="bytes-for-shares"),
        pytest.param(net(1, nn.Sigmoid()), nn.MSELoss(), 255 * YES[:, None], [BYTES], id="bytes-for-a-sigmoid"),
        pytest.param(net(3), nn.CrossEntropyLoss(), SEVERAL, ["binary_cross_entropy"], id="several-as-one"),
        pytest.param(net(1, nn.Flatten(0)), of_yes_alone, YES, ["binary_cross_entropy"], id="no-counts-nothing"),
        pytest.param(net(1, nn.Sigmoid(), nn.Flatten(0)), chances_of_yes, YES, [SIGMOID], id="the-same-of-chances"),
        pytest.param(net(1, nn.Sigmoid(), nn.Flatten(0)), swapped, YES, ["swapped"], id="swapped"),
        pytest.param(net(3), first_row, torch.randn(16, 3), ["row_by_row"], id="first-row"),
        pytest.param(net(3), first_column, torch.randn(16, 3), ["each_column"], id="first-column"),
    ],
)
def test_the_losses_that_fit(model, loss, targets, expected):
    """What changes least comes first."""
    changes = MendLoss().plans(finding(), run_of(model, loss, targets))

    assert expected == [change.after["loss"] for change in changes]
    assert all(change.before == {"loss": ""} for change in changes)


@pytest.mark.parametrize(
    ("model", "loss", "targets"),
    [
        pytest.param(net(3), nn.CrossEntropyLoss(), IDS, id="scores"),
        pytest.param(net(3), nn.CrossEntropyLoss(label_smoothing=0.1), IDS, id="smoothed"),
        pytest.param(hardly_apart(), nn.CrossEntropyLoss(), IDS % 2, id="answers-that-are-hardly-apart"),
        pytest.param(net(3, nn.LogSoftmax(1)), nn.NLLLoss(), IDS, id="log-softmax"),
        pytest.param(net(1), nn.BCEWithLogitsLoss(), YES[:, None], id="yes-or-no"),
        pytest.param(net(1, nn.Sigmoid()), nn.BCELoss(), YES[:, None], id="sigmoid"),
        pytest.param(net(3), nn.BCEWithLogitsLoss(), SEVERAL, id="several-labels"),
        pytest.param(net(3), nn.BCEWithLogitsLoss(), HOT, id="one-against-all"),
        pytest.param(net(1, nn.Flatten(0)), nn.MSELoss(), NUMBERS, id="numbers"),
        pytest.param(net(3), nn.L1Loss(), INPUTS[:, :3], id="distances"),
        pytest.param(net(4, nn.Sigmoid()), nn.MSELoss(), INPUTS.sigmoid(), id="an-autoencoder"),
        pytest.param(net(1), nn.MSELoss(), YES[:, None], id="squares-of-scores-whose-meaning-would-change"),
        pytest.param(net(1), nn.MSELoss(), 255 * YES[:, None], id="bytes-as-numbers"),
        pytest.param(net(3), lambda outputs, ids: -outputs.mean(), IDS, id="of-the-users-own"),
        pytest.param(net(3), nn.MultiMarginLoss(), IDS, id="margins"),
        pytest.param(
            net(1, nn.Flatten(0)), lambda outputs, ids: (outputs - ids).square().mean(), IDS, id="grades-as-numbers"
        ),
        pytest.param(net(3, nn.ReLU()), distances_to_numbers, IDS, id="numbers-of-what-is-no-score"),
        pytest.param(
            net(3), lambda outputs, ids: (outputs**2).mean() + ids.float().mean(), IDS, id="no-squares-of-one-hot"
        ),
    ],
)
def test_a_loss_that_fits_is_left_alone(model, loss, targets):
    """As one is of which nothing is known."""
    assert [] == MendLoss().plans(finding(), run_of(model, loss, targets))


@pytest.mark.parametrize(
    ("model", "targets"),
    [(net(3), IDS), (net(3, nn.Softmax(1)), IDS), (net(1, nn.Sigmoid()), YES), (net(1), NUMBERS)],
    ids=["scores", "softmax", "sigmoid", "numbers"],
)
def test_the_loss_that_is_chosen_by_itself_needs_no_mending(model, targets):
    """Whoever gives no loss gets one that fits."""
    loss = infer_task(model(INPUTS), targets).loss

    assert [] == MendLoss().plans(finding(), run_of(model, loss, targets))


def test_looking_changes_nothing():
    """Modes, statistics and the random stream are as before."""
    model = net(3, nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Softmax(1))
    before = {name: part.clone() for name, part in model.state_dict().items()}
    random = torch.get_rng_state()
    changes = MendLoss().plans(finding(), run_of(model, nn.CrossEntropyLoss(), IDS))

    assert [SOFTMAX] == [change.after["loss"] for change in changes]
    assert all(torch.equal(before[name], part) for name, part in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert torch.equal(random, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("spoil", ["mended", "no-task", "no-data", "failing"])
def test_where_nothing_can_be_said(spoil):
    """A loss is mended once; and without a task, a batch, or an answer there is nothing to go by."""
    run = run_of(net(3, nn.Softmax(1)), nn.CrossEntropyLoss(), IDS)
    if spoil == "mended":
        run.controls.loss = "mean"
    if spoil == "no-task":
        run.task = None
    if spoil == "no-data":
        run.sample_batches = lambda count: []
    if spoil == "failing":
        run.model = nn.Linear(5, 3)

    assert [] == MendLoss().plans(finding(), run)


def test_each_loss_has_its_words_and_its_line():
    """In a sentence without a full stop."""
    assert SAYS.keys() == LINES.keys()
    assert not any(says.endswith(".") for says in SAYS.values())


@pytest.mark.parametrize(
    ("loss", "targets", "sure"),
    [
        pytest.param(nn.CrossEntropyLoss(), SEVERAL, True, id="several-as-one"),
        pytest.param(likelihood, IDS, True, id="no-minus"),
        pytest.param(nn.NLLLoss(), IDS, True, id="scores-before-nll"),
        pytest.param(distances_to_numbers, IDS, False, id="classes-may-have-an-order"),
        pytest.param(nn.CrossEntropyLoss(reduction="sum"), IDS, False, id="sums-may-be-meant"),
    ],
)
def test_what_cannot_be_meant_as_it_is_is_sure(loss, targets, sure):
    """A race need only show that mending it does no harm; and the controls get the loss alone."""
    run = run_of(net(3), loss, targets)
    change = MendLoss().plan(finding(code="B08"), run)
    MendLoss().apply(change, run)

    assert sure == bool(change.after.get("sure"))
    assert change.after["loss"] == run.controls.loss


def test_an_autoencoder_of_baskets_is_left_alone():
    """Its softmax over several yeses gives each its share of what lies in it (Liang et al. 2018)."""
    torch.manual_seed(0)
    run = run_of(nn.Sequential(nn.Linear(4, 4)), nn.CrossEntropyLoss(), (INPUTS > 0).float())
    run.sample_batches = lambda count: [((INPUTS > 0).float(), (INPUTS > 0).float())]

    assert MendLoss().plans(finding(code="B08"), run) == []
