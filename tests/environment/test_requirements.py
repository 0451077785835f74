"""A requirement is met, is not, does not hold here, or is refused."""

import pytest

from autofix_nb.environment.requirements import name_of, normalised, unmet_requirements


@pytest.mark.parametrize(
    ("met", "requirement"),
    [
        (True, "torch"),
        (True, "torch>=2.2"),
        (True, "torch >= 2.2, < 3"),
        (True, "Torch==2.2.2"),
        (True, "torch!=2.2"),
        (True, 'torch<2; python_version >= "3.12"'),
        (False, 'torch<2; python_version < "3.12"'),
        (False, "torch>2.2.2"),
        (False, "torch<=2.2"),
        (False, "torch==2.2"),
        (False, "timm"),
    ],
)
def test_unmet_requirements(met, requirement):
    """Versions are compared number by number, and a marker for another Python switches a line off."""
    unmet = unmet_requirements([requirement], {"torch": "2.2.2"}, (3, 11))

    assert met == (not unmet)


@pytest.mark.parametrize(
    ("message", "requirement"),
    [
        (r"`requirements` holds 'torch @ https://x'.*write name", "torch @ https://x"),
        (r"`versions` holds '~=2\.2'.*write it as `>=2\.2`", "torch~=2.2"),
    ],
)
def test_a_requirement_that_cannot_be_read_is_refused(message, requirement):
    """A requirement is never passed over because its form is unknown."""
    with pytest.raises(ValueError, match=message):
        unmet_requirements([requirement], {"torch": "2.2.2"}, (3, 11))


def test_names():
    """One spelling for each distribution, whatever a requirement calls it."""
    assert "Scikit_Learn" == name_of("Scikit_Learn>=1.2")
    assert "scikit-learn" == normalised("Scikit_Learn") == normalised("scikit.learn")
