"""The arms of the gauntlet: ways to train the same cases with the same steps."""

from tests.gauntlet.arms.base import Arm, Outcome, Row, run
from tests.gauntlet.arms.careful import Careful
from tests.gauntlet.arms.others import Accelerate, Arc, Ignite, Lightning
from tests.gauntlet.arms.ours import Ours, OursLoopOnly
from tests.gauntlet.arms.plain import Plain, Reseed, Twin
from tests.gauntlet.arms.search import RandomSearch

ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Plain(), Reseed(), RandomSearch(), Careful(), Lightning(), Accelerate(), Ignite(), Arc(), Ours(),
        OursLoopOnly(),
    )
}  # fmt: skip
"""By name; those whose package is not there say so in `missing`."""

TWIN = Twin()
"""Trains the healthy twins of sick cases: the measure, and no rival."""
