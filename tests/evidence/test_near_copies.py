"""Pictures that look the same: found after another size, compression or brightness; simple ones are told apart."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits, load_sample_images

from autofix_nb.evidence.near_copies import hashes, look_alikes, near_pairs
from tests.checks.subjects import scan

SIDE = 96


def tiles():
    """Return pieces of two photos, each another one."""
    found = []
    for photo in load_sample_images().images:
        for top in range(0, photo.shape[0] - SIDE, SIDE):
            found += [photo[top : top + SIDE, left : left + SIDE] for left in range(0, photo.shape[1] - SIDE, SIDE)]
    return [tile for tile in found if tile.std() > 20][:30]


def thumbnails(pictures):
    small = [
        Image.fromarray(picture).convert("RGB").resize((32, 32), Image.Resampling.BILINEAR) for picture in pictures
    ]
    return np.stack([np.asarray(picture) for picture in small])


def jpeg(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


CHANGES = {
    "jpeg": jpeg,
    "smaller": lambda picture: np.asarray(Image.fromarray(picture).resize((70, 70))),
    "darker": lambda picture: (picture * 0.8).astype(np.uint8),
    "grey": lambda picture: np.asarray(Image.fromarray(picture).convert("L")),
    "blurred": lambda picture: np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(1))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found(change):
    """At least nine of ten, and nothing else."""
    photos = tiles()
    both = thumbnails([*photos, *map(CHANGES[change], photos)])
    pairs = near_pairs(both, np.full(len(both), SIDE))

    assert {len(photos)} == set((pairs[:, 1] - pairs[:, 0]).tolist())
    assert 0.9 * len(photos) <= len(pairs)


@pytest.mark.parametrize("side", [8, SIDE], ids=["small", "as-if-large"])
def test_handwritten_digits_are_all_different(side):
    """1,797 simple pictures, many of them alike."""
    digits = [(picture / 16 * 255).astype(np.uint8) for picture in load_digits().images]

    assert 0 == len(near_pairs(thumbnails(digits), np.full(len(digits), side)))


@pytest.mark.parametrize(
    "pictures",
    [
        pytest.param(np.zeros((40, 32, 32, 3), dtype=np.uint8), id="black"),
        pytest.param(np.repeat(np.arange(40, dtype=np.uint8), 3072).reshape(40, 32, 32, 3), id="plain-greys"),
        pytest.param(np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8), id="noise"),
        pytest.param(thumbnails(tiles()), id="photos"),
        pytest.param(np.zeros((0, 32, 32, 3), dtype=np.uint8), id="none"),
        pytest.param(np.zeros((1, 32, 32, 3), dtype=np.uint8), id="one"),
    ],
)
def test_what_shows_nothing_looks_like_nothing(pictures):
    """Blank pictures cannot be told apart, and are not called the same."""
    assert 0 == len(near_pairs(pictures, np.full(len(pictures), SIDE)))


def test_small_pictures_must_agree_closely():
    """A darker copy of a small picture may be another sample; a copy with a grey level more is none."""
    picture = thumbnails(tiles()[10:11])[0]
    darker, nearly = (picture * 0.8).astype(np.uint8), np.where(picture < 255, picture + 1, picture).astype(np.uint8)

    assert [[0, 2]] == near_pairs(np.stack([picture, darker, nearly])).tolist()


def test_hashes_are_equal_for_equal_pictures():
    """And do not depend on brightness as a whole."""
    picture = thumbnails(tiles()[:1])[0] // 2
    codes = hashes(np.stack([picture, picture, picture + 60]))

    assert 1 == len(set(codes.tolist()))


def side_of(pictures, side, digests):
    count = len(pictures)
    features = np.full((count, 2), SIDE, dtype=np.float32)
    return scan(
        features, side=side, kind="image", names=("width", "height"), thumbnails=thumbnails(pictures),
        digests=np.frombuffer(b"".join(bytes([number] * 16) for number in digests), dtype="V16"),
        indices=np.arange(count) + 100,
    )  # fmt: skip


def test_look_alikes_are_named_by_their_sides():
    """Within train, and across; those that are equal bit for bit are none."""
    photos = tiles()[10:16]
    train = side_of([*photos[:4], jpeg(photos[0])], "train", range(5))
    val = side_of([jpeg(photos[1]), photos[2], photos[5]], "val", [20, 2, 21])

    assert ([(100, 104)], [(101, 100)]) == look_alikes(train, val)
