"""Planted faults: small trainings with one thing wrong, and the code of the check that should name it.

None of them is known to the package. Each is made anew by a function of a folder, in which files may be put.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_digits, load_sample_images, load_wine
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import autofix_nb as af
from autofix_nb.checks import ask
from autofix_nb.checks.presets import make_checks
from autofix_nb.environment.drive import Drive
from autofix_nb.evidence import Clock, Machine, Subject
from autofix_nb.finding import Finding, Severity

Made = dict[str, Any]


@dataclass(frozen=True)
class Planted:
    """One fault: its name, the codes of which one must be among warnings and errors, and how it is made."""

    name: str
    codes: tuple[str, ...]
    make: Callable[[Path], Made]
    deep: bool = False
    where: str = ""
    """Text that must stand in the finding: a sample, a parameter, a file."""

    like: str = "table"
    """Which of the healthy twins it was made from."""


FAULTS: list[Planted] = []


def planted(name: str, *codes: str, deep: bool = False, where: str = "", like: str = "table") -> Callable:
    """Put a function among the faults."""

    def put(make: Callable[[Path], Made]) -> Callable[[Path], Made]:
        FAULTS.append(Planted(name, codes, make, deep, where, like))
        return make

    return put


# --- how it is judged -------------------------------------------------------------------------------------------------


def alarms_in(made: Made, *, deep: bool = False) -> list[Finding]:
    """Return what the package finds in a training beyond notes, worst first.

    A `machine` among its parts stands for this one; then the checks are asked directly, as `preflight` asks them. An
    error of a check's own is raised.
    """
    made = dict(made)
    model, train, val = made.pop("model"), made.pop("train"), made.pop("val", None)
    machine = made.pop("machine", None)
    if machine is None:
        asked = af.preflight(model, train, val, deep=deep, show="none", **made).asked
    else:
        subject = Subject(model, train, val, deep=deep, clock=Clock(60.0), machine=machine, **made)
        asked = tuple(ask(check, subject) for check in sorted(make_checks(), key=lambda check: check.deep))
    for one in asked:
        if one.broke is not None:
            raise one.broke
    found = [finding for one in asked for finding in one.findings if finding.severity > Severity.NOTE]
    return sorted(found, key=lambda finding: -finding.severity)


def that_name(case: Planted, alarms: list[Finding]) -> list[Finding]:
    """Return those that name the fault: with one of its codes, and with its place where it has one."""
    return [
        finding
        for finding in alarms
        if finding.code in case.codes and case.where in " ".join((finding.says, *finding.where, *finding.evidence))
    ]


# --- what the faults are planted in -----------------------------------------------------------------------------------


@cache
def _standardised(load: Callable) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = load(return_X_y=True)
    inputs = inputs[:, inputs.std(0) > 0]
    _, first = np.unique(inputs, axis=0, return_index=True)
    order = np.random.default_rng(0).permutation(np.sort(first))
    inputs, targets = inputs[order], targets[order]
    return ((inputs - inputs.mean(0)) / inputs.std(0)).astype(np.float32), targets.astype(np.int64)


def table(load: Callable = load_breast_cancer) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return standardised rows without duplicates or constant columns: training and validation part."""
    inputs, targets = (part.copy() for part in _standardised(load))
    cut = len(inputs) * 7 // 10
    return inputs[:cut], targets[:cut], inputs[cut:], targets[cut:]


def loader(inputs: Any, targets: Any, **options: Any) -> DataLoader:
    """Return a shuffled loader of rows and targets."""
    data = TensorDataset(torch.as_tensor(inputs), torch.as_tensor(targets))
    return DataLoader(data, **({"batch_size": 32, "shuffle": True} | options))


def mlp(features: int, outputs: int, *between: nn.Module) -> nn.Sequential:
    """Return a multilayer perceptron; `between` comes after its last layer."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, outputs), *between)


def training(model: nn.Module | None = None, rows: Any = None, **options: Any) -> Made:
    """Return a healthy training of breast cancer, with parts exchanged."""
    inputs, targets, val_inputs, val_targets = table() if rows is None else rows
    classes = int(max(targets.max(), val_targets.max())) + 1
    made = {
        "model": mlp(inputs.shape[1], classes) if model is None else model,
        "train": loader(inputs, targets),
        "val": loader(val_inputs, val_targets, shuffle=False),
        "loss": nn.CrossEntropyLoss(),
    }
    made["optimizer"] = torch.optim.Adam(made["model"].parameters(), lr=1e-3)
    return made | options


@cache
def tiles(size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Return photo tiles (N, size, size, 3), uint8, and which photo each is from."""
    found, labels = [], []
    for label, photo in enumerate(load_sample_images().images):
        for top in range(0, photo.shape[0] - size + 1, size):
            for left in range(0, photo.shape[1] - size + 1, size):
                tile = photo[top : top + size, left : left + size]
                if tile.std() > 5:  # an overexposed piece of sky is blank, and a true finding
                    found.append(tile)
                    labels.append(label)
    order = np.random.default_rng(1).permutation(len(found))
    return np.stack(found)[order], np.array(labels)[order]


def folder_of_tiles(folder: Path, count: int = 60) -> Path:
    """Write photo tiles as PNG files, a folder for each class."""
    pictures, labels = tiles()
    for number in range(count):
        place = folder / f"photo{labels[number]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures[number]).save(place / f"tile{number:03d}.png")
    return folder


def image_folder(folder: Path, **options: Any) -> Any:
    """Return torchvision's data set of a folder, as tensors of 64 pixels unless another transform is given."""
    from torchvision import datasets, transforms

    steps = transforms.Compose([transforms.Resize((64, 64)), transforms.ToTensor(), _normalise()])
    return datasets.ImageFolder(folder, **({"transform": steps} | options))


def _normalise() -> Any:
    from torchvision import transforms

    return transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


class SmallConv(nn.Module):
    """A convolution net for colour images of any size."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.head = nn.Linear(8, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(images).flatten(1))


def photos(folder: Path, model: nn.Module | None = None, **options: Any) -> Made:
    """Return a healthy training on photo tiles kept as files."""
    data = options.pop("data", None) or image_folder(folder_of_tiles(folder))
    torch.manual_seed(0)
    made = {
        "model": SmallConv() if model is None else model,
        "train": DataLoader(data, batch_size=16, shuffle=True),
        "loss": nn.CrossEntropyLoss(),
    }
    return made | options


def numbers(model: nn.Module | None = None, **options: Any) -> Made:
    """Return a healthy regression on rows of breast cancer."""
    inputs, wanted = _wanted()
    return training(mlp(30, 1) if model is None else model, **({"train": loader(inputs, wanted)} | _SQUARES | options))


def _wanted() -> tuple[np.ndarray, np.ndarray]:
    inputs, targets, *_ = table()
    wanted = inputs[:, 0] * 0.5 + targets + np.random.default_rng(5).normal(0, 0.2, len(targets))
    return inputs, ((wanted - wanted.mean()) / wanted.std()).astype(np.float32)[:, None]


_SQUARES = {"val": None, "loss": nn.MSELoss()}


def machine(**facts: Any) -> Machine:
    """Return a machine on which nothing is wrong, but for what is told."""
    plenty = 2**40
    usual = {
        "host": "jupyter",
        "system": "linux",
        "python": (3, 12),
        "variables": {},
        "installed": {"torch": "2.11.0", "torchvision": "0.26.0", "timm": "1.0.28", "numpy": "2.1.3"},
        "bridge": (True, "a tensor went from torch to NumPy and back"),
        "vanished": (),
        "accelerators": (),
        "accelerator_name": "",
        "built_for": "CUDA 12.8",
        "nvidia_card": None,
        "driver": "",
        "cuda_error": "",
        "memory_available_bytes": plenty,
        "device_memory_free_bytes": None,
        "disk_free_bytes": plenty,
        "shared_memory_bytes": (plenty, plenty),
        "drive_wanted": False,
        "drive": Drive(state="absent"),
    }
    return Machine(**usual | facts)


def on(model: nn.Module | None = None, **facts: Any) -> Made:
    """Return the healthy training, on a machine of which these facts are told."""
    return training(model, machine=machine(**facts))


def _sequences() -> tuple[torch.Tensor, torch.Tensor]:
    """Return digits read row by row, (N, 8, 8), and which digit each is."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(2).permutation(len(labels))[:600]
    return torch.as_tensor(pixels[order] / 16, dtype=torch.float32).view(-1, 8, 8), torch.as_tensor(labels[order])


def sequences(model: nn.Module | None = None) -> Made:
    """Return a healthy training of a recurrent net."""
    return training(Recurrent() if model is None else model, train=loader(*_sequences()), val=None)


class Recurrent(nn.Module):
    """A recurrent net for digits read row by row."""

    def __init__(self, *, batch_first: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.lstm, self.head = nn.LSTM(8, 32, batch_first=batch_first), nn.Linear(32, 10)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(rows)[0][:, -1])


def _masks() -> tuple[torch.Tensor, torch.Tensor]:
    pictures, _ = tiles()
    images = torch.as_tensor(pictures[:48]).permute(0, 3, 1, 2).float() / 127.5 - 1
    return images, (images.mean(1) > 0).long()


def masks(images: Any = None, wanted: Any = None, *, stride: int = 1) -> Made:
    """Return a healthy training with a label for each pixel."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=stride, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    healthy = _masks()
    images, wanted = (mine if given is None else given for mine, given in zip(healthy, (images, wanted), strict=True))
    return {"model": model, "train": loader(images, wanted, batch_size=8), "loss": nn.CrossEntropyLoss()}


TWINS: dict[str, Callable[[Path], Made]] = {
    "table": lambda folder: training(),
    "digits": lambda folder: training(rows=table(load_digits)),
    "numbers": lambda folder: numbers(),
    "photos": lambda folder: photos(folder),
    "sequences": lambda folder: sequences(),
    "masks": lambda folder: masks(),
}
"""Healthy trainings that faults were planted in: what others say of these too, does not count as naming the fault."""


# --- batches that cannot be built, inputs -----------------------------------------------------------------------------


class Rows(Dataset):
    """Rows of which `change` makes something else."""

    def __init__(self, inputs: Any, targets: Any, change: Callable[[int, Any, Any], Any]) -> None:
        self.inputs, self.targets, self.change = torch.as_tensor(inputs), torch.as_tensor(targets), change

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> Any:
        return self.change(index, self.inputs[index], self.targets[index])


def _raise_at(*bad: int) -> Callable:
    def change(index: int, row: Any, target: Any) -> Any:
        if index in bad:
            raise ValueError(f"cannot parse record {index}")
        return row, target

    return change


@planted("three samples raise", "B02", "D08", where="17")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=DataLoader(Rows(inputs, targets, _raise_at(17, 101, 260)), batch_size=32, shuffle=True))


@planted("every sample raises", "B02")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=DataLoader(Rows(inputs, targets, _raise_at(*range(1000))), batch_size=32, shuffle=True))


@planted("one sample has another shape", "B02", where="40")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    odd = Rows(inputs, targets, lambda index, row, target: (row[:-1] if index == 40 else row, target))
    return training(train=DataLoader(odd, batch_size=32))


@planted("the loader yields None", "B02")
def _(folder: Path) -> Made:
    return training(train=[None, None, None])


@planted("the data set is empty", "B02")
def _(folder: Path) -> Made:
    return training(train=loader(np.zeros((0, 30), np.float32), np.zeros(0, np.int64), shuffle=False))


@planted("drop_last drops everything", "B02")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=loader(inputs[:20], targets[:20], drop_last=True))


@planted("batches without targets", "B02", "B05", "B06")
def _(folder: Path) -> Made:
    inputs, *_ = table()
    return training(train=DataLoader(TensorDataset(torch.as_tensor(inputs)), batch_size=32, shuffle=True))


@planted("a model for 30 features gets 29", "B01", "B06")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table()
    return training(mlp(30, 2), rows=(inputs[:, :29], targets, val_inputs[:, :29], val_targets))


@planted("a transformer for 224 pixels gets 448", "B01", where="224", like="photos")
def _(folder: Path) -> Made:
    import timm
    from torchvision import transforms

    config: dict[str, Any] = {}
    steps = transforms.Compose(
        [transforms.Resize((config.get("img_size", 448),) * 2), transforms.ToTensor(), _normalise()]
    )
    data = image_folder(folder_of_tiles(folder, 24), transform=steps)
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=2)
    return photos(folder, model, data=data)


@planted("a fully connected head gets another picture size", "B01", "B06", like="photos")
def _(folder: Path) -> Made:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 32 * 32, 2))
    return photos(folder, model)


@planted("grey pictures for a colour model", "B01", "B06", like="photos")
def _(folder: Path) -> Made:
    from torchvision import transforms

    steps = transforms.Compose([transforms.Grayscale(), transforms.ToTensor()])
    return photos(folder, data=image_folder(folder_of_tiles(folder), transform=steps))


@planted("colours last", "B01", "B03", "B06", like="photos")
def _(folder: Path) -> Made:
    pictures, labels = tiles()
    data = TensorDataset(torch.as_tensor(pictures[:60] / 255.0, dtype=torch.float32), torch.as_tensor(labels[:60]))
    return {"model": SmallConv(), "train": DataLoader(data, batch_size=16, shuffle=True), "loss": nn.CrossEntropyLoss()}


@planted("pixels 0 to 255", "B03", like="photos")
def _(folder: Path) -> Made:
    pictures, labels = tiles()
    data = TensorDataset(torch.as_tensor(pictures[:60]).permute(0, 3, 1, 2).float(), torch.as_tensor(labels[:60]))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    return {"model": model, "train": DataLoader(data, batch_size=16, shuffle=True), "loss": nn.CrossEntropyLoss()}


@planted("pixels as bytes", "B03", "B06", like="photos")
def _(folder: Path) -> Made:
    pictures, labels = tiles()
    data = TensorDataset(torch.as_tensor(pictures[:60]).permute(0, 3, 1, 2), torch.as_tensor(labels[:60]))
    return {"model": SmallConv(), "train": DataLoader(data, batch_size=16, shuffle=True), "loss": nn.CrossEntropyLoss()}


@planted("double precision rows", "B03", "B06")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table()
    return training(rows=(inputs.astype(np.float64), targets, val_inputs.astype(np.float64), val_targets))


@planted("every input is zero", "B03")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=loader(inputs * 0, targets))


@planted("pixels divided by 255 twice", "B03", like="photos")
def _(folder: Path) -> Made:
    from torchvision import transforms

    steps = transforms.Compose([transforms.ToTensor(), transforms.Lambda(_by_255)])
    return photos(folder, data=image_folder(folder_of_tiles(folder), transform=steps))


def _by_255(picture: torch.Tensor) -> torch.Tensor:
    return picture / 255


@planted("one picture of another size", "B02", where="sample 0", like="photos")
def _(folder: Path) -> Made:
    from torchvision import transforms

    first = sorted(folder_of_tiles(folder).rglob("*.png"))[0]
    Image.open(first).convert("RGB").resize((80, 48)).save(first)
    return photos(folder, data=image_folder(folder, transform=transforms.ToTensor()))


@planted("pictures with an alpha channel among others", "B02", like="photos")
def _(folder: Path) -> Made:
    from torchvision import transforms

    for path in sorted(folder_of_tiles(folder).rglob("*.png"))[:5]:
        Image.open(path).convert("RGBA").save(path)
    return photos(folder, data=image_folder(folder, transform=transforms.ToTensor(), loader=Image.open))


@planted("one label is None", "B02", where="33")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    odd = Rows(inputs, targets, lambda index, row, target: (row, None if index == 33 else int(target)))
    return training(train=DataLoader(odd, batch_size=32))


@planted("one label has a dimension more", "B02", where="300")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    odd = Rows(inputs, targets, lambda index, row, target: (row, target[None] if index == 300 else target))
    return training(train=DataLoader(odd, batch_size=32))


def _collate_that_raises(rows: list) -> Any:
    return torch.stack([row["inputs"] for row in rows])


@planted("a collate function made for other samples", "B02")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=loader(inputs, targets, collate_fn=_collate_that_raises))


def _collate_to_numpy(rows: list) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([row.numpy() for row, _ in rows]), np.array([int(target) for _, target in rows])


@planted("batches of NumPy arrays", "B02", "B03", "B06")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=loader(inputs, targets, collate_fn=_collate_to_numpy), val=None)


@planted("pictures not flattened for a linear layer", "B01", "B06", like="digits")
def _(folder: Path) -> Made:
    rows, targets = _sequences()
    return training(mlp(64, 10), train=loader(rows[:, None], targets), val=None)


@planted("a position embedding shorter than the sequence", "B01", "B06", like="sequences")
def _(folder: Path) -> Made:
    class Positions(Recurrent):
        def __init__(self) -> None:
            super().__init__()
            self.places = nn.Parameter(torch.zeros(1, 6, 8))

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return super().forward(rows + self.places)

    return sequences(Positions())


@planted("token ids beyond the vocabulary", "B01", "B03", "B04", "B06", like="sequences")
def _(folder: Path) -> Made:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(100, 8), nn.Flatten(), nn.Linear(8 * 12, 2))
    tokens = torch.as_tensor(np.random.default_rng(0).integers(0, 130, (400, 12)))
    return training(model, train=loader(tokens, tokens[:, 0] % 2), val=None)


@planted("half precision rows", "B03", "B06")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=loader(inputs.astype(np.float16), targets), val=None)


@planted("rows of whole numbers", "B03", "B06", like="digits")
def _(folder: Path) -> Made:
    pixels, labels = load_digits(return_X_y=True)
    return training(mlp(64, 10), train=loader(pixels.astype(np.int64), labels), val=None)


@planted("pixels 0 to 1 normalised as if they were 0 to 255", "B03", like="photos")
def _(folder: Path) -> Made:
    from torchvision import transforms

    normalise = transforms.Normalize([123.7, 116.3, 103.5], [58.4, 57.1, 57.4])
    steps = transforms.Compose([transforms.ToTensor(), normalise])
    return photos(folder, data=image_folder(folder_of_tiles(folder), transform=steps))


# --- labels and losses ------------------------------------------------------------------------------------------------


@planted("labels count from 1", "B04", where="2")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table()
    return training(mlp(30, 2), train=loader(inputs, targets + 1), val=loader(val_inputs, val_targets + 1))


@planted("one label of the whole set is out of range", "B04")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    targets[300] = 7
    return training(mlp(30, 2), train=loader(inputs, targets))


@planted("one label is negative", "B04", where="-1")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    targets[300] = -1
    return training(mlp(30, 2), train=loader(inputs, targets))


@planted("a model of 2 outputs for 3 classes", "B04")
def _(folder: Path) -> Made:
    return training(mlp(13, 2), rows=table(load_wine))


@planted("a validation label out of range", "B04")
def _(folder: Path) -> Made:
    *_, val_inputs, val_targets = table()
    val_targets[5] = 2
    return training(mlp(30, 2), val=loader(val_inputs, val_targets, shuffle=False))


@planted("labels 0 and 1 as -1 and 1 with a logistic loss", "B04", "B05", "B08")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    signs = (2 * targets - 1).astype(np.float32)[:, None]
    return training(mlp(30, 1), train=loader(inputs, signs), val=None, loss=nn.BCEWithLogitsLoss())


@planted("outputs (N, 1) against targets (N,) broadcast", "B05")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(
        mlp(30, 1), train=loader(inputs, inputs[:, 0] + targets), val=None, loss=lambda out, y: ((out - y) ** 2).mean()
    )


@planted("float class numbers for cross-entropy", "B04", "B05", "B06")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(mlp(30, 2), train=loader(inputs, targets.astype(np.float32)), val=None)


@planted("class numbers (N, 1) for cross-entropy", "B05", "B06")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(mlp(30, 2), train=loader(inputs, targets[:, None]), val=None)


@planted("a loss without reduction", "B05", "B06")
def _(folder: Path) -> Made:
    return training(loss=nn.CrossEntropyLoss(reduction="none"))


@planted("softmax before cross-entropy", "B08")
def _(folder: Path) -> Made:
    return training(mlp(30, 2, nn.Softmax(dim=1)))


@planted("sigmoid before a loss of logits", "B08")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(
        mlp(30, 1, nn.Sigmoid()),
        train=loader(inputs, targets.astype(np.float32)[:, None]),
        val=None,
        loss=nn.BCEWithLogitsLoss(),
    )


@planted("raw outputs for a loss of log-probabilities", "B08")
def _(folder: Path) -> Made:
    return training(loss=nn.NLLLoss())


@planted("sum instead of mean", "B08")
def _(folder: Path) -> Made:
    model = mlp(30, 2)
    options = {"loss": nn.CrossEntropyLoss(reduction="sum"), "optimizer": torch.optim.SGD(model.parameters(), lr=1e-3)}
    return training(model, **options)


@planted("a last layer a hundred times too large", "B08")
def _(folder: Path) -> Made:
    model = mlp(30, 2)
    with torch.no_grad():
        model[2].weight.mul_(100)
    return training(model)


@planted("a regression target of millions", "B08", like="numbers")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    price = (inputs[:, 0] * 0.5 + targets) * 1e5 + 2e6
    return training(mlp(30, 1), train=loader(inputs, price[:, None].astype(np.float32)), val=None, loss=nn.MSELoss())


@planted("labels are words", "B02", "B04", "B05")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    words = Rows(inputs, targets, lambda index, row, target: (row, ("benign", "malignant")[int(target)]))
    return training(train=DataLoader(words, batch_size=32, shuffle=True), val=None)


@planted("255 for the border in masks", "B04", where="255", like="masks")
def _(folder: Path) -> Made:
    _, wanted = _masks()
    wanted[:, :2] = 255
    return masks(wanted=wanted)


@planted("classes of a yes-or-no loss are 1 and 2", "B04", "B05", "B08")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    twos = (targets + 1).astype(np.float32)[:, None]
    return training(mlp(30, 1), train=loader(inputs, twos), val=None, loss=nn.BCEWithLogitsLoss())


@planted("one-hot labels as whole numbers", "B04", "B05", "B06")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=loader(inputs, np.eye(2, dtype=np.int64)[targets]), val=None)


@planted("targets (N,) against outputs (N, 1), mean squared error", "B05", like="numbers")
def _(folder: Path) -> Made:
    inputs, wanted = _wanted()
    return numbers(train=loader(inputs, wanted[:, 0]))


@planted("targets (N,) against outputs (N, 1), mean absolute error", "B05", like="numbers")
def _(folder: Path) -> Made:
    inputs, wanted = _wanted()
    return numbers(train=loader(inputs, wanted[:, 0]), loss=nn.functional.l1_loss)


@planted("two outputs for one number", "B05", like="numbers")
def _(folder: Path) -> Made:
    return numbers(mlp(30, 2))


@planted("masks twice as large as the outputs", "B05", "B06", like="masks")
def _(folder: Path) -> Made:
    return masks(stride=2)


@planted("masks with a channel of their own", "B05", "B06", like="masks")
def _(folder: Path) -> Made:
    return masks(wanted=_masks()[1][:, None])


@planted("logits for a loss of probabilities", "B05", "B06", "B08")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(mlp(30, 1), train=loader(inputs, targets.astype(np.float32)[:, None]), val=None, loss=nn.BCELoss())


@planted("sigmoid before cross-entropy", "B08")
def _(folder: Path) -> Made:
    return training(mlp(30, 2, nn.Sigmoid()))


@planted("probabilities for a loss of log-probabilities", "B08")
def _(folder: Path) -> Made:
    return training(mlp(30, 2, nn.Softmax(dim=1)), loss=nn.NLLLoss())


@planted("a last bias that is sure of one class", "B08")
def _(folder: Path) -> Made:
    model = mlp(30, 2)
    with torch.no_grad():
        model[2].bias[0] = 30
    return training(model)


# --- the model --------------------------------------------------------------------------------------------------------


class _Broken(nn.Module):
    """A perceptron with one thing wrong in its forward pass."""

    def __init__(self, wrong: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head, self.wrong = nn.Linear(30, 32), nn.Linear(32, 2), wrong

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.wrong(self, rows)


@planted("the model raises", "B06", where="")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(self.body(rows) @ rows)))


@planted("NaN weights", "B06")
def _(folder: Path) -> Made:
    model = mlp(30, 2)
    with torch.no_grad():
        model[0].weight[3, 3] = float("nan")
    return training(model)


@planted("log of negative numbers", "B06")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(self.body(rows).log())))


@planted("a loss that was detached", "B06", "B07")
def _(folder: Path) -> Made:
    return training(loss=lambda out, y: nn.functional.cross_entropy(out, y).detach())


@planted("a last batch of one row with batch norm", "B06")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
    return training(model, train=loader(inputs[:321], targets[:321]))


@planted("the optimizer lacks the head", "B07", where="2.")
def _(folder: Path) -> Made:
    model = mlp(30, 2)
    return training(model, optimizer=torch.optim.Adam(model[0].parameters()))


@planted("the head was replaced after the optimizer was made", "B07")
def _(folder: Path) -> Made:
    model = mlp(30, 5)
    optimizer = torch.optim.Adam(model.parameters())
    model[2] = nn.Linear(32, 2)
    return training(model, optimizer=optimizer)


@planted("a branch without gradient", "B07", where="body")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(self.body(rows).detach())))


@planted("layers in a plain list", "B07")
def _(folder: Path) -> Made:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layers = [nn.Linear(30, 30), nn.Linear(30, 30)]
            self.head = nn.Linear(30, 2)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            for layer in self.layers:
                rows = layer(rows).relu()
            return self.head(rows)

    return training(Listed())


@planted("a parameter twice in the optimizer", "B07")
def _(folder: Path) -> Made:
    import warnings

    model = mlp(30, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = torch.optim.SGD([*model.parameters(), model[2].weight], lr=0.1)
    return training(model, optimizer=optimizer)


@planted("attention across samples", "B10")
def _(folder: Path) -> Made:
    class Across(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.embed = nn.Linear(1, 16)
            self.encode = nn.TransformerEncoderLayer(16, 2, 32)  # batch_first=False
            self.head = nn.Linear(16, 2)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.head(self.encode(self.embed(rows[:, :, None])).mean(1))

    return training(Across())


@planted("softmax over the batch", "B10", "B08")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(self.body(rows).softmax(0) * 10)))


@planted("inputs centred by the batch", "B10")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(self.body(rows - rows.mean(0)).relu())))


@planted("dropout that evaluation does not turn off", "B10")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(nn.functional.dropout(self.body(rows), 0.5))))


@planted("a model that cannot learn one batch", "B09", deep=True)
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(self.body(rows * 0)) + self.head.bias))


@planted("a head without enough outputs to tell labels apart", "B09", "D06", deep=True)
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=loader(inputs[:1].repeat(300, 0), targets[:300]))


@planted("a change in place of what the backward pass needs", "B06")
def _(folder: Path) -> Made:
    def forward(self: Any, rows: torch.Tensor) -> torch.Tensor:
        hidden = self.body(rows).sigmoid()
        hidden += 1
        return self.head(hidden)

    return training(_Broken(forward))


@planted("a square root at zero: the loss is finite, its gradient is not", "B06")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(self.body(rows)) + (self.body(rows) * 0).pow(2).sum().sqrt()))


@planted("an exponential that overflows", "B06")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head((self.body(rows) * 1000).exp())))


@planted("a detour through NumPy", "B06", "B07")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(torch.as_tensor(self.body(rows).numpy()))))


@planted("a model that returns nothing", "B05", "B06")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: None))


@planted("a forward pass under no_grad", "B06", "B07")
def _(folder: Path) -> Made:
    def forward(self: Any, rows: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.head(self.body(rows).relu())

    return training(_Broken(forward))


@planted("argmax on the way to the loss", "B05", "B06", "B07")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: nn.functional.one_hot(self.head(self.body(rows)).argmax(1), 2).float()))


@planted("everything frozen", "B06", "B07")
def _(folder: Path) -> Made:
    model = mlp(30, 2)
    model.requires_grad_(False)
    return training(model)


@planted("the optimizer of another model", "B07")
def _(folder: Path) -> Made:
    return training(optimizer=torch.optim.Adam(mlp(30, 2).parameters()))


@planted("a layer that forward forgets", "B07", where="extra")
def _(folder: Path) -> Made:
    model = _Broken(lambda self, rows: self.head(self.body(rows).relu()))
    model.extra = nn.Linear(32, 32)
    return training(model)


@planted("a layer made anew in each forward pass", "B07", "B10")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(nn.Linear(32, 32)(self.body(rows)).relu())))


@planted("a recurrent net that takes the batch for time", "B10", like="sequences")
def _(folder: Path) -> Made:
    return sequences(Recurrent(batch_first=False))


@planted("view instead of transpose", "B10", like="sequences")
def _(folder: Path) -> Made:
    class Viewed(Recurrent):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            count, steps, features = rows.shape
            return self.head(self.lstm(rows.view(steps, count, features))[0][-1])

    return sequences(Viewed(batch_first=False))


@planted("batch norm without running statistics", "B10")
def _(folder: Path) -> Made:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(32, track_running_stats=False)
    return training(nn.Sequential(nn.Linear(30, 32), norm, nn.ReLU(), nn.Linear(32, 2)))


@planted("noise added in evaluation too", "B10")
def _(folder: Path) -> Made:
    return training(_Broken(lambda self, rows: self.head(self.body(rows + torch.randn_like(rows) * 0.1).relu())))


@planted("outputs cut off at zero for targets on both sides", "B09", deep=True, like="numbers")
def _(folder: Path) -> Made:
    return numbers(mlp(30, 1, nn.ReLU()))


@planted("each weight is zero", "B06", "B07", "B09", deep=True)
def _(folder: Path) -> Made:
    model = mlp(30, 2)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    return training(model)


# --- the data ---------------------------------------------------------------------------------------------------------


@planted("97 % of one class", "D01")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table()
    kept = np.sort(np.concatenate([np.flatnonzero(targets == 1), np.flatnonzero(targets == 0)[:6]]))
    return training(rows=(inputs[kept], targets[kept], val_inputs, val_targets), val=None)


@planted("a class of two samples among ten", "D01", like="digits")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_digits)
    kept = np.sort(np.concatenate([np.flatnonzero(targets != 3), np.flatnonzero(targets == 3)[:2]]))
    return training(mlp(inputs.shape[1], 10), train=loader(inputs[kept], targets[kept]), val=None)


@planted("one class only", "D01")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=loader(inputs[targets == 1], targets[targets == 1]), val=None)


@planted("a column in other units", "D02", "B03", where="4")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table()
    inputs[:, 4] *= 5000
    val_inputs[:, 4] *= 5000
    return training(rows=(inputs, targets, val_inputs, val_targets))


@planted("wine as it is measured", "D02", "B03")
def _(folder: Path) -> Made:
    inputs, targets = load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(inputs))
    inputs, targets = inputs[order].astype(np.float32), targets[order]
    return training(mlp(13, 3), rows=(inputs[:120], targets[:120], inputs[120:], targets[120:]))


@planted("one value far out in 2 % of the rows", "D03")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    inputs[::50, 7] = 50
    return training(train=loader(inputs, targets), val=None)


@planted("-999 for missing", "D03", "D02")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    inputs[[3, 77, 200, 301], 12] = -999
    return training(train=loader(inputs, targets), val=None)


@planted("three rows a thousand times too large", "D03", "D02", where="100")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    inputs[[100, 150, 250]] *= 1000
    return training(train=loader(inputs, targets), val=None)


@planted("black pictures", "D03", like="photos")
def _(folder: Path) -> Made:
    folder_of_tiles(folder)
    for path in sorted(folder.rglob("*.png"))[:4]:
        shade = 2 + len(path.name) + int(path.stem[-2:]) % 3
        Image.new("RGB", (64, 64), (shade, shade, shade)).save(path)
    return photos(folder, data=image_folder(folder))


@planted("validation from the end of sorted data", "D04", "D01", "B04", like="digits")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_digits)
    order = np.argsort(targets, kind="stable")
    inputs, targets = inputs[order], targets[order]
    return training(mlp(inputs.shape[1], 10), rows=(inputs[:900], targets[:900], inputs[900:], targets[900:]))


@planted("validation rows not standardised", "D04")
def _(folder: Path) -> Made:
    *_, val_inputs, val_targets = table()
    return training(val=loader(val_inputs * 3 + 2, val_targets, shuffle=False))


@planted("one feature shifted in validation", "D04", where="5")
def _(folder: Path) -> Made:
    *_, val_inputs, val_targets = table()
    val_inputs[:, 5] += 1.5
    return training(val=loader(val_inputs, val_targets, shuffle=False))


@planted("brighter pictures in validation", "D04", like="photos")
def _(folder: Path) -> Made:
    from torchvision import transforms

    pictures, labels = tiles()
    for side, chosen in (("train", range(0, 100, 2)), ("val", range(1, 100, 2))):
        for number in chosen:
            place = folder / side / f"photo{labels[number]}"
            place.mkdir(parents=True, exist_ok=True)
            shown = pictures[number] if side == "train" else np.clip(pictures[number] * 0.5 + 127, 0, 255)
            Image.fromarray(shown.astype(np.uint8)).save(place / f"{number}.png")
    steps = transforms.Compose([transforms.ToTensor(), _normalise()])
    val = DataLoader(image_folder(folder / "val", transform=steps), batch_size=16)
    return photos(folder, data=image_folder(folder / "train", transform=steps), val=val)


@planted("100 rows copied into validation", "D06")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table()
    copies = np.concatenate([val_inputs, inputs[:100]]), np.concatenate([val_targets, targets[:100]])
    return training(val=loader(*copies, shuffle=False))


@planted("100 rows copied into validation, out of order", "D06", like="digits")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table(load_digits)
    places = np.random.default_rng(3).permutation(len(inputs))[:100]
    both = np.concatenate([val_inputs, inputs[places]]), np.concatenate([val_targets, targets[places]])
    order = np.random.default_rng(4).permutation(len(both[0]))
    return training(mlp(inputs.shape[1], 10), rows=(inputs, targets, both[0][order], both[1][order]))


@planted("training and validation use the same samples", "D06")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(val=loader(inputs, targets, shuffle=False))


@planted("the same photo twice under random crops, in both parts", "D06", like="photos")
def _(folder: Path) -> Made:
    from torchvision import transforms

    steps = transforms.Compose([transforms.RandomResizedCrop(64), transforms.ToTensor(), _normalise()])
    pictures, labels = tiles()
    for side, chosen in (("train", range(40)), ("val", range(30, 60))):
        for number in chosen:
            place = folder / side / f"photo{labels[number]}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pictures[number]).save(place / f"{side}{number}.png")
    val = DataLoader(image_folder(folder / "val", transform=steps), batch_size=16)
    return photos(folder, data=image_folder(folder / "train", transform=steps), val=val)


@planted("the same photo saved again as JPEG, in both parts", "D06", like="photos")
def _(folder: Path) -> Made:
    pictures, labels = tiles()
    for side, chosen, ending in (("train", range(40), "png"), ("val", range(30, 60), "jpg")):
        for number in chosen:
            place = folder / side / f"photo{labels[number]}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pictures[number]).save(place / f"{side}{number}.{ending}")
    val = DataLoader(image_folder(folder / "val"), batch_size=16)
    return photos(folder, data=image_folder(folder / "train"), val=val)


@planted("a fifth of the training rows twice", "D06")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    twice = np.concatenate([inputs, inputs[: len(inputs) // 5]]), np.concatenate([targets, targets[: len(inputs) // 5]])
    return training(train=loader(*twice), val=None)


@planted("the same rows with two labels", "D06")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    both = np.concatenate([inputs, inputs[:20]]), np.concatenate([targets, 1 - targets[:20]])
    return training(train=loader(*both), val=None)


@planted("10 NaN rows at index 1000", "D07", where="1000", like="digits")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table(load_digits)
    inputs[1000:1010] = np.nan
    return training(mlp(inputs.shape[1], 10), rows=(inputs, targets, val_inputs, val_targets))


@planted("one infinite value", "D07", where="222")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    inputs[222, 4] = np.inf
    return training(train=loader(inputs, targets), val=None)


@planted("a regression target that is NaN", "D07", where="50", like="numbers")
def _(folder: Path) -> Made:
    inputs, _, *_ = table()
    wanted = inputs[:, :1].copy()
    wanted[50] = np.nan
    return training(mlp(30, 1), train=loader(inputs, wanted), val=None, loss=nn.MSELoss())


@planted("missing values in a frame", "D07", where="price")
def _(folder: Path) -> Made:
    import pandas

    inputs, targets, *_ = table()
    frame = pandas.DataFrame(inputs[:, :4], columns=["size", "rooms", "price", "age"])
    frame.loc[::3, "price"] = None
    return training(mlp(4, 2), train=(frame, targets), val=None)


@planted("more than half of the columns constant", "D07")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    inputs[:, 10:] = 1.0
    return training(train=loader(inputs, targets), val=None)


@planted("NaN in validation only", "D07", where="val")
def _(folder: Path) -> Made:
    *_, val_inputs, val_targets = table()
    val_inputs[7] = np.nan
    return training(val=loader(val_inputs, val_targets, shuffle=False))


def _damage(folder: Path, change: Callable[[Path], None], count: int = 3) -> Made:
    folder_of_tiles(folder)
    for path in sorted(folder.rglob("*.png"))[:count]:
        change(path)
    return photos(folder, data=image_folder(folder))


@planted("truncated files", "D08", "B02", where="tile", like="photos")
def _(folder: Path) -> Made:
    return _damage(folder, lambda path: path.write_bytes(path.read_bytes()[:2000]))


@planted("files of zero bytes", "D08", "B02", where="tile", like="photos")
def _(folder: Path) -> Made:
    return _damage(folder, lambda path: path.write_bytes(b""))


@planted("web pages saved as pictures", "D08", "B02", where="tile", like="photos")
def _(folder: Path) -> Made:
    return _damage(folder, lambda path: path.write_text("<html><body>404 Not Found</body></html>"))


@planted("bytes overwritten in the middle of files", "D08", "B02", where="tile", like="photos")
def _(folder: Path) -> Made:
    def overwrite(path: Path) -> None:
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2 : len(whole) // 2 + 64] = b"\0" * 64
        path.write_bytes(bytes(whole))

    return _damage(folder, overwrite)


@planted("sorted by class and not shuffled", "D09", like="digits")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_digits)
    order = np.argsort(targets, kind="stable")
    return training(mlp(inputs.shape[1], 10), train=loader(inputs[order], targets[order], shuffle=False), val=None)


@planted("blocks of one class, not shuffled", "D09")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    blocks = np.concatenate(
        [np.flatnonzero(targets == label)[start : start + 40] for start in range(0, 120, 40) for label in (0, 1)]
    )
    return training(train=loader(inputs[blocks], targets[blocks], shuffle=False), val=None)


@planted("a tenth of the labels wrong", "D10", deep=True, like="digits")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table(load_digits)
    random = np.random.default_rng(0)
    wrong = random.permutation(len(targets))[: len(targets) // 10]
    targets[wrong] = (targets[wrong] + random.integers(1, 10, len(wrong))) % 10
    return training(mlp(inputs.shape[1], 10), rows=(inputs, targets, val_inputs, val_targets))


@planted("a column that is the target", "D11", where="feature 30")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    leaked = np.concatenate([inputs, targets[:, None] * 2.0 - 1], 1).astype(np.float32)
    return training(mlp(31, 2), train=loader(leaked, targets), val=None)


@planted("a frame whose column gives the target away", "D11", where="paid_back")
def _(folder: Path) -> Made:
    import pandas

    inputs, targets, *_ = table()
    frame = pandas.DataFrame(inputs[:, :4], columns=["income", "age", "debt", "years"])
    frame["paid_back"] = targets + np.random.default_rng(0).normal(0, 0.05, len(targets))
    return training(mlp(5, 2), train=(frame, targets), val=None)


@planted("a customer number among the features", "D11", "D02", "B03", where="customer")
def _(folder: Path) -> Made:
    import pandas

    inputs, targets, *_ = table()
    frame = pandas.DataFrame(inputs[:, :4], columns=["income", "age", "debt", "years"])
    frame["customer"] = np.arange(len(frame)) + 40_000
    return training(mlp(5, 2), train=(frame, targets), val=None)


@planted("the same column twice", "D11", where="feature 30")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(mlp(31, 2), train=loader(np.concatenate([inputs, inputs[:, 3:4]], 1), targets), val=None)


@planted("a frame with text columns", "B03", where="city")
def _(folder: Path) -> Made:
    import pandas

    inputs, targets, *_ = table()
    frame = pandas.DataFrame(inputs[:, :4], columns=["income", "age", "debt", "years"])
    frame["city"] = np.where(targets == 1, "Rome", "Oslo")
    return training(mlp(4, 2), train=(frame, targets), val=None)


@planted("one fraud in a hundred", "D01")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(1000, 8)).astype(np.float32)
    targets = (np.arange(1000) % 100 == 0).astype(np.int64)
    inputs[targets == 1] += 1
    return training(mlp(8, 2), train=loader(inputs, targets), val=None)


@planted("a label that no sample has, of four", "D01")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(600, 12)).astype(np.float32)
    targets = (inputs[:, :4] + random.normal(0, 0.5, (600, 4)) > 0.4).astype(np.float32)
    targets[:, 2] = 0
    return training(mlp(12, 4), train=loader(inputs, targets), val=None, loss=nn.BCEWithLogitsLoss())


@planted("an income in cents beside ages in a frame", "D02", "B03", where="income")
def _(folder: Path) -> Made:
    import pandas

    random = np.random.default_rng(0)
    _, targets, *_ = table()
    frame = pandas.DataFrame(
        {"age": random.integers(18, 90, len(targets)), "income": random.lognormal(15, 0.5, len(targets))}
    )
    return training(mlp(2, 2), train=(frame.astype("float32"), targets), val=None)


@planted("a time stamp in seconds among the features", "D02", "B03", where="3")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    inputs[:, 3] = 1.7e9 + np.random.default_rng(0).uniform(0, 3e7, len(inputs))
    return training(train=loader(inputs, targets), val=None)


@planted("a sensor that says 65535 five times", "D03", "D02", where="9")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    inputs[[11, 90, 91, 200, 380], 9] = 65535
    return training(train=loader(inputs, targets), val=None)


@planted("rows that fit no pattern, each value in range", "D03", where="60")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    angles = random.uniform(0, 2 * np.pi, 400)
    inputs = np.cos(angles[:, None] + np.linspace(0, np.pi, 12)) + random.normal(0, 0.05, (400, 12))
    inputs[[60, 170, 280]] = random.choice([-1.0, 1.0], (3, 12))
    inputs = ((inputs - inputs.mean(0)) / inputs.std(0)).astype(np.float32)
    return training(mlp(12, 2), train=loader(inputs, (np.sin(angles * 2) > 0).astype(np.int64)), val=None)


@planted("other shares of the classes in validation", "D04")
def _(folder: Path) -> Made:
    *_, val_inputs, val_targets = table()
    kept = np.sort(np.concatenate([np.flatnonzero(val_targets == 0), np.flatnonzero(val_targets == 1)[:12]]))
    return training(val=loader(val_inputs[kept], val_targets[kept], shuffle=False))


@planted("a feature that is zero in validation", "D04", "D07", where="3")
def _(folder: Path) -> Made:
    *_, val_inputs, val_targets = table()
    val_inputs[:, 3] = 0
    return training(val=loader(val_inputs, val_targets, shuffle=False))


@planted("a drift, and validation at its end", "D04")
def _(folder: Path) -> Made:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(800, 6)).astype(np.float32) + np.linspace(0, 1.5, 800, dtype=np.float32)[:, None]
    targets = (inputs[:, 0] > inputs[:, 1]).astype(np.int64)
    return training(mlp(6, 2), rows=(inputs[:600], targets[:600], inputs[600:], targets[600:]))


@planted("another camera took the validation pictures", "D04", like="photos")
def _(folder: Path) -> Made:
    pictures, labels = tiles()
    for side, chosen in (("train", range(0, 100, 2)), ("val", range(1, 100, 2))):
        for number in chosen:
            place = folder / side / f"photo{labels[number]}"
            place.mkdir(parents=True, exist_ok=True)
            shown = Image.fromarray(pictures[number])
            shown = shown.convert("L").convert("RGB") if side == "val" else shown
            shown.save(place / f"{number}.png")
    return photos(
        folder, data=image_folder(folder / "train"), val=DataLoader(image_folder(folder / "val"), batch_size=16)
    )


@planted("12 training rows", "D05")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(train=loader(inputs[:12], targets[:12], batch_size=4))


@planted("three samples a class", "D05", like="digits")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_digits)
    kept = np.concatenate([np.flatnonzero(targets == label)[:3] for label in range(10)])
    return training(mlp(inputs.shape[1], 10), train=loader(inputs[kept], targets[kept], batch_size=8), val=None)


@planted("an empty validation set", "B02", "D05", where="val")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    return training(val=loader(inputs[:0], targets[:0], shuffle=False))


@planted("oversampled before the split", "D06")
def _(folder: Path) -> Made:
    inputs, targets, val_inputs, val_targets = table()
    inputs, targets = np.concatenate([inputs, val_inputs]), np.concatenate([targets, val_targets])
    random = np.random.default_rng(0)
    more = random.choice(np.flatnonzero(targets == 0), 145)
    order = random.permutation(len(targets) + len(more))
    inputs, targets = np.concatenate([inputs, inputs[more]])[order], np.concatenate([targets, targets[more]])[order]
    return training(rows=(inputs[:500], targets[:500], inputs[500:], targets[500:]))


@planted("the same sentences in both parts", "D06", like="sequences")
def _(folder: Path) -> Made:
    tokens = torch.as_tensor(np.random.default_rng(0).integers(0, 100, (500, 12)))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(100, 8), nn.Flatten(), nn.Linear(8 * 12, 2))
    labels = (tokens[:, 0] + tokens[:, 1] > 99).long()
    return training(
        model, train=loader(tokens[:400], labels[:400]), val=loader(tokens[350:], labels[350:], shuffle=False)
    )


@planted("batches are dicts, and rows are in both parts", "D06")
def _(folder: Path) -> Made:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(30, 2)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.body(inputs)

    def named(index: int, row: Any, target: Any) -> dict[str, Any]:
        return {"inputs": row, "labels": target}

    inputs, targets, *_ = table()
    train, val = Rows(inputs[:300], targets[:300], named), Rows(inputs[250:], targets[250:], named)
    return training(Named(), train=DataLoader(train, batch_size=32, shuffle=True), val=DataLoader(val, batch_size=32))


@planted("a column without any value", "D07", where="visits")
def _(folder: Path) -> Made:
    import pandas

    inputs, targets, *_ = table()
    frame = pandas.DataFrame(inputs[:, :4], columns=["size", "rooms", "visits", "age"])
    frame["visits"] = np.nan
    return training(mlp(4, 2), train=(frame, targets), val=None)


@planted("NaN among labels of yes and no", "D07", "B04", where="12")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    wanted = targets.astype(np.float32)[:, None]
    wanted[12] = np.nan
    return training(mlp(30, 1), train=loader(inputs, wanted), val=None, loss=nn.BCEWithLogitsLoss())


@planted("a picture of one colour, divided by its deviation", "D03", "D07", where="sample 7", like="photos")
def _(folder: Path) -> Made:
    from torchvision import transforms

    first = sorted(folder_of_tiles(folder).rglob("*.png"))[7]
    Image.new("RGB", (64, 64), (90, 90, 90)).save(first)
    steps = transforms.Compose([transforms.ToTensor(), transforms.Lambda(_by_its_own)])
    return photos(folder, data=image_folder(folder, transform=steps))


def _by_its_own(picture: torch.Tensor) -> torch.Tensor:
    return (picture - picture.mean()) / picture.std()


@planted("the logarithm of black pixels", "B03", "B06", "D07", like="photos")
def _(folder: Path) -> Made:
    from torchvision import transforms

    for path in sorted(folder_of_tiles(folder).rglob("*.png"))[:12]:
        picture = np.array(Image.open(path))
        picture[20:30, 20:30] = 0
        Image.fromarray(picture).save(path)
    steps = transforms.Compose([transforms.ToTensor(), transforms.Lambda(torch.log)])
    return photos(folder, data=image_folder(folder, transform=steps))


@planted("files deleted after they were listed", "D08", "B02", where="tile", like="photos")
def _(folder: Path) -> Made:
    data = image_folder(folder_of_tiles(folder))
    for path in sorted(folder.rglob("*.png"))[:3]:
        path.unlink()
    return photos(folder, data=data)


@planted("JPEGs of which half was downloaded", "D08", "B02", where="tile", like="photos")
def _(folder: Path) -> Made:
    for path in sorted(folder_of_tiles(folder).rglob("*.png"))[:4]:
        Image.open(path).save(path.with_suffix(".jpg"), quality=95)
        path.unlink()
        whole = path.with_suffix(".jpg").read_bytes()
        path.with_suffix(".jpg").write_bytes(whole[: len(whole) // 2])
    return photos(folder, data=image_folder(folder))


@planted("rows sorted by their target, not shuffled", "D09", like="numbers")
def _(folder: Path) -> Made:
    inputs, wanted = _wanted()
    order = np.argsort(wanted[:, 0])
    return numbers(train=loader(inputs[order], wanted[order], shuffle=False))


@planted("a stream that gives one class after the other", "D09")
def _(folder: Path) -> Made:
    class Stream(IterableDataset):
        def __iter__(self) -> Any:
            inputs, targets, *_ = table()
            order = np.argsort(targets, kind="stable")
            yield from ((torch.as_tensor(inputs[place]), int(targets[place])) for place in order)

    return training(train=DataLoader(Stream(), batch_size=32), val=None)


@planted("folders one after the other, not shuffled", "D09", like="photos")
def _(folder: Path) -> Made:
    data = image_folder(folder_of_tiles(folder))
    return photos(folder, train=DataLoader(Subset(data, range(4, 56)), batch_size=8))


@planted("4 and 9 confused in a third of their samples", "D10", deep=True, like="digits")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_digits)
    random = np.random.default_rng(0)
    four, nine = np.flatnonzero(targets == 4), np.flatnonzero(targets == 9)
    targets[random.choice(four, len(four) // 3, replace=False)] = 9
    targets[random.choice(nine, len(nine) // 3, replace=False)] = 4
    return training(mlp(inputs.shape[1], 10), train=loader(inputs, targets), val=None)


@planted("a block of labels slipped by one row", "D10", deep=True, like="digits")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_digits)
    targets[300:420] = targets[301:421].copy()
    return training(mlp(inputs.shape[1], 10), train=loader(inputs, targets), val=None)


@planted("a twelfth of yes and no turned round", "D10", deep=True)
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    wrong = np.random.default_rng(0).permutation(len(targets))[: len(targets) // 12]
    targets[wrong] = 1 - targets[wrong]
    return training(train=loader(inputs, targets), val=None)


@planted("the target among the features, turned round", "D11", where="feature 12", like="numbers")
def _(folder: Path) -> Made:
    inputs, wanted = _wanted()
    inputs[:, 12] = -3 * wanted[:, 0]
    return numbers(train=loader(inputs, wanted))


@planted("the target as one-hot columns among the features", "D11", like="digits")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table(load_digits)
    leaked = np.concatenate([inputs, np.eye(10, dtype=np.float32)[targets]], 1)
    return training(mlp(leaked.shape[1], 10), train=loader(leaked, targets), val=None)


# --- the machine ------------------------------------------------------------------------------------------------------

_NO_BRIDGE = {"bridge": (False, "RuntimeError: Numpy is not available")}
_NMS = "RuntimeError: operator torchvision::nms does not exist"
_LARGE = {"torch": "2.11.0+cu128", "torchvision": "0.26.0+cu128", "numpy": "2.1.3"}
_MEGABYTE = 2**20


def _large() -> nn.Module:
    """Return a model of 5 million parameters for rows of breast cancer."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(30, 2300), nn.ReLU(), nn.Linear(2300, 2300), nn.ReLU(), nn.Linear(2300, 2))


@planted("torch 2.2 beside NumPy 2", "E01", where="2.2.2")
def _(folder: Path) -> Made:
    return on(installed={"torch": "2.2.2", "torchvision": "0.17.2", "numpy": "2.1.3"}, **_NO_BRIDGE)


@planted("half an installation of NumPy", "E01")
def _(folder: Path) -> Made:
    return on(installed={"torch": "2.11.0", "torchvision": "0.26.0", "numpy": "1.26.4"}, **_NO_BRIDGE)


@planted("no NumPy at all", "E01")
def _(folder: Path) -> Made:
    return on(installed={"torch": "2.11.0"}, bridge=(False, "ModuleNotFoundError: No module named 'numpy'"))


@planted("a NumPy 2 installed under torch 2.2, to be met after the restart", "E01")
def _(folder: Path) -> Made:
    versions = {"torch": "2.2.2", "numpy": "1.26.4"}
    return on(installed=versions, loaded=versions, on_disk={"torch": "2.2.2", "numpy": "2.1.3"})


@planted("operator torchvision::nms does not exist", "E02", where="torchvision")
def _(folder: Path) -> Made:
    versions = {"torch": "2.11.0+cpu", "torchvision": "0.26.0", "timm": "1.0.28", "numpy": "2.1.3"}
    return on(installed=versions, import_errors={"torchvision": _NMS, "timm": _NMS})


@planted("torch was upgraded, torchvision was not", "E02", where="0.25.0")
def _(folder: Path) -> Made:
    return on(installed={"torch": "2.11.0", "torchvision": "0.25.0", "numpy": "2.1.3"})


@planted("timm made for another torch", "E02", where="timm")
def _(folder: Path) -> Made:
    return on(import_errors={"timm": "ImportError: cannot import name '_assert' from 'torch'"})


@planted("torchvision without Pillow", "E02", where="torchvision")
def _(folder: Path) -> Made:
    return on(import_errors={"torchvision": "ModuleNotFoundError: No module named 'PIL'"})


@planted("a large model on Colab without a GPU", "E03")
def _(folder: Path) -> Made:
    return on(_large(), host="colab")


@planted("a large model on Kaggle without an accelerator", "E03")
def _(folder: Path) -> Made:
    return on(_large(), host="kaggle")


@planted("torch for CPUs beside an NVIDIA card", "E03")
def _(folder: Path) -> Made:
    versions = {"torch": "2.11.0+cpu", "torchvision": "0.26.0+cpu", "numpy": "2.1.3"}
    return on(_large(), host="terminal", installed=versions, built_for=None, nvidia_card="device")


@planted("a driver too old for this torch", "E03", where="470")
def _(folder: Path) -> Made:
    said = "The NVIDIA driver on your system is too old (found version 11040)."
    return on(_large(), installed=_LARGE, nvidia_card="device", driver="470.82.01", cuda_error=said)


@planted("a disk that is nearly full", "E04")
def _(folder: Path) -> Made:
    return on(disk_free_bytes=20 * _MEGABYTE)


@planted("no room for the checkpoints of a large model", "E04")
def _(folder: Path) -> Made:
    return on(_large(), disk_free_bytes=300 * _MEGABYTE)


@planted("memory for less than weights, gradients and state", "E04")
def _(folder: Path) -> Made:
    return on(_large(), memory_available_bytes=30 * _MEGABYTE)


@planted("a container's 64 MB of shared memory, and workers", "E04", where="dev/shm")
def _(folder: Path) -> Made:
    data = TensorDataset(torch.zeros(64, 3, 448, 448), torch.arange(64) % 2)
    made = photos(folder, data=data, machine=machine(shared_memory_bytes=(60 * _MEGABYTE, 64 * _MEGABYTE)))
    return made | {"train": DataLoader(data, batch_size=8, shuffle=True, num_workers=2)}


@planted("the run is to be kept on Drive, which is not mounted", "E05")
def _(folder: Path) -> Made:
    return on(host="colab", drive_wanted=True)


@planted("Drive has ceased to answer", "E05")
def _(folder: Path) -> Made:
    return on(host="colab", drive=Drive(state="dead", error="Transport endpoint is not connected"))


@planted("Drive takes no files", "E05")
def _(folder: Path) -> Made:
    return on(host="colab", drive=Drive(state="read-only", error="Read-only file system"))


@planted("Drive is over its quota", "E05")
def _(folder: Path) -> Made:
    return on(host="colab", drive=Drive(state="writable", free_bytes=2**40, over_quota=True))


@planted("NumPy was changed under the kernel", "E06", where="numpy")
def _(folder: Path) -> Made:
    return on(loaded={"torch": "2.11.0", "numpy": "1.26.4"}, on_disk={"torch": "2.11.0", "numpy": "2.1.3"})


@planted("torch for CUDA was installed over torch for CPUs", "E06", where="torch")
def _(folder: Path) -> Made:
    return on(loaded={"torch": "2.11.0+cpu"}, on_disk={"torch": "2.11.0+cu128"}, host="colab")


@planted("timm was upgraded under the kernel", "E06", where="timm")
def _(folder: Path) -> Made:
    loaded = {"torch": "2.11.0", "timm": "0.9.16"}
    return on(loaded=loaded, on_disk={"torch": "2.11.0", "timm": "1.0.28"}, host="kaggle")


@planted("a package was removed under the kernel", "E06", where="pandas")
def _(folder: Path) -> Made:
    return on(loaded={"torch": "2.11.0", "pandas": "2.2.2"}, on_disk={"torch": "2.11.0"}, vanished=("pandas",))


@planted("a data set that is far slower than the model", "B11", where="num_workers")
def _(folder: Path) -> Made:
    inputs, targets, *_ = table()
    many = np.resize(np.arange(len(inputs)), 5000)

    def slowly(index: int, row: Any, target: Any) -> Any:
        time.sleep(0.02)
        return row + 1e-3 * index / len(many), target

    slow = DataLoader(Rows(inputs[many], targets[many], slowly), batch_size=8, shuffle=True)
    return training(train=slow, val=None) | {"budget_seconds": 3.0}


@planted("a batch of pictures larger than the memory", "B11")
def _(folder: Path) -> Made:
    data = TensorDataset(torch.rand(64, 3, 96, 96) * 2 - 1, torch.arange(64) % 2)
    made = photos(folder, data=data, machine=machine(memory_available_bytes=12 * _MEGABYTE))
    return made | {"train": DataLoader(data, batch_size=64, shuffle=True)}


@planted("a large model whose optimizer's state does not fit", "B11")
def _(folder: Path) -> Made:
    return on(_large(), memory_available_bytes=50 * _MEGABYTE)


@planted("one batch of the whole set, on a small machine", "B11")
def _(folder: Path) -> Made:
    rows = torch.as_tensor(np.random.default_rng(0).normal(size=(4000, 30)), dtype=torch.float32)
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Linear(30, 1024), nn.ReLU(), nn.Linear(1024, 2))
    train = loader(rows, (rows[:, :3].sum(1) > 0).long(), batch_size=4000)
    return on(wide, memory_available_bytes=12 * _MEGABYTE) | {"train": train, "val": None}
