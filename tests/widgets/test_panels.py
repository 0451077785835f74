"""The plots of the live view say of the run what the run says of itself."""

import pytest

from autofix_nb.widgets.panels import plots_of
from tests.runs import epochs


@pytest.mark.parametrize(
    ("chosen", "epoch"),
    [
        pytest.param((True, True, True, False), 3, id="the-last-of-equals-that-was-chosen"),
        pytest.param((True, True, False, False), 2, id="the-first-of-equals-that-was-chosen"),
        pytest.param((True, False, False, False), 2, id="none-of-these-was"),
    ],
)
def test_the_star_stands_where_the_run_found_its_best(chosen, epoch):
    """Of equal goals the lower validation loss decides, which is not seen in the plot of the goal."""
    run = epochs([0.5, 0.9, 0.9, 0.9])
    for row, is_best in zip(run.epochs, chosen, strict=True):
        row["is_best"] = is_best
    (plot,) = [plot for plot in plots_of(run) if plot.title == "Accuracy"]

    assert (f"★ epoch {epoch}", (10.0 * epoch, 0.9)) == (plot.aside, plot.star)
