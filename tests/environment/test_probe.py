"""Packages are imported in another process, and whatever happens there is an answer."""

from autofix_nb.environment.probe import probe


def test_a_crash_while_importing_is_an_answer(tmp_path, monkeypatch):
    """A package that ends the process is named, with the status, and this process goes on."""
    (tmp_path / "tqdm.py").write_text("import os\nos._exit(7)\n", "utf-8")
    (tmp_path / "timm.py").write_text("raise ImportError('two\\n  lines')\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    actual = probe(["timm", "tqdm"])

    expected = {
        "timm": "ImportError: two lines",
        "tqdm": "the process ended while importing it, with status 7",
    }

    assert expected == actual


def test_the_package_itself_is_imported(tmp_path, monkeypatch):
    """The child looks at autofix_nb as it is installed, not at what stood in for it while the command was loaded."""
    (tmp_path / "torch.py").write_text("raise ImportError('not needed here')\n", "utf-8")
    (tmp_path / "autofix_nb").mkdir()
    (tmp_path / "autofix_nb" / "__init__.py").write_text("raise ImportError('the one that is installed')\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    actual = probe(["autofix-nb"])

    assert "ImportError: the one that is installed" == actual["autofix-nb"]
