"""Duplicates: copies within and across, conflicts, look-alikes; and coarse tables, in which chance repeats rows."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from autofix_nb.checks import Shown
from autofix_nb.checks.duplicates import Duplicates
from autofix_nb.evidence.frames import as_source
from autofix_nb.finding import Severity
from tests.checks.subjects import answer_of, scan, subject, subject_of, why_not
from tests.evidence.test_copies import digested
from tests.evidence.test_near_copies import jpeg, side_of, tiles

CHECK = Duplicates()
NOTE, WARNING, CRITICAL = Severity


def loader(inputs, targets=None, **options):
    tensors = [torch.as_tensor(np.asarray(inputs), dtype=torch.float32)]
    tensors += [] if targets is None else [torch.as_tensor(np.asarray(targets))]
    return DataLoader(TensorDataset(*tensors), batch_size=16, **options)


def of_rows(train, val=None, targets=None):
    """Return a training on tables, scanned for real."""
    return subject(train=loader(train, targets, shuffle=True), val=None if val is None else loader(val))


def normal(count, columns=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, columns))


def severities(answer):
    return [finding.severity for finding in answer.findings]


@pytest.mark.parametrize(
    ("copies", "rows", "expected"),
    [
        pytest.param(0, 200, [], id="none"),
        pytest.param(1, 150, [NOTE], id="one"),
        pytest.param(4, 100, [NOTE], id="four-of-a-hundred"),
        pytest.param(5, 100, [WARNING], id="five-of-a-hundred"),
        pytest.param(10, 5000, [NOTE], id="ten-of-five-thousand"),
        pytest.param(100, 5000, [WARNING], id="two-percent"),
        pytest.param(300, 300, [WARNING], id="everything-twice"),
    ],
)
def test_copies_in_the_training_data(copies, rows, expected):
    """One true duplicate is worth a note; more than one in a hundred is a warning."""
    data = normal(rows)
    answer = answer_of(CHECK, of_rows(np.concatenate([data, data[:copies]])))

    assert expected == severities(answer)
    assert all(finding.where[0] == f"sample {rows}" for finding in answer.findings)


@pytest.mark.parametrize(
    ("copies", "rows", "expected"),
    [
        pytest.param(0, 100, [], id="none"),
        pytest.param(1, 40, [WARNING], id="one"),
        pytest.param(2, 40, [WARNING], id="two"),
        pytest.param(3, 40, [CRITICAL], id="three-of-forty"),
        pytest.param(5, 1000, [WARNING], id="five-of-a-thousand"),
        pytest.param(10, 5000, [CRITICAL], id="ten-of-five-thousand"),
        pytest.param(100, 400, [CRITICAL], id="a-hundred"),
    ],
)
def test_samples_of_both_sides(copies, rows, expected):
    """From the first on it is a warning; many make the validation score worthless."""
    train, val = normal(500), normal(rows, seed=1)
    val[:copies] = train[7 : 7 + copies]
    answer = answer_of(CHECK, of_rows(train, val))

    assert expected == severities(answer)
    for finding in answer.findings:
        assert copies == finding.measured
        assert "sample 7 = val sample 0" == finding.evidence[0]
        assert (
            f"validation samples {'0' if copies == 1 else '0, 1' if copies == 2 else f'0–{copies - 1}'}"
            == (finding.evidence[-1])
        )


@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_copied_rows_are_found_every_time(seed):
    """Wherever they lie, in real data."""
    random = np.random.default_rng(seed)
    pixels = random.permutation(load_digits().data)
    train, val = pixels[:1400].copy(), pixels[1400:].copy()
    train[random.permutation(1400)[:100]] = val[random.permutation(len(val))[:100]]
    finding = answer_of(CHECK, of_rows(train, val)).findings[0]

    assert (CRITICAL, 100) == (finding.severity, finding.measured)


@pytest.mark.parametrize("seed", range(3))
def test_real_data_has_at_most_its_own_duplicates(seed):
    """Iris holds one row twice, digits none."""
    order = np.random.default_rng(seed)
    for rows, most in ((load_iris().data, WARNING), (load_digits().data, 0)):
        rows = order.permutation(rows)
        found = severities(answer_of(CHECK, of_rows(rows[: len(rows) * 3 // 4], rows[len(rows) * 3 // 4 :])))

        assert len(found) <= 1
        assert max(found, default=0) <= most


@pytest.mark.parametrize(
    ("columns", "values", "planted"),
    [
        pytest.param(3, 2, 0, id="three-flags"),
        pytest.param(10, 2, 0, id="ten-flags"),
        pytest.param(5, 5, 0, id="a-questionnaire"),
    ],
)
def test_coarse_tables_repeat_by_chance(columns, values, planted):
    """With so few different rows, equal ones are no leak, and are told as what they are."""
    random = np.random.default_rng(0)
    train, val = (random.integers(0, values, (count, columns)) for count in (2000, 500))
    answer = answer_of(CHECK, of_rows(train, val, random.integers(0, 2, 2000)))

    assert max(severities(answer), default=NOTE) == NOTE


def test_copies_in_a_table_of_flags_are_found_where_chance_makes_few():
    """Thirty flags do not repeat by chance."""
    random = np.random.default_rng(0)
    train, val = (random.integers(0, 2, (count, 30)) for count in (2000, 500))
    val[:50] = train[:50]

    assert [CRITICAL] == severities(answer_of(CHECK, of_rows(train, val)))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param([0, 1, 0, 1, 1], [WARNING, NOTE], id="another-label"),
        pytest.param([0, 1, 0, 1, 0], [NOTE], id="the-same-label"),
        pytest.param([0.1, 0.2, 0.3, 0.4, 0.5], [NOTE], id="numbers-may-differ"),
        pytest.param(None, [NOTE], id="no-labels"),
    ],
)
def test_equal_inputs_with_different_classes(labels, expected):
    """No model can get both right; repeated measurements are no contradiction."""
    rows = digested("abcda")
    rows.labels = None if labels is None else np.array(labels)

    assert expected == severities(answer_of(CHECK, subject_of(rows)))


def test_the_conflict_names_samples_and_classes():
    """So that they can be looked up."""
    rows = digested("abcda")
    rows.labels = np.array([0, 1, 0, 1, 1])
    finding = answer_of(CHECK, subject_of(rows)).findings[0]

    assert ("sample 0 is of class 0, sample 4 is of class 1",) == finding.evidence
    assert ("sample 0", "sample 4") == finding.where


def test_where_much_is_torn_nothing_is_to_be_left_out():
    """More than a fifth of the samples: their features do not tell them apart."""
    rows = digested("abcda")
    rows.labels = np.array([0, 1, 0, 1, 1])
    few = digested("abcdefghijka")
    few.labels = np.array([0] * 11 + [1])

    assert "" == answer_of(CHECK, subject_of(rows)).findings[0].to_type
    assert "left_out = {0, 11}" in answer_of(CHECK, subject_of(few)).findings[0].to_type


@pytest.mark.parametrize("framed", [True, False], ids=["frame", "array"])
def test_of_features_and_target_the_code_keeps_the_first_of_each(framed):
    """Both together, in the order in which they came."""
    features, target = normal(60), np.arange(60) % 2
    features[50:] = features[:10]
    if framed:
        pandas = pytest.importorskip("pandas")
        features, target = pandas.DataFrame(features).add_prefix("c"), pandas.Series(target, name="y")
    source, table = as_source((features, target), "train")
    finding = answer_of(CHECK, subject(train=source, tables={"train": table})).findings[0]
    places = {"X_train": features, "y_train": target, "np": np}
    exec(finding.to_type, places)  # noqa: S102 - the code is what is tested

    assert np.array_equal(np.asarray(features)[:50], np.asarray(places["X_train"]))
    assert list(target[:50]) == list(places["y_train"])


def test_the_same_places_of_one_data_set_are_found_without_looking_at_them():
    """Loaded with other random numbers each time, their hashes may differ."""
    data = TensorDataset(torch.randn(100, 4, generator=torch.Generator().manual_seed(0)))
    train, val = Subset(data, range(80)), Subset(data, range(70, 100))
    finding = answer_of(CHECK, subject(train=DataLoader(train, shuffle=True), val=DataLoader(val))).findings[0]

    assert (CRITICAL, 10) == (finding.severity, finding.measured)
    assert "the same samples of one data set are in both" in finding.says
    assert "sample 70 = val sample 0" == finding.evidence[0]


def test_one_loader_for_both_sides():
    """The score on the training data is no validation."""
    train = loader(normal(100), shuffle=True)

    assert (
        "100 of 100 validation samples (100.0%)" in answer_of(CHECK, subject(train=train, val=train)).findings[0].says
    )


class Drawn(Dataset):
    """Samples drawn from random numbers each time."""

    def __len__(self):
        return 60

    def __getitem__(self, index):
        return torch.randn(4), index % 2


class DrawnStream(IterableDataset):
    """The same without an end that anybody knows."""

    def __iter__(self):
        return ((torch.randn(4), number % 2) for number in range(60))


class Kept(IterableDataset):
    """A stream of the same samples, in another order each time."""

    rows = torch.arange(240.0).reshape(60, 4)

    def __iter__(self):
        return iter(self.rows[torch.randperm(60)])


@pytest.mark.parametrize("data", [Drawn(), DrawnStream()], ids=["data-set", "stream"])
def test_samples_made_of_random_numbers_are_not_compared(data):
    """With the same random numbers all of them are equal, which says nothing."""
    looked_at = subject(train=DataLoader(data, 8), val=DataLoader(type(data)(), 8))

    assert "the samples are made of random numbers, anew each time: equal ones say nothing" == why_not(CHECK, looked_at)


def test_a_stream_of_the_same_samples_is_compared():
    """Whatever their order."""
    answer = answer_of(CHECK, subject(train=DataLoader(Kept(), 8), val=DataLoader(Kept(), 8)))

    assert [CRITICAL] == severities(answer)


class Cropped(Dataset):
    """Pictures in memory, each cut out of a larger one at random."""

    def __init__(self, pictures):
        self.pictures = pictures
        self.transform = self._cut

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.transform(self.pictures[index]), 0

    def _cut(self, picture):
        top = int(torch.randint(0, 8, ()))
        return picture[:, top : top + 24, top : top + 24]


def test_random_augmentation_hides_no_copy():
    """The untransformed samples are compared."""
    pictures = torch.randint(0, 256, (60, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    train, val = Cropped(pictures[:50]), Cropped(torch.cat([pictures[:12], pictures[50:]]))
    found = answer_of(CHECK, subject(train=DataLoader(train, shuffle=True), val=DataLoader(val))).findings

    assert (CRITICAL, 12) == (found[0].severity, found[0].measured)


def test_look_alikes_across_are_a_warning_and_within_a_note():
    """Pictures saved once more are shown side by side."""
    photos = tiles()[10:18]
    train = side_of([*photos[:5], jpeg(photos[0])], "train", range(6))
    val = side_of([jpeg(photos[1]), jpeg(photos[2]), photos[6], photos[7]], "val", range(20, 24))
    answer = answer_of(CHECK, subject_of(train, val))

    assert [WARNING, NOTE] == severities(answer)
    assert ("sample 101 ~ val sample 100", "sample 102 ~ val sample 101") == answer.findings[0].evidence
    assert [
        Shown(
            title="Validation images that look like a training image",
            indices=(100, 101),
            captions=answer.findings[0].evidence,
            side="val",
        ),
        Shown(title="Images that look the same", indices=(100, 105)),
    ] == list(answer.pictures)


def test_different_pictures_are_fine():
    """Nothing is equal, nothing looks the same."""
    photos = tiles()[10:18]
    answer = answer_of(
        CHECK, subject_of(side_of(photos[:5], "train", range(5)), side_of(photos[5:], "val", range(5, 8)))
    )

    assert () == answer.findings
    assert "5 training and 3 validation samples, all different (all 5 samples of train looked at)" == answer.says


def test_says_what_was_looked_at_and_hashed():
    """The share, and the form of the samples."""
    part = digested("abc", samples=300, digested="the bytes of the files")
    answer = answer_of(CHECK, subject_of(part))

    assert ("looked at 3 of 300 samples (1%), by a hash of the bytes of the files",) == answer.evidence


def test_the_code_to_type_keeps_the_rest():
    """Run, it leaves the named samples out."""
    train, val = normal(50), normal(30, seed=1)
    val[[3, 8, 21]] = train[:3]
    places = {"torch": torch, "val_set": TensorDataset(torch.as_tensor(val))}
    exec(answer_of(CHECK, of_rows(train, val)).findings[0].to_type, places)  # noqa: S102 - the code is what is tested

    assert sorted(set(range(30)) - {3, 8, 21}) == list(places["val_set"].indices)


def test_without_readable_samples_it_is_not_applicable():
    """Nothing to be compared."""
    assert "no sample could be read" == why_not(CHECK, subject_of(scan(np.zeros((0, 1)))))
