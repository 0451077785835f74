"""Image files: fine, damaged in each known way, or of an unusual kind."""

import numpy as np
import pytest
from PIL import Image, ImageFile

from autofix_nb.evidence.images import open_image
from tests.evidence.folders import encoded, picture

PNG = encoded(picture(0))
JPEG = encoded(picture(0, (200, 160)), "JPEG", quality=95)
BIG_PNG = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)))


def with_broken_checksum(data: bytes) -> bytes:
    place = data.index(b"IDAT") + 30
    return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]


@pytest.mark.parametrize(
    ("name", "data", "problem", "detail"),
    [
        pytest.param("a.png", PNG, "", "", id="fine"),
        pytest.param("a.jpeg", JPEG, "", "", id="fine-jpeg"),
        pytest.param("a", PNG, "", "", id="no-ending"),
        pytest.param("a.data", PNG, "", "", id="an-ending-of-its-own"),
        pytest.param("a.png", b"", "empty", "0 bytes", id="zero-bytes"),
        pytest.param("a.png", None, "missing", "no such file", id="missing"),
        pytest.param("a.png", BIG_PNG[: len(BIG_PNG) // 2], "truncated", "", id="half-a-png"),
        pytest.param("a.png", PNG[:20], "truncated", "", id="a-png-of-20-bytes"),
        pytest.param("a.jpg", JPEG[: len(JPEG) // 2], "truncated", "truncated", id="half-a-jpeg"),
        pytest.param("a.jpg", JPEG[:30], "truncated", "", id="a-jpeg-of-30-bytes"),
        pytest.param("a.png", with_broken_checksum(PNG), "corrupt", "", id="wrong-checksum"),
        pytest.param("a.png", b"\x89PNG" + bytes(99) + b"IEND\xaeB`\x82", "corrupt", "", id="zeros-inside"),
        pytest.param("a.png", b" <!DOCTYPE html><html></html>", "not an image", "web page", id="html"),
        pytest.param("a.png", b"id,label\n1,2\n", "not an image", "text: ", id="text"),
        pytest.param("a.png", bytes(range(128, 228)), "not an image", "80 81 82", id="any-bytes"),
        pytest.param("a.jpg", PNG, "wrongly named", "named .jpg, is PNG", id="png-named-jpg"),
        pytest.param("a.PNG", JPEG, "wrongly named", "named .PNG, is JPEG", id="jpeg-named-png"),
    ],
)
def test_problems_are_told_apart(tmp_path, name, data, problem, detail):
    """Each by its word, with what the decoder or the bytes say."""
    if data is not None:
        (tmp_path / name).write_bytes(data)

    file, small = open_image(tmp_path / name, 7)

    assert problem == file.problem
    assert detail in file.detail
    assert file.readable == (small is not None) == (problem in ("", "wrongly named"))
    assert (7, str(tmp_path / name)) == (file.index, file.path)


def sixteen_bits():
    return Image.fromarray((np.arange(1200, dtype=np.uint16) * 50).reshape(30, 40))


@pytest.mark.parametrize(
    ("data", "mode", "remarks"),
    [
        pytest.param(encoded(picture(0)), "RGB", (), id="rgb"),
        pytest.param(encoded(picture(0, mode="L")), "L", ("grey",), id="grey"),
        pytest.param(encoded(picture(0, mode="1")), "1", ("grey",), id="black-and-white"),
        pytest.param(encoded(picture(0, mode="LA")), "LA", ("grey", "transparent"), id="grey-and-transparent"),
        pytest.param(encoded(picture(0, mode="P")), "P", ("palette",), id="palette"),
        pytest.param(encoded(picture(0, mode="P"), transparency=bytes([9])), "P", ("palette",), id="clear-palette"),
        pytest.param(encoded(picture(0, mode="RGBA")), "RGBA", ("transparent",), id="rgba"),
        pytest.param(encoded(picture(0, mode="CMYK"), "JPEG"), "CMYK", ("CMYK",), id="cmyk"),
        pytest.param(encoded(sixteen_bits()), "I;16", ("16-bit",), id="sixteen-bits"),
        pytest.param(encoded(picture(0, mode="F"), "TIFF"), "F", ("16-bit",), id="floats"),
        pytest.param(
            encoded(picture(0), "GIF", save_all=True, append_images=[picture(1), picture(2)]),
            "P",
            ("palette", "animated"),
            id="animated",
        ),
    ],
)
def test_kinds_are_told_apart(tmp_path, data, mode, remarks):
    """None of them is a problem, and all give a picture in colours."""
    (tmp_path / "a").write_bytes(data)

    file, small = open_image(tmp_path / "a")

    assert ("", mode, remarks) == (file.problem, file.mode.replace("I;16B", "I;16"), file.remarks)
    assert (3, np.uint8) == (small.shape[2], small.dtype)
    assert small.max() > small.min()


def test_a_turned_picture_says_so(tmp_path):
    """EXIF orientation 6: to be turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(encoded(picture(0), "JPEG", exif=exif))

    file, _ = open_image(tmp_path / "a.jpg")

    assert (6, ("rotated",), "") == (file.orientation, file.remarks, file.problem)


def test_more_pixels_than_pil_opens(tmp_path, monkeypatch):
    """Nothing of it is decoded."""
    (tmp_path / "a.png").write_bytes(PNG)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)

    file, small = open_image(tmp_path / "a.png")

    assert ("too large", "40 × 32 pixels, PIL's limit is 1,000") == (file.problem, file.detail)
    assert small is None


def test_the_users_leniency_is_put_back(tmp_path, monkeypatch):
    """A truncated file is named though PIL was told to accept it, and PIL is told nothing else."""
    (tmp_path / "a.jpg").write_bytes(JPEG[: len(JPEG) // 2])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)

    file, _ = open_image(tmp_path / "a.jpg")

    assert "truncated" == file.problem
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_folder_is_no_image(tmp_path):
    """Nor anything else that cannot be read."""
    file, small = open_image(tmp_path)

    assert ("corrupt", None) == (file.problem, small)


def test_size_and_bytes_are_those_of_the_file(tmp_path):
    """Not those of the small picture."""
    (tmp_path / "a.jpg").write_bytes(JPEG)

    file, small = open_image(tmp_path / "a.jpg")

    assert ((200, 160), len(JPEG), "JPEG") == (file.size, file.bytes, file.format)
    assert (51, 64, 3) == small.shape
