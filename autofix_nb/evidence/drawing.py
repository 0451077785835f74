"""Which of torch's functions draw random numbers while a model runs."""

from typing import Any

from torch.overrides import TorchFunctionMode

SAMPLING = frozenset(("randn", "randn_like", "normal", "normal_", "gumbel_softmax", "multinomial", "exponential_"))
"""Functions by which a model samples on purpose, as the code of an autoencoder or the next word of a text."""


class Drawing(TorchFunctionMode):
    """Context that notes by name what draws random numbers: dropout that is on, and what models sample with."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note `func` and call it."""
        name, named = getattr(func, "__name__", ""), kwargs or {}
        if name in SAMPLING:
            self.drawn.add(name)
        elif name == "scaled_dot_product_attention":
            if named.get("dropout_p", args[4] if len(args) > 4 else 0.0):
                self.drawn.add("dropout")
        elif "dropout" in name and named.get("training", args[2] if len(args) > 2 else True):
            self.drawn.add("dropout")
        return func(*args, **named)

    @property
    def samples(self) -> bool:
        """Whether the model samples, and nothing else is known to have drawn."""
        return bool(self.drawn) and self.drawn <= SAMPLING
