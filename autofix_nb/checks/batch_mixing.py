"""Samples that leak into each other, and models that answer differently each time.

In eval mode the output of a row may depend on that row alone. It is compared with its output among copies of itself;
the usual reasons for a difference are a softmax or a `view` over the batch dimension, a recurrent layer or an attention
that takes the first dimension for time (`batch_first=False`, its default), and batch norm without running statistics.
Batch norm in training mode is meant to mix, and is not asked; but what its running statistics will be for is.

Reference: Karpathy (2019), A Recipe for Training Neural Networks: "use backprop to chart dependencies". PyTorch
documentation: `torch.nn.functional.dropout(training=True)` is the default.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from autofix_nb.checks.base import Answer, Check
from autofix_nb.evidence import Subject
from autofix_nb.evidence.classes import task_or_none
from autofix_nb.evidence.mixing import Difference, Mixing, look_at_mixing
from autofix_nb.evidence.norm_statistics import NEXT_TO_NOTHING, ONLY_THE_LAST, odd_momenta
from autofix_nb.evidence.slips import Slip, as_typed, in_words, slips_of
from autofix_nb.finding import Finding, NotApplicable, Severity


@dataclass(frozen=True, kw_only=True)
class BatchMixing(Check):
    """Does the output of a sample depend on that sample alone, and is it the same each time?"""

    code: ClassVar = "B10"
    title: ClassVar = "Samples leak into each other"
    needs: ClassVar = frozenset({"model", "train"})
    takes_time: ClassVar = True

    tolerance: float = 1e-4
    """Difference, as a share of the largest output, up to which it is rounding; 100 times that in half precision."""

    most_rows: int = 4
    """Rows of the first batch that are run, four times."""

    def look(self, subject: Subject) -> Answer:
        half = any(part.element_size() < 4 for part in subject.model.parameters() if part.is_floating_point())
        limit = self.tolerance * (100 if half else 1)
        mixing = look_at_mixing(subject, self.most_rows, limit)
        findings = self._statistics(subject.original)
        if mixing.again.share > limit:
            predicts = (task := task_or_none(subject)) is not None and task.kind != "custom"
            findings.append(self._is_random(mixing, limit, predicts=predicts))
        worst = max(mixing.company, key=lambda one: one.share, default=None)
        if worst is not None and worst.share > limit:
            findings.append(self._leaks(worst, mixing, limit, subject.original))
        slips = [slip for slip in slips_of(subject) if slip.rows_mixed]
        if slips and not (worst is not None and worst.share > limit):
            findings.append(self._slipped(slips))
        if findings:
            return self.bad(*findings)
        if not mixing.company:
            if mixing.rows < 2:
                raise NotApplicable("the first batch has 1 row, wanted at least 2")
            raise NotApplicable("the first rows of the batch are all alike")
        return self.fine(
            f"{mixing.rows} rows, each the same in other company (difference {worst.share:.1g}, limit {limit:g}) and "
            f"with other random numbers ({mixing.again.share:.1g})"
        )

    def _slipped(self, slips: list[Slip]) -> Finding:
        """Return that rows are mixed, as shapes prove, where the first rows' outputs do not show it."""
        return self.found(
            "; ".join(map(in_words, slips)),
            severity=Severity.WARNING,
            measured=len(slips),
            limit=0,
            where=[slip.name for slip in slips if slip.name],
            fixes=("mend_forward",),
            to_type="\n".join(map(as_typed, slips)),
        )

    def _statistics(self, model: nn.Module) -> list[Finding]:
        """Return that batch norms will validate with statistics that are none of the data's."""
        odd = odd_momenta(model)
        if not odd:
            return []
        first, momentum = next(iter(odd.items()))
        last = momentum >= ONLY_THE_LAST
        why = (
            "so that validation hangs on the last batch alone (it is the share of what is new, 1 minus that of Keras)"
            if last
            else "so that validation goes by a mean of 0 and a variance of 1 for good, whatever is learnt"
        )
        return [
            self.found(
                f"{len(odd)} batch norms, such as `{first}`, have a momentum of {momentum:g} (limit "
                f"{ONLY_THE_LAST if last else NEXT_TO_NOTHING:g}), {why}",
                severity=Severity.WARNING,
                measured=momentum,
                limit=ONLY_THE_LAST if last else NEXT_TO_NOTHING,
                where=list(odd)[:5],
                fixes=("set_momentum",),
                to_type="nn.BatchNorm1d(features, momentum=0.1)  # the default",
            )
        ]

    def _is_random(self, mixing: Mixing, limit: float, *, predicts: bool) -> Finding:
        again = mixing.again
        about = (
            f"in eval mode the same {mixing.rows} rows give outputs that lie {again.share:.2g} of the largest apart in "
            f"two runs, limit {limit:g}"
        )
        if again.samples:
            # Predictions compared with targets are seldom meant to be drawn; what an autoencoder makes up is.
            said = (
                "the model draws random numbers there too, so no two evaluations agree"
                if predicts
                else "the model draws random numbers there too, as an autoencoder that samples does; that is well if "
                "it is meant, and two evaluations will differ"
            )
            return self.found(
                f"{about}: {said}",
                severity=Severity.WARNING if predicts else Severity.NOTE,
                measured=again.share,
                limit=limit,
                where=[again.first_module] if again.first_module else [],
                evidence=[f"first seen in the output of {_name(again)}"],
                to_type="if self.training:  # before what is drawn, where evaluation should not draw",
            )
        return self.found(
            f"{about}: something random is not switched off, often `F.dropout` without `training=self.training`",
            severity=Severity.WARNING,
            measured=again.share,
            limit=limit,
            where=[again.first_module] if again.first_module else [],
            evidence=[f"first seen in the output of {_name(again)}"],
            fixes=("mend_forward",),
            to_type="x = F.dropout(x, p, training=self.training)  # or nn.Dropout(p), made in __init__",
        )

    def _leaks(self, worst: Difference, mixing: Mixing, limit: float, model: nn.Module) -> Finding:
        module = model.get_submodule(worst.first_module) if worst.first_module else None
        about = (
            f"the output of sample {worst.row} of {mixing.rows} changes by {worst.share:.2g} of the largest when only "
            f"the other samples change, limit {limit:g}"
        )
        why, to_type = "rows are mixed by a `view`, `reshape`, softmax or mean over the batch dimension", ""
        severity = Severity.WARNING
        inside = _batch_second(model, worst.first_module)
        if isinstance(module, nn.modules.batchnorm._NormBase):
            why = f"{_name(worst)} uses the statistics of the batch in eval mode too"
            if module.running_mean is None:
                why += " (`track_running_stats=False`)"
                to_type = f"nn.{type(module).__name__}({module.num_features}, track_running_stats=True)"
        elif inside is not None:
            kind = type(inside).__name__
            why = f"`{kind}` takes the first dimension for time unless it is told otherwise"
            to_type = f"nn.{kind}(..., batch_first=True)"
        elif isinstance(module, nn.Softmax | nn.LogSoftmax | nn.Softmax2d) and getattr(module, "dim", None) != 1:
            why = f"{_name(worst)} goes over dimension {getattr(module, 'dim', None)}"
            to_type = f"nn.{type(module).__name__}(dim=1)"
        elif type(module).__module__.startswith(("torch.ao.quantization", "torch.quantization")):
            why = "its observers for quantisation take the range of each batch, in eval mode too until they are off"
            to_type = "model.apply(torch.ao.quantization.disable_observer)  # before each evaluation"
            severity = Severity.NOTE
        return self.found(
            f"{about}: {why}",
            severity=severity,
            measured=worst.share,
            limit=limit,
            where=[worst.first_module] if worst.first_module else [],
            evidence=[
                f"first seen in the output of {_name(worst)}",
                "each row is compared with itself among copies of itself, in eval mode, with the same random numbers",
            ],
            fixes=("mend_forward",),
            to_type=to_type,
        )


def _name(difference: Difference) -> str:
    if not difference.first_module:
        return "the model itself, after its last layer"
    return f"`{difference.first_module}` ({difference.first_kind})"


def _batch_second(model: nn.Module, name: str) -> nn.Module | None:
    """Return the layer at `name`, or around it, that takes time first and the batch second."""
    parts = name.split(".") if name else []
    for depth in range(1, len(parts) + 1):
        module = model.get_submodule(".".join(parts[:depth]))
        if getattr(module, "batch_first", True) is False:
            return module
        attention = getattr(module, "self_attn", None)  # encoder layers hand it on, and keep no note of their own
        if getattr(attention, "batch_first", True) is False:
            return module
    return None
