"""Input size: what the transforms give against what the model wants."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import ConcatDataset, DataLoader, Subset
from torchvision import transforms
from torchvision.transforms import v2

from autofix_nb.checks.input_size import InputSize
from autofix_nb.finding import Severity
from tests.cases import mlp
from tests.checks.photos import Photos, flat, pooled
from tests.checks.subjects import answer_of, subject, why_not
from tests.checks.trainings import CLEAN, labels, loader, numbers, timm_model

CHECK = InputSize()
LOSS = nn.CrossEntropyLoss()


def looked_at(model, train, val=None):
    return subject(model, train, val, loss=LOSS)


def photos(transform, **options):
    return DataLoader(Photos(transform, **options), batch_size=2)


def vit(**options):
    return timm_model("vit_tiny_patch16_224", depth=1, **options)


def compose(*steps):
    return transforms.Compose([*steps, transforms.ToTensor()])


class ResizesItself(Photos):
    """The size stands in the data set, with a fallback that is not the model's."""

    def __init__(self, settings=None):
        super().__init__(transforms.ToTensor())
        self.img_size = getattr(settings, "img_size", 448)

    def __getitem__(self, index):
        image, label = super().__getitem__(index)
        return functional.interpolate(image[None], (self.img_size, self.img_size))[0], label


@pytest.mark.parametrize(
    ("train", "place", "line"),
    [
        pytest.param(
            lambda: photos(compose(transforms.Resize((448, 448)))),
            "train.dataset.transform.transforms[0]: Resize(size=(448, 448))",
            "transforms.Resize((224, 224))",
            id="resize",
        ),
        pytest.param(
            lambda: photos(compose(transforms.Resize(448), transforms.CenterCrop(448))),
            "train.dataset.transform.transforms[1]: CenterCrop(size=(448, 448))",
            "transforms.CenterCrop((224, 224))",
            id="the-last-of-two",
        ),
        pytest.param(
            lambda: DataLoader(Subset(Photos(compose(transforms.RandomResizedCrop(448))), [0, 1]), batch_size=2),
            "train.dataset.dataset.transform.transforms[0]: RandomResizedCrop(size=(448, 448))",
            "transforms.RandomResizedCrop((224, 224))",
            id="in-a-subset",
        ),
        pytest.param(
            lambda: DataLoader(ConcatDataset([Photos(compose(transforms.Resize((448, 448))))]), batch_size=2),
            "train.dataset.datasets[0].transform.transforms[0]: Resize(size=(448, 448))",
            "transforms.Resize((224, 224))",
            id="in-a-concatenation",
        ),
        pytest.param(
            lambda: photos(v2.Compose([v2.ToImage(), v2.Resize([448, 448]), v2.ToDtype(torch.float32, scale=True)])),
            "train.dataset.transform.transforms[1]: Resize(size=(448, 448))",
            "v2.Resize((224, 224))",
            id="v2",
        ),
    ],
)
def test_the_transform_that_gives_the_wrong_size_is_named(train, place, line):
    """With its place in the data set and the line that mends it, before a step was taken."""
    finding = answer_of(CHECK, looked_at(vit(), train())).findings[0]

    assert (Severity.CRITICAL, 448, 224) == (finding.severity, finding.measured, finding.limit)
    assert "the transforms give images of 448×448, the model wants 224×224" == finding.says
    assert place == finding.where[0]
    assert finding.to_type.startswith(line)
    assert ("resize_inputs",) == finding.fixes


def test_a_fallback_in_the_users_own_code_is_named_by_its_line():
    """`getattr(settings, "img_size", 448)`: file, line and the line as it should read."""
    finding = answer_of(CHECK, looked_at(vit(), DataLoader(ResizesItself(), batch_size=2))).findings[0]

    assert re.fullmatch(r"test_input_size\.py:\d+: self\.img_size = getattr\(.*448\)", finding.where[0])
    assert 'self.img_size = getattr(settings, "img_size", 224)' in finding.to_type
    assert any("train.dataset.img_size = 448" in line for line in finding.evidence)


@pytest.mark.parametrize(
    ("model", "train", "says"),
    [
        pytest.param(
            lambda: flat(32),
            lambda: loader(numbers(8, 3, 48, 48), labels(8), batch_size=4),
            "images of 48×48, the model wants 32×32",
            id="found-by-a-probe",
        ),
        pytest.param(
            lambda: vit(img_size=64),
            lambda: loader(numbers(8, 3, 224, 224), labels(8), batch_size=4),
            "images of 224×224, the model wants 64×64",
            id="what-the-patches-say-beats-the-config",
        ),
        pytest.param(
            pooled,
            lambda: photos(transforms.ToTensor(), mode="L"),
            "the images have 1 channel (grey), the model wants 3",
            id="grey",
        ),
        pytest.param(
            pooled,
            lambda: photos(transforms.ToTensor(), mode="RGBA"),
            "the images have 4 channels (with transparency), the model wants 3",
            id="transparent",
        ),
        pytest.param(
            pooled,
            lambda: loader(numbers(8, 16, 16, 3), labels(8), batch_size=4),
            "with their channels last",
            id="channels-last",
        ),
        pytest.param(
            lambda: mlp(64, 3),
            lambda: loader(numbers(48, 63), labels()),
            "the rows have 63 features, the model's first layer `0` (Linear) wants 64",
            id="table",
        ),
        pytest.param(
            lambda: nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, 3)),
            lambda: loader(numbers(48, 63), labels()),
            "the rows have 63 features, the model's first layer `0` (BatchNorm1d) wants 64",
            id="table-with-batch-norm-first",
        ),
        pytest.param(
            lambda: nn.Sequential(nn.LSTM(8, 3)),
            lambda: loader(numbers(48, 5, 9), labels()),
            "9 numbers at each position, the model's first layer `0` (LSTM) wants 8",
            id="sequence",
        ),
    ],
)
def test_what_the_model_does_not_take_is_critical(model, train, says):
    """Height and width, channels, and features, each with what was wanted."""
    finding = answer_of(CHECK, looked_at(model(), train())).findings[0]

    assert Severity.CRITICAL == finding.severity
    assert says in finding.says
    assert finding.to_type


def test_validation_of_another_size_is_critical():
    """The model takes training's images and not validation's."""
    train = loader(numbers(8, 3, 32, 32), labels(8), batch_size=4)
    val = loader(numbers(8, 3, 48, 48), labels(8), batch_size=4)

    finding = answer_of(CHECK, looked_at(flat(32), train, val)).findings[0]

    assert "the transforms of `val` give images of 48×48, the model wants 32×32" == finding.says


def test_validation_with_fewer_features_is_critical():
    """A column dropped on one side only."""
    finding = answer_of(
        CHECK, looked_at(mlp(4, 3), loader(numbers(48, 4), labels()), loader(numbers(48, 3), labels()))
    ).findings[0]

    assert "the validation inputs have shape (3,) a row, training's have (4,), and the model takes only these" == (
        finding.says
    )


def test_trained_weights_at_another_size_are_worth_a_note():
    """They work, and recognise less; untrained ones do not care."""
    model = timm_model("resnet18")
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight)

    answer = answer_of(CHECK, looked_at(model, loader(numbers(8, 3, 64, 64), labels(8), batch_size=4)))

    assert [Severity.NOTE] == [finding.severity for finding in answer.findings]
    assert "64×64, the model's weights were trained at 224×224, a factor of 3.5" in answer.says


def test_validation_of_another_size_that_fits_is_fine():
    """A net that pools takes both."""
    train, val = (loader(numbers(8, 3, side, side), labels(8), batch_size=4) for side in (32, 48))

    assert () == answer_of(CHECK, looked_at(pooled(), train, val)).findings


def test_an_error_of_another_kind_is_left_to_the_first_step():
    """Numbers that do not fit within the model are not the inputs' fault."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 3))

    assert "another reason" in why_not(CHECK, looked_at(model, loader(numbers(48, 4), labels())))


@pytest.mark.parametrize("name", CLEAN)
def test_clean_trainings(name):
    """Nothing is found."""
    model, train, loss = CLEAN[name]()

    assert () == answer_of(CHECK, subject(model, train, loss=loss)).findings
