"""Contact sheets and curves: pictures where there is something to see, nothing else, and never an error."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, TensorDataset

from autofix_nb.checks import Curve, Shown
from autofix_nb.report.preflight import draw
from autofix_nb.report.preflight.contact_sheet import to_picture
from autofix_nb.report.preflight.tiles import GAP, MOST_BYTES, TILE, Tile, to_sheet
from tests.checks.subjects import subject

RED, BLUE, GREY = (200, 20, 20), (20, 20, 200), (160, 160, 160)


class Pictures(Dataset):
    """Red pictures, of which some cannot be read; the transform paints them blue."""

    def __init__(self, count=30, raising=(), transform=None):
        self.count, self.raising, self.transform = count, raising, transform

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index in self.raising:
            raise OSError(f"image file is truncated: {index}.jpg")
        picture = Image.new("RGB", (40, 30), RED)
        return (picture if self.transform is None else self.transform(picture)), index % 2


def to_blue(picture):
    return torch.tensor(BLUE).view(3, 1, 1).expand(3, 8, 8) / 255


def looked_at(dataset, batch_size=8):
    return subject(train=DataLoader(dataset, batch_size=batch_size))


def opened(png):
    return Image.open(io.BytesIO(png)).convert("RGB")


def middle(sheet, place):
    """Return the colour in the middle of a tile of the first row."""
    return sheet.getpixel((GAP + place * (TILE + GAP) + TILE // 2, GAP + TILE // 2))


def test_samples_are_shown_as_they_are_before_transforms():
    """As they lie on the disk."""
    sheet = opened(draw(Shown(title="bad", indices=(3, 5)), looked_at(Pictures(transform=to_blue))))

    assert [RED, RED] == [middle(sheet, 0), middle(sheet, 1)]
    assert 2 * (TILE + GAP) + GAP == sheet.width


def test_the_first_batch_is_shown_as_the_model_sees_it():
    """After the transforms, in the order asked for; samples that are not in the batch are left out."""
    training = looked_at(Pictures(transform=to_blue))
    shown = Shown(title="batch", indices=(*training.batch.indices[:3], 1000), as_the_model_sees_it=True)
    sheet = opened(draw(shown, training))

    assert [BLUE] * 3 == [middle(sheet, place) for place in range(3)]
    assert 3 * (TILE + GAP) + GAP == sheet.width


def test_each_caption_belongs_to_its_row():
    """Row by row: pictures of one colour each, asked for in another order than they have in the batch."""
    inputs = torch.arange(4).view(4, 1, 1, 1).expand(4, 1, 8, 8) / 3
    training = looked_at(TensorDataset(inputs, torch.zeros(4)), batch_size=4)
    sheet = opened(draw(Shown(title="batch", indices=(2, 0, 3), as_the_model_sees_it=True), training))

    assert [(170,) * 3, (0,) * 3, (255,) * 3] == [middle(sheet, place) for place in range(3)]


def test_what_cannot_be_read_has_a_crossed_box():
    """In its place, among the others."""
    shown = Shown(title="bad", indices=(0, 1, 2), captions=("first", "second", "third"))
    sheet = opened(draw(shown, looked_at(Pictures(raising=(1,)))))
    corner = GAP + TILE + GAP, GAP

    assert [RED, RED] == [middle(sheet, 0), middle(sheet, 2)]
    assert RED != middle(sheet, 1)
    assert GREY == sheet.getpixel(corner)


def test_at_most_two_dozen_are_shown():
    """Four rows of six, and a line that counts the rest."""
    shown, all_of_them = (
        opened(draw(Shown(title="many", indices=tuple(range(count))), looked_at(Pictures(count)))) for count in (24, 60)
    )

    assert shown.width == all_of_them.width == 6 * (TILE + GAP) + GAP
    assert shown.height < all_of_them.height < shown.height + TILE


class Files(Dataset):
    """Pictures in files, as a folder of images has them."""

    def __init__(self, paths):
        self.samples = [(str(path), 0) for path in paths]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return Image.open(self.samples[index][0]).convert("RGB"), 0


def test_files_that_cannot_be_read_are_shown_by_name(tmp_path):
    """Boxes alone, where all of them are bad: there are pictures to be had, and these are the ones that cannot."""
    paths = [tmp_path / "empty.jpg", tmp_path / "page.png"]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(b"<html>")
    sheet = opened(draw(Shown(title="bad", indices=(0, 1)), looked_at(Files(paths))))

    assert 2 * (TILE + GAP) + GAP == sheet.width
    assert GREY == sheet.getpixel((GAP, GAP))


def blank(count=8, *shape):
    return TensorDataset(torch.zeros(count, *shape), torch.zeros(count))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("dataset", "indices"),
    [
        pytest.param(blank(8, 5), (0, 1), id="table"),
        pytest.param(TensorDataset(torch.zeros(8, 7, dtype=torch.long), torch.zeros(8)), (0,), id="tokens"),
        pytest.param(blank(8, 20, 6), (0,), id="sequence"),
        pytest.param(blank(8, 3, 8, 8), (), id="no-indices"),
        pytest.param(Pictures(4, raising=range(4)), (0, 1), id="all-raise-and-there-are-no-files"),
        pytest.param([], (0,), id="empty"),
        pytest.param([None, None], (0, 1), id="none"),
        pytest.param([("a text", 1)] * 9, (0, 1), id="texts"),
    ],
)
def test_what_is_no_picture_gives_none(dataset, indices, after):
    """No sheet of empty boxes, and no error."""
    shown = Shown(title="odd", indices=indices, as_the_model_sees_it=after)

    assert draw(shown, looked_at(dataset)) is None


@pytest.mark.parametrize("given", [None, [], (batch for batch in []), object()])
def test_without_a_data_set_there_is_none(given):
    """Whatever was given as a loader."""
    assert draw(Shown(title="odd", indices=(0,)), subject(train=given)) is None
    assert draw(Shown(title="odd", indices=(0,), side="val"), subject(train=[], val=given)) is None


def test_the_random_streams_stay_as_they_were():
    """Drawing loads samples."""
    before = torch.get_rng_state()
    draw(
        Shown(title="all", indices=tuple(range(8))), looked_at(Pictures(transform=lambda picture: torch.rand(3, 8, 8)))
    )

    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("sample", "colour"),
    [
        pytest.param(Image.new("L", (4, 4), 90), (90, 90, 90), id="grey"),
        pytest.param(Image.new("1", (4, 4), 1), (255, 255, 255), id="bits"),
        pytest.param(Image.new("RGBA", (4, 4), (200, 0, 0, 0)), (255, 255, 255), id="see-through-is-white"),
        pytest.param(Image.new("LA", (4, 4), (90, 255)), (90, 90, 90), id="grey-see-through"),
        pytest.param(Image.new("P", (4, 4), 0), (0, 0, 0), id="palette"),
        pytest.param(Image.new("CMYK", (4, 4), (0, 255, 255, 55)), (200, 0, 0), id="cmyk"),
        pytest.param(Image.new("I;16", (4, 4), 500), (0, 0, 0), id="16-bit"),
        pytest.param(Image.new("F", (4, 4), math.nan), (0, 0, 0), id="nan"),
        pytest.param((7, {"x": np.full((4, 4), 90, np.uint8)}), (90, 90, 90), id="array-within"),
        pytest.param({"image": torch.full((3, 4, 4), 0.5), "y": 1}, (128, 128, 128), id="tensor-in-a-dict"),
        pytest.param(torch.full((4, 4, 3), 90, dtype=torch.uint8), (90, 90, 90), id="channels-last"),
    ],
)
def test_pictures_come_in_many_forms(sample, colour):
    """Each is found in its sample, and shown in colours."""
    picture = to_picture(sample)

    assert ("RGB", (4, 4), colour) == (picture.mode, picture.size, picture.getpixel((1, 1)))


@pytest.mark.parametrize("sample", [None, 7, "text", b"bytes", torch.zeros(9), torch.zeros(9, 9), ({}, [])])
def test_other_samples_have_no_picture(sample):
    """A 2-d array of floats is a sequence sooner than a picture."""
    assert to_picture(sample) is None


def test_sheets_stay_small():
    """Noise, which compresses worst, with the longest words."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 96, 96, 3), np.uint8)
    png = to_sheet([Tile(caption="w" * 500, picture=Image.fromarray(each)) for each in noise])

    assert len(png) < MOST_BYTES


@pytest.mark.parametrize("words", ["", " ", "two words", "w" * 5000, "日本語 🍂 \u200d", "a " * 2000, "ä" * 300])
def test_any_words_fit_a_tile(words):
    """They are broken and cut; the sheet is as wide as ever."""
    sheet = opened(to_sheet([Tile(caption=words, words=words)], words))

    assert TILE + 2 * GAP == sheet.width
    assert sheet.height < 2 * TILE


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (300, 200)])
def test_pictures_of_any_size_fit_a_tile(size):
    """Small ones are blown up, long ones keep at least a pixel."""
    assert TILE + 2 * GAP == opened(to_sheet([Tile(caption="", picture=Image.new("RGB", size))])).width


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(Curve(title="one", values=(1.0,)), id="one-value"),
        pytest.param(Curve(title="falls", values=(2.0, 1.0, 0.01), level=0.1, level_label="learnt"), id="level"),
        pytest.param(Curve(title="gaps", values=(1.0, math.nan, math.inf, 3.0)), id="not-finite"),
        pytest.param(Curve(title="level", values=(1.0, 2.0), level=math.nan, level_label="no level"), id="level-nan"),
        pytest.param(Curve(title="huge", values=(1e300, 1e-300), level=-1e300), id="huge"),
        pytest.param(
            Curve(title="$\\x$", values=(0.0, -1.0), x_label="$\\x$ 🍂", level=0.0, level_label="$\\y$ <b>"), id="words"
        ),
        pytest.param(Curve(title="long", values=tuple(range(100_000))), id="long"),
    ],
)
def test_curves_are_drawn(line):
    """No error, no warning, and not a large file."""
    png = draw(line, subject())

    assert (560, 250) == opened(png).size
    assert len(png) < 50_000


@pytest.mark.parametrize("values", [(), (math.nan, math.inf)])
def test_without_a_finite_value_there_is_no_curve(values):
    """Nothing to be seen."""
    assert draw(Curve(title="none", values=values), subject()) is None
