"""Draw weights anew, so that signals and gradients pass all layers: those that died, all, or all to measured scales.

Rules and papers stand in drawing.py. Of the largest published table of repairs an initialisation alone was 1 in 309, so
what stands behind is tried first (activations, normalisation), and a race with the model as it is decides.
"""

from typing import Any, ClassVar

import torch

from autofix_nb.finding import Finding
from autofix_nb.fixes.anatomy import SATURATING, Anatomy
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.drawing import DRAWN, FEW_INPUTS, draw, measured_scales, rules_for, weights_of
from autofix_nb.fixes.surgery import ModelFix, WayBack, forget_moments, listed
from autofix_nb.fixes.tracing import anatomy_of


class Reinitialise(ModelFix):
    """Draw weights by the rule that fits their activation, biases mostly 0, with a stream of its own.

    The optimizer forgets what it remembers of them. Frozen weights stay.
    """

    name: ClassVar = "reinitialise"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        anatomy = anatomy_of(run)
        everything = rules_for(run.model, anatomy)
        if not everything:
            return []
        seed = finding.step
        dead = {name: rule for name, rule in everything.items() if name in _blamed(finding, run, anatomy)}
        found = []
        if 0 < len(dead) < len(everything):
            found.append(_change(f"{listed(list(dead))} got new weights", dead, seed, {}, fresh=False))
        every = "all weights are drawn anew, by the rule that fits each layer's activation"
        found.append(_change(every, everything, seed, {}, fresh=True))
        # Sums of variance 1 are far out on a tanh, whose many layers then make chaos of small differences.
        bends = any(site.kind in SATURATING for site in anatomy.sites if site.feeds)
        scales = {} if bends else _scales(run, everything, seed)
        if scales:
            says = f"{every}, and scaled so that the sums of each of {len(scales)} layers have variance 1 on a batch"
            found.append(_change(says, everything, seed, scales, fresh=True))
        return found

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        after = change.after
        ways_back = redraw(run, after["draws"], after["seed"], after["scales"])
        run.rewire()  # what was odd about the weights is so no more
        return [run.rewire, *ways_back]


def redraw(run: Trainee, rules: dict[str, str], seed: int, scales: dict[str, float] | None = None) -> list[WayBack]:
    """Draw weights anew, and return the way back to those there are."""
    parts = weights_of(run.model, rules)
    kept = [part.detach().clone() for part in parts]

    @torch.no_grad()
    def put_back() -> None:
        for part, before in zip(parts, kept, strict=True):
            part.copy_(before)

    draw(run.model, rules, seed, scales)
    return [put_back, *forget_moments(run, [part for part in parts if part.requires_grad])]


def _change(says: str, rules: dict[str, str], seed: int, scales: dict[str, float], *, fresh: bool) -> Change:
    return Change(
        fix=Reinitialise.name,
        touches="model",
        says=says,
        after={"draws": rules, "seed": seed, "scales": scales, "fresh": fresh},
        permanent=typed(rules, scales),
    )


def typed(rules: dict[str, str], scales: dict[str, float] | None = None) -> str:
    """Return the code that draws so, for the layers; the rare rest keeps what its class draws."""
    layers = [rule for rule in rules.values() if rule in TYPED]
    most = max(sorted(set(layers)), key=layers.count) if layers else "he"
    lines = [
        "for layer in model.modules():",
        "    if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d)):",
        f"        {TYPED[most]}",
        "        if layer.bias is not None:",
        "            inputs = layer.weight[0].numel()",
        f"            bound = inputs ** -0.5 if inputs <= {0 if most == 'lecun' else FEW_INPUTS} else 0",
        "            nn.init.uniform_(layer.bias, -bound, bound)",
    ]
    names = [name for name in scales or {} if len(scales) <= SCALES_TYPED]
    for name in names:
        lines += [f"for part in model.get_submodule({name!r}).parameters():", f"    part.data *= {scales[name]:.4g}"]
    return "\n".join(lines)


TYPED = {
    "he": 'nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")',
    "lecun": 'nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")',
    "xavier": "nn.init.xavier_normal_(layer.weight)",
}
"""The rules as torch has them."""

SCALES_TYPED = 6
"""Scales of layers that stand in the code to type; more are not typed by anybody."""


def _blamed(finding: Finding, run: Trainee, anatomy: Anatomy) -> set[str]:
    """Return the names of the layers that a finding means: named, inside of what is named, or before the activation."""
    found = set()
    for name in finding.where:
        before = [site.sources for site in anatomy.sites if site.owner == name and name]
        found |= set().union(*before)
        found |= {
            one
            for one, module in run.model.named_modules()
            if isinstance(module, DRAWN) and name and (one == name or one.startswith(f"{name}."))
        }
    return found


def _scales(run: Trainee, rules: dict[str, str], seed: int) -> dict[str, Any]:
    for batch in run.sample_batches(1):
        try:
            return measured_scales(run.model, rules, seed, run.split(batch)[0])
        except Exception:  # noqa: BLE001 - a batch that only the user's `step` can take apart
            return {}
    return {}
