"""One pass over a data set: what it tells of every sample, whatever the data is, and however little time there is."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from torchvision.datasets import MNIST, ImageFolder
from torchvision.transforms import Compose, RandomResizedCrop, ToTensor

from autofix_nb.data import guard_loader
from autofix_nb.data.seeding import streams
from autofix_nb.evidence import Clock
from autofix_nb.evidence.frames import Table
from autofix_nb.evidence.scanning import scan_data
from autofix_nb.finding import NotApplicable
from tests.cases import Damaged, digits
from tests.evidence.folders import encoded, image_folder, picture

CROP = Compose([RandomResizedCrop(16), ToTensor()])


def scan(data, *, side="train", **options):
    if isinstance(data, Dataset) or (hasattr(data, "__getitem__") and not isinstance(data, list)):
        data = DataLoader(data, batch_size=4, shuffle=not isinstance(data, IterableDataset))
    return scan_data(guard_loader(data, 0, name=side), side, **options)


class Samples(Dataset):
    """Whatever the function gives for an index."""

    def __init__(self, give, count=12, **attributes):
        self.give, self.count = give, count
        self.__dict__.update(attributes)

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.give(index)


class Stream(IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        for number in range(self.count):
            yield torch.full((3,), float(number)), number % 2


def rows(count=40, features=5):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, features, generator=generator), torch.arange(count) % 3


# --- tables -------------------------------------------------------------------------------------------------------


def test_tensors_and_samples_tell_the_same():
    """At once or one by one: the same rows, labels, names and digests, in the order of the data."""
    inputs, targets = rows()

    at_once = scan(TensorDataset(inputs, targets))
    one_by_one = scan(Samples(lambda index: (inputs[index], targets[index]), 40))

    for seen in (at_once, one_by_one):
        assert ("table", "all 40 samples", 40) == (seen.kind, seen.share, len(seen.digests))
        assert np.array_equal(inputs.numpy(), seen.features)
        assert np.array_equal(np.arange(40), seen.indices)
        assert np.array_equal(np.arange(40), seen.rows)
        assert np.array_equal(targets.numpy(), seen.labels)
        assert ("feature 0", "feature 1") == seen.names[:2]
    assert np.array_equal(at_once.digests, one_by_one.digests)
    np.testing.assert_allclose(at_once.profile.mean, inputs.double().mean(dim=0))
    assert "the untransformed samples" == at_once.digested
    assert "the samples, each loaded with the same random numbers" == one_by_one.digested


@pytest.mark.parametrize("at_once", [True, False])
def test_ten_rows_of_nan_are_named(at_once):
    """Those at index 1000 to 1009, and how many of their values."""
    inputs, targets = rows(1500)
    inputs[1000:1010] = torch.nan
    inputs[1200, 3] = -torch.inf
    dataset = TensorDataset(inputs, targets) if at_once else Damaged(inputs, targets)

    seen = scan(dataset)

    assert [*range(1000, 1010), 1200] == list(seen.non_finite)
    assert "input: 5 of 5 values NaN" == seen.non_finite[1000]
    assert "input: 1 of 5 values infinite" == seen.non_finite[1200]
    assert [10] * 5 == seen.profile.missing.tolist()
    assert np.isnan(seen.features[1000]).all()
    assert 1 == len(set(seen.digests[1000:1010].tolist()))


def test_targets_that_are_not_finite_are_named():
    """Beside what is wrong with the input."""
    inputs, _ = rows()
    targets = torch.zeros(40)
    targets[7] = inputs[7, 0] = torch.nan

    for dataset in (TensorDataset(inputs, targets), Damaged(inputs, targets)):
        assert {7: "input: 1 of 5 values NaN; target: NaN"} == scan(dataset).non_finite


def test_subsets_of_subsets_count_as_the_loader_does():
    """Index 0 is the first of the outermost subset."""
    inputs, targets = rows()
    inner = Subset(TensorDataset(inputs, targets), list(range(30, 40)))
    outer = Subset(inner, [9, 0, 5])

    seen = scan(outer)

    assert [0, 1, 2] == seen.indices.tolist()
    assert targets[[39, 30, 35]].tolist() == seen.labels.tolist()
    assert np.array_equal(inputs[[39, 30, 35]].numpy(), seen.features)


def test_concatenated_sets_are_one():
    """Each part keeps its own way of being read."""
    inputs, targets = rows()
    both = ConcatDataset([TensorDataset(inputs[:9], targets[:9]), Damaged(inputs[9:], targets[9:], raising=[2])])

    seen = scan(both)

    assert 39 == len(seen.indices)
    assert [11] == [fault.index for fault in seen.faults]
    assert np.array_equal(inputs[12].numpy(), seen.features[11])


def test_faults_are_noted_and_the_rest_is_seen():
    """Samples that raise, and samples of an odd shape."""
    inputs, targets = rows()

    seen = scan(Damaged(inputs, targets, raising=[3, 30], odd=[8]))

    assert [(3, "raises"), (8, "odd shape"), (30, "raises")] == [(fault.index, fault.kind) for fault in seen.faults]
    assert "is (4,), usual is (5,)" == seen.faults[1].reason
    assert "ValueError: sample 3 is broken" == seen.faults[0].reason
    assert (37, True, 40) == (len(seen.features), seen.complete, seen.seen)


def test_everything_raises():
    """Faults, and nothing else."""
    inputs, targets = rows()

    seen = scan(Damaged(inputs, targets, raising=range(40)))

    assert (40, 0, None, None) == (len(seen.faults), len(seen.indices), seen.features, seen.labels)


def test_columns_have_the_names_of_the_frame():
    """And columns of text are passed on."""
    table = Table(columns=tuple("abcde"), text_columns=("city",))

    seen = scan(TensorDataset(*rows()), table=table)

    assert (tuple("abcde"), ("city",)) == (seen.names, seen.text_columns)


@pytest.mark.parametrize(
    ("sample", "names"),
    [
        pytest.param(lambda x: (x[:2], x[4], 1), ("x1[0]", "x1[1]", "x2"), id="two-inputs"),
        pytest.param(lambda x: {"age": x[0], "mask": x[:2], "label": 1}, ("age", "mask[0]", "mask[1]"), id="dict"),
    ],
)
def test_several_inputs_are_laid_side_by_side(sample, names):
    """Sample by sample, and batch by batch, with the same digests."""
    inputs, _ = rows()
    dataset = Samples(lambda index: sample(inputs[index]), 40)

    single = scan(dataset)
    batched = scan(list(DataLoader(dataset, batch_size=8)))

    assert names == single.names == batched.names
    assert np.array_equal(single.features, batched.features)
    assert np.array_equal(single.digests, batched.digests)
    assert [1] * 40 == single.labels.tolist() == batched.labels.tolist()


def test_wide_rows_keep_evenly_chosen_columns():
    """4,096 of them, with their own names; every value is looked at all the same."""
    inputs = torch.arange(6.0).repeat(4, 1000)
    inputs[2, 1] = torch.nan

    for dataset in (TensorDataset(inputs, torch.zeros(4)), Damaged(inputs, torch.zeros(4))):
        seen = scan(dataset)

        assert ("other", (4, 4096)) == (seen.kind, seen.features.shape)
        assert ("feature 0", "feature 5999") == (seen.names[0], seen.names[-1])
        assert {2: "input: 1 of 6000 values NaN"} == seen.non_finite


def test_memory_is_bounded(monkeypatch):
    """Rows beyond the limit count in the profile and have digests; those kept say which they are."""
    monkeypatch.setattr("autofix_nb.evidence.rows.MOST_KEPT", 50)
    inputs, targets = rows()

    for dataset in (TensorDataset(inputs, targets), Damaged(inputs, targets)):
        seen = scan(dataset)

        assert (10, 5) == seen.features.shape
        assert np.array_equal(inputs.numpy()[seen.rows], seen.features)
        assert [40] * 5 == seen.profile.count.tolist()
        assert 40 == len(seen.digests) == len(seen.labels)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        pytest.param(torch.arange(40.0)[:, None], (40,), id="a-column-of-numbers"),
        pytest.param(torch.eye(40)[:, :3], (40, 3), id="one-hot"),
        pytest.param(torch.zeros(40, 8, 8), None, id="masks"),
    ],
)
def test_shapes_of_labels(targets, expected):
    """One column is no column; pictures are no labels."""
    for dataset in (TensorDataset(rows()[0], targets), Damaged(rows()[0], targets)):
        labels = scan(dataset).labels

        assert expected == (None if labels is None else labels.shape)


# --- which samples ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        pytest.param(SubsetRandomSampler([7, 3, 5]), [3, 5, 7], id="subset"),
        pytest.param(SubsetRandomSampler(torch.tensor([7, 3, 5])), [3, 5, 7], id="subset-of-a-tensor"),
        pytest.param(WeightedRandomSampler([0.0, 1.0] * 20, 10), list(range(1, 40, 2)), id="weights-of-zero"),
        pytest.param([4, 4, 2], [2, 4], id="a-list"),
        pytest.param(SequentialSampler(range(6)), list(range(6)), id="of-another-length"),
    ],
)
def test_only_samples_that_the_sampler_reaches(sampler, expected):
    """Each once."""
    loader = DataLoader(TensorDataset(*rows()), batch_size=4, sampler=sampler)

    assert expected == scan(loader).indices.tolist()


def test_batch_samplers_and_dropped_ends():
    """A batch sampler of the user's is asked; rows that `drop_last` may drop are drawn in other epochs."""
    dataset = TensorDataset(*rows())
    custom = DataLoader(dataset, batch_sampler=[[1, 2], [5, 6]])
    dropping = DataLoader(dataset, batch_sampler=BatchSampler(SequentialSampler(dataset), 32, drop_last=True))

    assert [1, 2, 5, 6] == scan(custom).indices.tolist()
    assert 40 == len(scan(dropping).indices)


# --- time ---------------------------------------------------------------------------------------------------------


class Ticking:
    """A clock of which each look takes a while."""

    def __init__(self, seconds):
        self.seconds, self.time = seconds, 0.0

    def __call__(self):
        self.time += self.seconds
        return self.time


def test_when_the_time_is_up_the_share_is_said():
    """40 % of 60 s at 1 s a sample; which samples is a seeded choice from all over the data, sorted afterwards."""
    inputs, targets = rows(1000)

    def look():
        return scan(Damaged(inputs, targets), clock=Clock(60, Ticking(1.0)))

    seen = look()

    assert not seen.complete
    assert f"{seen.seen} of 1,000 samples (3%)" == seen.share
    assert 25 <= seen.seen <= 34
    assert sorted(seen.indices.tolist()) == seen.indices.tolist() == look().indices.tolist()
    assert 700 < seen.indices[-1]
    assert np.array_equal(inputs.numpy()[seen.indices], seen.features)


def test_tensors_too_end_when_the_time_is_up(monkeypatch):
    """After a block."""
    monkeypatch.setattr("autofix_nb.evidence.scanning.NUMBERS_AT_ONCE", 50)

    seen = scan(TensorDataset(*rows(1000)), clock=Clock(60, Ticking(1.0)))

    assert 200 < seen.seen < 260
    assert "(2" in seen.share


def test_a_stream_ends_when_the_time_is_up():
    """How many there are is not known then."""
    seen = scan(Stream(10**9), clock=Clock(60, Ticking(1.0)))

    assert (None, False) == (seen.samples, seen.complete)
    assert f"the first {seen.seen} samples" == seen.share


# --- streams and lists of batches ---------------------------------------------------------------------------------


def test_rows_of_a_stream_are_counted_on():
    """Batch after batch."""
    seen = scan(Stream(10))

    assert list(range(10)) == seen.indices.tolist() == seen.features[:, 0].tolist()
    assert ("table", "all 10 samples") == (seen.kind, seen.share)
    assert [0, 1] * 5 == seen.labels.tolist()


def test_a_loader_that_gives_whole_batches():
    """With `batch_size=None` a sample is a batch."""
    inputs, targets = rows()
    batches = Samples(lambda index: (inputs[index * 4 : index * 4 + 4], targets[index * 4 : index * 4 + 4]), 10)

    seen = scan(DataLoader(batches, batch_size=None))

    assert (40, 5) == seen.features.shape


@pytest.mark.parametrize(
    "data",
    [
        pytest.param([None, None], id="none"),
        pytest.param(["some text", "more"], id="text"),
        pytest.param([{"a": 1}, {"b": "x"}], id="dicts"),
        pytest.param([object(), 3], id="objects"),
        pytest.param([(["a", "b"], torch.tensor([0, 1]))], id="texts-with-labels"),
        pytest.param([(torch.zeros(2, 3), None)], id="no-target"),
        pytest.param([(torch.zeros(4, 3), torch.zeros(2))], id="lengths-differ"),
        pytest.param([(torch.zeros(2, 3), torch.zeros(2)), (torch.zeros(2, 4), torch.zeros(2))], id="widths-differ"),
        pytest.param([[], ()], id="empty"),
    ],
)
def test_batches_of_any_form_do_not_raise(data):
    """What cannot be understood has no features."""
    seen = scan(data)

    assert len(seen.indices) + len(seen.faults) > 0


@pytest.mark.parametrize(
    "give",
    [
        pytest.param(lambda index: None, id="none"),
        pytest.param(lambda index: "text", id="text"),
        pytest.param(lambda index: ("text", 1), id="text-and-label"),
        pytest.param(lambda index: {"text": "a", "label": "b"}, id="dict-of-texts"),
        pytest.param(lambda index: object(), id="object"),
        pytest.param(lambda index: {}, id="empty-dict"),
        pytest.param(lambda index: (torch.zeros(0), 1), id="no-numbers"),
        pytest.param(lambda index: (torch.zeros(2, dtype=torch.complex64), 1), id="complex"),
        pytest.param(lambda index: (torch.zeros(3 if index % 2 else 4) if index else None, 1), id="mixed"),
    ],
)
def test_samples_of_any_form_do_not_raise(give):
    """They are of another kind, without features."""
    seen = scan(Samples(give))

    assert (12, None) == (len(seen.indices), seen.features)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(DataLoader(TensorDataset(torch.zeros(0, 3))), "`train` holds no samples", id="no-rows"),
        pytest.param([], "`train` gives no batches", id="no-batches"),
    ],
)
def test_without_data_it_is_not_applicable(data, why):
    """And says why."""
    with pytest.raises(NotApplicable, match=why):
        scan(data)


# --- sequences and tokens -----------------------------------------------------------------------------------------


def test_tokens_have_digests_and_labels_only():
    """Their numbers are names."""
    words = nn.Embedding(50, 4)
    dataset = Samples(lambda index: (torch.tensor([index % 3, 2, 3]), index % 2))

    seen = scan(dataset, model=words)

    assert ("tokens", None, 12, 3) == (seen.kind, seen.features, len(seen.labels), len(set(seen.digests.tolist())))


def test_sequences_are_laid_out_flat():
    """Steps times channels."""
    pixels, labels = digits()
    dataset = TensorDataset(pixels[:30].view(-1, 8, 8), labels[:30])

    seen = scan(dataset)

    assert ("sequence", (30, 64)) == (seen.kind, seen.features.shape)
    assert "feature [0, 1]" == seen.names[1]


def test_sequences_of_any_length_have_no_features():
    """A collate function of the user's pads them, so none is odd."""
    dataset = Samples(lambda index: (torch.zeros(3 + index % 4, 2), 1))
    loader = DataLoader(dataset, batch_size=4, collate_fn=lambda samples: samples)

    seen = scan(loader)

    assert ("sequence", None, ()) == (seen.kind, seen.features, seen.faults)


# --- images -------------------------------------------------------------------------------------------------------


class Cropped(Dataset):
    """Pictures in memory, cropped at random by a transform; copies stand at the end."""

    def __init__(self, count, copies):
        self.pictures = [picture(place if place < count - copies else place - count + copies) for place in range(count)]
        self.transform = CROP

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.transform(self.pictures[index]), index % 2


class HardCropped(Cropped):
    def __getitem__(self, index):
        return CROP(self.pictures[index]), index % 2


COPIES = 100
COUNT = 250


@pytest.mark.parametrize(
    ("make", "digested"),
    [
        pytest.param(lambda folder: ImageFolder(folder, CROP), "the bytes of the files", id="folder"),
        pytest.param(lambda folder: Cropped(COUNT, COPIES), "the untransformed samples", id="in-memory"),
        pytest.param(
            lambda folder: HardCropped(COUNT, COPIES), "the untransformed samples", id="hard-coded-beside-a-transform"
        ),
        pytest.param(
            lambda folder: Samples(Pick(folder), COUNT),
            "the samples, each loaded with the same random numbers",
            id="hard-coded",
        ),
    ],
)
def test_a_hundred_copies_under_random_crops_are_found(tmp_path, make, digested):
    """Each has the digest of its original, though no two crops are equal."""
    dataset = make(image_folder(tmp_path, COUNT, COPIES, classes=1))
    before, states = dict(vars(dataset)), streams()

    seen = scan(dataset)

    assert digested == seen.digested
    assert np.array_equal(seen.digests[:COPIES], seen.digests[COUNT - COPIES :])
    assert COUNT - COPIES == len(set(seen.digests.tolist()))
    assert all(part is before[name] for name, part in vars(dataset).items())
    assert torch.equal(states[0], streams()[0])
    assert states[2] == streams()[2]
    assert not torch.equal(dataset[0][0], dataset[COUNT - COPIES][0])
    assert ("image", COUNT) == (seen.kind, len(seen.thumbnails))


class Pick:
    """Crops inside `__getitem__`, of pictures that nothing names."""

    def __init__(self, _):
        pass

    def __call__(self, index):
        return CROP(picture(index if index < COUNT - COPIES else index - COUNT + COPIES)), index % 2


def test_a_folder_with_damaged_files(tmp_path):
    """They are faults with their reason, and files with their problem; the others have pictures and labels."""
    image_folder(tmp_path, 10)
    (tmp_path / "class0" / "0002.png").write_bytes(b"")
    (tmp_path / "class1" / "0003.png").write_bytes(b"<html></html>")
    (tmp_path / "class0" / "0004.png").write_bytes(encoded(picture(3, (200, 200)))[:400])
    (tmp_path / "class1" / "0005.png").write_bytes(encoded(picture(5), "JPEG"))
    folder = ImageFolder(tmp_path, ToTensor())

    seen = scan(folder)

    problems = {file.index: file.problem for file in seen.files if file.problem}
    assert {1: "empty", 6: "not an image", 2: "truncated", 7: "wrongly named"} == problems
    assert [1, 2, 6] == [fault.index for fault in seen.faults]
    assert list(range(10)) == [file.index for file in seen.files]
    assert [0, 0, 0, 1, 1, 1, 1] == seen.labels.tolist()
    assert (7, 32, 32, 3) == seen.thumbnails.shape


def test_crops_out_of_one_file_are_no_copies(tmp_path):
    """The bytes of their file are the same, the samples are not."""
    files = sorted(image_folder(tmp_path, 3).rglob("*.png"))

    class Crops(Dataset):
        paths = None

        def __init__(self):
            self.paths = files * 4

        def __len__(self):
            return 12

        def __getitem__(self, index):
            return ToTensor()(picture(0).crop((index, index, index + 16, index + 16))), 0

    seen = scan(Crops())

    assert 12 == len(set(seen.digests.tolist()))
    assert "the samples, each loaded with the same random numbers" == seen.digested


def test_arrays_inside_a_torchvision_set_are_read_at_once(monkeypatch):
    """Rows of MNIST's array have the digests of its untransformed samples."""
    mnist = MNIST.__new__(MNIST)
    mnist.data = torch.randint(0, 255, (20, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mnist.targets = torch.arange(20) % 10
    mnist.transform, mnist.target_transform = CROP, None

    at_once = scan(mnist)
    monkeypatch.setattr("autofix_nb.evidence.scanning._columns_of", lambda dataset: None)
    one_by_one = scan(mnist)

    assert np.array_equal(at_once.digests, one_by_one.digests)
    assert np.array_equal(at_once.thumbnails, one_by_one.thumbnails)
    np.testing.assert_allclose(at_once.features, one_by_one.features, atol=1e-6)
    assert np.array_equal(at_once.labels, one_by_one.labels)


def test_images_of_any_make_have_the_same_properties():
    """PIL, bytes or floats, channels first or last."""
    pictures = [picture(seed, (32, 32)) for seed in range(4)]
    makes = [
        lambda image: image,
        lambda image: np.array(image),
        lambda image: torch.tensor(np.array(image)).permute(2, 0, 1),
        lambda image: ToTensor()(image),
        lambda image: ToTensor()(image) * 255,
    ]

    scans = [scan(Samples(lambda index, make=make: (make(pictures[index]), 0), 4)) for make in makes]

    for seen in scans:
        np.testing.assert_allclose(scans[0].features, seen.features, atol=2e-3)
        np.testing.assert_allclose(scans[0].thumbnails, seen.thumbnails, atol=1)
    assert "brightness" in scans[0].names


def test_pixels_that_are_not_finite_are_named():
    """Also where the picture itself is shown without them."""
    images = torch.rand(6, 3, 8, 8)
    images[4, 0, 0, 0] = torch.nan

    for dataset in (TensorDataset(images, torch.zeros(6)), Damaged(images, torch.zeros(6))):
        seen = scan(dataset)

        assert {4: "input: 1 of 192 values NaN"} == seen.non_finite
        assert (6, 32, 32, 3) == seen.thumbnails.shape


def test_samples_that_the_data_set_augments_by_itself_are_known(tmp_path):
    """Their values tell of one draw, not of the data; what comes from files or arrays, or by a transform, does not."""

    class Noisy(Dataset):
        def __len__(self):
            return 12

        def __getitem__(self, index):
            return torch.full((4,), float(index)) + torch.rand(4), index % 2

    image_folder(tmp_path, 8)
    rows = TensorDataset(torch.rand(8, 3), torch.zeros(8))
    actual = [scan(data).drawn_anew for data in (Noisy(), ImageFolder(tmp_path, CROP), rows)]

    assert [True, False, False] == actual


@pytest.mark.parametrize(
    ("options", "faults"),
    [
        pytest.param({"batch_size": 4}, [9], id="batches"),
        pytest.param({"batch_size": 1}, [], id="batches-of-one"),
        pytest.param({"batch_sampler": [[*range(9)], [9], [10, 11]]}, [], id="put-together-by-shape"),
    ],
)
def test_an_odd_shape_matters_among_others_only(options, faults):
    """Where nothing is collated with it, it is none."""
    data = Samples(lambda index: (torch.zeros(4 if index == 9 else 3), index))

    assert faults == [fault.index for fault in scan(DataLoader(data, **options)).faults]
