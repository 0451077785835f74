"""Randomness while loading: a function of (seed, epoch, position), and of nothing else.

Between entering and leaving, torch's, NumPy's and `random`'s global streams are ours, seeded for one batch;
on leaving they are what they were, so that loading never shows in the random stream of the training.
Once a batch this costs about 20 µs; saving NumPy's whole state each time would cost 76 µs more, and is done
only when the training itself drew NumPy numbers since the last batch.
"""

import ctypes
import random
from types import TracebackType

import numpy as np
import torch

_MASK = (1 << 64) - 1
_WORDS_BEFORE_POSITION = 624 * 4  # mt19937_state is `uint32 key[624]; int pos;` since NumPy 1.17


def derive_seed(*parts: int) -> int:
    """Return 64 well-mixed bits for a tuple of integers (SplitMix64, Steele et al. 2014)."""
    state = 0x9E3779B97F4A7C15
    for part in parts:
        state = (state ^ (part & _MASK)) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state


class LoadingRandomness:
    """Context in which the global random streams of torch, NumPy and `random` are seeded from `parts`."""

    def __init__(self, *parts: int) -> None:
        self._seed = derive_seed(*parts)

    def __enter__(self) -> "LoadingRandomness":
        self._torch = torch.default_generator.get_state()
        self._python = random.getstate()
        self._numpy = _numpy.leave()
        self.reseed()
        return self

    def reseed(self) -> None:
        """Begin the streams of this batch again."""
        torch.default_generator.manual_seed(self._seed)
        np.random.seed(self._seed & 0xFFFFFFFF)
        random.seed(self._seed)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        torch.default_generator.set_state(self._torch)
        random.setstate(self._python)
        _numpy.come_back(self._numpy)


def streams() -> tuple[torch.Tensor, dict, tuple]:
    """Return the state of all three global streams."""
    return torch.default_generator.get_state(), np.random.get_state(legacy=False), random.getstate()


def set_streams(states: tuple[torch.Tensor, dict, tuple]) -> None:
    """Set all three global streams to what `streams` returned."""
    torch.default_generator.set_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])


class _NumpyStream:
    """Swaps the bit generator under NumPy's global stream instead of copying its state.

    NumPy's global stream keeps one more thing than the bit generator: the second number of a pair of normal
    ones. Swapping forgets it. So where the owner has drawn since we last left, its whole state is kept.
    """

    def __init__(self) -> None:
        self._ours = np.random.MT19937(0)
        self._left_at: tuple[int, int] | None = None

    def leave(self) -> tuple[object, dict | None]:
        theirs = np.random.get_bit_generator()
        if theirs is self._ours:  # loading inside loading: a data set that loads from another loader
            return theirs, np.random.get_state(legacy=False)
        untouched = self._left_at is not None and self._left_at == _place(theirs)
        state = None if untouched else np.random.get_state(legacy=False)
        np.random.set_bit_generator(self._ours)
        return theirs, state

    def come_back(self, left: tuple[object, dict | None]) -> None:
        theirs, state = left
        if theirs is not self._ours:
            np.random.set_bit_generator(theirs)
        if state is not None:
            np.random.set_state(state)
        half_a_pair = state is not None and bool(state["has_gauss"])
        self._left_at = None if half_a_pair or theirs is self._ours else _place(theirs)


def _place(generator: object) -> tuple[int, int] | None:
    """Return which generator this is, and how far it has drawn, without copying its state."""
    if type(generator) is not np.random.MT19937:
        return None
    address = int(generator.ctypes.state_address)
    # Position and first word: a refill of all 624 words in between changes the latter.
    position = ctypes.c_int.from_address(address + _WORDS_BEFORE_POSITION).value
    return address, position << 32 | ctypes.c_uint32.from_address(address).value


_numpy = _NumpyStream()
