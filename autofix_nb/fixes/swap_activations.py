"""Exchange the activations between the layers for ones through which gradients pass.

Of the 309 repairs of AUTOTRAINER (ICSE 2021) 98 were a swapped activation: selu, then relu, for vanishing and exploding
gradients, selu for dead units. selu wants LeCun's weights (Klambauer 2017), so it comes with them and from the first
weights; what lets a little through below 0 can take over in the middle of a training.
"""

from typing import Any, ClassVar

from autofix_nb.finding import Finding
from autofix_nb.fixes.anatomy import DYING, SATURATING, Anatomy, Site, is_plain_activation
from autofix_nb.fixes.base import Change, Trainee
from autofix_nb.fixes.drawing import rules_for
from autofix_nb.fixes.exchange import CODE, MADE, exchange, place_of
from autofix_nb.fixes.reinitialise import redraw, typed
from autofix_nb.fixes.surgery import ModelFix, WayBack, in_code, listed, put_module
from autofix_nb.fixes.tracing import anatomy_of

FOR_SATURATING = (("gelu", ""), ("selu", "lecun"), ("leaky_relu", "he"))
"""What sigmoid, tanh, exp and their kin become, and the weights drawn with it (none: those there are)."""

FOR_DYING = (("leaky_relu", ""), ("selu", "lecun"), ("leaky_relu", "he"))
"""What relu becomes: what lets dead units come back first, then from new weights."""

LINES = 6
"""Modules in the code to type."""

INITIALISED = {"he": "He", "lecun": "LeCun"}


class SwapActivations(ModelFix):
    """Put other activations between the layers. Answers, gates and recurrent cells keep theirs.

    Modules are exchanged in place; what a `forward` calls by itself is exchanged while the model runs.
    """

    name: ClassVar = "swap_activations"

    def plans(self, finding: Finding, run: Trainee) -> list[Change]:
        anatomy = anatomy_of(run)
        for kinds, choices in ((SATURATING, FOR_SATURATING), (DYING, FOR_DYING)):
            sites = anatomy.hidden(kinds)
            if sites:
                return [_change(finding, run, anatomy, sites, to, rule) for to, rule in choices]
        return []

    def operate(self, change: Change, run: Trainee) -> list[WayBack]:
        after, model = change.after, run.model
        ways_back: list[WayBack] = []
        for name in after["modules"]:
            ways_back += put_module(model, model.get_submodule(name), MADE[after["activation"]]())
        if after["places"]:
            ways_back += exchange(model, after["places"], after["callers"], after["activation"])
        if after["draws"]:
            ways_back += redraw(run, after["draws"], after["seed"])
        run.rewire()
        return [run.rewire, *ways_back]


def _change(finding: Finding, run: Trainee, anatomy: Anatomy, sites: list[Site], to: str, rule: str) -> Change:
    model = run.model
    names = list(dict.fromkeys(site.owner for site in sites))
    # The same module, or the same line, may bend sums in one turn and give the answer or gate in another.
    kept = {(site.owner, site.index) for site in anatomy.sites if site not in sites}
    modules = [one for one in names if is_plain_activation(model.get_submodule(one)) and (one, 0) not in kept]
    places = [place_of(site, turn=(site.owner, site.index) in kept) for site in sites if site.owner not in modules]
    places = list({str(place): place for place in places}.values())
    functional = list(dict.fromkeys(place[0] for place in places))
    kinds = list(dict.fromkeys(site.kind for site in sites))
    says = f"{to} takes the place of {' and '.join(kinds)} in {listed(modules + functional)}"
    draws = rules_for(model, anatomy, rule) if rule else {}
    if rule:
        says += f", with weights drawn anew after {INITIALISED[rule]}"
    return Change(
        fix=SwapActivations.name,
        touches="model",
        says=says,
        before={"activation": kinds},
        after={
            "activation": to,
            "modules": modules,
            "places": places,
            "callers": list(dict.fromkeys(site.owner for site in anatomy.sites)) if places else [],
            "initialisation": rule or None,
            "draws": draws,
            "seed": finding.step,
            "fresh": bool(rule),
        },
        permanent=_typed(modules, functional, kinds, to, draws),
    )


def _typed(modules: list[str], functional: list[str], kinds: list[str], to: str, draws: dict[str, Any]) -> str:
    lines = [f"{in_code(name)} = {CODE[to]}" for name in modules[:LINES]]
    if len(modules) > LINES:
        lines.append(f"# and so on, {len(modules)} in all")
    if functional:
        lines.append(f"# in `forward`: {CODE[to]}(x) in the place of {' and '.join(kinds)}")
    return "\n".join([*lines, typed(draws)] if draws else lines)
