"""A regression model answers in units of its targets' spread, and everybody else sees the user's units."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from autofix_nb.errors import DataError
from autofix_nb.fixes.scale_targets import ScaleTargets
from autofix_nb.objective import columns, task_of
from tests.fixes.test_surgery import trained
from tests.runs import finding


def build(outputs=1, ends=None):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, outputs), *([ends] if ends else []))


def running(spread=2e4, mean=3e5, loss=None, outputs=1, model=None, rows=400):
    """Return what a fix sees of a regression under way."""
    run = trained(build(outputs) if model is None else model, steps=0)
    inputs = torch.randn(rows, 4, generator=torch.Generator().manual_seed(1))
    usual = (inputs[:, :1] - inputs[:, :1].mean()) / inputs[:, 0].std(correction=0)
    targets = usual * torch.as_tensor(spread) + torch.as_tensor(mean)
    targets = targets.expand(rows, outputs).contiguous()
    run.sample_batches = lambda count: [(inputs, targets)]
    run.task = task_of(loss or nn.MSELoss(), torch.zeros(2, outputs), torch.zeros(2, outputs))
    return run


def plan(run):
    return next(iter(ScaleTargets().plans(finding(code="L01"), run)), None)


def pull(run):
    """Return the norm of the gradient that the loop would go on."""
    ((inputs, targets),) = run.sample_batches(1)
    run.model.zero_grad()
    (run.task.loss(run.model(inputs), targets) * run.controls.loss_scale).backward()
    return float(torch.stack([one.grad.norm() for one in run.model.parameters()]).norm())


@pytest.mark.parametrize(("spread", "mean"), [(2e4, 3e5), (1e-3, 0.0), (1.0, 50.0)], ids=["large", "tiny", "far"])
@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.L1Loss()], ids=["mse", "l1"])
def test_gradients_are_those_of_standardised_targets(loss, spread, mean):
    """Whatever the units of the targets."""
    run = running(spread, mean, loss)
    twin = running(1.0, 0.0, loss, model=copy.deepcopy(run.model))
    ScaleTargets().apply(plan(run), run)

    assert pull(run) == pytest.approx(pull(twin), rel=0.05)


@pytest.mark.parametrize(
    ("loss", "power"),
    [(nn.MSELoss(), 2), (nn.L1Loss(), 1), (nn.HuberLoss(), 1), (nn.SmoothL1Loss(), 1)],
    ids=["mse", "l1", "huber", "smooth-l1"],
)
def test_the_loss_tells_how_gradients_grow(loss, power):
    """Far from the targets: with squares, or in proportion."""
    change = plan(running(loss=loss))

    assert change.after["loss_scale"] == pytest.approx(change.after["std"][0] ** -power)


def test_columns_in_units_of_their_own_count_alike():
    """The squares of the loudest would be the whole loss; a run that takes it back has its own loss again."""
    run = running(spread=[1.0, 2e4], mean=[0.0, 3e5], outputs=2)
    fix, change = ScaleTargets(), plan(run)
    fix.apply(change, run)

    assert columns.name_of(change.after["std"]) == run.controls.loss != ""
    assert 1.0 == run.controls.loss_scale
    assert "each of which counts in its own units" in change.says
    fix.undo(change, run)
    assert "" == run.controls.loss
    assert "loss" not in plan(running(spread=[2e3, 2e4], mean=[0.0, 3e5], outputs=2)).after


def test_answers_stay_in_the_users_units():
    """The loss of validation and of the metrics is that of targets as they are."""
    run = running()
    before = run.model(run.sample_batches(1)[0][0])
    change = plan(run)
    ScaleTargets().apply(change, run)
    after = run.model(run.sample_batches(1)[0][0])

    assert torch.allclose(before * change.after["std"][0] + change.after["mean"][0], after)
    assert 300_000 == pytest.approx(change.after["mean"][0], rel=0.01)
    assert 20_000 == pytest.approx(change.after["std"][0], rel=0.05)


def test_each_output_has_its_own_numbers():
    """As many as the model has."""
    change = plan(running(torch.tensor([1.0, 100.0]), torch.tensor([0.0, 7.0]), outputs=2))

    assert [1.0, 100.0] == pytest.approx(change.after["std"], rel=0.05)
    assert ([2], 2) == (change.after["shape"], len(change.after["mean"]))


def test_one_target_out_of_its_mind_moves_nothing():
    """The largest few count no more than those next to them."""
    run = running()
    run.sample_batches(1)[0][1][7] = 1e12

    assert 20_000 == pytest.approx(plan(run).after["std"][0], rel=0.05)


def grown(run):
    with torch.no_grad():
        run.model[2].bias += 1e5
    return run


def taught(run):
    ((_, targets),) = run.sample_batches(1)
    run.model = nn.Linear(4, 1)
    with torch.no_grad():
        run.model.weight[:] = torch.tensor([1.0, 0.0, 0.0, 0.0]) * targets.std()
        run.model.bias.zero_()
    return run


@pytest.mark.parametrize(
    ("run", "fresh"),
    [
        pytest.param(running, None, id="answers-around-0"),
        pytest.param(lambda: grown(running()), True, id="on-its-way"),
        pytest.param(lambda: taught(running(1e-3, 0.0)), True, id="knows-something"),
    ],
)
def test_a_model_that_has_grown_towards_its_targets_begins_again(run, fresh):
    """Its answers would be multiplied once more: that is for a race from the first weights, and never done at once."""
    run = run()

    assert fresh == plan(run).after.get("fresh")
    assert bool(fresh) == (ScaleTargets().plan(finding(code="G01"), run) is None)


def with_targets(targets):
    run = running()
    run.sample_batches = lambda count: [(torch.zeros(len(targets), 4), targets)]
    return run


def by_its_own_step():
    run = running()

    def split(data):
        raise DataError("`step` is the user's own")

    run.split = split
    return run


def classified():
    run = running()
    run.task = task_of(nn.CrossEntropyLoss(), torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))
    return run


def done_already():
    run = running()
    ScaleTargets().apply(plan(run), run)
    return run


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda: running(1.0, 0.0), id="usual"),
        pytest.param(lambda: running(5.0, -9.0), id="near"),
        pytest.param(lambda: running(model=build(ends=nn.Sigmoid())), id="bounded-answer"),
        pytest.param(lambda: running(model=build(ends=nn.ReLU())), id="positive-answer"),
        pytest.param(classified, id="classes"),
        pytest.param(by_its_own_step, id="own-step"),
        pytest.param(done_already, id="done-already"),
        pytest.param(lambda: with_targets(torch.full((50, 1), float("nan"))), id="no-numbers"),
        pytest.param(lambda: with_targets(torch.zeros(50, 1)), id="nothing-but-0"),
        pytest.param(lambda: with_targets(torch.ones(50, 1, dtype=torch.long)), id="class-numbers"),
        pytest.param(lambda: SimpleNamespace(model=None), id="no-model"),
    ],
)
def test_what_needs_none_or_cannot_be_told_is_left_alone(run):
    """Rather not than wrongly."""
    assert plan(run()) is None


def test_replay_leaves_the_settings_alone():
    """The scale of the loss is saved by itself, and may have been changed since."""
    run, again = running(), running()
    change = plan(run)
    ScaleTargets().replay(change, again)

    assert 1.0 == again.controls.loss_scale
    assert ["answer_mean", "answer_std"] == list(again.model._buffers)


def test_the_line_to_type_standardises():
    """Targets, and back again."""
    change = plan(running())
    names = {"targets": torch.tensor([change.after["mean"][0] + change.after["std"][0]])}
    exec(change.permanent, names)  # noqa: S102

    assert torch.allclose(torch.ones(1), names["targets"], atol=1e-4)
    assert "mean, std = train_targets.mean(0)" in plan(running(outputs=2)).permanent


def test_says_what_it_does():
    """With the numbers."""
    assert (
        "the model's answer is multiplied by 1.98e+04 and shifted by 3e+05, the standard deviation and the mean of the "
        "targets of 400 training samples, and its gradients are scaled back to usual size" == plan(running()).says
    )


def test_a_likelihood_of_no_known_kind_begins_at_its_best_constant():
    """Mean and log-variance of targets in the hundreds: the answer is shifted and widened column by column."""

    def likelihood(outputs, wanted):
        return 0.5 * (outputs[:, 1:] + (wanted - outputs[:, :1]).square() / outputs[:, 1:].exp()).mean()

    torch.manual_seed(0)
    rows, wanted = torch.randn(64, 4), 450 + 80 * torch.randn(64, 1)
    run = trained(nn.Sequential(nn.Linear(4, 2)), steps=0)
    run.task = task_of(likelihood, run.model(rows), wanted)
    run.sample_batches = lambda count, **how: [(rows, wanted)] * count
    fix, before = ScaleTargets(), run.model(rows).detach()
    change = fix.plan(finding(code="B08"), run)
    fix.apply(change, run)
    first = likelihood(run.model(rows), wanted)
    fix.undo(change, run)

    assert first < likelihood(before, wanted) / 100
    assert torch.equal(before, run.model(rows))
