"""Every error this package raises on purpose. Each names the thing, its value, what was wanted, and the way out."""


class AutofixError(Exception):
    """Base of all errors below, so that one `except` catches them."""


class ConfigurationError(AutofixError, ValueError):
    """An argument does not fit: its value, its type, or its relation to another argument."""


class DataError(AutofixError, ValueError):
    """The data cannot be trained on: no batch, targets of the wrong kind, too much of it set aside."""


class ModelError(AutofixError, ValueError):
    """The model cannot be trained as it is: no parameters, outputs that no loss fits."""


class StoreError(AutofixError, OSError):
    """A run's folder cannot be made, written or read."""


class ResumeError(AutofixError, ValueError):
    """The saved run is not the training that was asked for; the message lists the differences."""


class TrainingFailed(AutofixError, RuntimeError):
    """Nothing helped. Everything so far is saved, and the message says where."""
