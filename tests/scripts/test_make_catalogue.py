"""The pages of the docs are what the code says."""

import os
import re
from pathlib import Path

from autofix_nb.detectors import DETECTORS
from autofix_nb.fixes import FIXES
from tests.scripts.here import run_here

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MADE = {"checks.md", "detectors.md", "fixes.md", "thresholds.md"}


def test_the_pages_are_up_to_date(capsys):
    """Whoever changes a threshold or a sentence runs `scripts/make_catalogue`."""
    ended = run_here(capsys, "make_catalogue", "--check")

    assert ended.status == 0, f"pages of docs/ are old: run scripts/make_catalogue\n{ended.out}{ended.err}"


def test_every_detector_and_every_fix_has_its_place():
    """A page for each code, with why and how; a part for each fix; and no link that leads nowhere."""
    pages = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
    links = {
        (Path(name).parent / target.partition("#")[0]).as_posix()
        for name, text in pages.items()
        for target in re.findall(r"\]\(([^)#]+\.md[^)]*)\)", text)
        if name in MADE or name.startswith("codes/")
    }

    assert {f"codes/{one.code}.md" for one in DETECTORS} == {name for name in pages if name.startswith("codes/")}
    assert all(f"\n## {name}\n" in pages["fixes.md"] for name in FIXES)
    assert all(one.why and one.how for one in DETECTORS)
    assert {os.path.normpath(link) for link in links} <= set(pages)
