"""A snapshot says in two lines what a run stood on."""

import dataclasses
import json

import pytest

from autofix_nb.environment.snapshot import Environment, snapshot

SMALL = Environment(
    python="3.11.7",
    packages={"torch": "2.15.0", "numpy": "1.26.4", "timm": "1.0.31"},
    device="cuda: <Tesla & T4>",
    device_memory_bytes=15 * 2**30,
    cpu_count=2,
    memory_bytes=None,
    disk_free_bytes=2**29,
    host="colab",
)


def test_snapshot_as_text():
    """Two lines, with what is known; also where a notebook keeps plain text."""
    expected = (
        "Python 3.11.7 · torch 2.15.0 · NumPy 1.26.4 · timm 1.0.31\n"
        "device cuda: <Tesla & T4>, 15.0 GB · 2 CPU cores · 0.5 GB disk free · host colab"
    )

    assert expected == str(SMALL) == repr(SMALL)


def test_snapshot_as_html_is_escaped():
    """A device's name is text, not markup."""
    assert "&lt;Tesla &amp; T4&gt;" in SMALL._repr_html_()


def test_snapshot_is_plain_data():
    """It can be written as JSON and read back."""
    assert SMALL == Environment(**json.loads(json.dumps(SMALL.to_dict())))


def test_snapshot_here(tmp_path):
    """The running environment has a torch, a device and some room."""
    here = snapshot(tmp_path)

    assert {"torch", "numpy"} <= set(here.packages)
    assert here.cpu_count >= 1
    assert here.disk_free_bytes > 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        here.python = "2.7"
