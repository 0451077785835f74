"""Which layers a forward pass calls."""

from torch import nn

from autofix_nb.evidence.subject import Subject
from autofix_nb.objective import forward, hookable, split_batch


def called_layers(subject: Subject) -> set[str]:
    """Return the names of torch's own layers that a forward pass calls."""
    called: set[str] = set()
    handles = []
    with subject.borrowed(training=True) as model:
        for name, module in hookable(model):
            if name and type(module).__module__.startswith("torch.nn"):
                handles.append(module.register_forward_pre_hook(lambda *_, name=name: called.add(name)))
        try:
            data = subject.take(min(2, subject.trial_rows))
            if subject.step is not None:
                subject.step(model, data)
            else:
                forward(model, split_batch(data)[0])
        except Exception:  # noqa: BLE001, S110 - the trial itself went well; what was called so far is what is known
            pass
        finally:
            for handle in handles:
                handle.remove()
    return called


def is_one_of_several(name: str, called: set[str], model: nn.Module) -> bool:
    """Tell whether the parameter belongs to one of several like layers in a list, of which others were called."""
    parts = name.split(".")
    for depth in range(1, len(parts)):
        if isinstance(model.get_submodule(".".join(parts[:depth])), nn.ModuleList | nn.ModuleDict):
            siblings, own = ".".join(parts[:depth]) + ".", ".".join(parts[: depth + 1])
            if any(other.startswith(siblings) and not f"{other}.".startswith(own + ".") for other in called):
                return not any(f"{other}.".startswith(own + ".") for other in called)
    return False
