"""The size that a model wants, as it tells it, and what errors tell of numbers that do not fit."""

import pytest
import torch
from torch import nn

from autofix_nb.evidence.input_size import Misfit, channels_are_last, has_learnt, image_size, misfit, told_size
from tests.checks.photos import pooled
from tests.checks.trainings import timm_model


class VisionTransformer(nn.Module):
    """As torchvision's keeps its size."""

    def __init__(self):
        super().__init__()
        self.image_size, self.patch_size = 64, 16


class Configured(nn.Module):
    """As transformers' keep theirs."""

    def __init__(self):
        super().__init__()
        self.config = type("Config", (), {"image_size": 384, "patch_size": 16})()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param(lambda: timm_model("vit_tiny_patch16_224", depth=1), (224, 224, True), id="patches"),
        pytest.param(
            lambda: timm_model("vit_tiny_patch16_224", depth=1, img_size=64),
            (64, 64, True),
            id="patches-of-another-size",
        ),
        pytest.param(
            lambda: timm_model("vit_tiny_patch16_224", depth=1, dynamic_img_size=True), (224, 224, False), id="dynamic"
        ),
        pytest.param(lambda: timm_model("resnet18"), (224, 224, False), id="weights-config"),
        pytest.param(lambda: nn.Sequential(VisionTransformer()), (64, 64, True), id="image-size"),
        pytest.param(lambda: nn.Sequential(Configured()), (384, 384, True), id="config"),
    ],
)
def test_the_model_tells_its_size(model, expected):
    """Height, width, and whether it refuses others; also as part of a larger model."""
    told = told_size(model())

    assert expected == (told.height, told.width, told.strict)


def test_most_models_tell_none():
    """Then a probe has to find out."""
    assert told_size(pooled()) is None


@pytest.mark.parametrize(
    ("model", "shape", "expected"),
    [
        pytest.param(nn.Conv2d(3, 2, 3), (1, 1, 8, 8), Misfit(kind="channels", wanted=3, got=1), id="convolution"),
        pytest.param(nn.Linear(64, 2), (8, 63), Misfit(kind="features", wanted=64, got=63), id="linear"),
        pytest.param(nn.LSTM(8, 2), (2, 5, 9), Misfit(kind="features", wanted=8, got=9), id="lstm"),
        pytest.param(nn.BatchNorm1d(4), (8, 5), Misfit(kind="features", wanted=4, got=5), id="batch-norm"),
        pytest.param(nn.LayerNorm(4), (8, 5), Misfit(kind="features", wanted=4, got=5), id="layer-norm"),
    ],
)
def test_errors_of_torch_are_read(model, shape, expected):
    """The installed torch's own words."""
    with pytest.raises(RuntimeError) as raised:
        model(torch.zeros(shape))

    assert expected == misfit(raised.value)


def test_other_errors_say_nothing_of_sizes():
    """Not every error with numbers is one."""
    assert misfit(ValueError("expected 3, got 4 (2x2)")) is None


def test_weights_that_were_trained_are_told_by_their_norm_layers():
    """They leave ones and zeros."""
    model = timm_model("resnet18")
    before = has_learnt(model)
    nn.init.uniform_(model.bn1.weight)

    assert (False, True) == (before, has_learnt(model))


@pytest.mark.parametrize(
    ("shape", "last", "size"),
    [
        ((2, 3, 8, 9), False, (8, 9)),
        ((2, 8, 9, 3), True, (8, 9)),
        ((2, 3, 4, 3), False, (4, 3)),
        ((2, 64), False, None),
    ],
)
def test_where_height_and_width_stand(shape, last, size):
    """Three channels last are channels where the others are too many."""
    images = torch.zeros(shape)

    assert (last, size) == (channels_are_last(images), image_size(images))
