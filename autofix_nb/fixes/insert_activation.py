"""Bend what layers hand on to one another, where nothing does: a product of matrices is one matrix.

However many linear layers or convolutions follow one another, without an activation between them they draw straight
lines (Goodfellow, Bengio, Courville 2016, Deep Learning, 6.1). It is easily forgotten where layers are called one by
one.
"""

from typing import Any, ClassVar

from torch import nn

from autofix_nb.finding import Finding
from autofix_nb.fixes.anatomy import LAYERS, Anatomy
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.surgery import ModelFix, WayBack, adopt, can_adopt, in_code, listed
from autofix_nb.fixes.tracing import anatomy_of
from autofix_nb.objective import hookable

BENT_INSIDE = (
    nn.RNNBase,
    nn.RNNCellBase,
    nn.MultiheadAttention,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)
"""Modules that bend by themselves."""


class InsertActivation(ModelFix):
    """Put a GELU behind each layer but the last, where no activation lies between any two.

    The layers keep their names, weights and moments, and get a child `bend`.
    """

    name: ClassVar = "insert_activation"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        anatomy = anatomy_of(run)
        names = [] if _bends(run.model, anatomy) else _between(run.model, anatomy)
        if not names:
            return []
        return [
            Change(
                fix=self.name,
                touches=self.touches,
                says=f"an activation (gelu) follows {listed(names)}: without one they are a single layer",
                after={"layers": names},
                permanent="\n".join(f"{in_code(name)} = nn.Sequential({in_code(name)}, nn.GELU())" for name in names),
            )
        ]

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        ways_back: list[WayBack] = []
        for name in change.after["layers"]:
            ways_back += adopt(run.model.get_submodule(name), "bend", nn.GELU())
        run.rewire()
        return [run.rewire, *ways_back]


def _bends(model: nn.Module, anatomy: Anatomy) -> bool:
    """Tell whether anything between the layers bends; what ends the model does not."""
    hidden = [site for site in anatomy.sites if not site.ends]
    return bool(hidden) or any(isinstance(module, BENT_INSIDE) for _, module in hookable(model))


def _between(model: nn.Module, anatomy: Anatomy) -> list[str]:
    """Return the names of the layers, in the order in which they are called, that another one follows."""
    called: list[Any] = [one for one in anatomy.layers.values() if isinstance(model.get_submodule(one.name), LAYERS)]
    own = [one.name for one in called if not one.ends]
    return own if all(can_adopt(model, name, "bend") for name in own) else []
