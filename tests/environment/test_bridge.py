"""A tensor goes to NumPy and back, or the reason is told."""

import sys
import types

from autofix_nb.environment.bridge import numpy_bridge_works


def test_numpy_bridge_works_here():
    """A tensor goes to NumPy and back, and the answer says so."""
    actual = numpy_bridge_works()

    assert (True, "a tensor went from torch to NumPy and back") == actual


def test_numpy_bridge_gives_the_reason(monkeypatch):
    """torch 2.2 under NumPy 2 imports, and says only on the way that NumPy is not there."""

    class Tensor:
        def numpy(self):
            raise RuntimeError("Numpy is not available")

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(arange=lambda _: Tensor()))

    actual = numpy_bridge_works()

    assert (False, "RuntimeError: Numpy is not available") == actual
