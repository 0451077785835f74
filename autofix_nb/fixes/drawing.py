"""Draw weights anew, by the rule that fits the activation behind them, from a stream of their own.

He 2015 (relu and its kin): N(0, 2/fan_in). Glorot and Bengio 2010 (tanh, sigmoid, answers): N(0, 2/(fan_in + fan_out)).
LeCun 1998 and Klambauer 2017 (selu): N(0, 1/fan_in). Saxe 2014 (recurrent weights): orthogonal. Biases are 0, but 1 for
the forget gates of an LSTM (Jozefowicz 2015), and in layers of few inputs as torch draws them, evenly from
-1/sqrt(fan_in) to as much: at 0 all units would bend at the same place (Steinwart 2019, A Sober Look at Neural Network
Initializations; a wave of one number: 77 points without, 98 with, measured), but not before selu, which keeps to mean 0
by itself. Mishkin and Matas 2016 (LSUV): each layer then divided by the standard deviation of its sums on one batch,
from the first layer to the last.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from autofix_nb.fixes.anatomy import LAYERS, SATURATING, Anatomy
from autofix_nb.fixes.aside import left_as_it_was
from autofix_nb.objective import evaluating, forward, hookable

RECURRENT = (nn.RNNBase, nn.RNNCellBase)
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
DRAWN = (*LAYERS, *RECURRENT, *NORMS, nn.Embedding, nn.MultiheadAttention)

FEW_INPUTS = 8
"""Inputs of a layer up to which its biases are drawn, too; beside more of them they make no difference."""


def rules_for(model: nn.Module, anatomy: Anatomy, hidden: str = "") -> dict[str, str]:
    """Return by name how each module or single matrix that learns is to be drawn.

    `hidden` is the rule of the layers whose activation is exchanged with it; empty goes by the activations there are.
    """
    rules = {}
    for name, module in hookable(model):
        if not isinstance(module, DRAWN) or not _learns(module):
            continue
        if isinstance(module, LAYERS):
            kinds = anatomy.layers[name].kinds if name in anatomy.layers else set()
            rules[name] = _rule_of(kinds, hidden)
        else:
            rules[name] = "its own"
    for name in anatomy.matrices:
        if model.get_parameter(name).requires_grad:
            rules[name] = "xavier"
    return rules


def weights_of(model: nn.Module, rules: dict[str, str]) -> list[torch.Tensor]:
    """Return the weights and statistics that these rules draw anew, each once."""
    found: dict[int, torch.Tensor] = {}
    for name in rules:
        thing = _get(model, name)
        parts = [thing] if isinstance(thing, torch.Tensor) else [*_own(thing), *thing.buffers(recurse=False)]
        found |= {id(part): part for part in parts}
    return list(found.values())


@torch.no_grad()
def draw(model: nn.Module, rules: dict[str, str], seed: int, scales: dict[str, float] | None = None) -> None:
    """Draw anew what `rules` names; the same numbers for the same seed. `scales` multiply what layers hold."""
    generator = torch.Generator().manual_seed(seed)
    done: set[int] = set()
    for name, rule in rules.items():
        thing = _get(model, name)
        if isinstance(thing, torch.Tensor):
            _fill(thing, _normal(thing, rule, generator), done)
        elif isinstance(thing, NORMS):
            thing.reset_parameters()
        else:
            for own, part in thing.named_parameters(recurse=False):
                _fill(part, _drawn(thing, own, part, rule, generator), done)
    for name, scale in (scales or {}).items():
        for part in _own(model.get_submodule(name)):
            part.mul_(scale)


def measured_scales(model: nn.Module, rules: dict[str, str], seed: int, inputs: Any) -> dict[str, float]:
    """Return what each layer's weights and biases must be multiplied by for sums of variance 1 on this batch.

    The weights are drawn for it and put back bit for bit. One pass does: sums grow as weights and biases do together,
    so each layer hands on what it would give with its scale.
    """
    scales: dict[str, float] = {}
    scaled: list[torch.Tensor] = []
    hooks = []

    def measure(name: str) -> Callable[..., torch.Tensor]:
        def hook(module: nn.Module, _: Any, sums: torch.Tensor) -> torch.Tensor:
            if name not in scales:
                spread = float(sums.float().std()) if sums.numel() > 1 else 1.0
                scales[name] = 1.0 / spread if math.isfinite(spread) and spread > 1e-8 else 1.0
                shared = module.weight
                if any(shared is other for other in scaled):
                    scales[name] = 1.0
                scaled.append(shared)
            return sums * scales[name]

        return hook

    with left_as_it_was(model, weights=True):
        draw(model, rules, seed)
        try:
            for name in rules:
                thing = _get(model, name)
                if isinstance(thing, LAYERS):
                    hooks.append(thing.register_forward_hook(measure(name)))
            with evaluating(model):
                forward(model, inputs)
        finally:
            for one in hooks:
                one.remove()
    return {name: scale for name, scale in scales.items() if scale != 1.0}


def _rule_of(kinds: set[str], hidden: str) -> str:
    bent = kinds - {"softmax", "log_softmax"}
    if hidden and bent:
        return hidden
    if not bent or bent & SATURATING:
        return "xavier"
    return "lecun" if "selu" in bent else "he"


def _drawn(module: nn.Module, name: str, part: torch.Tensor, rule: str, generator: torch.Generator) -> torch.Tensor:
    few = isinstance(module, LAYERS) and module.weight[0].numel() <= FEW_INPUTS
    if part.dim() < 2 and few and rule != "lecun":
        bound = max(1, module.weight[0].numel()) ** -0.5
        return torch.empty(part.shape).uniform_(-bound, bound, generator=generator)
    if part.dim() < 2:
        values = torch.zeros(part.shape)
        if isinstance(module, nn.LSTM | nn.LSTMCell) and "bias_ih" in name:
            size = len(part) // 4
            values[size : 2 * size] = 1.0
        return values
    if isinstance(module, RECURRENT):
        if "weight_hh" not in name:
            return _normal(part, "xavier", generator)
        squares = part.shape[0] // part.shape[1]
        return torch.cat([_orthogonal(part.shape[1], generator) for _ in range(squares)])
    if isinstance(module, nn.Embedding) and part.shape[1] == 1:
        return torch.zeros(part.shape)  # one number for each is a bias, and no vector
    if isinstance(module, nn.Embedding):
        values = torch.empty(part.shape).normal_(0, part.shape[1] ** -0.5, generator=generator)
        if module.padding_idx is not None:
            values[module.padding_idx] = 0.0
        return values
    return _normal(part, "xavier" if rule == "its own" else rule, generator)


def _normal(part: torch.Tensor, rule: str, generator: torch.Generator) -> torch.Tensor:
    fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(part)
    variance = {"he": 2 / max(1, fan_in), "lecun": 1 / max(1, fan_in), "xavier": 2 / max(1, fan_in + fan_out)}[rule]
    return torch.empty(part.shape).normal_(0, variance**0.5, generator=generator)


def _orthogonal(size: int, generator: torch.Generator) -> torch.Tensor:
    square, triangle = torch.linalg.qr(torch.empty(size, size).normal_(generator=generator))
    return square * triangle.diagonal().sign()


def _fill(part: torch.Tensor, values: torch.Tensor, done: set[int]) -> None:
    if id(part) not in done:
        done.add(id(part))
        part.copy_(values)


def _get(model: nn.Module, name: str) -> Any:
    try:
        return model.get_submodule(name)
    except AttributeError:
        return model.get_parameter(name)


def _learns(module: nn.Module) -> bool:
    own = _own(module)
    lazy = any(isinstance(one, nn.parameter.UninitializedParameter) for one in own)
    return bool(own) and not lazy and all(one.requires_grad for one in own)


def _own(module: nn.Module) -> list[nn.Parameter]:
    return list(module.parameters(recurse=False))
