"""What `import autofix_nb` brings along: torch and NumPy take long enough."""

import subprocess
import sys

import pytest

HEAVY = ("sklearn", "scipy", "pandas", "torchvision", "timm", "IPython", "ipywidgets", "matplotlib")


@pytest.fixture(scope="module")
def loaded():
    """Return the names of the packages that a fresh process holds after the import."""
    asked = "import sys, autofix_nb; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_packages_are_imported_by_those_who_look_alone(loaded, name):
    """Statistics, tables and pictures cost seconds: a check or report that needs them imports them itself."""
    assert name not in loaded


def test_the_package_itself_was_imported(loaded):
    """Else nothing would be asserted above."""
    assert {"autofix_nb", "torch"} <= loaded
