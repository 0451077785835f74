"""Randomness while loading: a function of (seed, epoch, position), and of nothing else.

Between entering and leaving, torch's, NumPy's and `random`'s global streams are ours, seeded for one batch;
on leaving they are what they were, so that loading never shows in the random stream of the training.
Once a batch this costs 25 to 30 µs; saving NumPy's whole state each time would cost 76 µs more, and is done
only when the training has half a pair of normal numbers left.
"""

import ctypes
import random
import sys
from types import TracebackType

import numpy as np
import torch

_MASK = (1 << 64) - 1
_STATE_BYTES = 624 * 4 + 4  # mt19937_state is `uint32 key[624]; int pos;` since NumPy 1.17


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
        self._python = _python.leave()
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
        _python.come_back(self._python)
        _numpy.come_back(self._numpy)


def streams() -> tuple[torch.Tensor, dict, tuple]:
    """Return the state of all three global streams."""
    return torch.default_generator.get_state(), np.random.get_state(legacy=False), random.getstate()


def set_streams(states: tuple[torch.Tensor, dict, tuple]) -> None:
    """Set all three global streams to what `streams` returned."""
    torch.default_generator.set_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])


class _PythonStream:
    """Copies the state of `random`'s global stream only when somebody drew from it since it was put back.

    A copy makes 625 Python integers, most of the cost of a batch's seeding. Whether one is needed tells a look at the
    generator's first words in memory, where CPython is known to keep them: `_words_are_where_expected` makes sure of
    that when this module is imported, and where they are not, the state is copied each time.
    """

    def __init__(self) -> None:
        self._generator: random.Random = random.getstate.__self__  # type: ignore[attr-defined]
        self._can_look = _words_are_where_expected()
        self._kept: tuple | None = None
        self._place: tuple | None = None

    def leave(self) -> tuple:
        if self._kept is None or not self._can_look or self._place != self._look():
            self._kept = random.getstate()
        return self._kept

    def come_back(self, state: tuple) -> None:
        random.setstate(state)
        self._kept = state
        self._place = self._look() if self._can_look else None

    def _look(self) -> tuple:
        return (*_first_words(self._generator), self._generator.gauss_next)  # type: ignore[attr-defined]


def _first_words(generator: random.Random) -> tuple[int, int, int]:
    """Return position, second and third word of CPython's `PyObject_HEAD int index; uint32_t state[624];`.

    Not the first word: seeding always sets it to 1 << 31. A refill, after 624 draws, changes all others.
    """
    position, _, second, third = _Words.from_address(id(generator) + object.__basicsize__)
    return position, second, third


_Words = ctypes.c_uint32 * 4


def _words_are_where_expected() -> bool:
    """Compare a look with the public state, before and after draws and a refill of all words."""
    if sys.implementation.name != "cpython":
        return False
    generator = random.Random(20)
    for draws in (0, 1, 7, 700):
        for _ in range(draws):
            generator.getrandbits(32)
        words = generator.getstate()[1]
        if _first_words(generator) != (words[-1], words[1], words[2]):
            return False
    return True


class _NumpyStream:
    """Swaps the bit generator under NumPy's global stream instead of copying its state.

    NumPy's global stream keeps one more thing than the bit generator: the second number of a pair of normal
    ones. Swapping forgets it, and where the generator stands does not tell whether there is one. So the owner's
    next normal number is drawn: if the generator did not move for it, it was that second number.
    """

    def __init__(self) -> None:
        self._ours = np.random.MT19937(0)

    def leave(self) -> tuple[object, dict | None, float | None]:
        theirs = np.random.get_bit_generator()
        if theirs is self._ours or type(theirs) is not np.random.MT19937:
            # Loading inside loading (a data set that loads from another loader), or a generator of another kind.
            state, half_a_pair = np.random.get_state(legacy=False), None
        else:
            state, half_a_pair = None, _half_a_pair(theirs)
        np.random.set_bit_generator(self._ours)
        return theirs, state, half_a_pair

    def come_back(self, left: tuple[object, dict | None, float | None]) -> None:
        theirs, state, half_a_pair = left
        np.random.set_bit_generator(theirs)
        if half_a_pair is not None:
            state = np.random.get_state(legacy=False) | {"has_gauss": 1, "gauss": half_a_pair}
        if state is not None:
            np.random.set_state(state)


def _half_a_pair(generator: np.random.MT19937) -> float | None:
    """Take the second number of a pair of normal ones out of NumPy's global stream, or None when there is none."""
    address = int(generator.ctypes.state_address)
    before = ctypes.string_at(address, _STATE_BYTES)
    number = np.random.standard_normal()
    if ctypes.string_at(address, _STATE_BYTES) == before:
        return number
    ctypes.memmove(address, before, _STATE_BYTES)
    return None


_python = _PythonStream()
_numpy = _NumpyStream()
