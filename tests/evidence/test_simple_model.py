"""Ridge regressions answer each row as if it had been left out, and find what is there to be learnt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.evidence.simple_model import RIDGES, _left_out, answers_of_simple_models


def slow(kernel, wanted, ridge):
    """Fit to all other rows, once for each row."""
    answers = np.zeros_like(wanted)
    for row in range(len(kernel)):
        others = np.arange(len(kernel)) != row
        inner = kernel[np.ix_(others, others)] + ridge * np.eye(len(kernel) - 1)
        answers[row] = kernel[row, others] @ np.linalg.solve(inner, wanted[others])
    return answers


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(4, 20), columns=st.integers(1, 3))
def test_the_closed_form_is_a_model_for_each_row_without_it(seed, rows, columns):
    """Of the ridges the one that errs least."""
    random = np.random.default_rng(seed)
    points = random.normal(size=(rows, 2))
    kernel = np.exp(-np.square(points[:, None] - points[None]).sum(-1))
    wanted = random.normal(size=(rows, columns))
    scale = np.linalg.eigvalsh(kernel)[-1] / rows
    tried = [slow(kernel, wanted, ridge * scale) for ridge in RIDGES]

    expected = min(tried, key=lambda answers: np.square(answers - wanted).mean())
    np.testing.assert_allclose(_left_out(kernel, wanted), expected, atol=1e-6)


def best(inputs, wanted):
    """Share of the variance that the best of them explains."""
    errors = [np.square(answers - wanted).mean() for answers in answers_of_simple_models(inputs, wanted)]
    return 1 - min(errors) / wanted.var()


RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(200, 4))


@pytest.mark.parametrize(
    ("inputs", "wanted", "least", "most"),
    [
        pytest.param(POINTS, POINTS @ [1.0, -2, 0, 3], 0.99, 1.0, id="a-plane"),
        pytest.param(POINTS * [1e6, 1, 1, 1] + 1e4, POINTS @ [1.0, -2, 0, 3], 0.99, 1.0, id="in-units-of-its-own"),
        pytest.param(POINTS[:, :2], np.sign(POINTS[:, 0] * POINTS[:, 1]), 0.6, 1.0, id="exclusive-or"),
        pytest.param(POINTS, RANDOM.normal(size=200), -0.2, 0.1, id="noise"),
        pytest.param(np.where(RANDOM.random(POINTS.shape) < 0.05, np.nan, POINTS), POINTS[:, 0], 0.8, 1.0, id="gaps"),
        pytest.param(np.ones((200, 3)), POINTS[:, 0], -0.1, 0.1, id="nothing-varies"),
    ],
)
def test_what_is_there_to_be_learnt_is_found(inputs, wanted, least, most):
    """Straight or bent, in any unit, and nothing where nothing is."""
    assert least <= best(inputs, wanted[:, None]) <= most
