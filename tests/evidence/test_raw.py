"""Data sets without their transforms: copies look like copies, and the user's object is never touched."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset, random_split
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, RandomResizedCrop, ToTensor

from autofix_nb.data.seeding import set_streams, streams
from autofix_nb.evidence.clone import Identity
from autofix_nb.evidence.digests import digest_of
from autofix_nb.evidence.raw import FILES, SAME_NUMBERS, UNTRANSFORMED, Raw
from tests.evidence.folders import image_folder, picture

CROP = Compose([RandomResizedCrop(16), ToTensor()])


class InMemory(Dataset):
    """PIL pictures with a transform; the second half are copies of the first."""

    def __init__(self, count=6, **attributes):
        self.pictures = [picture(place % (count // 2)) for place in range(count)]
        self.labels = [place % 3 for place in range(count)]
        self.transform = CROP
        self.__dict__.update(attributes)

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.transform(self.pictures[index]), self.labels[index]


class PairStyle(InMemory):
    def __getitem__(self, index):
        return self.transforms(self.pictures[index], self.labels[index])


class NamedStyle(InMemory):
    def __getitem__(self, index):
        return self.augment(image=np.asarray(self.pictures[index]))["image"], self.labels[index]


class ListStyle(InMemory):
    def __getitem__(self, index):
        image = self.pictures[index]
        for change in self.train_transforms:
            image = change(image)
        return image, self.labels[index]


class MethodStyle(InMemory):
    def augment(self, image):
        return CROP(image)

    def __getitem__(self, index):
        return self.augment(self.pictures[index]), self.labels[index]


class HardCoded(InMemory):
    def __getitem__(self, index):
        return CROP(self.pictures[index]), self.labels[index]


class NeedsTensor(InMemory):
    def __getitem__(self, index):
        return self.transform(self.pictures[index]).mean(dim=0), self.labels[index]


class OwnGenerator(InMemory):
    def __getitem__(self, index):
        return self.rng.normal(), self.labels[index]


class Caching(InMemory):
    def __getitem__(self, index):
        if index not in self.cache:
            self.cache[index] = self.transform(self.pictures[index])
        self.asked += 1
        return self.cache[index], self.labels[index]


class Wrapper(Dataset):
    """The usual way to give the parts of a split transforms of their own."""

    def __init__(self, subset, transform):
        self.subset, self.transform = subset, transform

    def __len__(self):
        return len(self.subset)

    def __getitem__(self, index):
        image, label = self.subset[index]
        return self.transform(image), label


def named_crop(**given):
    return {"image": CROP(picture(int(given["image"].sum()) % 5))}


STYLES = [
    pytest.param(lambda: InMemory(), UNTRANSFORMED, id="transform"),
    pytest.param(lambda: PairStyle(transforms=lambda image, label: (CROP(image), label)), UNTRANSFORMED, id="pair"),
    pytest.param(lambda: NamedStyle(augment=named_crop), UNTRANSFORMED, id="albumentations"),
    pytest.param(lambda: ListStyle(train_transforms=[CROP.transforms[0], ToTensor()]), UNTRANSFORMED, id="list"),
    pytest.param(lambda: MethodStyle(), UNTRANSFORMED, id="method"),
    pytest.param(lambda: Wrapper(InMemory(transform=Identity()), CROP), UNTRANSFORMED, id="wrapper"),
    pytest.param(lambda: Wrapper(InMemory(), lambda image: image), UNTRANSFORMED, id="inside-a-wrapper"),
    pytest.param(lambda: HardCoded(transform=None), UNTRANSFORMED, id="hard-coded-beside-an-empty-one"),
    pytest.param(lambda: NeedsTensor(), SAME_NUMBERS, id="needs-the-tensor"),
    pytest.param(lambda: OwnGenerator(rng=np.random.default_rng(5)), UNTRANSFORMED, id="own-numpy-generator"),
    pytest.param(lambda: OwnGenerator(rng=np.random.RandomState(5)), UNTRANSFORMED, id="own-old-generator"),
    pytest.param(lambda: Caching(cache={}, asked=0), UNTRANSFORMED, id="caching"),
]


@pytest.mark.parametrize(("make", "how"), STYLES)
def test_copies_have_the_same_digest_whatever_the_style(make, how):
    """The samples as they come differ, those without transforms do not."""
    dataset = make()
    before = dict(vars(dataset))
    states = streams()
    raw = Raw(dataset)

    digests = [digest_of(raw.sample(index)[0]) for index in range(len(dataset))]

    assert how == raw.how
    assert digests[:3] == digests[3:]
    assert all(part is before[name] for name, part in vars(dataset).items())
    assert before.keys() == vars(dataset).keys()
    assert_streams(states)


def assert_streams(before):
    after = streams()
    assert torch.equal(before[0], after[0])
    assert before[1]["state"]["key"].tolist() == after[1]["state"]["key"].tolist()
    assert before[1]["state"]["pos"] == after[1]["state"]["pos"]
    assert before[2] == after[2]


def test_a_crop_in_getitem_gives_two_copies_the_same_crop():
    """Even where nothing tells that there is one."""

    class Bare(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return CROP(picture(index % 2)), random.random()

    raw = Raw(Bare())
    samples = [digest_of(raw.sample(index)) for index in range(4)]

    assert SAME_NUMBERS == raw.how
    assert samples[:2] == samples[2:]
    assert samples[0] != samples[1]


def test_a_cache_is_not_filled_with_untransformed_samples():
    """Nor is anything counted in the user's own object."""
    dataset = Caching(cache={}, asked=0)

    Raw(dataset).sample(0)

    assert ({}, 0) == (dataset.cache, dataset.asked)


def test_the_users_own_generator_stays_where_it_was():
    """A copy is drawn from."""
    dataset = OwnGenerator(rng=np.random.default_rng(5))
    before = dataset.rng.bit_generator.state

    Raw(dataset).sample(0)

    assert before == dataset.rng.bit_generator.state


class OpenFile(InMemory):
    """Leaves its open file out when it is pickled, as data sets over HDF5 do."""

    def __getstate__(self):
        return {name: part for name, part in vars(self).items() if name != "pictures"}


class WithSlots(Dataset):
    __slots__ = ("rows",)

    def __init__(self):
        self.rows = [1.0, 2.0]

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.rows[index]


class NamedList(list):
    """A list of samples with an attribute of its own."""

    transform = None


@pytest.mark.parametrize("dataset", [OpenFile(), WithSlots(), NamedList([1.0, 2.0]), [1.0, 2.0], range(2), "ab"])
def test_whatever_gives_samples_is_read(dataset):
    """However it can be copied, or cannot."""
    raw = Raw(dataset)

    assert digest_of(raw.sample(1)) == digest_of(Raw(dataset).sample(1))
    assert len(dataset) == len(raw)


def test_a_targets_transform_is_kept(tmp_path):
    """Labels must be the real ones."""
    folder = ImageFolder(image_folder(tmp_path, 4), CROP, target_transform=lambda label: label + 10)
    raw = Raw(folder)

    assert [10, 10, 11, 11] == [raw.sample(index)[1] for index in range(4)]
    assert [10, 10, 11, 11] == [raw.label(index) for index in range(4)]


def test_the_files_of_a_folder(tmp_path):
    """Paths, labels, and the way samples are told apart, through nested subsets and concatenations."""
    folder = ImageFolder(image_folder(tmp_path, 6), CROP)
    subset = Subset(Subset(folder, [5, 4, 3, 2]), [0, 3])
    both = ConcatDataset([subset, random_split(folder, [4, 2], torch.Generator().manual_seed(0))[1]])
    raw = Raw(both)

    paths = [raw.path(index) for index in range(4)]

    assert FILES == raw.how
    assert [folder.samples[5][0], folder.samples[2][0]] == list(map(str, paths[:2]))
    assert [folder.samples[index][0] for index in both.datasets[1].indices] == list(map(str, paths[2:]))
    assert [1, 0] == [raw.label(index) for index in range(2)]
    assert (40, 32) == raw.sample(0)[0].size


@pytest.mark.parametrize(
    ("dataset", "label"),
    [
        pytest.param(TensorDataset(torch.zeros(3, 2), torch.tensor([4, 5, 6])), 5, id="tensors"),
        pytest.param(TensorDataset(torch.zeros(3, 2)), None, id="tensors-without-a-target"),
        pytest.param(InMemory(), 1, id="labels"),
        pytest.param([1, 2, 3], None, id="a-list"),
    ],
)
def test_labels_without_loading(dataset, label):
    """Where a list of them is known."""
    assert label == Raw(dataset).label(1)


def test_errors_are_those_of_the_data_set():
    """They are for the caller to note; the streams are put back all the same."""

    class Broken(InMemory):
        def __getitem__(self, index):
            random.random()
            raise ValueError(f"sample {index} is broken")

    states = streams()
    with pytest.raises(ValueError, match="sample 3 is broken"), Raw(Broken()).loading():
        Raw(Broken()).sample(3)

    assert_streams(states)
    set_streams(states)


def test_a_loader_over_the_original_still_transforms():
    """After a look the training sees what it would have seen."""
    dataset = InMemory()
    torch.manual_seed(3)
    expected = next(iter(DataLoader(dataset, batch_size=6)))[0]
    Raw(dataset).sample(0)
    torch.manual_seed(3)

    assert torch.equal(expected, next(iter(DataLoader(dataset, batch_size=6)))[0])


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        pytest.param(HardCoded(), True, id="hard-coded"),
        pytest.param(InMemory(), False, id="taken-out"),
        pytest.param(TensorDataset(torch.arange(8.0).view(4, 2)), False, id="tensors"),
        pytest.param(ConcatDataset([InMemory(), HardCoded()]), True, id="some"),
    ],
)
def test_whether_samples_hang_on_random_numbers(dataset, expected):
    """What transforms did is out by then; the streams are as they were."""
    before = streams()
    actual = Raw(dataset).drawn_anew(range(0, len(dataset), 2))
    after = streams()
    set_streams(before)

    assert expected == actual
    assert torch.equal(before[0], after[0])
    assert before[2] == after[2]
