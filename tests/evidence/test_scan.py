"""What a pass says of how much it saw."""

import numpy as np
import pytest

from autofix_nb.data import Fault
from autofix_nb.evidence import Scan


@pytest.mark.parametrize(
    ("samples", "seen", "faults", "share"),
    [
        (1797, 1797, 0, "all 1,797 samples"),
        (1797, 1790, 7, "all 1,797 samples"),
        (50_000, 2000, 0, "2,000 of 50,000 samples (4%)"),
        (None, 2000, 5, "the first 2,005 samples"),
        (3, 0, 0, "0 of 3 samples (0%)"),
    ],
)
def test_the_share_in_words(samples, seen, faults, share):
    """Samples that could not be had were looked at too."""
    scan = Scan(
        side="train",
        kind="table",
        samples=samples,
        indices=np.arange(seen),
        faults=tuple(Fault(index, "raises", "") for index in range(faults)),
    )

    assert (share, share.startswith("all")) == (scan.share, scan.complete)
