"""The page of the checks is what the checks say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_the_checks_is_up_to_date():
    """Whoever changes a threshold or a sentence runs `scripts/make_catalogue`."""
    ended = subprocess.run([sys.executable, ROOT / "scripts" / "make_catalogue", "--check"], check=False)

    assert ended.returncode == 0, "docs/checks.md is old: run scripts/make_catalogue"
