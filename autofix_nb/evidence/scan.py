"""One pass over a data set, and what it tells of every sample: the evidence of the data checks."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from autofix_nb.data import Fault
from autofix_nb.evidence.profile import Profile

Kind = Literal["table", "image", "sequence", "tokens", "other"]


@dataclass(kw_only=True)
class Scan:
    """What one pass over the untransformed samples of a data set told. N samples were seen, of d features each."""

    side: Literal["train", "val"]
    kind: Kind
    samples: int | None
    """Samples that the loader can give; None where the data set does not tell."""

    indices: np.ndarray
    """Index of each sample seen, as the data set counts them, ascending; shape (N,), int64."""

    labels: np.ndarray | None = None
    """Target of each sample seen: shape (N,) or (N, k), integers or floats; None where there is none."""

    features: np.ndarray | None = None
    """Values of a sample as one row, shape (M, d), float32, with NaN where they are missing; None for token sequences.

    Images: named properties (size, brightness, contrast, colours), see `names`. M < N where all would not fit into
    memory; `rows` says which.
    """

    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Places in `indices` (and `labels`) that the rows of `features` and `thumbnails` belong to; shape (M,)."""

    names: tuple[str, ...] = ()
    """Names of the d features: columns of a frame, `feature 3`, `x1[3]`, or properties of images."""

    profile: Profile | None = None
    """Statistics of each feature over all N samples, however many they are."""

    drawn_anew: bool = False
    """Whether the samples hang on random numbers though transforms were taken out: their values are those of one draw,
    the same for all of them."""

    digests: np.ndarray | None = None
    """16 bytes for each sample seen, equal where the untransformed inputs are equal bit for bit; shape (N,), `V16`."""

    digested: str = ""
    """What was hashed: `the bytes of the files`, `the untransformed samples`, `the samples, each loaded with the same
    random numbers`."""

    thumbnails: np.ndarray | None = None
    """Images only: shape (M, 32, 32, 3), uint8, untransformed."""

    faults: tuple[Fault, ...] = ()
    """Samples that could not be had."""

    non_finite: dict[int, str] = field(default_factory=dict)
    """Samples whose inputs or targets hold NaN or infinities, and what of it: `input: 3 of 64 values NaN`."""

    files: "tuple[Any, ...]" = ()
    """`ImageFile` of every file seen, for data sets made of files; see `images`."""

    text_columns: tuple[str, ...] = ()
    """Columns of a frame that hold neither numbers nor yes and no."""

    seconds: float = 0.0

    @property
    def seen(self) -> int:
        """Samples that were looked at."""
        return len(self.indices) + len(self.faults)

    @property
    def complete(self) -> bool:
        """Whether all samples were looked at."""
        return self.samples is not None and self.seen >= self.samples

    @property
    def share(self) -> str:
        """How much was looked at, in words: `all 1,797 samples`, `2,000 of 50,000 samples (4%)`."""
        if self.complete:
            return f"all {self.seen:,} samples"
        if self.samples is None:
            return f"the first {self.seen:,} samples"
        return f"{self.seen:,} of {self.samples:,} samples ({self.seen / max(1, self.samples):.0%})"
