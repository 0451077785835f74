"""Clean trainings that no check of a model may complain of, each made in a line."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tests.cases import ConvNet, Lstm, digits, mlp

ROWS = 48


def loader(*columns: Any, batch_size: int = 16, **options: Any) -> DataLoader:
    """Return a shuffled loader of tensors, one row a sample."""
    return DataLoader(TensorDataset(*columns), batch_size=batch_size, **({"shuffle": True} | options))


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return standard normal numbers, the same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def labels(rows: int = ROWS, classes: int = 3, *, places: tuple[int, ...] = ()) -> torch.Tensor:
    """Return class numbers, every class among them."""
    generator = torch.Generator().manual_seed(3)
    drawn = torch.randint(0, classes, (rows, *places), generator=generator)
    drawn.view(-1)[:classes] = torch.arange(classes)
    return drawn


class Named(torch.utils.data.Dataset):
    """Samples as dicts, as tokenizers give them."""

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(index)
        tokens = torch.randint(0, 50, (12,), generator=generator)
        return {"tokens": tokens, "mask": torch.ones(12, dtype=torch.bool), "labels": torch.tensor(index % 3)}


class Encoder(nn.Module):
    """A transformer encoder over tokens, with a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(50, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(16, 3)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.table(tokens), src_key_padding_mask=~mask).mean(1))


def digits_rows() -> DataLoader:
    """Return the digits in 0..1, as rows of 64."""
    pixels, targets = digits()
    return loader(pixels[:200], targets[:200])


def frozen() -> nn.Module:
    """Return a model of which only the head learns."""
    model = mlp(4, 3, 8)
    model[0].requires_grad_(False)
    return model


def segmenter() -> nn.Module:
    """Return a model that gives each pixel its class."""
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1))


def timm_model(name: str, **options: Any) -> nn.Module:
    """Return an untrained model of timm's."""
    import timm

    return timm.create_model(name, pretrained=False, num_classes=3, **options)


CLEAN: dict[str, Callable[[], tuple]] = {
    "mlp": lambda: (mlp(), digits_rows(), nn.CrossEntropyLoss()),
    "mlp-no-loss": lambda: (mlp(), digits_rows(), None),
    "mlp-raw-digits": lambda: (mlp(), loader(digits()[0][:200] * 16, digits()[1][:200]), nn.CrossEntropyLoss()),
    "conv-batch-norm": lambda: (ConvNet(), digits_rows(), nn.CrossEntropyLoss()),
    "lstm": lambda: (Lstm(), digits_rows(), nn.CrossEntropyLoss()),
    "encoder-dicts": lambda: (Encoder(), DataLoader(Named(), batch_size=16, shuffle=True), nn.CrossEntropyLoss()),
    "resnet18-small-images": lambda: (
        timm_model("resnet18"),
        loader(numbers(8, 3, 32, 32), labels(8), batch_size=4),
        nn.CrossEntropyLoss(),
    ),
    "vit-at-its-size": lambda: (
        timm_model("vit_tiny_patch16_224", img_size=64, depth=1),
        loader(numbers(8, 3, 64, 64).sigmoid(), labels(8), batch_size=4),
        nn.CrossEntropyLoss(),
    ),
    "frozen-backbone": lambda: (frozen(), loader(numbers(ROWS, 4), labels()), nn.CrossEntropyLoss()),
    "regression-column": lambda: (mlp(4, 1), loader(numbers(ROWS, 4), numbers(ROWS, 1, seed=1)), nn.MSELoss()),
    "regression-no-loss": lambda: (mlp(4, 1), loader(numbers(ROWS, 4), numbers(ROWS, seed=1)), None),
    "multi-label": lambda: (
        mlp(4, 5),
        loader(numbers(ROWS, 4), (numbers(ROWS, 5, seed=1) > 0).float()),
        nn.BCEWithLogitsLoss(),
    ),
    "segmentation": lambda: (
        segmenter(),
        loader(numbers(ROWS, 3, 8, 8), labels(ROWS, 4, places=(8, 8))),
        nn.CrossEntropyLoss(),
    ),
    "custom-loss-that-squeezes": lambda: (
        mlp(4, 1),
        loader(numbers(ROWS, 4), numbers(ROWS, seed=1)),
        lambda outputs, targets: ((outputs.squeeze(1) - targets) ** 2).mean(),
    ),
    "wide": lambda: (mlp(200, 2), loader(numbers(40, 200), labels(40, 2)), nn.CrossEntropyLoss()),
    "one-row-left-over-without-norm": lambda: (
        mlp(4, 3),
        loader(numbers(33, 4), labels(33), batch_size=16),
        nn.CrossEntropyLoss(),
    ),
}
"""Model, loader and loss by name."""
