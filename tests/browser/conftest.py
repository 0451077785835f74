"""A browser, where there is one: the packages of the extra `browser`, and a chromium on this machine."""

import os
import shutil
from pathlib import Path

import pytest

SCREENSHOTS = os.environ.get("AUTOFIX_NB_SCREENSHOTS")
"""Folder for pictures of each step; None takes none."""


@pytest.fixture(scope="session")
def chromium():
    """Start the browser of this machine; skips where something is missing."""
    for package in ("jupyterlab", "notebook"):
        pytest.importorskip(package, reason="scripts/test_browser brings it")
    api = pytest.importorskip("playwright.sync_api", reason="scripts/test_browser brings it")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("AUTOFIX_NB_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"no browser on this machine: {', '.join(names)}, or AUTOFIX_NB_CHROMIUM")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def photograph(request):
    """Return a function that takes a picture of a page, where pictures are wanted."""

    def take(page, name):
        if SCREENSHOTS:
            folder = Path(SCREENSHOTS)
            folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=folder / f"{request.node.callspec.id}-{name}.png")

    return take
