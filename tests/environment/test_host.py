"""The host follows from variables and the shell's class."""

import sys
import types

import pytest

from autofix_nb.environment.host import cell, host, host_of_script


def shell_of(module: str, name: str, **names: str) -> object:
    """An object whose class looks like a running shell's, with these names in the user's namespace."""
    return type(name, (), {"__module__": module, "user_ns": names})()


@pytest.mark.parametrize(
    ("expected", "environ", "shell"),
    [
        pytest.param("terminal", {}, None, id="no shell"),
        pytest.param("terminal", {}, ("IPython.terminal.interactiveshell", "TerminalInteractiveShell"), id="ipython"),
        pytest.param("jupyter", {}, ("ipykernel.zmqshell", "ZMQInteractiveShell"), id="jupyter"),
        pytest.param("vscode", {"VSCODE_PID": "1"}, ("ipykernel.zmqshell", "ZMQInteractiveShell"), id="vscode"),
        pytest.param("vscode", {"VSCODE_CWD": "/"}, ("ipykernel.zmqshell", "ZMQInteractiveShell"), id="vscode in wsl"),
        pytest.param("terminal", {"VSCODE_PID": "1"}, None, id="a script in VS Code's terminal is no notebook"),
        pytest.param(
            "terminal",
            {"VSCODE_PID": "1"},
            ("IPython.terminal.interactiveshell", "TerminalInteractiveShell"),
            id="nor is ipython there",
        ),
        pytest.param("colab", {"VSCODE_CWD": "/"}, ("google.colab._shell", "Shell"), id="colab by way of vscode"),
        pytest.param("colab", {"COLAB_RELEASE_TAG": "x"}, ("google.colab._shell", "Shell"), id="colab"),
        pytest.param(
            "kaggle",
            {"KAGGLE_KERNEL_RUN_TYPE": "Interactive", "COLAB_RELEASE_TAG": "x"},
            ("ipykernel.zmqshell", "ZMQInteractiveShell"),
            id="kaggle is not taken for colab",
        ),
        pytest.param(
            "jupyter",
            {"COLAB_RELEASE_TAG": "x"},
            ("ipykernel.zmqshell", "ZMQInteractiveShell"),
            id="colab's image elsewhere is not colab",
        ),
    ],
)
def test_host(expected, environ, shell):
    """The host follows from variables and the shell's class, Kaggle before Colab."""
    actual = host(environ, shell and shell_of(*shell))

    assert expected == actual


@pytest.mark.parametrize("shell", [types.SimpleNamespace(execution_count=7), None], ids=["notebook", "script"])
def test_a_cell_has_a_number(shell, monkeypatch):
    """A script has no cells."""
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))

    assert (7 if shell else None) == cell()


def test_vscode_tells_the_kernel_which_notebook_it_runs():
    """Also where it started the kernel in a place without its variables."""
    shell = shell_of("ipykernel.zmqshell", "ZMQInteractiveShell", __vsc_ipynb_file__="/home/me/a.ipynb")

    assert "vscode" == host({}, shell)


@pytest.mark.parametrize(
    ("expected", "environ"),
    [
        pytest.param("kaggle", {"KAGGLE_KERNEL_RUN_TYPE": "Batch", "COLAB_RELEASE_TAG": "x"}, id="kaggle"),
        pytest.param("colab", {"COLAB_RELEASE_TAG": "x"}, id="colab"),
        pytest.param("terminal", {}, id="elsewhere"),
    ],
)
def test_host_of_a_script(expected, environ, monkeypatch):
    """A script started from a cell has no shell to look at and goes by the variables."""
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))

    actual = host_of_script(environ)

    assert expected == actual
