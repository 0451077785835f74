"""Trainings with nothing wrong: no check may find more than a note in any of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
    make_blobs,
    make_moons,
)
from torch import nn
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)

from autofix_nb.environment.drive import Drive
from tests.preflight.planted import SmallConv, image_folder, loader, machine, mlp, table, tiles

Made = dict[str, Any]


@dataclass(frozen=True)
class Clean:
    """One healthy training: its name, and how it is made."""

    name: str
    make: Callable[[Path], Made]
    deep: bool = True


CLEAN: list[Clean] = []


def clean(name: str, *, deep: bool = True) -> Callable:
    """Put a function among the healthy trainings."""

    def put(make: Callable[[Path], Made]) -> Callable[[Path], Made]:
        CLEAN.append(Clean(name, make, deep))
        return make

    return put


def _made(model: nn.Module, train: Any, val: Any = None, loss: Any = None, **options: Any) -> Made:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    made = {"model": model, "train": train, "val": val, "loss": loss or nn.CrossEntropyLoss()}
    return made | {"optimizer": torch.optim.AdamW(trained, lr=1e-3)} | options


def _table(load: Callable, model: nn.Module | None = None, **options: Any) -> Made:
    inputs, targets, val_inputs, val_targets = table(load)
    model = model or mlp(inputs.shape[1], int(targets.max()) + 1)
    return _made(model, loader(inputs, targets), loader(val_inputs, val_targets, shuffle=False), **options)


def _images(count: int = 120, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    pictures, labels = tiles(size)
    scaled = torch.as_tensor(pictures[:count]).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (scaled - mean[:, None, None]) / std[:, None, None], torch.as_tensor(labels[:count])


def _digit_images() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(2).permutation(len(labels))
    images = torch.as_tensor(pixels[order] / 16, dtype=torch.float32).view(-1, 1, 8, 8)
    targets = torch.as_tensor(labels[order])
    return images[:1200], targets[:1200], images[1200:], targets[1200:]


@clean("iris, MLP")
def _(folder: Path) -> Made:
    return _table(load_iris)


@clean("wine, MLP")
def _(folder: Path) -> Made:
    return _table(load_wine)


@clean("breast cancer, MLP")
def _(folder: Path) -> Made:
    return _table(load_breast_cancer)


@clean("digits as rows, MLP")
def _(folder: Path) -> Made:
    return _table(load_digits)


@clean("breast cancer, MLP with batch norm and dropout")
def _(folder: Path) -> Made:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 2))
    return _table(load_breast_cancer, model)


@clean("breast cancer, one logit")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table()
    train = loader(inputs, targets.astype(np.float32)[:, None])
    val = loader(val_inputs, val_targets.astype(np.float32)[:, None], shuffle=False)
    return _made(mlp(30, 1), train, val, nn.BCEWithLogitsLoss())


@clean("diabetes, regression on a standardised target")
def _(folder: Path) -> Made:
    inputs, targets = load_diabetes(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(inputs))
    inputs = ((inputs - inputs.mean(0)) / inputs.std(0))[order].astype(np.float32)
    targets = ((targets - targets.mean()) / targets.std())[order, None].astype(np.float32)
    return _made(
        mlp(10, 1),
        loader(inputs[:300], targets[:300]),
        loader(inputs[300:], targets[300:], shuffle=False),
        nn.MSELoss(),
    )


@clean("linnerud, 20 rows, three targets")
def _(folder: Path) -> Made:
    inputs, targets = load_linnerud(return_X_y=True)
    inputs, targets = ((part - part.mean(0)) / part.std(0) for part in (inputs, targets))
    return _made(
        mlp(3, 3), loader(inputs.astype(np.float32), targets.astype(np.float32), batch_size=10), loss=nn.MSELoss()
    )


@clean("digits as images, conv net with batch norm and dropout")
def _(folder: Path) -> Made:
    images, targets, val_images, val_targets = _digit_images()
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3),
        nn.Linear(128, 10),
    )  # fmt: skip
    return _made(model, loader(images, targets), loader(val_images, val_targets, shuffle=False))


@clean("digits read row by row, LSTM")
def _(folder: Path) -> Made:
    class Lstm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.lstm = nn.LSTM(8, 32, num_layers=2, dropout=0.2, batch_first=True)
            self.head = nn.Linear(32, 10)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.head(self.lstm(rows)[0][:, -1])

    images, targets, val_images, val_targets = _digit_images()
    return _made(Lstm(), loader(images[:, 0], targets), loader(val_images[:, 0], val_targets, shuffle=False))


@clean("digits as sequences, transformer")
def _(folder: Path) -> Made:
    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.embed = nn.Linear(8, 32)
            self.places = nn.Parameter(torch.randn(1, 8, 32) * 0.02)
            layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
            self.encode = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(32, 10)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.head(self.encode(self.embed(rows) + self.places).mean(1))

    images, targets, val_images, val_targets = _digit_images()
    return _made(Transformer(), loader(images[:, 0], targets), loader(val_images[:, 0], val_targets, shuffle=False))


class Text(Dataset):
    """Made-up sentences of token ids of two kinds, told apart by which words are frequent."""

    def __init__(self, count: int, seed: int, words: int = 500, length: int = 20) -> None:
        random = np.random.default_rng(seed)
        self.labels = random.integers(0, 2, count)
        skewed = random.zipf(1.3, (count, length)) % (words // 2)
        self.tokens = torch.as_tensor(
            skewed + self.labels[:, None] * (random.random((count, length)) < 0.3) * words // 2
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.tokens[index], int(self.labels[index])


class TextModel(nn.Module):
    """Mean of embeddings, and a head that shares nothing with it."""

    def __init__(self, words: int = 500) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Embedding(words, 16), nn.Linear(16, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.embed(tokens).mean(1))


@clean("token ids, embeddings")
def _(folder: Path) -> Made:
    train = DataLoader(Text(600, 0), batch_size=32, shuffle=True)
    return _made(TextModel(), train, DataLoader(Text(200, 1), batch_size=32))


@clean("batches that are dicts")
def _(folder: Path) -> Made:
    class Named(Text):
        def __getitem__(self, index: int) -> dict[str, Any]:
            tokens, label = super().__getitem__(index)
            return {"tokens": tokens, "labels": label}

    return _made(TextModel(), DataLoader(Named(600, 0), batch_size=32, shuffle=True))


@clean("two inputs")
def _(folder: Path) -> Made:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.left, self.right, self.head = nn.Linear(10, 16), nn.Linear(20, 16), nn.Linear(16, 2)

        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return self.head((self.left(left) + self.right(right)).relu())

    inputs, targets, *_ = (torch.as_tensor(part) for part in table())
    data = TensorDataset(inputs[:, :10], inputs[:, 10:], targets)
    return _made(Two(), DataLoader(data, batch_size=32, shuffle=True))


@clean("photo tiles from files, conv net, random crops")
def _(folder: Path) -> Made:
    from torchvision import transforms

    from tests.preflight.planted import folder_of_tiles

    steps = transforms.Compose(
        [
            transforms.RandomResizedCrop(64, scale=(0.5, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    data = image_folder(folder_of_tiles(folder, 110), transform=steps)
    train, val = random_split(data, [74, 36], generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    return _made(SmallConv(), DataLoader(train, batch_size=16, shuffle=True), DataLoader(val, batch_size=16))


def _timm(name: str, *, frozen: bool = False, size: int = 64, deep: bool = True) -> Made:
    import timm

    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=2)
    if frozen:
        model.requires_grad_(False)
        model.get_classifier().requires_grad_(True)
    images, labels = _images(80, size)
    if model.default_cfg["input_size"][-1] != size and "vit" in name:
        images = nn.functional.interpolate(images, model.default_cfg["input_size"][-1])
    return _made(
        model,
        loader(images[:50], labels[:50], batch_size=8),
        loader(images[50:], labels[50:], batch_size=8, shuffle=False),
    )


@clean("timm resnet18 on photo tiles", deep=False)
def _(folder: Path) -> Made:
    return _timm("resnet18")


@clean("timm vit_tiny on photo tiles", deep=False)
def _(folder: Path) -> Made:
    return _timm("vit_tiny_patch16_224")


@clean("timm mobilenetv3_small, backbone frozen on purpose", deep=False)
def _(folder: Path) -> Made:
    return _timm("mobilenetv3_small_100", frozen=True)


@clean("a frozen body, the optimizer made for the head")
def _(folder: Path) -> Made:
    model = mlp(30, 2)
    model[0].requires_grad_(False)
    return _table(load_breast_cancer, model, optimizer=torch.optim.SGD(model[2].parameters(), lr=0.1))


@clean("15 % of one class")
def _(folder: Path) -> Made:
    inputs, targets = make_blobs([510, 90], centers=np.eye(8)[:2] * 3, random_state=0)
    order = np.random.default_rng(0).permutation(600)
    inputs, targets = ((inputs - inputs.mean(0)) / inputs.std(0))[order].astype(np.float32), targets[order]
    return _made(mlp(8, 2), loader(inputs[:450], targets[:450]), loader(inputs[450:], targets[450:], shuffle=False))


@clean("one to nine, three classes, weighted sampler")
def _(folder: Path) -> Made:
    inputs, targets = make_blobs([450, 100, 50], centers=np.eye(6)[:3] * 3, random_state=0)
    inputs = ((inputs - inputs.mean(0)) / inputs.std(0)).astype(np.float32)
    weights = 1 / np.bincount(targets)[targets]
    sampler = WeightedRandomSampler(torch.as_tensor(weights), len(targets))
    return _made(mlp(6, 3), loader(inputs, targets, shuffle=False, sampler=sampler))


@clean("moons, two features")
def _(folder: Path) -> Made:
    inputs, targets = make_moons(400, noise=0.2, random_state=0)
    inputs = inputs.astype(np.float32)
    return _made(mlp(2, 2), loader(inputs[:300], targets[:300]), loader(inputs[300:], targets[300:], shuffle=False))


@clean("tiny: 60 rows")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_wine)
    return _made(mlp(13, 3), loader(inputs[:60], targets[:60], batch_size=16))


@clean("wide: 80 rows of 400 columns")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(120, 400)).astype(np.float32)
    targets = (inputs[:, :5].sum(1) > 0).astype(np.int64)
    return _made(mlp(400, 2), loader(inputs[:80], targets[:80]), loader(inputs[80:], targets[80:], shuffle=False))


@clean("heavy tails and skew, honest")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    inputs = np.concatenate([random.standard_t(4, (800, 5)), np.log1p(random.lognormal(0, 1, (800, 5)))], 1)
    inputs = ((inputs - inputs.mean(0)) / inputs.std(0)).astype(np.float32)
    targets = (inputs[:, 0] + inputs[:, 5] > 0).astype(np.int64)
    return _made(mlp(10, 2), loader(inputs[:600], targets[:600]), loader(inputs[600:], targets[600:], shuffle=False))


@clean("numbers beside one-hot columns")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    kinds = random.choice(6, 500, p=[0.4, 0.3, 0.15, 0.1, 0.03, 0.02])
    inputs = np.concatenate([random.normal(size=(500, 4)), np.eye(6)[kinds]], 1).astype(np.float32)
    targets = (inputs[:, 0] + (kinds > 1) + random.normal(0, 0.5, 500) > 0.5).astype(np.int64)
    return _made(mlp(10, 2), loader(inputs[:400], targets[:400]), loader(inputs[400:], targets[400:], shuffle=False))


@clean("a pandas frame with text labels")
def _(folder: Path) -> Made:
    import pandas

    inputs, targets, val_inputs, val_targets = table(load_wine)
    columns = [f"measure_{place}" for place in range(13)]
    names = np.array(["barolo", "grignolino", "barbera"])
    return _made(
        mlp(13, 3),
        (pandas.DataFrame(inputs, columns=columns), pandas.Series(names[targets])),
        (pandas.DataFrame(val_inputs, columns=columns), pandas.Series(names[val_targets])),
    )


@clean("NumPy arrays, regression")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(500, 6))
    targets = inputs @ random.normal(size=6) + random.normal(0, 0.3, 500)
    return _made(mlp(6, 1), (inputs, targets[:, None]), loss=nn.MSELoss())


@clean("several labels a sample")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(600, 12)).astype(np.float32)
    targets = (inputs[:, :4] + random.normal(0, 0.5, (600, 4)) > 0.4).astype(np.float32)
    return _made(mlp(12, 4), loader(inputs, targets), loss=nn.BCEWithLogitsLoss())


@clean("a label for each pixel")
def _(folder: Path) -> Made:
    images, *_ = _images(60)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    targets = (images.mean(1) > 0).long()
    return _made(model, loader(images, targets, batch_size=8))


@clean("a step of the user's own, an autoencoder")
def _(folder: Path) -> Made:
    inputs, *_ = table(load_digits)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(inputs.shape[1], 16), nn.ReLU(), nn.Linear(16, inputs.shape[1]))

    def step(model: nn.Module, batch: Any) -> torch.Tensor:
        return nn.functional.mse_loss(model(batch[0]), batch[0])

    data = DataLoader(TensorDataset(torch.as_tensor(inputs)), batch_size=32, shuffle=True)
    made = _made(model, data)
    return {name: part for name, part in made.items() if name != "loss"} | {"step": step}


@clean("an iterable data set")
def _(folder: Path) -> Made:
    class Stream(IterableDataset):
        def __iter__(self) -> Any:
            inputs, targets, *_ = table()
            order = np.random.default_rng(int(torch.randint(1000, ()))).permutation(len(inputs))
            yield from ((torch.as_tensor(inputs[place]), int(targets[place])) for place in order)

    return _made(mlp(30, 2), DataLoader(Stream(), batch_size=32))


@clean("weights tied between embedding and head")
def _(folder: Path) -> Made:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.embed = nn.Embedding(50, 16)
            nn.init.normal_(self.embed.weight, std=0.1)
            self.mix = nn.GRU(16, 16, batch_first=True)
            self.head = nn.Linear(16, 50, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.head(self.mix(self.embed(tokens))[0][:, -1])

    random = np.random.default_rng(0)
    tokens = torch.as_tensor(random.integers(0, 50, (800, 6)))
    return _made(Tied(), loader(tokens, (tokens[:, 0] + 1) % 50))


@clean("a head that begins at zero")
def _(folder: Path) -> Made:
    model = mlp(30, 2)
    nn.init.zeros_(model[2].weight)
    nn.init.zeros_(model[2].bias)
    return _table(load_breast_cancer, model)


@clean("no loss given, no optimizer yet")
def _(folder: Path) -> Made:
    made = _table(load_wine)
    return {"model": made["model"], "train": made["train"], "val": made["val"]}


@clean("the data alone, without a model")
def _(folder: Path) -> Made:
    made = _table(load_breast_cancer)
    return {"model": None, "train": made["train"], "val": made["val"]}


@clean("Colab with a T4 and Drive")
def _(folder: Path) -> Made:
    versions = {"torch": "2.11.0+cu128", "torchvision": "0.26.0+cu128", "timm": "1.0.28", "numpy": "2.1.3"}
    told = machine(
        host="colab",
        installed=versions,
        accelerators=("cuda",),
        accelerator_name="Tesla T4",
        nvidia_card="device",
        device_memory_free_bytes=14 * 2**30,
        drive_wanted=True,
        drive=Drive(state="writable", free_bytes=12 * 2**30),
        memory_available_bytes=10 * 2**30,
        disk_free_bytes=70 * 2**30,
    )
    return _table(load_wine) | {"machine": told}


@clean("a small model on Colab, CPU only, Drive not asked for")
def _(folder: Path) -> Made:
    return _table(load_wine) | {"machine": machine(host="colab", memory_available_bytes=11 * 2**30)}


@clean("a small model on Kaggle, CPU only")
def _(folder: Path) -> Made:
    return _table(load_wine) | {"machine": machine(host="kaggle", disk_free_bytes=19 * 2**30)}


@clean("a laptop without torchvision, an older torch beside NumPy 1")
def _(folder: Path) -> Made:
    versions = {"torch": "2.2.2", "numpy": "1.26.4"}
    told = machine(host="vscode", system="darwin", installed=versions, built_for=None, shared_memory_bytes=None)
    return _table(load_wine) | {"machine": told}


@clean("a container of NVIDIA with versions between releases")
def _(folder: Path) -> Made:
    versions = {"torch": "2.6.0a0+ecf3bae40a.nv25.01", "torchvision": "0.20.0a0", "numpy": "1.26.4"}
    return _table(load_wine) | {"machine": machine(host="terminal", installed=versions)}


def _pad(rows: list) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = nn.utils.rnn.pad_sequence([row for row, _ in rows], batch_first=True)
    return tokens, torch.as_tensor([label for _, label in rows])


@clean("sentences of many lengths, padded by a collate function")
def _(folder: Path) -> Made:
    class Ragged(Text):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            tokens, label = super().__getitem__(index)
            return tokens[: 8 + index % 12] + 1, label

    train = DataLoader(Ragged(600, 0), batch_size=32, shuffle=True, collate_fn=_pad)
    return _made(TextModel(501), train, DataLoader(Ragged(200, 1), batch_size=32, collate_fn=_pad))


@clean("label smoothing and class weights")
def _(folder: Path) -> Made:
    return _table(load_breast_cancer, loss=nn.CrossEntropyLoss(weight=torch.tensor([1.4, 0.8]), label_smoothing=0.1))


@clean("digits, pixels 0 to 1 not standardised")
def _(folder: Path) -> Made:
    images, targets, val_images, val_targets = _digit_images()
    rows, val_rows = images.flatten(1), val_images.flatten(1)
    kept = (rows.std(0) > 0) & (val_rows.std(0) > 0)
    return _made(
        mlp(int(kept.sum()), 10),
        loader(rows[:, kept], targets),
        loader(val_rows[:, kept], val_targets, shuffle=False),
    )


@clean("batches of one row, layer norm")
def _(folder: Path) -> Made:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(13, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 3))
    inputs, targets, val_inputs, val_targets = table(load_wine)
    return _made(
        model, loader(inputs, targets, batch_size=1), loader(val_inputs, val_targets, batch_size=1, shuffle=False)
    )


@clean("a robust loss on targets of tens")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(500, 6)).astype(np.float32)
    targets = (3 * inputs @ random.normal(size=6) + 20 + random.normal(0, 1, 500)).astype(np.float32)[:, None]
    return _made(mlp(6, 1), loader(inputs, targets), loss=nn.SmoothL1Loss())


@clean("soft labels, mixed rows")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_wine)
    shares = np.eye(3, dtype=np.float32)[targets] * 0.9 + 0.1 / 3
    return _made(mlp(13, 3), loader(inputs, shares))


@clean("photo tiles, an autoencoder of pictures")
def _(folder: Path) -> Made:
    images, _ = _images(60)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 4, stride=2, padding=1), nn.ReLU(), nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)
    )
    return _made(model, loader(images, images, batch_size=8), loss=nn.MSELoss())


@clean("two parts of one data set, drawn and joined")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_digits)
    data = TensorDataset(torch.as_tensor(inputs), torch.as_tensor(targets))
    train, val = random_split(ConcatDataset([data]), [900, 357], generator=torch.Generator().manual_seed(0))
    model = mlp(inputs.shape[1], 10)
    return _made(model, DataLoader(train, batch_size=64, shuffle=True), DataLoader(val, batch_size=64))
