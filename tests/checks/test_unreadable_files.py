"""Unreadable files: counted by what is wrong with them, and named; odd but readable ones are notes."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from autofix_nb.checks.unreadable_files import UnreadableFiles
from autofix_nb.data import Fault
from autofix_nb.evidence.images import ImageFile
from autofix_nb.finding import Severity
from tests.cases import Damaged
from tests.checks.subjects import answer_of, scan, subject, subject_of, why_not

CHECK = UnreadableFiles()
NOTE, WARNING, CRITICAL = Severity


def files(*special, fine=40, side="train"):
    """Return the scan of a folder of images: `special` ones first."""
    made = [
        ImageFile(**{"path": f"/data/cats/{place}.jpg", "index": place, "format": "JPEG", "mode": "RGB"} | fields)
        for place, fields in enumerate((*special, *({} for _ in range(fine))))
    ]
    seen = [file.index for file in made if file.readable]
    return scan(
        torch.zeros(len(seen), 2), side=side, kind="image", samples=len(made), indices=torch.tensor(seen).numpy(),
        files=tuple(made),
        faults=tuple(Fault(file.index, "raises", "no image") for file in made if not file.readable),
    )  # fmt: skip


def bad(problem, detail=""):
    return {"problem": problem, "detail": detail}


def severities(answer):
    return [finding.severity for finding in answer.findings]


@pytest.mark.parametrize("problem", ["missing", "empty", "not an image", "corrupt", "truncated", "too large"])
def test_each_kind_of_unreadable_file_is_named(problem):
    """With the file, the sample, and what the decoder said."""
    answer = answer_of(CHECK, subject_of(files({}, bad(problem, "so it is"))))
    finding = answer.findings[0]

    assert [WARNING] == severities(answer)
    assert ("cats/1.jpg",) == finding.where
    assert f"1 of 42 training files (2.4%, limit 0) cannot be read: 1 {problem}" == finding.says
    assert f"cats/1.jpg: sample 1, {problem} (so it is)" == finding.evidence[0]
    assert ((1,), (problem,)) == (answer.pictures[0].indices, answer.pictures[0].captions)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [pytest.param(10, [WARNING], id="20-percent"), pytest.param(11, [CRITICAL], id="more")],
)
def test_many_make_the_training_worthless(broken, expected):
    """Above a fifth."""
    scanned = files(*[bad("corrupt")] * broken, fine=50 - broken)

    assert expected == severities(answer_of(CHECK, subject_of(scanned)))


def test_kinds_are_counted_most_frequent_first():
    """One sentence for all of them."""
    scanned = files(bad("empty"), bad("corrupt"), bad("corrupt"), bad("missing"))

    assert answer_of(CHECK, subject_of(scanned)).findings[0].says.endswith("2 corrupt, 1 empty, 1 missing")


@pytest.mark.parametrize(
    ("special", "words"),
    [
        pytest.param({"mode": "L"}, "(40 RGB, 1 grey; wanted 1 kind)", id="grey"),
        pytest.param({"mode": "RGBA"}, "(40 RGB, 1 transparent; wanted 1 kind)", id="transparent"),
        pytest.param({"mode": "CMYK"}, "(40 RGB, 1 CMYK; wanted 1 kind)", id="cmyk"),
        pytest.param({"mode": "I;16"}, "(40 RGB, 1 16-bit; wanted 1 kind)", id="16-bit"),
        pytest.param({"mode": "P"}, "(40 RGB, 1 palette; wanted 1 kind)", id="palette"),
        pytest.param({"orientation": 6}, "EXIF orientation", id="rotated"),
        pytest.param(bad("wrongly named", "PNG"), "not what their name says", id="wrongly-named"),
    ],
)
def test_readable_but_odd_files_are_notes(special, words):
    """Whether they harm depends on the loader."""
    answer = answer_of(CHECK, subject_of(files(special)))

    assert [NOTE] == severities(answer)
    assert words in answer.findings[0].says
    assert ("cats/0.jpg",) == answer.findings[0].where


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_files_of_one_kind_are_fine(mode):
    """All grey is as good as all in colour."""
    answer = answer_of(
        CHECK, subject_of(files(*[{"mode": mode}] * 30, fine=0), files(*[{"mode": mode}] * 5, fine=0, side="val"))
    )

    assert () == answer.findings
    assert "all of 30 train files and 5 val files could be read" == answer.says


def test_validation_files_are_looked_at_too():
    """And shown from their own side."""
    answer = answer_of(CHECK, subject_of(files(), files(bad("empty"), side="val")))

    assert "1 of 41 validation files" in answer.findings[0].says
    assert "val" == answer.pictures[0].side


@pytest.mark.parametrize("raising", [(), (7, 8, 30)], ids=["all well", "three raise"])
def test_samples_that_are_no_files_are_not_applicable(raising):
    """Those that raise are named by B02."""
    data = Damaged(torch.randn(60, 4), torch.arange(60) % 3, raising=raising)
    said = why_not(CHECK, subject(train=DataLoader(data, 8)))

    assert said == "the samples are no files; B02 names those that raise"


class Folder(Dataset):
    """Images in a folder, as people write it."""

    def __init__(self, root):
        self.paths = sorted(root.iterdir())

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as image:
            return torch.tensor(np.array(image.convert("RGB"))), 0


def test_a_real_folder(tmp_path):
    """One truncated, one empty, one that is a web page, among good ones."""
    for place in range(20):
        picture = Image.effect_noise((40, 40), 60).convert("RGB")
        picture.save(tmp_path / f"{place:02}.png")
    (tmp_path / "03.png").write_bytes((tmp_path / "03.png").read_bytes()[:900])
    (tmp_path / "05.png").write_bytes(b"")
    (tmp_path / "07.png").write_text("<html>not found</html>")
    finding = answer_of(CHECK, subject(train=DataLoader(Folder(tmp_path), 4, shuffle=True))).findings[0]

    assert [f"{tmp_path.name}/{name}.png" for name in ("03", "05", "07")] == sorted(finding.where)
    assert all(words in finding.says for words in ("1 truncated", "1 empty", "1 not an image"))
