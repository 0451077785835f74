"""Named sets of thresholds, and the checks made with them."""

import difflib
from collections.abc import Iterable
from typing import Any

from autofix_nb import checks
from autofix_nb.checks.base import Check
from autofix_nb.errors import ConfigurationError

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "default": {},
    "design": {
        "D02": {"std_ratio": 100.0, "range_ratio": 1000.0},
        "D03": {"some": 0.05, "many": 0.1},
        "D04": {"statistic": 0.2, "feature_share": 0.2, "severe": 0.5},
    },
}
"""Thresholds by preset, code and field; what is not named stays at its default.

`design` holds the round numbers that people know: standard deviations 100 times and ranges 1,000 times apart; outliers
in 5 % of the rows (10 %: severe); Kolmogorov-Smirnov distances from 0.2 on in 20 % of the features (0.5: severe). What
counts as an outlier or a difference is tested against chance with either preset.
"""


def make_checks(preset: str = "default", ignore: Iterable[str] = ()) -> tuple[Check, ...]:
    """Return each check with the thresholds of a preset, but for those whose codes are in `ignore`.

    Raises:
        ConfigurationError: when there is no such preset or code; the message lists what there is.
    """
    if preset not in PRESETS:
        raise ConfigurationError(f"`preset` is {preset!r}, wanted one of {', '.join(map(repr, PRESETS))}")
    left_out = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    codes = [check.code for check in checks.CHECKS]
    for code in left_out:
        if code not in codes:
            near = difflib.get_close_matches(str(code).upper(), codes, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigurationError(f"`ignore` holds {code!r}, wanted codes of checks: {', '.join(codes)}{hint}")
    return tuple(check(**PRESETS[preset].get(check.code, {})) for check in checks.CHECKS if check.code not in left_out)
