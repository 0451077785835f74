"""The history forgets details of the distant past, never its extremes, and never takes more memory."""

import io
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.history import BUCKETS, RECENT, History, Series

ANY = st.floats(allow_nan=True, allow_infinity=True, width=32)


def equal(left, right):
    """Tell whether two pairs of steps and values are equal, NaN like NaN."""
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(left, right, strict=True))


def fed(values, cuts=(), steps=None, **sizes):
    """Return a series that got `values` in chunks that end at `cuts`."""
    series = Series(**sizes)
    values = np.asarray(values, dtype=float)
    steps = np.arange(len(values)) if steps is None else np.asarray(steps)
    edges = [0, *sorted(cuts), len(values)]
    for start, stop in pairwise(edges):
        series.extend(steps[start:stop], values[start:stop])
    return series


def tensors_of(value):
    """Return nested arrays as tensors, as a checkpoint holds them."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {name: tensors_of(part) for name, part in value.items()}
    return [tensors_of(part) for part in value] if isinstance(value, list) else value


@settings(deadline=None, max_examples=150)
@given(values=st.lists(ANY, max_size=200), data=st.data())
def test_what_thinning_keeps(values, data):
    """Against a list: the recent past is whole; of the rest min, max and first bad survive; nothing is made up."""
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=5))
    series = fed(values, cuts, recent=8, buckets=2)
    steps, kept = series.points()
    pairs = {(step, repr(float(np.float64(value)))) for step, value in enumerate(values)}

    assert len(values) == len(series)
    assert {(int(step), repr(float(value))) for step, value in zip(steps, kept, strict=True)} <= pairs
    assert list(steps) == sorted(steps)
    assert len(steps) <= 16 + 4 * 5
    for count in (1, 3, 8):
        expected = list(enumerate(values))[-count:]
        assert equal(([step for step, _ in expected], [value for _, value in expected]), series.recent(count))
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        well = kept[np.isfinite(kept)]
        assert (min(finite), max(finite)) == (well.min(), well.max())
        first_low, first_high = values.index(min(finite)), values.index(max(finite))
        assert first_low in steps
        assert first_high in steps
    bad = [step for step, value in enumerate(values) if not math.isfinite(value)]
    if bad:
        assert bad[0] == steps[~np.isfinite(kept)][0]


@settings(deadline=None, max_examples=60)
@given(values=st.lists(ANY, min_size=1, max_size=150), data=st.data())
def test_chunking_does_not_show(values, data):
    """The same points give the same series, in whatever portions they came."""
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=8))

    assert equal(fed(values, recent=8, buckets=2).points(), fed(values, cuts, recent=8, buckets=2).points())


def test_two_values_of_one_step_both_stay():
    """Steps need not be unique: two things may be recorded at one step."""
    series = fed([1.0, 2.0, 5.0, -1.0] * 10, steps=np.repeat(np.arange(20), 2), recent=8, buckets=2)
    steps, values = series.points()

    assert {(1, 5.0), (1, -1.0), (18, 1.0), (18, 2.0)} <= set(zip(steps, values, strict=True))
    assert 40 == len(series)


def test_ten_million_points_take_constant_memory():
    """After 10 million points the buffers are as large as ever, and a single spike is still there."""
    series = Series()
    values = np.sin(np.arange(100_000) / 1000)
    sizes = []
    for part in range(100):
        chunk = values.copy()
        if part == 3:
            chunk[777] = 1e9
            chunk[778] = -np.inf
        series.extend(np.arange(part * 100_000, (part + 1) * 100_000), chunk)
        sizes.append(series._old.nbytes + series._steps.nbytes + series._values.nbytes)
    steps, kept = series.points()

    assert 10_000_000 == len(series)
    assert max(sizes) <= 2 * RECENT * 16 + (2 * BUCKETS + 1) * 80
    assert (300_777, 1e9) == (steps[kept.argmax()], kept.max())
    assert [300_778] == list(steps[~np.isfinite(kept)])
    assert equal((np.arange(9_998_000, 10_000_000), values[-2000:]), series.recent(2000))
    assert len(steps) <= 2 * RECENT + 4 * (2 * BUCKETS + 1)


@pytest.fixture(scope="module")
def long_history():
    """A history with a thinned series, a short one, an empty epoch table's row with NaN."""
    history = History()
    values = np.random.default_rng(0).normal(size=30_000)
    values[[100, 20_000]] = np.nan, np.inf
    history.extend("loss", np.arange(1, 30_001), values)
    history.record(3, **{"grad_norm/encoder": 2.0, "step": 1.0})
    history.add_epoch({"epoch": 1, "loss": 0.5, "val/loss": float("nan")})
    history.add_epoch({"epoch": 2, "loss": 0.25})
    return history


def test_state_comes_back_from_a_checkpoint(long_history):
    """Through `torch.save` and `weights_only=True`: equal now, and equal after going on."""
    file = io.BytesIO()
    torch.save(tensors_of(long_history.state()), file)
    file.seek(0)
    again = History.from_state(torch.load(file, weights_only=True))
    before = History.from_state(long_history.state())
    for history in (again, before):
        history.extend("loss", np.arange(30_001, 60_001), np.linspace(5, -5, 30_000))

    assert long_history.names() == again.names()
    assert 60_000 == again.count("loss")
    assert equal(before.series("loss"), again.series("loss"))
    assert equal(long_history.series("grad_norm/encoder"), again.series("grad_norm/encoder"))
    assert repr(long_history.epochs) == repr(again.epochs)


def test_going_on_from_a_state_equals_never_having_stopped(long_history):
    """A resumed history is the uninterrupted one, wherever the cut was."""
    values = np.random.default_rng(1).normal(size=25_000)
    whole = History()
    whole.extend("loss", np.arange(25_000), values)
    for cut in (0, 1, 4096, 4097, 13_000):
        part = History()
        part.extend("loss", np.arange(cut), values[:cut])
        part = History.from_state(part.state())
        part.extend("loss", np.arange(cut, 25_000), values[cut:])

        assert equal(whole.series("loss"), part.series("loss"))


def test_a_state_is_a_copy(long_history):
    """What is recorded after `state` was taken does not reach it."""
    history = History()
    history.record(1, loss=1.0)
    state = history.state()
    history.record(2, loss=2.0)
    history.add_epoch({"epoch": 1})

    assert ([1.0], []) == (list(state["series"]["loss"]["values"]), state["epochs"])


def test_arrays_come_back_from_npz(tmp_path, long_history):
    """Through `signals.npz`: extremes, first bad value and the recent past are those of the run."""
    np.savez(tmp_path / "signals.npz", **dict(long_history.to_arrays()))
    with np.load(tmp_path / "signals.npz") as arrays:
        again = History.from_arrays(arrays.items())
    before, after = long_history.values("loss"), again.values("loss")

    assert long_history.names() == again.names()
    assert equal(long_history.series("loss", RECENT), again.series("loss", RECENT))
    assert (np.nanmin(before), long_history.last("loss")) == (np.nanmin(after), again.last("loss"))
    assert before[np.isfinite(before)].max() == after[np.isfinite(after)].max()
    assert equal((before[~np.isfinite(before)],), (after[~np.isfinite(after)],))


def test_questions_about_what_was_never_recorded():
    """An unknown signal is empty, not an error."""
    history = History()

    assert ([], 0, -1) == (list(history.values("x")), history.count("x"), history.step("x"))
    assert math.isnan(history.last("x"))
    assert [] == history.column("loss")
    assert "x" not in history


def test_questions_about_what_was_recorded(long_history):
    """Newest step and value, and a column of the epoch table with NaN where an epoch has no such value."""
    assert (3, 2.0) == (long_history.step("grad_norm/encoder"), long_history.last("grad_norm/encoder"))
    assert ["nan", "nan"] == [str(value) for value in long_history.column("val/loss")]
    assert [0.5, 0.25] == long_history.column("loss")
    assert "step" in long_history


def test_the_worst_are_named_largest_first():
    """Only finite newest values under the prefix count."""
    history = History()
    history.record(1, **{"g/a": 1.0, "g/b": 9.0, "g/c": math.nan, "g/d": 3.0, "h/e": 99.0})
    history.record(2, **{"g/a": 5.0})

    assert ("b", "a") == history.worst("g/", 2)


def test_the_present_chapter_begins_after_its_step():
    """What was measured before it is another training's: `now` leaves that out, and epochs that began in it."""
    run = History()
    for step in range(1, 31):
        run.record(step, loss=step)
    for epoch in (1, 2, 3):
        run.add_epoch({"epoch": epoch, "step": 10 * epoch, "steps": 10})
    whole = run.now("loss").tolist(), [row["epoch"] for row in run.rows()]
    run.since = 15
    run.facts = {"planned_steps": 30}
    again = History.from_state(run.state())

    assert (list(range(1, 31)), [1, 2, 3]) == whole
    assert list(range(16, 31)) == again.now("loss").tolist()
    assert [29, 30] == again.now("loss", 2).tolist() == again.now_series("loss", 2)[0].tolist()
    assert [3] == [row["epoch"] for row in again.rows()]
    assert {"planned_steps": 30} == again.facts
    assert 30 == len(again.values("loss"))
