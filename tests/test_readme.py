"""The README holds what it shows: its code runs, prints what stands below it, and leaves what its table lists."""

import contextlib
import io
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE, OUTPUT = "python", "text"
BLOCK = re.compile(rf"^```({CODE}|{OUTPUT})\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, str]]]:
    """Run all blocks in one namespace and a new folder; return it, and each output shown with what was printed."""
    folder = tmp_path_factory.mktemp("readme")
    names: dict[str, object] = {"__name__": "__main__"}
    printed, pairs = io.StringIO(), []
    with contextlib.chdir(folder):
        for kind, text in BLOCK.findall(README):
            if kind == OUTPUT:
                pairs.append((text, printed.getvalue()))
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(text, "README.md", "exec"), names)  # noqa: S102 - the README is ours
    return folder, pairs


def _without_numbers(text: str) -> list[str]:
    """Numbers differ between machines, and so does which epoch was better; words do not."""
    text = text.replace(" (no better)", "").replace(", whose weights were put back", "")
    return [" ".join(re.sub(r"\d+(\.\d+)?(e-?\d+)?", "#", line).split()) for line in text.splitlines()]


def test_every_block_runs_and_prints_what_is_shown(executed: tuple[Path, list[tuple[str, str]]]) -> None:
    """Each line below a block was printed by it, numbers aside; `...` stands for lines left out."""
    _, pairs = executed
    shown = [[line for line in _without_numbers(text) if line not in ("", "...")] for text, _ in pairs]
    missing = [
        line
        for lines, (_, printed) in zip(shown, pairs, strict=True)
        for line in lines
        if line not in _without_numbers(printed)
    ]

    assert len(pairs) == 6
    assert [] == missing


def test_folder_table(executed: tuple[Path, list[tuple[str, str]]]) -> None:
    """The table lists exactly what lies in a run's folder."""
    folder, _ = executed
    listed = re.findall(r"^\| `([\w.]+)/?` \|", _section("What is kept"), re.MULTILINE)

    assert sorted(path.name for path in (folder / "runs" / "digits").iterdir()) == sorted(listed)


def test_dependencies_table() -> None:
    """The table gives a reason for each dependency of the package, and for nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [lines for name, lines in project["optional-dependencies"].items() if name not in ("bench", "browser")]
    needed = {_name(line) for line in project["dependencies"]}
    optional = {_name(line) for lines in extras for line in lines}
    text = _section("Dependencies")

    assert needed == set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE))
    assert optional <= set(re.findall(r"`([\w-]+)`", text))


def test_links_and_pictures_exist() -> None:
    """Each relative link leads to a file, and the picture is small."""
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    targets += re.findall(r'src(?:set)?="([^"]+)"', README)

    assert targets
    assert [] == [target for target in targets if not (ROOT / target).exists()]
    assert all(picture.stat().st_size < 200_000 for picture in (ROOT / "docs" / "pictures").iterdir())


def _name(requirement: str) -> str:
    return re.split(r"[<>=;\s\[]", requirement, maxsplit=1)[0]


def _section(title: str) -> str:
    """Return the text under one heading."""
    return re.split(r"^## ", README.split(f"## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
