"""Pictures that look the same though their bytes differ: another size, another compression, a little lighter.

Two steps. A perceptual hash (the signs of the 64 lowest cosine frequencies of the grey picture against their median)
brings together what may be the same; Zauner (2010), Implementation and Benchmarking of Perceptual Image Hash Functions.
Hashes alone do not decide: among 5,000 handwritten digits 43 have the hash of another one, and of photos compressed
once more a third has another hash than before. So hashes need to be alike only, and the pictures themselves must agree,
but for brightness and contrast; small pictures to within a few grey levels.
"""

import numpy as np

from autofix_nb.evidence.scan import Scan

HASH_SIZE = 8
"""Frequencies kept in each direction."""

FLAT = 6.0
"""Standard deviation in grey levels below which a picture shows nothing that could be told from another."""

SMALL = 64
"""Pixels of the shorter side below which a picture is small, and must agree more closely."""

CLOSE = 6.0
"""Mean difference in grey levels that two pictures may have, once brightness and contrast are the same."""

CLOSE_SMALL = 2.0
"""The same for small pictures, whose brightness and contrast count as well."""

FAR = 0.25
"""Share of the contrast that the mean difference may be: simple pictures have little of it."""

ALIKE = 8
"""Bits in which the hashes of two pictures may differ for the pictures to be compared."""

BAND_BITS = 16
"""Hashes are looked up by each quarter of their bits: with up to 3 wrong bits, one quarter is right for certain."""

NEIGHBOURS = 50
"""Pictures with the same quarter that each is compared with."""

MOST_COMPARED = 200_000
"""Pairs of pictures compared at most, those with the most similar hashes first."""

CHUNK = 2048
"""Pairs of pictures compared at once: 2 × 8 MB."""


def look_alikes(train: Scan, val: Scan | None) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return indices of pictures that look the same but are not equal: both in train, and one on either side."""
    sides = [side for side in (train, val) if side is not None and side.thumbnails is not None]
    pictures = [(side, row) for side in sides for row in range(len(side.thumbnails))]
    inside, across = [], []
    if not sides or sides[0] is not train:
        return inside, across
    pairs = near_pairs(
        np.concatenate([side.thumbnails for side in sides]), np.concatenate([_shorter_sides(side) for side in sides])
    )
    for left, right in pairs.tolist():
        (one, first), (other, second) = pictures[left], pictures[right]
        if one is train and _digest(one, first) != _digest(other, second):
            named = int(one.indices[one.rows[first]]), int(other.indices[other.rows[second]])
            (inside if other is train else across).append(named)
    return inside, across


def _shorter_sides(scan: Scan) -> np.ndarray:
    if scan.features is None or not {"width", "height"} <= set(scan.names):
        return np.zeros(len(scan.thumbnails))
    return scan.features[:, [scan.names.index("width"), scan.names.index("height")]].min(axis=1)


def _digest(scan: Scan, row: int) -> bytes:
    return b"" if scan.digests is None else scan.digests[scan.rows[row]].tobytes()


def hashes(thumbnails: np.ndarray) -> np.ndarray:
    """Return a 64-bit hash for each picture (N, 32, 32, 3), alike where they look alike."""
    if not len(thumbnails):
        return np.zeros(0, dtype=np.uint64)
    # scipy takes its time to import: only those who look pay.
    from scipy.fft import dctn

    low = dctn(grey(thumbnails), axes=(1, 2), norm="ortho")[:, :HASH_SIZE, :HASH_SIZE].reshape(len(thumbnails), -1)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def grey(thumbnails: np.ndarray) -> np.ndarray:
    """Return pictures (N, H, W, 3) as brightness (N, H, W), float32, 0 to 255 (ITU-R 601)."""
    return thumbnails.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)


def near_pairs(thumbnails: np.ndarray, shorter_sides: np.ndarray | None = None) -> np.ndarray:
    """Return places (earlier, later) of pictures that look the same, shape (P, 2), in order.

    `shorter_sides` are the original sizes in pixels, shape (N,); unknown ones count as small.
    """
    if len(thumbnails) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    small = np.ones(len(thumbnails), dtype=bool) if shorter_sides is None else ~(shorter_sides >= SMALL)
    brightness = grey(thumbnails)
    shown = np.flatnonzero(brightness.std(axis=(1, 2)) >= FLAT)
    pairs = np.sort(shown[_alike(hashes(thumbnails[shown]))], axis=1)
    same = [
        _look_the_same(brightness[part[:, 0]], brightness[part[:, 1]], small[part].any(axis=1))
        for part in np.split(pairs, range(CHUNK, len(pairs), CHUNK))
    ]
    pairs = pairs[np.concatenate(same)]
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _alike(codes: np.ndarray) -> np.ndarray:
    """Return places of pairs of hashes that agree in one quarter, and in nearly all of the rest; shape (P, 2)."""
    found, apart = [], []
    for band in range(0, 64, BAND_BITS):
        quarter = (codes >> np.uint64(band)) & np.uint64(2**BAND_BITS - 1)
        order = np.lexsort((codes, quarter))
        for step in range(1, min(NEIGHBOURS, len(codes) - 1) + 1):
            left, right = order[:-step], order[step:]
            together = np.flatnonzero(quarter[left] == quarter[right])
            if not len(together):
                break
            left, right = left[together], right[together]
            bits = np.unpackbits((codes[left] ^ codes[right]).view(np.uint8).reshape(-1, 8), axis=1).sum(1)
            close = bits <= ALIKE
            found.append(np.sort(np.stack([left[close], right[close]], axis=1), axis=1))
            apart.append(bits[close])
    if not found:
        return np.zeros((0, 2), dtype=np.int64)
    pairs, first = np.unique(np.concatenate(found), axis=0, return_index=True)
    return pairs[np.argsort(np.concatenate(apart)[first], kind="stable")[:MOST_COMPARED]]


def _look_the_same(left: np.ndarray, right: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Compare pictures (P, H, W) with pictures; shape (P,)."""
    spread = np.stack([left.std(axis=(1, 2)), right.std(axis=(1, 2))])
    raw = np.abs(left - right).mean(axis=(1, 2))
    levelled = np.abs(_levelled(left) - _levelled(right)).mean(axis=(1, 2)) * spread.max(0)
    gap = np.where(small, raw, levelled)
    return (gap <= np.where(small, CLOSE_SMALL, CLOSE)) & (gap <= FAR * spread.min(0))


def _levelled(brightness: np.ndarray) -> np.ndarray:
    spread = brightness.std(axis=(1, 2), keepdims=True)
    return (brightness - brightness.mean(axis=(1, 2), keepdims=True)) / np.maximum(spread, 1e-6)
