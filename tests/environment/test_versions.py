"""The rules agree with what the wheels ask for."""

import pytest

from autofix_nb.environment.versions import exact, numpy_fits, pair_fits, release, torchvision_for, without_build


@pytest.mark.parametrize(
    ("expected", "torch", "torchvision"),
    [
        (True, "2.2.2", "0.17.2"),
        (True, "2.11.0+cu128", "0.26.0+cu128"),
        (True, "2.13.0", "0.28.0"),
        (True, "2.14.0", "0.29.2"),
        (True, "2.15.0", "0.29.2"),
        (False, "2.2.2", "0.18.1"),
        (False, "2.13.0", "0.29.2"),
        (False, "2.15.0", "0.28.0"),
    ],
)
def test_pair_fits(expected, torch, torchvision):
    """Minor + 15 up to torch 2.13; from torchvision 0.29 on any torch from 2.14 on."""
    actual = pair_fits(torch, torchvision)

    assert expected == actual


@pytest.mark.parametrize(
    ("expected", "torch", "numpy"),
    [
        (True, "2.2.2", "1.26.4"),
        (False, "2.2.2+cu121", "2.0.0"),
        (True, "2.3.0", "2.4.6"),
        (True, "2.15.0", "1.26.4"),
    ],
)
def test_numpy_fits(expected, torch, numpy):
    """torch takes NumPy 2 from 2.3 on."""
    actual = numpy_fits(torch, numpy)

    assert expected == actual


@pytest.mark.parametrize("torch", ["2.2.2", "2.11.0+cu128", "2.13.0", "2.14.0", "2.15.0"])
def test_torchvision_for(torch):
    """What is proposed beside a torch fits it."""
    torchvision = torchvision_for(torch).removeprefix("torchvision").lstrip("=>")

    assert pair_fits(torch, torchvision)


@pytest.mark.parametrize(
    ("expected", "version", "other_build"),
    [
        ("torch==2.11.0", "2.11.0", True),
        ("torch==2.11.0", "2.11.0+cpu", False),
        ("torch==2.11.0,!=2.11.0+cpu", "2.11.0+cpu", True),
    ],
)
def test_exact(expected, version, other_build):
    """The same version, and another build of it only where the present one has a name."""
    assert expected == exact("torch", version, other_build)


def test_a_build_is_no_part_of_the_release():
    """Only the numbers before the `+` are compared, and only they can be installed from PyPI."""
    assert (2, 11, 0) == release("2.11.0+cu128")
    assert "2.11.0" == without_build("2.11.0+cu128")


def test_a_version_without_a_number_is_refused():
    """The message says how to write it."""
    with pytest.raises(ValueError, match=r"`version` must begin with a number, got 'main'; give it as `2\.11\.0`"):
        release("main")
