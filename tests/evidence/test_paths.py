"""Lists of files: found by name or by what they hold, never by asking for a sample."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autofix_nb.evidence.paths import Paths
from tests.evidence.folders import image_folder


class Listed:
    def __init__(self, count=4, **attributes):
        self.count = count
        self.__dict__.update(attributes)

    def __len__(self):
        return self.count


class Trap:
    """A data set among the attributes: asking it for a sample would cost, or change something."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        raise AssertionError("a sample was asked for")


@pytest.fixture
def files(tmp_path):
    return sorted(image_folder(tmp_path, 4, classes=1).rglob("*.png"))


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param(lambda files: {"samples": [(str(file), 0) for file in files]}, id="samples"),
        pytest.param(lambda files: {"imgs": tuple((str(file), 0) for file in files)}, id="imgs"),
        pytest.param(lambda files: {"paths": files}, id="paths"),
        pytest.param(lambda files: {"files": np.array(list(map(str, files)))}, id="numpy"),
        pytest.param(lambda files: {"frame": pd.Series(list(map(str, files)), index=[9, 8, 7, 6])}, id="pandas"),
        pytest.param(
            lambda files: {"df": pd.DataFrame({"mask": ["m"] * 4, "label": [0] * 4, "file": list(map(str, files))})},
            id="column-of-a-frame",
        ),
        pytest.param(
            lambda files: {"df": pd.DataFrame({"id": [file.stem for file in files]}), "img_dir": str(files[0].parent)},
            id="without-endings",
        ),
        pytest.param(lambda files: {"_image_files": files, "_labels": [0] * 4}, id="a-name-of-its-own"),
        pytest.param(lambda files: {"masks": [Path("m.png")] * 4, "pictures": files}, id="not-the-masks"),
        pytest.param(
            lambda files: {"names": [file.name for file in files], "root": str(files[0].parent)}, id="under-a-root"
        ),
        pytest.param(lambda files: {"other": Trap(), "paths": files}, id="beside-a-data-set"),
    ],
)
def test_the_file_of_each_sample(files, listed):
    """Whatever the list is called, and wherever its folder stands."""
    paths = Paths(Listed(**listed(files)))

    assert bool(paths)
    assert files == [paths.of(index) for index in range(4)]


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({}, id="none"),
        pytest.param({"lines": ["a sentence", "another", "a third", "the last"]}, id="text"),
        pytest.param({"paths": ["gone.png"] * 4}, id="none-of-them-there"),
        pytest.param({"paths": ["a.png"] * 3}, id="another-length"),
        pytest.param({"labels": [0, 1, 2, 3]}, id="numbers"),
        pytest.param({"data": np.zeros((4, 2))}, id="rows"),
        pytest.param({"other": Trap()}, id="a-data-set"),
    ],
)
def test_no_list_of_files(attributes):
    """Then there is no file to any sample."""
    paths = Paths(Listed(**attributes))

    assert not paths
    assert paths.of(0) is None


def test_a_missing_file_keeps_its_name(files):
    """So that it can be named."""
    files[2].unlink()
    paths = Paths(Listed(paths=files))

    assert files[2] == paths.of(2)
