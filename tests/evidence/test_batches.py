"""The first batches, without moving the loader on."""

import pytest
import torch

from autofix_nb.evidence.batches import first_batches, length_of
from tests.cases import digits, digits_loaders, small_loader


def test_the_first_batches_of_training_with_seed_0():
    """The same as a run would see."""
    import autofix_nb as af

    loader = small_loader()
    wanted = [inputs for inputs, _ in af.batches(loader, seed=0, epoch=0)][:3]

    assert all(
        torch.equal(batch.data[0], inputs) for batch, inputs in zip(first_batches(loader, 3), wanted, strict=True)
    )


def test_a_sample_that_raises_comes_as_a_fault():
    """And its batch comes without it."""
    train, _ = digits_loaders(raising=range(1400))

    batch = next(first_batches(train, 5))

    assert batch.data is None
    assert len(batch.faults) == 32


def test_a_list_of_batches_does_too():
    """Whatever gives batches anew each epoch."""
    inputs, targets = digits()
    batches = [(inputs[:4], targets[:4]), (inputs[4:8], targets[4:8])]

    assert [batch.data for batch in first_batches(batches, 5)] == batches


def test_neither_the_random_stream_nor_the_generator_moves():
    """The training that follows sees what it would have seen."""
    generator = torch.Generator().manual_seed(5)
    loader = small_loader(generator=generator)
    before = torch.get_rng_state(), generator.get_state()

    list(first_batches(loader, 2))

    assert torch.equal(before[0], torch.get_rng_state())
    assert torch.equal(before[1], generator.get_state())


@pytest.mark.parametrize(
    ("given", "expected"), [pytest.param([1, 2], 2, id="list"), pytest.param(iter([1]), None, id="generator")]
)
def test_a_length_may_be_unknown(given, expected):
    """Generators have none."""
    assert expected == length_of(given)
