"""What is said goes to `logging`, and is in no cell twice."""

import io
import logging
import sys
from contextlib import contextmanager

import pytest

from autofix_nb.widgets.progress import Silent, Text
from autofix_nb.widgets.said import log


@contextmanager
def alone():
    """Make it a process in which nobody has set up logging; the tests' own listener is none of its."""
    root = logging.getLogger()
    kept, root.handlers = root.handlers, []
    try:
        yield root
    finally:
        root.handlers = kept


def test_sentences_are_infos_and_findings_warnings(caplog):
    """Under the package's name."""
    with caplog.at_level(logging.INFO, logger="autofix_nb"):
        Text(io.StringIO()).say("resumed")
        Silent().found("L01 at step 150")
        Silent().close("finished")
        Silent().close("")

    assert [
        ("autofix_nb", logging.INFO, "resumed"),
        ("autofix_nb", logging.WARNING, "L01 at step 150"),
        ("autofix_nb", logging.INFO, "finished"),
    ] == caplog.record_tuples


def test_nothing_shows_up_where_nobody_listens(capsys):
    """Python's last resort would print warnings."""
    with alone():
        log("L01", warning=True)

    assert ("", "") == capsys.readouterr()


def test_a_handler_to_the_screen_alone_is_no_listener(capsys):
    """Colab has one, and would print every finding a second time."""
    with alone() as root:
        root.addHandler(logging.StreamHandler(sys.stderr))
        log("L01", warning=True)

    assert ("", "") == capsys.readouterr()


@pytest.mark.parametrize("name", ["autofix_nb", None])
def test_a_handler_of_ones_own_gets_findings(name):
    """A file, say, of this logger or of all."""
    file = io.StringIO()
    handler = logging.StreamHandler(file)
    with alone():
        logging.getLogger(name).addHandler(handler)
        log("100 % %s sure", warning=True)
        logging.getLogger(name).removeHandler(handler)

    assert "100 % %s sure\n" == file.getvalue()
