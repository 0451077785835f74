"""Look at what a model is made of by running one batch through it.

Every torch function that the model calls passes a `TorchFunctionMode` (modules call functions, too), which notes who
called it and what flows from where to where. So a gate (`x * sigmoid(y)`), the answer's own activation or an `exp` of a
variance is not taken for a hidden activation.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from autofix_nb.fixes.anatomy import ACTIVATIONS, LAYERS, Anatomy, Layer, Site, as_listed, tensors_in
from autofix_nb.fixes.aside import left_as_it_was
from autofix_nb.objective import evaluating, forward, hookable

_PRODUCTS = frozenset(
    {
        *("linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d"),
        *("conv_transpose3d", "matmul", "rmatmul", "mm", "bmm", "addmm", "baddbmm", "einsum", "embedding"),
        *("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"),
        *("multi_head_attention_forward", "scaled_dot_product_attention"),
    }
)
_NORMS = frozenset({"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm"})
_GATING = frozenset({"mul", "rmul", "imul", "multiply", "div", "true_divide"})
_SHAPES = frozenset(
    {
        *("view", "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "movedim", "swapaxes"),
        *("contiguous", "clone", "to", "type", "float", "expand", "getitem", "get", "t", "chunk", "split", "unbind"),
        *("select", "narrow", "unflatten", "view_as", "reshape_as"),
    }
)
_THINNING = frozenset(
    {
        *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "mean"),
        *(f"{kind}_pool{dims}d" for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for dims in (1, 2, 3)),
    }
)


def anatomy_of(run: Any) -> Anatomy:
    """Return what the run's model is made of; nothing of it is changed."""
    for batch in run.sample_batches(1):
        try:
            inputs, targets = run.split(batch)
            seen = look(run.model, inputs)
        except Exception:  # noqa: BLE001 - a batch that only the user's `step` can take apart
            break
        seen.targets = targets
        return seen
    return as_listed(run.model)


def look(model: nn.Module, inputs: Any) -> Anatomy:
    """Run a batch through the model, in eval mode, and note what happens."""
    tracer = _Tracer(model)
    hooks = []
    with left_as_it_was(model):
        try:
            for name, module in hookable(model):
                hooks.append(module.register_forward_pre_hook(tracer.enter(name)))
                hooks.append(module.register_forward_hook(tracer.leave, always_call=True))
            with evaluating(model), torch.enable_grad(), tracer:
                outputs = forward(model, inputs)
        finally:
            for hook in hooks:
                hook.remove()
    return tracer.result(inputs, outputs)


@dataclass(slots=True)
class _Flow:
    """Where a tensor comes from: layers by name, activations by number, and "norm"."""

    straight: frozenset = frozenset()
    """Past nothing but changes of shape, dropout and pooling."""

    anyhow: frozenset = frozenset()
    alone: frozenset = frozenset()
    """Past nothing but changes of shape."""

    normed: bool = False


class _Tracer(TorchFunctionMode):
    def __init__(self, model: nn.Module) -> None:
        self.seen = Anatomy()
        self._modules = dict(hookable(model))
        self._names = {id(one): name for name, one in model.named_parameters()}
        self._flows: dict[int, _Flow] = {}
        self._kept: list[torch.Tensor] = []  # an id is taken as long as its tensor lives
        self._stack: list[tuple[str, int]] = []
        self._turns: Counter[str] = Counter()
        self._indices: list[int] = []

    def enter(self, name: str) -> Any:
        def hook(*_: Any) -> None:
            self._stack.append((name, self._turns[name]))
            self._indices.append(0)
            self._turns[name] += 1

        return hook

    def leave(self, *_: Any) -> None:
        if self._stack:
            self._stack.pop()
            self._indices.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self._stack:
            return result
        name = getattr(func, "__name__", "").strip("_")
        given = list(tensors_in((args, kwargs or {})))
        flows = [self._flows[id(one)] for one in given if id(one) in self._flows]
        straight = frozenset().union(*(one.straight for one in flows))
        anyhow = frozenset().union(*(one.anyhow for one in flows))
        normed = any(one.normed for one in flows)
        if name in ACTIVATIONS:
            flow = self._activation(ACTIVATIONS[name], flows, anyhow, normed)
        elif name in _PRODUCTS:
            flow = self._product(given, anyhow, normed, result)
        elif name in _NORMS:
            for token in straight or anyhow:
                for layer in [token] if isinstance(token, str) else self.seen.sites[token].sources:
                    if layer in self.seen.layers:
                        self.seen.layers[layer].normed = True
            flow = _Flow(straight, anyhow, normed=True)
        elif name in _SHAPES:
            flow = _Flow(straight, anyhow, frozenset().union(*(one.alone for one in flows)), normed)
        elif name in _THINNING:
            flow = _Flow(straight, anyhow, normed=normed)
        else:
            if name in _GATING and sum(one.numel() > 1 for one in given) > 1:
                for token in straight:
                    if not isinstance(token, str):
                        self.seen.sites[token].gates = True
            flow = _Flow(anyhow=anyhow)
        for one in tensors_in(result):
            self._flows[id(one)] = flow
            self._kept.append(one)
        return result

    def _activation(self, kind: str, flows: list[_Flow], anyhow: frozenset, normed: bool) -> _Flow:
        (owner, turn), number = self._stack[-1], len(self.seen.sites)
        sources = {one for one in anyhow if isinstance(one, str)}
        before = [one for flow in flows for one in flow.alone if not isinstance(one, str)]
        site = Site(owner, turn, self._indices[-1], kind, sources, follows=before[0] if before else None)
        self.seen.sites.append(site)
        self._indices[-1] += 1
        for layer in sources & self.seen.layers.keys():
            self.seen.layers[layer].kinds.add(kind)
        one = frozenset({number})
        return _Flow(one, one | sources, one, normed)

    def _product(self, given: list[torch.Tensor], anyhow: frozenset, normed: bool, result: Any) -> _Flow:
        owner = self._stack[-1][0]
        for token in anyhow:
            if not isinstance(token, str):
                self.seen.sites[token].feeds = True
        module = self._modules[owner]
        if isinstance(module, LAYERS):
            layer = self.seen.layers.setdefault(owner, Layer(owner))
            layer.calls += 1
            layer.normed |= normed
            layer.dims = result.dim()
            return _Flow(frozenset({owner}), frozenset({owner}))
        for one in given:
            name = self._names.get(id(one))
            own = type(module).__module__.startswith("torch.nn")
            if name and not own and one.dim() == 2 and name not in self.seen.matrices:
                self.seen.matrices.append(name)
        return _Flow(frozenset({f"{owner}()"}), frozenset({f"{owner}()"}))

    def result(self, inputs: Any, outputs: Any) -> Anatomy:
        self.seen.outputs = outputs
        self.seen.rows = next((len(one) for one in tensors_in(inputs) if one.dim()), 0)
        for one in tensors_in(outputs):
            flow = self._flows.get(id(one), _Flow())
            for token in flow.alone:
                self.seen.sites[token].ends = True
            for token in flow.straight:
                ending = {token} if isinstance(token, str) else self.seen.sites[token].sources
                for layer in ending & self.seen.layers.keys():
                    self.seen.layers[layer].ends = True
        if self.seen.layers and self.seen.last is None:
            list(self.seen.layers.values())[-1].ends = True
        return self.seen
