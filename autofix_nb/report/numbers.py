"""Numbers as people read them: three digits, no e+00, thousands told apart; and lengths of time."""

import math


def short(value: float) -> str:
    """Return a number in about three digits: `0.312`, `1,240`, `3.2e-5`, `NaN`."""
    if not math.isfinite(value):
        return "NaN" if value != value else "Inf" if value > 0 else "-Inf"
    size = abs(value)
    if size == 0:
        return "0"
    if 999.5 <= size < 99_999.5:
        return f"{value:,.0f}"
    if 0.00095 <= size < 999.5:
        return f"{value:.3g}"
    digits, _, exponent = f"{value:.1e}".partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


def compact(value: float) -> str:
    """Return a step number for an axis: `250`, `12k`, `1.5M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def roughly(seconds: float) -> str:
    """Return a length of time that may be off by a few percent: `a few seconds`, `40 s`, `14 min`, `2 h 5 min`."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 57.5:
        return f"{round(seconds / 5) * 5} s"
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 24 and rest else f"{hours} h"
