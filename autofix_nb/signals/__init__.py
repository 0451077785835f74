"""Measures each step on the device and hands it over to the history in batches.

A step leaves a few small tensors behind; every `EVERY` steps they are read back in one go. Recorded are
`loss`, `loss/<part>`, `grad_norm`, `grad_norm/<component>`, `clipped` (1 where the gradient was clipped), `lr`,
`step_seconds`, `load_seconds`, `memory_bytes`; of every `SAMPLED`th step what the outputs know of the targets
(`answers`), and `chance`, what an answer that never changes would cost (`constant`).
"""

from autofix_nb.signals.answers import MOST_CLASSES, Answers
from autofix_nb.signals.components import MOST_COMPONENTS, components_of, parameter_names
from autofix_nb.signals.measured import EVERY, SAMPLED, Measured
from autofix_nb.signals.memory import memory_bytes
from autofix_nb.signals.norms import GradientNorms
from autofix_nb.signals.pairing import Pairing
from autofix_nb.signals.recorder import Recorder

__all__ = [
    "EVERY",
    "MOST_CLASSES",
    "MOST_COMPONENTS",
    "SAMPLED",
    "Answers",
    "GradientNorms",
    "Measured",
    "Pairing",
    "Recorder",
    "components_of",
    "memory_bytes",
    "parameter_names",
]
