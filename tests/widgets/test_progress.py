"""Progress as text: a line per epoch that stays, and a bar only where an epoch takes its time."""

import io
import itertools

import pytest
import torch

from autofix_nb.widgets import progress
from autofix_nb.widgets.progress import BAR_AFTER_SECONDS, LOSS_EVERY_SECONDS, Silent, Text

ROW = {
    "epoch": 1,
    "loss": 0.5,
    "val/loss": 0.75,
    "val/accuracy": 0.875,
    "goal": 0.875,
    "goal_name": "val/accuracy",
    "higher_is_better": True,
    "lr": 0.001,
    "step_seconds": 1.0,
    "load_seconds": 0.5,
    "clip_share": 0.0,
    "skipped": 0,
    "quarantined": 0,
}


class Clock:
    """Stands for the module `time`."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def line(row, epochs=20, shown=None):
    file = io.StringIO()
    shown = shown or Text(file)
    shown._file = file
    shown.epoch(ROW | row, epochs)
    return file.getvalue()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(
            {}, "epoch  1/20  loss 0.5000  val/loss 0.7500  val/accuracy 0.8750  lr 0.001  1.5 s\n", id="usual"
        ),
        pytest.param(
            {"epoch": 12, "clip_share": 0.25, "skipped": 2, "quarantined": 3},
            "epoch 12/20  loss 0.5000  val/loss 0.7500  val/accuracy 0.8750  lr 0.001  1.5 s  25% clipped  "
            "2 batches skipped  3 set aside\n",
            id="eventful",
        ),
        pytest.param(
            {"loss": float("nan"), "goal": float("nan")},
            "epoch  1/20  loss nan  val/loss 0.7500  val/accuracy 0.8750  lr 0.001  1.5 s\n",
            id="no-number",
        ),
    ],
)
def test_an_epoch_is_one_line(row, expected):
    """With what somebody looks for, and troubles only where there are some."""
    assert expected == line(row)


def test_an_epoch_without_validation_is_a_line_too():
    """There is no goal then."""
    file = io.StringIO()
    row = {name: value for name, value in ROW.items() if not name.startswith("val/") and "goal" not in name}
    Text(file).epoch(row | {"higher_is_better": True}, 9)

    assert "epoch 1/9  loss 0.5000  lr 0.001  1.5 s\n" == file.getvalue()


@pytest.mark.parametrize("better", [True, False])
def test_an_epoch_that_is_no_better_says_so(better):
    """Beside the goal's number, wherever that stands in the line; which epoch was better, the loop knows."""
    shown = line({"goal": 0.75, "goal_name": "val/loss", "higher_is_better": False, "is_best": better})

    assert better == ("(no better)" not in shown)
    assert better == ("val/loss 0.7500  " in shown)


def test_a_short_epoch_has_no_bar(clock):
    """A saved notebook keeps no traces of one."""
    file = io.StringIO()
    shown = Text(file)
    shown.begin(1, 3, 10, 0)
    for done in range(1, 11):
        clock.now += BAR_AFTER_SECONDS / 11
        shown.step(done, torch.tensor(0.5))

    assert "" == file.getvalue()


def test_a_bar_comes_after_a_second_and_goes_at_the_end(clock):
    """With epoch, batches, and the loss."""
    file = io.StringIO()
    shown = Text(file)
    shown.begin(2, 3, 10, 4)
    clock.now += BAR_AFTER_SECONDS
    shown.step(6, torch.tensor(0.5, requires_grad=True))
    shown._bar.refresh()

    assert "epoch 2/3" in file.getvalue()
    assert "6/10" in file.getvalue()
    assert "loss 0.5" in file.getvalue()
    shown.epoch(ROW, 3)

    assert None is shown._bar
    assert file.getvalue().endswith("1.5 s\n")


def test_speed_is_that_of_the_batches_since_the_bar_came(clock):
    """Those of the first second must not count as done in no time."""
    shown = Text(io.StringIO())
    shown.begin(1, 1, 10_000, 0)
    clock.now += BAR_AFTER_SECONDS
    shown.step(5000, 0.5)

    assert (5000, 5000) == (shown._bar.n, shown._bar.initial)
    shown.close("")


def test_the_loss_is_read_now_and_then_only(clock):
    """On an accelerator reading it means waiting."""
    read = []

    class Loss:
        def __float__(self):
            read.append(clock.now)
            return 0.5

    shown = Text(io.StringIO())
    shown.begin(1, 1, None, 0)
    for done in range(1, 41):
        clock.now += LOSS_EVERY_SECONDS / 4
        shown.step(done, Loss())
    shown.close("")

    assert 2 + 4 * 2 - 1 == pytest.approx(len(read), abs=1)
    assert all(later - earlier >= LOSS_EVERY_SECONDS for earlier, later in itertools.pairwise(read))


def test_sentences_and_the_end_are_lines_that_stay():
    """An empty end is none."""
    file = io.StringIO()
    shown = Text(file)
    shown.say("Resumed.")
    shown.close("finished")
    shown.close("")

    assert "Resumed.\nfinished\n" == file.getvalue()


def test_without_a_file_it_is_standard_output(capsys):
    """In order with the user's own prints; nothing goes to the error stream."""
    print("before")
    Text().say("said")

    assert ("before\nsaid\n", "") == capsys.readouterr()


def test_silent_is_silent(capsys):
    """Whatever happens."""
    shown = Silent()
    shown.begin(1, 1, 1, 0)
    shown.step(1, 0.5)
    shown.epoch(ROW, 1)
    shown.say("text")
    shown.found("text")
    shown.aside("text", 1, 2)
    shown.paused(1)
    shown.watch(None)
    shown.close("text")

    assert ("", "") == capsys.readouterr()


def test_what_is_done_beside_the_training_has_a_bar_of_its_own(clock):
    """After a second, in the place of the epoch's; the epoch's comes back with the next step."""
    file = io.StringIO()
    shown = Text(file)
    shown.begin(1, 1, 100, 0)
    clock.now += BAR_AFTER_SECONDS
    shown.step(10, 0.5)
    shown.aside("trying 1 of 2: the rate times 0.1", 0, 60)
    assert shown._bar is not None, "a moment beside the training needs none"
    clock.now += BAR_AFTER_SECONDS
    shown.aside("trying 2 of 2: " + 80 * "x", 30, 60)

    assert (None, 30) == (shown._bar, shown._beside.n)
    assert "30/60" in file.getvalue()
    assert "trying 2 of 2" in file.getvalue()
    assert 80 * "x" not in file.getvalue()
    clock.now += LOSS_EVERY_SECONDS
    shown.aside("trying 2 of 2: " + 80 * "x", 40, 60)
    assert 40 == shown._beside.n
    shown.step(11, 0.5)
    assert shown._beside is None
    clock.now += LOSS_EVERY_SECONDS
    shown.step(12, 0.5)
    assert 12 == shown._bar.n
    shown.close("")


def test_a_run_that_goes_on_counts_only_new_samples_set_aside():
    """What was told in an earlier turn is not told again."""
    shown = Text()
    shown.set_aside = 3

    assert "set aside" not in line({"quarantined": 3}, shown=shown)
    assert "4 set aside" in line({"quarantined": 4}, shown=shown)
