"""Files of a data set: read once, and trusted only as far as they tell the sample."""

import pytest
from torch.utils.data import Dataset
from torchvision.datasets import ImageFolder

from autofix_nb.evidence.digests import digest_of_bytes
from autofix_nb.evidence.files import Files
from autofix_nb.evidence.raw import FILES, SAME_NUMBERS, Raw
from tests.evidence.folders import image_folder


class FromFiles(Dataset):
    """One number of each file, whatever it holds."""

    def __init__(self, paths, give=lambda path, index: len(path.read_bytes())):
        self.paths, self.give = paths, give

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.give(self.paths[index], index), 0


@pytest.fixture
def paths(tmp_path):
    return sorted(image_folder(tmp_path, 4).rglob("*.png"))


def test_a_plain_folder_needs_nothing_but_its_files(paths, tmp_path):
    """Torchvision's own reading adds nothing; a data set of the user's may raise for reasons of its own."""
    folder, own = ImageFolder(tmp_path, None), FromFiles(paths)

    for dataset, enough in ((folder, True), (own, False)):
        files = Files(Raw(dataset), list(range(4)))
        digest, (small, size), trusted = files.read(2)

        assert (FILES, enough) == (files.how, trusted)
        assert digest_of_bytes(paths[2].read_bytes()) == digest
        assert ((40, 32), (32, 40, 3)) == (size, small.shape)
        assert [str(paths[2])] == [file.path for file in files.seen()]


def test_a_file_that_cannot_be_read_is_listed(paths):
    """Its sample is asked for, and will say so."""
    paths[1].unlink()
    files = Files(Raw(FromFiles(paths)), list(range(4)))

    assert (None, None, False) == files.read(1)
    assert [("missing", 1)] == [(file.problem, file.index) for file in files.seen()]


def test_files_that_are_no_pictures_are_not_opened(tmp_path):
    """Their bytes are what is compared."""
    paths = [tmp_path / f"{place}.npy" for place in range(3)]
    for place, path in enumerate(paths):
        path.write_bytes(bytes([place]))
    files = Files(Raw(FromFiles(paths)), [0, 1, 2])

    assert (digest_of_bytes(b"\x01"), None, False) == files.read(1)
    assert () == files.seen()


@pytest.mark.parametrize(
    ("give", "how"),
    [
        pytest.param(lambda path, index: path.name, FILES, id="the-same-sample-twice"),
        pytest.param(lambda path, index: index, SAME_NUMBERS, id="another-part-of-it"),
    ],
)
def test_a_file_that_is_named_twice(paths, give, how):
    """Is a copy of a sample, or another crop of one picture."""
    files = Files(Raw(FromFiles([*paths, paths[0]], give)), list(range(5)))

    assert (how, how == FILES) == (files.how, files.read(4)[0] is not None)


def test_without_files():
    """Nothing is read."""
    files = Files(Raw([1, 2, 3]), [0, 1, 2])

    assert ((None, None, False), ()) == (files.read(1), files.seen())
