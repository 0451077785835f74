"""A loss that stretches outputs and targets is told from one that compares row with row."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from autofix_nb.evidence.stretching import FEWEST_ROWS, mixes_rows, stretched_loss

OUTPUTS = torch.tensor([[0.0], [2.0]])
TARGETS = torch.tensor([0.0, 2.0])


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "expected"),
    [
        pytest.param(nn.MSELoss(), OUTPUTS, TARGETS, (2.0, 0.0), id="stretched"),
        pytest.param(nn.MSELoss(), OUTPUTS, TARGETS[:, None], None, id="of-one-shape"),
        pytest.param(nn.MSELoss(), OUTPUTS[:1], TARGETS[:1], None, id="one-row"),
        pytest.param(lambda o, t: ((o.flatten() - t.flatten()) ** 2).mean(), OUTPUTS, TARGETS, None, id="flattened"),
        pytest.param(nn.BCEWithLogitsLoss(), OUTPUTS, TARGETS, None, id="refused"),
    ],
)
def test_the_loss_as_it_is_and_as_it_would_be(loss, outputs, targets, expected):
    """Nothing where both shapes are compared row by row, or refused."""
    assert expected == stretched_loss(loss, outputs, targets)


DICE = torch.Generator().manual_seed(0)
COLUMN, HEIGHTS = torch.randn(16, 1, generator=DICE), torch.randn(16, generator=DICE)
POINTS, CLOUD = torch.randn(16, 3, generator=DICE), torch.randn(16, 3, generator=DICE)
KINDS = torch.randint(0, 3, (16,), generator=DICE)


def each_with_each(outputs, targets):
    """Flatten both, and subtract a row from a column."""
    return (outputs.flatten()[:, None] - targets.flatten()[None]).square().mean()


def each_with_each_in_a_line(outputs, targets):
    """The same mistake, by distances and summed."""
    return (outputs.flatten()[:, None] - targets.flatten()[None]).abs().sum()


def far_apart(one, other):
    return (one[:, None] - other[None]).norm(dim=-1)


def energy_distance(outputs, targets):
    """Two clouds of points, whatever belongs to whatever: 0 where they are the same cloud."""
    own = far_apart(outputs, outputs).mean() + far_apart(targets, targets).mean()
    return 2 * far_apart(outputs, targets).mean() - own


def mean_discrepancy(outputs, targets):
    """The same, with a kernel."""
    near = lambda one, other: far_apart(one, other).square().neg().exp().mean()  # noqa: E731
    return near(outputs, outputs) + near(targets, targets) - 2 * near(outputs, targets)


def pulls_together(outputs, targets):
    """Rows of one kind are to point one way."""
    alike = (targets[:, None] == targets[None]).float()
    return -(alike * (outputs @ outputs.T).log_softmax(1)).mean()


def pairs_up(outputs, targets):
    """Each output is to point to its own target, of all of them."""
    return functional.cross_entropy(outputs @ targets.T, torch.arange(len(outputs)))


def in_order(outputs, targets):
    """Of two rows, the one with the higher target is to come out higher."""
    given, wanted = outputs.flatten(), targets.flatten()
    return (-(given[:, None] - given[None]) * (wanted[:, None] - wanted[None]).sign()).relu().mean()


def of_the_means(outputs, targets):
    return (outputs.mean(0) - targets.mean(0)).square().sum()


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "mixes"),
    [
        pytest.param(each_with_each, COLUMN, HEIGHTS, True, id="column-against-row"),
        pytest.param(each_with_each, COLUMN, HEIGHTS[:, None], True, id="of-one-shape-until-the-loss-reshapes-them"),
        pytest.param(each_with_each_in_a_line, COLUMN, HEIGHTS, True, id="a-sum-of-distances"),
        pytest.param(each_with_each, COLUMN, KINDS, True, id="whole-numbers"),
        pytest.param(nn.MSELoss(), COLUMN, HEIGHTS[:, None], False, id="row-with-row"),
        pytest.param(nn.MSELoss(), POINTS, CLOUD, False, id="rows-of-several"),
        pytest.param(nn.CrossEntropyLoss(), POINTS, KINDS, False, id="classes"),
        pytest.param(of_the_means, POINTS, CLOUD, False, id="of-the-means"),
        pytest.param(pulls_together, POINTS, KINDS, False, id="contrastive-by-class"),
        pytest.param(pairs_up, POINTS, CLOUD, False, id="contrastive-in-pairs"),
        pytest.param(in_order, COLUMN, HEIGHTS, False, id="ranking"),
        pytest.param(energy_distance, POINTS, CLOUD, False, id="energy-distance"),
        pytest.param(energy_distance, COLUMN, HEIGHTS[:, None], False, id="energy-distance-of-columns"),
        pytest.param(mean_discrepancy, POINTS, CLOUD, False, id="mean-discrepancy"),
        pytest.param(lambda outputs, targets: outputs.square().mean(), COLUMN, HEIGHTS, False, id="no-targets"),
        pytest.param(lambda outputs, targets: 1 / 0, COLUMN, HEIGHTS, False, id="cannot-be-asked"),
    ],
)
def test_a_loss_that_compares_every_row_with_every_target(loss, outputs, targets, mixes):
    """The order of the targets is all one to it; which clouds of points may want, and then the right answer is best."""
    assert mixes == mixes_rows(loss, outputs, targets)


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        pytest.param(COLUMN[: FEWEST_ROWS - 1], HEIGHTS[: FEWEST_ROWS - 1], id="few-rows"),
        pytest.param(COLUMN, torch.ones(16), id="targets-alike"),
        pytest.param(COLUMN, torch.tensor([1.0, 2.0]).repeat(8), id="targets-that-repeat"),
        pytest.param(torch.zeros(16, 1), HEIGHTS, id="outputs-alike"),
        pytest.param(COLUMN, HEIGHTS[:8], id="fewer-targets-than-rows"),
        pytest.param(COLUMN, torch.tensor(1.0), id="one-target-for-all"),
        pytest.param(torch.tensor(1.0), HEIGHTS, id="one-output-for-all"),
    ],
)
def test_where_another_order_shows_nothing_nothing_is_said(outputs, targets):
    """Another order of what is alike is the same one."""
    assert not mixes_rows(each_with_each, outputs, targets)
