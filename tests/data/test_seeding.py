"""Loading draws from its own streams, and leaves everybody else's as they were."""

import random
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autofix_nb.data.seeding import LoadingRandomness, derive_seed, set_streams, streams

WHO = ("torch", "numpy", "numpy-normal", "python", "python-normal")
DRAW = {
    "torch": lambda: torch.rand(()).item(),
    "numpy": lambda: np.random.rand(),
    "numpy-normal": lambda: np.random.normal(),
    "python": random.random,
    "python-normal": lambda: random.gauss(0, 1),
}


@pytest.fixture(autouse=True)
def _streams():
    """Leave the streams of the other tests alone."""
    before = streams()
    yield
    set_streams(before)


def begin(seed):
    """Seed all three streams."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def draw(names):
    """Draw one number for each name, from whose stream it is."""
    return [DRAW[name]() for name in names]


def load(number, names, inner=()):
    """Draw like a data set; with `inner`, load from another loader in the middle."""
    with LoadingRandomness(5, number):
        first = draw(names)
        if inner:
            with LoadingRandomness(6, number):
                draw(inner)
        return first + draw(names)


NAMES = st.lists(st.sampled_from(WHO), max_size=4)


@settings(deadline=None, max_examples=150)
@given(rounds=st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=6), seed=st.integers(0, 99))
def test_the_consumers_numbers_are_those_without_loading(rounds, seed):
    """Whoever draws between batches, half-used pairs of normal numbers included, sees what they would see alone."""
    begin(seed)
    expected = [draw(consumer) for consumer, _, _ in rounds] + draw(WHO)
    begin(seed)
    actual = []
    for number, (consumer, loading, inner) in enumerate(rounds):
        actual.append(draw(consumer))
        load(number, loading, inner)
    actual += draw(WHO)

    assert expected == actual


@settings(deadline=None, max_examples=60)
@given(loading=NAMES, inner=NAMES, consumer=NAMES, number=st.integers(0, 5))
def test_the_loaders_numbers_depend_on_its_place_alone(loading, inner, consumer, number):
    """The same batch draws the same numbers whatever the consumer, or a loader inside, drew."""
    begin(0)
    expected = load(number, loading)
    begin(1)
    draw(consumer)

    assert expected == load(number, loading, inner)


@pytest.mark.parametrize("words", [612, 616, 620, 624, 1240, 1244])
def test_a_consumer_that_draws_whole_refills_is_noticed(words):
    """NumPy's generator makes 624 words at once; so many, normal numbers included, bring its position back."""
    begin(3)
    np.random.rand()
    np.random.bytes(4 * words)
    np.random.normal()
    expected = [np.random.normal(), np.random.normal()]
    begin(3)
    np.random.rand()
    load(0, WHO)
    np.random.bytes(4 * words)
    np.random.normal()
    load(1, WHO)

    assert expected == [np.random.normal(), np.random.normal()]


def test_the_same_place_with_and_without_half_a_pair():
    """Seeding again, as a cell run twice does, may stop at the same place with half a pair of normal numbers left."""
    begin(3)
    np.random.normal(size=2)
    load(0, WHO)
    begin(3)
    first = np.random.normal()
    load(0, WHO)
    actual = [first, np.random.normal()]
    begin(3)

    assert np.random.normal(size=2).tolist() == actual


def test_an_exception_brings_the_streams_back():
    """Leaving by an error is leaving."""
    begin(4)
    expected = draw(WHO)
    begin(4)
    with pytest.raises(KeyError), LoadingRandomness(0):
        draw([*WHO, "nobody"])

    assert expected == draw(WHO)


def test_another_bit_generator_of_the_consumer_comes_back():
    """Somebody may have put another generator under NumPy's global stream."""
    theirs = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(np.random.PCG64(7))
        expected = [np.random.normal() for _ in range(3)]
        mine = np.random.PCG64(7)
        np.random.set_bit_generator(mine)
        actual = [np.random.normal()]
        load(0, WHO)
        actual += [np.random.normal(), np.random.normal()]

        assert expected == actual
        assert mine is np.random.get_bit_generator()
    finally:
        np.random.set_bit_generator(theirs)


def test_streams_are_put_back():
    """`set_streams` undoes what was drawn since `streams`, a half-used pair included."""
    begin(9)
    draw(WHO)
    before = streams()
    expected = draw(WHO)
    draw(WHO)
    set_streams(before)

    assert expected == draw(WHO)


def test_beginning_again_repeats_the_numbers():
    """`reseed` goes back to the first number of the batch."""
    with LoadingRandomness(1, 2) as randomness:
        first = draw(WHO)
        randomness.reseed()

        assert first == draw(WHO)


def test_seeds_of_neighbours_differ():
    """No two of many small tuples share their seed; the order of the parts counts."""
    seeds = [derive_seed(*parts) for size in (1, 2, 3) for parts in product(range(-2, 12), repeat=size)]

    assert len(seeds) == len(set(seeds))
    assert all(0 <= seed < 1 << 64 for seed in seeds)


def test_seeds_are_the_same_on_every_machine():
    """A run resumed elsewhere draws the same numbers; so these are written down."""
    assert 0x9E3779B97F4A7C15 == derive_seed()
    assert [derive_seed(0, 0, 0), derive_seed(7, 1, 211)] == [0xD9D59CCC15131FC3, 0xEDA308C5085A5689]


def test_a_cached_normal_number_of_random_survives_untouched_batches():
    """`random.gauss` keeps the second of a pair: drawing it moves no word, and must not be taken for nothing drawn."""
    import random

    random.seed(4)
    expected = [random.gauss(0, 1) for _ in range(6)]
    random.seed(4)
    drawn = []
    for position in range(6):
        with LoadingRandomness(1, 2, position):
            random.random()
        drawn.append(random.gauss(0, 1))

    assert expected == drawn
