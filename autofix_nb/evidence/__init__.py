"""What is measured before a training begins, for the checks to judge: the machine, the data, a trial step."""

from autofix_nb.evidence.clock import Clock
from autofix_nb.evidence.machine import Machine
from autofix_nb.evidence.scan import Scan
from autofix_nb.evidence.subject import Subject
from autofix_nb.evidence.trial import Trial
from autofix_nb.evidence.untouched import Untouched

__all__ = ["Clock", "Machine", "Scan", "Subject", "Trial", "Untouched"]
