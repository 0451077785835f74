"""Signs of life: what moves in a run that seems not to learn, measured on series made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autofix_nb.detectors import life
from tests.runs import history

DICE = np.random.default_rng(0)
NOISE = DICE.normal(size=400)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        pytest.param({"loss": 2.3 + 0.1 * NOISE}, (), id="noise-is-dead"),
        pytest.param({"loss": 2.3 + 0.1 * NOISE - np.arange(400) / 2000}, ("the loss falls a little",), id="loss"),
        pytest.param({"grad_norm": np.geomspace(1e-3, 1, 90)}, ("the gradients grow",), id="gradients"),
        pytest.param({"output_spread": np.geomspace(1e-3, 1, 30)}, ("the outputs spread",), id="spread"),
        pytest.param({"lr": np.linspace(0, 1, 50)}, ("the learning rate still rises",), id="warm-up"),
        pytest.param({"lr": np.linspace(1, 0, 50)}, (), id="decay-is-no-sign"),
        pytest.param(
            {"gain": 0.1 + 0.01 * NOISE[:20], "mispaired": np.full(20, 2.3)},
            ("the outputs begin to know the targets",),
            id="gain",
        ),
        pytest.param({"gain": NOISE[:20], "mispaired": np.full(20, 2.3)}, (), id="gain-by-accident"),
    ],
)
def test_what_moves_is_named(series, expected):
    """A slow start shows in at least one signal, a dead run in none."""
    assert expected == life.signs_of_life(history(**series))


@given(st.lists(st.floats(-1e6, 1e6), min_size=24, max_size=60), st.floats(0.5, 2), st.floats(-10, 10))
def test_the_trend_of_a_mirrored_series_is_the_opposite(values, scale, shift):
    """Mann's statistic knows only which of two medians is larger."""
    values = np.array(values)

    assert life.trend(values) == -life.trend(-values)
    assert abs(life.trend(values)) <= life.trend(np.arange(len(values)))


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        pytest.param([0.1] * 40, 40, id="constant"),
        pytest.param([0.01] * 30 + [0.1] * 10, 10, id="since-the-warm-up"),
        pytest.param([0.1] * 30 + [0.01] * 10, 40, id="a-decay-does-not-count"),
        pytest.param([], 0, id="unknown"),
    ],
)
def test_steps_are_counted_from_the_end_of_the_warm_up(rates, expected):
    """Patience begins when the rate is there."""
    assert expected == life.steps_at_rate(history(lr=rates))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, (), id="nothing-known"),
        pytest.param({"dropout": {"a": 0.5}}, (), id="usual-dropout"),
        pytest.param({"dropout": {"a": 0.1, "b": 0.9}}, ("dropout is 0.9",), id="dropout"),
        pytest.param({"optimizer": "AdamW", "weight_decay": 0.3}, (), id="decoupled-decay-may-be-larger"),
        pytest.param({"optimizer": "Adam", "weight_decay": 0.3}, ("weight decay is 0.3",), id="decay"),
    ],
)
def test_strong_regularisation_is_named(facts, expected):
    """By what the run says of itself."""
    run = history()
    run.facts.update(facts)

    assert expected == life.held_back(run)


def test_a_model_that_swings_between_classes_is_restless():
    """All rows get one class, then all the other; the targets vary as dice do."""
    targets = DICE.binomial(20, 0.5, 40) / 20
    run = history(**{"share/0": [0.0, 1.0] * 20, "target_share/0": targets})
    run.facts["batch_size"] = 20
    calm = history(**{"share/0": targets[::-1], "target_share/0": targets})
    calm.facts["batch_size"] = 20

    assert life.restlessness(run) > 5
    assert life.restlessness(calm) < 2


def test_movement_is_that_of_the_component_that_moves_most():
    """A frozen backbone makes the whole move little, and is no sign of a low rate."""
    run = history(**{"update_ratio": [1e-6] * 3, "update_ratio/head": [1e-2, 1e-3, 1e-3]})
    run.facts["planned_steps"] = 100

    assert life.movement(run) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("optimizer", "decay", "rate", "expected"),
    [
        pytest.param("SGD", 0.09, 1.0, 1 / 0.09, id="sgd"),
        pytest.param("AdamW", 0.4, 0.1, 25.0, id="decoupled"),
        pytest.param("AdamW", 0.01, 1e-3, 1e5, id="usual"),
        pytest.param("Adam", 0.4, 0.1, np.inf, id="divided-by-the-gradients-size"),
        pytest.param("SGD", 0.0, 1.0, np.inf, id="no-decay"),
        pytest.param("SGD", None, 1.0, np.inf, id="unknown-decay"),
        pytest.param("SGD", 0.1, 0.0, np.inf, id="no-rate"),
        pytest.param("SGD", 0.1, None, np.inf, id="unknown-rate"),
    ],
)
def test_the_steps_within_which_a_decay_takes_the_weights_away(optimizer, decay, rate, expected):
    """By rate and decay together; decay that is added to the gradient of Adam tells nothing."""
    run = history(**{} if rate is None else {"lr": [1e-3, rate]})
    run.facts.update({"optimizer": optimizer} | ({} if decay is None else {"weight_decay": decay}))
    fades = life.fades_within(run)

    assert expected == pytest.approx(fades)
    assert fades >= life.FADES_WITHIN or life.held_back(run)


@pytest.mark.parametrize(("rate", "expected"), [(0.1, ()), (10.0, ("weight decay is 0.01",))])
def test_a_usual_decay_is_strong_at_a_rate_that_is_not(rate, expected):
    """What holds a model back is both of them together."""
    run = history(lr=[rate])
    run.facts.update({"optimizer": "SGD", "weight_decay": 0.01})

    assert expected == life.held_back(run)


@given(st.floats(1e-6, 1.0), st.floats(1e-6, 10.0))
def test_weights_that_only_decay_are_a_third_after_so_many_steps(decay, rate):
    """What the number means; as long as one step does not take all."""
    run = history(lr=[rate])
    run.facts.update({"optimizer": "SGD", "weight_decay": decay})
    steps = life.fades_within(run)

    if steps > 100:
        assert np.exp(-1) == pytest.approx((1 - rate * decay) ** steps, rel=0.01)


@pytest.mark.parametrize(("share", "signs"), [(0.0008, 0), (0.0012, 1)])
def test_a_trace_of_gain_is_no_sign_of_life_however_sure(share, signs):
    """With many measurements next to nothing is sure, too."""
    run = history(gain=2.3 * share * (1 + 0.01 * NOISE[:40]), mispaired=[2.3] * 40)

    assert signs == len(life.signs_of_life(run))
