"""The picture of a run: a PNG for whatever was recorded."""

import io
import math
import struct

import pytest
from PIL import Image

from autofix_nb.finding import Severity
from autofix_nb.report import to_png
from autofix_nb.report.picture import GREEN
from tests.runs import epochs, finding, history

NAN, INF = math.nan, math.inf


def size(png):
    assert b"\x89PNG\r\n\x1a\n" == png[:8]
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize(
    ("series", "goals"),
    [
        pytest.param({"loss": [1.0], "grad_norm": [2.0], "lr": [0.1]}, [], id="one-point"),
        pytest.param({"loss": [NAN] * 5, "grad_norm": [NAN] * 5, "lr": [0.1] * 5}, [NAN, NAN], id="all-nan"),
        pytest.param({"loss": [INF, -INF, 1.0], "grad_norm": [INF] * 3, "lr": [0.1] * 3}, [INF, -INF], id="infinite"),
        pytest.param({"loss": [-1.0, -50.0, -9.0], "grad_norm": [0.0] * 3, "lr": [0.1] * 3}, [-3.0], id="negative"),
        pytest.param({"loss": [1.0] * 300}, [0.5, NAN, 0.7], id="no-validation-now-and-then"),
        pytest.param({"loss": [1e38, 1e-38, 1.0], "grad_norm": [1e30, 1e-30, 1.0]}, [1e30], id="huge-and-tiny"),
        pytest.param(
            {
                "loss": [2.0] * 80,
                "clipped": [0.0, 1.0] * 40,
                "loss/_a$x": [1.0] * 80,
                "loss/": [NAN] * 80,
                "grad_norm": [1.0] * 80,
            },
            [0.5],
            id="parts-and-clipping",
        ),
        pytest.param({"loss": [0.0] * 9, "grad_norm": [0.0] * 9, "lr": [0.0] * 9}, [0.0, 0.0], id="zeros"),
    ],
)
def test_odd_histories_have_a_picture(series, goals):
    """No error, no warning."""
    run = epochs(goals, higher_is_better=len(series) > 2)
    for row, goal in zip(run.epochs, goals, strict=True):
        row["val/loss"] = goal
    for name, values in series.items():
        for step, value in enumerate(values):
            run.record(step, **{name: value})

    assert (900, 480) == size(to_png(run))


def test_nothing_recorded_is_no_picture():
    """Rather than four empty axes."""
    assert None is to_png(history())


def test_a_metric_with_dollars_is_no_formula():
    """It would be an error of matplotlib at the end of the training."""
    run = epochs([0.5, 0.6])
    run.record(1, loss=1.0)
    for row in run.epochs:
        row["goal_name"] = r"val/US$ per \frac{ $"

    assert (900, 480) == size(to_png(run))


def test_what_happened_is_marked():
    """Warnings, resumes, changes and saves show; notes, and what was found before training, do not."""
    run = history(loss=[1.0] * 20, grad_norm=[1.0] * 20, lr=[0.1] * 20)
    plain = to_png(run)

    assert plain == to_png(run, [finding(step=5, severity=Severity.NOTE)])
    assert plain == to_png(run, [finding(step=0)])
    assert plain != to_png(run, [finding(step=5)])
    assert plain != to_png(run, [], [7])
    assert plain != to_png(run, [], [], [7])
    assert plain != to_png(run, [], [], [], [7])


def test_the_file_is_small_and_its_colours_are_kept():
    """Hundreds of noisy steps take little room, and the star of the best epoch is as green as it was drawn."""
    run = epochs([0.5, 0.75])
    for step in range(600):
        run.record(step, loss=2.0 + (step * 37 % 101) / 50)
    png = to_png(run)
    colours = [colour for _, colour in Image.open(io.BytesIO(png)).convert("RGB").getcolors(1000)]
    green = tuple(int(GREEN[at : at + 2], 16) for at in (1, 3, 5))
    nearest = min(max(abs(a - b) for a, b in zip(colour, green, strict=True)) for colour in colours)

    assert len(png) < 40_000
    assert nearest <= 16
