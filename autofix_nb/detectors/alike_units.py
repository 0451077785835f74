"""Units that all give the same as one another, as layers do whose weights all began at one number.

The same weights bring the same gradient, so that units which begin alike never learn to differ: a layer of a hundred
does what one would (Goodfellow, Bengio, Courville 2016, Deep Learning, 8.4: initial parameters need to break symmetry).
A single layer of zeros, such as a new last one or a branch that is to begin as nothing, leaves the state with the first
step, as what comes in differs from unit to unit; so all looks must show it, and the newest ones are some steps apart.
"""

from autofix_nb.history import History

LOOKS = 3
"""Close looks, the first one among them, in all of which the units must be alike."""

ALL = 0.999
"""Share of a layer's units that must be alike."""

OFF = 0.95
"""Share of dead units that explains it otherwise: those all give 0."""


def alike_layers(history: History) -> list[str]:
    """Return the activations all of whose units have been alike in all close looks of the present chapter."""
    found = []
    equal = bool(history.facts.get("equal_weights"))
    for name in history.names():
        if not name.startswith("alike/"):
            continue
        where = name.removeprefix("alike/")
        shares, dead = history.now(name), history.now(f"dead/{where}")
        if len(shares) < LOOKS or not shares.min() >= ALL or (not equal and len(dead) and dead.max() >= OFF):
            continue
        found.append(where)
    return found
