"""Which way a training is shown."""

import sys
from types import SimpleNamespace

import pytest

from autofix_nb.errors import ConfigurationError
from autofix_nb.widgets import make_progress, showing
from autofix_nb.widgets.live import Live
from autofix_nb.widgets.progress import Silent, Text


@pytest.mark.parametrize(
    ("host", "show", "kind"),
    [
        ("terminal", "auto", Text),
        ("terminal", True, Text),
        ("terminal", "live", Text),
        ("terminal", "text", Text),
        ("jupyter", "auto", Live),
        ("colab", "auto", Live),
        ("vscode", True, Live),
        ("kaggle", "live", Live),
        ("jupyter", "text", Text),
        ("jupyter", "none", Silent),
        ("terminal", False, Silent),
    ],
)
def test_show_chooses(monkeypatch, host, show, kind):
    """By name, or yes and no; a live output takes a kernel that can renew it."""
    monkeypatch.setattr(showing, "host", lambda: host)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())

    assert kind is type(make_progress(show))


@pytest.mark.parametrize("show", ["widgets", None, 3, ""])
def test_other_ways_to_show_are_refused(show):
    """With the value."""
    with pytest.raises(ConfigurationError, match=f"`show` must be 'auto', 'live', 'text' or 'none', got {show!r}"):
        make_progress(show)
