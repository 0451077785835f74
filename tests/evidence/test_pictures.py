"""Pictures collected while data is read: whatever their sizes, each keeps its place."""

import numpy as np
import torch
from PIL import Image

from autofix_nb.evidence.pictures import Pictures


def test_sizes_may_differ():
    """Places, properties and thumbnails belong together, in ascending order of places."""
    pictures = Pictures([])
    for place in range(9, -1, -1):
        pictures.add(place, Image.new("RGB", (10 + place % 3, 20), (place * 20, 0, 0)))

    places, properties, thumbnails, profile = pictures.finish()

    assert list(range(10)) == places.tolist()
    assert [10 + place % 3 for place in range(10)] == properties[:, 0].tolist()
    assert [place * 20 for place in range(10)] == thumbnails[:, 0, 0, 0].tolist()
    assert [10] * 10 == profile.count.tolist()


def test_what_cannot_be_shown_is_passed_over():
    """No picture, and no error."""
    pictures = Pictures([])
    for place, image in enumerate([None, "text", np.zeros((0, 3, 3)), np.zeros(5), np.zeros((3, 8, 8))]):
        pictures.add(place, image)

    assert [4] == pictures.finish()[0].tolist()


def test_none_at_all():
    """Empty arrays of the right width."""
    assert [(0,), (0, 10), (0, 32, 32, 3)] == [part.shape for part in Pictures([]).finish()[:3]]


def test_at_once_or_one_by_one(monkeypatch):
    """The same numbers."""
    images = torch.rand(12, 3, 40, 70, generator=torch.Generator().manual_seed(0)).numpy()
    monkeypatch.setattr("autofix_nb.evidence.pictures._NUMBERS_AT_ONCE", 80_000)
    single, block = Pictures([images]), Pictures([images])
    for place, image in enumerate(images):
        single.add(place, image)
    block.add_block(np.arange(12), images)

    for one, other in zip(single.finish()[:3], block.finish()[:3], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
