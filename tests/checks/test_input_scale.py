"""Input scale: values, types and order of the first batch, as the first layer gets them."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

from autofix_nb.checks.base import Shown
from autofix_nb.checks.input_scale import InputScale
from autofix_nb.evidence.frames import Table
from autofix_nb.finding import Severity
from tests.cases import Damaged, digits, mlp
from tests.checks.photos import Photos, pooled
from tests.checks.subjects import answer_of, subject
from tests.checks.trainings import CLEAN, labels, loader, numbers, timm_model

CHECK = InputScale()


def findings_of(model, train, **options):
    return answer_of(CHECK, subject(model, train, loss=nn.CrossEntropyLoss(), **options)).findings


def images(pixels):
    return loader(pixels, labels(len(pixels)), batch_size=8)


def bytes_of_pixels(*shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(2))


def tokens_model():
    return nn.Sequential(nn.Embedding(50, 8), nn.Flatten(), nn.Linear(96, 3))


class Scales(nn.Module):
    """Divides by 255 itself."""

    def __init__(self):
        super().__init__()
        self.body = pooled()

    def forward(self, pixels):
        return self.body(pixels.float() / 255)


def learnt():
    model = timm_model("resnet18")
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight)
    return model


PHOTO = [transforms.ToTensor(), transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]


@pytest.mark.parametrize(
    ("model", "train", "severity", "says"),
    [
        pytest.param(
            pooled,
            lambda: images(bytes_of_pixels(8, 3, 16, 16).float()),
            Severity.WARNING,
            "the pixels reach the first layer as 0 to 255",
            id="pixels-0-to-255",
        ),
        pytest.param(
            lambda: mlp(64, 3),
            lambda: images(bytes_of_pixels(48, 64).float()),
            Severity.WARNING,
            "the pixels reach the first layer as 0 to 255",
            id="pixels-laid-flat",
        ),
        pytest.param(
            pooled,
            lambda: images(bytes_of_pixels(8, 3, 16, 16).byte()),
            Severity.CRITICAL,
            "the inputs are uint8, the model's weights are float32",
            id="uint8",
        ),
        pytest.param(
            lambda: mlp(4, 3),
            lambda: images(numbers(48, 4).double()),
            Severity.CRITICAL,
            "the inputs are float64, the model's weights are float32",
            id="float64",
        ),
        pytest.param(
            lambda: mlp(4, 3),
            lambda: images((numbers(48, 4) * 9).long()),
            Severity.CRITICAL,
            "the inputs are int64",
            id="int64",
        ),
        pytest.param(
            lambda: mlp(4, 3),
            lambda: images(numbers(48, 4).half()),
            Severity.CRITICAL,
            "the inputs are float16",
            id="half",
        ),
        pytest.param(
            tokens_model,
            lambda: images(torch.ones(16, 12)),
            Severity.CRITICAL,
            "the inputs are float32, the model's embedding wants int64",
            id="tokens-as-floats",
        ),
        pytest.param(
            tokens_model,
            lambda: images(torch.full((16, 12), 50)),
            Severity.CRITICAL,
            "the inputs hold number 50, `0` (Embedding) has 50 rows",
            id="token-beyond-the-table",
        ),
        pytest.param(
            pooled,
            lambda: images(numbers(8, 16, 16, 3)),
            Severity.CRITICAL,
            "rows × height × width × channels",
            id="channels-last",
        ),
        pytest.param(
            lambda: mlp(4, 3), lambda: images(torch.zeros(48, 4)), Severity.CRITICAL, "inputs are 0", id="all-zero"
        ),
        pytest.param(
            lambda: mlp(4, 3),
            lambda: images(numbers(1, 4).expand(48, 4).contiguous()),
            Severity.CRITICAL,
            "all 8 rows of the first batch are the same",
            id="one-row-again-and-again",
        ),
        pytest.param(
            pooled,
            lambda: images(numbers(8, 3, 16, 16).sigmoid() / 255),
            Severity.WARNING,
            "divided by 255 twice",
            id="divided-twice",
        ),
        pytest.param(
            pooled,
            lambda: DataLoader(Photos(transforms.Compose([*PHOTO, PHOTO[1]])), batch_size=4),
            Severity.WARNING,
            "the images are normalised 2 times",
            id="normalised-twice",
        ),
        pytest.param(
            lambda: mlp(4, 3), lambda: images(numbers(48, 4) * 1000), Severity.WARNING, "limit 30", id="large-table"
        ),
        pytest.param(
            lambda: mlp(4, 3), lambda: images(numbers(48, 4) / 1e5), Severity.WARNING, "hardly differ", id="tiny-table"
        ),
        pytest.param(
            lambda: mlp(64, 3),
            lambda: images(digits()[0][:48] * 255),
            Severity.WARNING,
            "half of the values that are not 0",
            id="digits-times-255-laid-flat",
        ),
        pytest.param(
            lambda: mlp(64, 3),
            lambda: images(numbers(48, 64) * 100 * (numbers(48, 64, seed=5) > 0.3)),
            Severity.WARNING,
            "half of the values that are not 0",
            id="two-thirds-are-zero",
        ),
        pytest.param(
            learnt,
            lambda: images(numbers(8, 3, 64, 64).sigmoid()),
            Severity.NOTE,
            "trained on images normalised",
            id="trained-weights-unnormalised",
        ),
    ],
)
def test_values_that_no_layer_was_made_for(model, train, severity, says):
    """Each with its numbers, the limit, and the line to type where there is one."""
    found = findings_of(model(), train())

    assert severity == found[0].severity
    assert says in found[0].says


def test_samples_with_nan_are_named():
    """A transform may have made them; the pass over untransformed samples would not see it."""
    train = DataLoader(Damaged(numbers(48, 4), labels(48), nan=[3]), batch_size=8)

    finding = findings_of(mlp(4, 3), train)[0]

    assert "4 of 32 input values of the first batch are NaN or infinite, in 1 of 8 rows, limit 0" == finding.says
    assert ("sample 3",) == finding.where


def test_columns_of_text_are_named():
    """They were left out of the frame's numbers."""
    tables = {"train": Table(columns=("a", "b", "c", "d"), text_columns=("city",))}

    finding = findings_of(mlp(4, 3), images(numbers(48, 4)), tables=tables)[0]

    assert (Severity.WARNING, ("city",)) == (finding.severity, finding.where)
    assert "pd.get_dummies(frame, columns=['city'], dtype=float)" in finding.to_type
    assert finding.says.startswith("1 column holds text or dates and was left out")


@pytest.mark.parametrize(
    ("model", "train"),
    [
        pytest.param(Scales, lambda: images(bytes_of_pixels(8, 3, 16, 16).byte()), id="the-model-scales-bytes"),
        pytest.param(Scales, lambda: images(bytes_of_pixels(8, 3, 16, 16).float()), id="the-model-scales-floats"),
        pytest.param(
            lambda: nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)),
            lambda: images(numbers(48, 4) * 1000),
            id="batch-norm-first",
        ),
        pytest.param(tokens_model, lambda: images(bytes_of_pixels(16, 12) % 50), id="tokens"),
        pytest.param(lambda: mlp(4, 3), lambda: images(torch.eye(4)[labels(48, 4)]), id="one-hot"),
        pytest.param(lambda: mlp(4, 3), lambda: images(numbers(48, 4) + 12), id="logarithms-of-prices"),
        pytest.param(lambda: mlp(64, 3), lambda: images(bytes_of_pixels(48, 64).float() / 16), id="0-to-16"),
        pytest.param(lambda: mlp(64, 3), lambda: images(digits()[0][:48] * 16), id="digits-as-they-come"),
        pytest.param(lambda: mlp(64, 3), lambda: images(digits()[0][:48]), id="pixels-0-to-1"),
        pytest.param(
            lambda: mlp(24, 3),
            lambda: images(torch.cat([torch.eye(20)[labels(48, 20)], numbers(48, 4)], 1)),
            id="one-hot-with-numbers",
        ),
        pytest.param(
            lambda: mlp(64, 3),
            lambda: images(numbers(48, 64).abs() * 100 * (numbers(48, 64, seed=5) > 1.2)),
            id="rare-counts",
        ),
        pytest.param(pooled, lambda: DataLoader(Photos(transforms.Compose(PHOTO)), batch_size=4), id="normalised-once"),
        pytest.param(
            learnt, lambda: DataLoader(Photos(transforms.Compose(PHOTO)), batch_size=4), id="trained-and-normalised"
        ),
        pytest.param(
            lambda: mlp(4, 3).double(), lambda: images(numbers(48, 4).double()), id="both-of-double-precision"
        ),
    ],
)
def test_near_misses(model, train):
    """Large numbers that the model deals with, and scales that are usual."""
    assert () == findings_of(model(), train())


def test_images_are_shown_as_the_model_sees_them():
    """Also where nothing is wrong."""
    answer = answer_of(CHECK, subject(pooled(), images(numbers(8, 3, 16, 16)), loss=nn.CrossEntropyLoss()))

    assert [(True, 8)] == [
        (picture.as_the_model_sees_it, len(picture.indices))
        for picture in answer.pictures
        if isinstance(picture, Shown)
    ]


@pytest.mark.parametrize("name", CLEAN)
def test_clean_trainings(name):
    """Nothing is found."""
    model, train, loss = CLEAN[name]()

    assert () == answer_of(CHECK, subject(model, train, loss=loss)).findings


@pytest.mark.parametrize(
    ("pixels", "line"),
    [
        pytest.param(lambda photos: (photos - MEANS) / 58, "for pixels of 0 to 1", id="of-0-to-255"),
        pytest.param(lambda photos: photos / 255, "leave the second division out", id="divided-twice"),
        pytest.param(lambda photos: photos - MEANS / 255, "", id="colours-apart"),
        pytest.param(lambda photos: photos * torch.tensor([0.0, 0, 1]).view(3, 1, 1), "", id="one-colour-only"),
    ],
)
def test_contrast_is_that_of_a_colour(pixels, line):
    """Means of colours that lie apart are none; one colour that varies is enough."""
    findings = findings_of(pooled(), images(pixels(bytes_of_pixels(8, 3, 16, 16) / 255)))

    assert [Severity.WARNING] * bool(line) == [finding.severity for finding in findings]
    assert all("hardly any contrast" in finding.says and line in finding.to_type for finding in findings)


MEANS = torch.tensor([123.7, 116.3, 103.5]).view(3, 1, 1)
