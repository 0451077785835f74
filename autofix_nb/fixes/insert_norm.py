"""Normalise what each hidden layer gives, so that signals and gradients keep their size through many layers.

Batch normalisation (Ioffe and Szegedy 2015); layer normalisation (Ba 2016) for sequences and for batches so small that
their statistics are noise, for convolutions as one group (Wu and He 2018). 19 of AUTOTRAINER's 309 repairs.
"""

from typing import Any, ClassVar

from torch import nn

from autofix_nb.finding import Finding
from autofix_nb.fixes.anatomy import Anatomy, Layer
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.surgery import ModelFix, WayBack, adopt, can_adopt, in_code, listed
from autofix_nb.fixes.tracing import anatomy_of

SMALL_BATCH = 8
"""Rows below which a batch's own mean and spread are mostly noise."""

LARGE_BATCH = 32
"""Rows from which a few batches say enough for validation."""

MOMENTUM = {True: 0.3, False: 0.2}
"""How fast the statistics for validation follow, for large batches and others. At torch's usual 0.1 they are so
far behind 40 steps after the insertion into seven to nine layers that a loss of 1.8 in training is one of 2.3 in
validation (digits); at 0.3 it is 1.8 in both."""

LINES = 6
"""Layers in the code to type."""

SAID = {"batch": "batch normalisation", "layer": "layer normalisation"}


class InsertNorm(ModelFix):
    """Put a normalisation between each hidden layer and its activation, where there is none around it yet.

    The layer keeps its name, weights and moments, and gets a child `norm`, whose parameters join the optimizer.
    """

    name: ClassVar = "insert_norm"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        anatomy = anatomy_of(run)
        layers = [one for one in anatomy.layers.values() if _wants_norm(run.model, one)]
        if not layers:
            return []
        kinds = ["layer"] if _only_by_row(run.model, layers, anatomy) else ["batch", "layer"]
        momentum = MOMENTUM[anatomy.rows >= LARGE_BATCH]
        return [_change(run.model, [one.name for one in layers], kind, momentum) for kind in kinds]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        ways_back: list[WayBack] = []
        joined = []
        for name, kind in change.after["layers"].items():
            layer = run.model.get_submodule(name)
            norm = made_norm(layer, kind, change.after["momentum"])
            ways_back += adopt(layer, "norm", norm)
            joined += norm.parameters()
        run.rewire(joined=joined)
        return [lambda: run.rewire(left=joined), *ways_back]


def made_norm(layer: nn.Module, kind: str, momentum: float) -> nn.Module:
    """Return a normalisation for what a layer gives, on its device and in its type."""
    place = {"device": layer.weight.device, "dtype": layer.weight.dtype}
    if isinstance(layer, nn.Linear):
        features = layer.out_features
        if kind == "layer":
            return nn.LayerNorm(features, **place)
        return nn.BatchNorm1d(features, momentum=momentum, **place)
    channels = layer.out_channels
    if kind == "layer":
        return nn.GroupNorm(1, channels, **place)
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return kinds[len(layer.kernel_size) - 1](channels, momentum=momentum, **place)


def _wants_norm(model: nn.Module, layer: Layer) -> bool:
    bent = layer.kinds - {"softmax", "log_softmax"}
    return bool(bent) and not layer.normed and not layer.ends and can_adopt(model, layer.name, "norm")


def _only_by_row(model: nn.Module, layers: list[Layer], anatomy: Anatomy) -> bool:
    """Tell whether batch statistics would mislead: few rows, sequences, or weights used several times in one pass."""
    sequences = any(isinstance(model.get_submodule(one.name), nn.Linear) and one.dims != 2 for one in layers)
    again = any(one.calls > 1 for one in layers)
    return 0 < anatomy.rows < SMALL_BATCH or sequences or again


def _change(model: nn.Module, names: list[str], kind: str, momentum: float) -> Change:
    return Change(
        fix=InsertNorm.name,
        touches="model",
        says=f"{SAID[kind]} follows {listed(names)}",
        after={"layers": dict.fromkeys(names, kind), "momentum": momentum},
        permanent=_typed(model, names, kind, momentum),
    )


def _typed(model: nn.Module, names: list[str], kind: str, momentum: float) -> str:
    lines = []
    for name in names[:LINES]:
        layer: Any = model.get_submodule(name)
        norm = made_norm(layer, kind, momentum)
        size = _size(norm)
        lines.append(f"{in_code(name)} = nn.Sequential({in_code(name)}, nn.{type(norm).__name__}({size}))")
    if len(names) > LINES:
        lines.append(f"# and so on, {len(names)} in all")
    return "\n".join(lines)


def _size(norm: Any) -> str:
    if isinstance(norm, nn.LayerNorm):
        return str(norm.normalized_shape[0])
    if isinstance(norm, nn.GroupNorm):
        return f"1, {norm.num_channels}"
    return f"{norm.num_features}, momentum={norm.momentum}"
