"""Signals spoilt on their way to the net: two of the trainings are beyond rescue, what is to be learnt is not there."""

from dataclasses import replace

import torch
from torch import nn

from tests.gauntlet import score
from tests.gauntlet.data import Data
from tests.gauntlet.fourth.signals.bodies import painter, seer
from tests.gauntlet.fourth.signals.material import masks, shapes, tiles
from tests.gauntlet.recipe import Recipe, adam, spoilt


def _black() -> Data:
    """The tiles divided by 255 once more, and kept as bytes."""
    data = tiles()
    return data._replace(inputs=(data.inputs / 255).to(torch.uint8).float())


def _apart() -> Data:
    """The pictures were shuffled, and the labels were not."""
    data = shapes()
    order = torch.randperm(len(data.inputs), generator=torch.Generator().manual_seed(8))
    return data._replace(inputs=data.inputs[order])


def _byte_masks() -> Data:
    """The masks as they lie on the disk, 0 and 255."""
    data = masks()
    return data._replace(targets=255 * data.targets)


PHOTOS = Recipe(
    data=tiles,
    net=lambda: seer(3, 8, 1),
    optimizer=adam(3e-3),
    loss=nn.BCEWithLogitsLoss,
    score=score.yes_no,
    batch=30,
    epochs=8,
)
SHAPES = Recipe(data=shapes, net=seer, optimizer=adam(2e-3), batch=40, epochs=9)
DISCS = replace(PHOTOS, data=masks, net=painter, optimizer=adam(5e-3), score=score.f1, batch=12, epochs=6)

CASES = [
    spoilt("d_photo_all_black", "D07 B03", PHOTOS, "All training tiles have become zeros.", aim="name", data=_black),
    spoilt("d_shapes_wrong_rows", "D10", SHAPES, "Pictures and labels are out of step.", aim="name", data=_apart),
    spoilt("d_discs_byte_masks", "B04 B08", DISCS, "The masks are 0 and 255 for a loss of 0 and 1.", data=_byte_masks),
]
