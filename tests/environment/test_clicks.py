"""What to click and type is said in the words of the host."""

import pytest

from autofix_nb.environment.clicks import RESTART, pip_line, pip_lines, restart_by


@pytest.mark.parametrize(
    ("expected", "host", "arguments"),
    [
        ('%pip install "numpy<2"', "colab", ("install", "numpy<2")),
        ('pip install "numpy<2"', "terminal", ("install", "numpy<2")),
        ("%pip install --no-deps timm", "jupyter", ("install", "--no-deps", "timm")),
    ],
)
def test_pip_line(expected, host, arguments):
    """With `%` in notebooks; what a shell would take for its own is quoted."""
    actual = pip_line(host, *arguments)

    assert expected == actual


def test_pip_lines():
    """One for each call."""
    assert "pip check\npip list" == pip_lines("terminal", [["check"], ["list"]])


@pytest.mark.parametrize("host", ["kaggle", "colab", "vscode", "jupyter", "terminal"])
def test_every_host_has_its_way_to_restart(host):
    """And no two the same."""
    assert [host] == [name for name, way in RESTART.items() if way == restart_by(host)]
