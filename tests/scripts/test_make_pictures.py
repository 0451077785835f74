"""`scripts/make_pictures`: what it needs is said, before anything is trained."""

import sys

import pytest

from tests.scripts.here import run_here


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [([], 1, "pip install playwright"), (["nothing"], 2, "wanted some of live, live-dark, report, explore")],
    ids=["no-browser", "no-such-picture"],
)
def test_what_is_missing_is_said(arguments, status, said, capsys, monkeypatch):
    """In a line, with the way out."""
    monkeypatch.setitem(sys.modules, "playwright", None)
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    ended = run_here(capsys, "make_pictures", *arguments)

    assert status == (ended.status if isinstance(ended.status, int) else 1)
    assert said in f"{ended.status}{ended.out}{ended.err}"
